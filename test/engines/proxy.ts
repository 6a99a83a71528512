import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that can do to connections what networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that it took so far. */
  readonly taken: () => number;
  /** Bytes that came from the server so far. */
  readonly bytes: () => number;
  /** Cuts all connections, with a reset. */
  cut(): void;
  /** Cuts the connections when the server has sent so many bytes more. */
  cutAfter(bytes: number): void;
  /** Swallows everything on the connections that are open now, and says nothing: a cable that was pulled. */
  freeze(): void;
  close(): Promise<void>;
}

export const startProxy = (target: number): Promise<TcpProxy> => {
  const pairs = new Map<Socket, Socket>();
  const sockets = new Set<Socket>();
  let taken = 0;
  let bytes = 0;
  let left: number | undefined;
  const cut = (): void => {
    left = undefined;
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    pairs.clear();
  };
  const server: Server = createServer((near) => {
    taken += 1;
    const far = connect(target, '127.0.0.1');
    pairs.set(near, far);
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (!near.write(chunk)) far.pause();
      if (left === undefined) return;
      left -= chunk.length;
      if (left <= 0) cut();
    });
    near.on('drain', () => far.resume());
    far.on('end', () => near.end());
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket
        .on('error', () => {
          near.destroy();
          far.destroy();
        })
        .on('close', () => {
          pairs.delete(near);
          sockets.delete(socket);
        });
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : 0,
        taken: () => taken,
        bytes: () => bytes,
        cut,
        cutAfter: (more) => {
          left = more;
        },
        freeze: () => {
          for (const [near, far] of pairs) {
            near.unpipe(far);
            near.removeAllListeners('drain').on('data', () => {});
            far
              .removeAllListeners('data')
              .removeAllListeners('end')
              .on('data', () => {});
          }
          pairs.clear();
        },
        close: () =>
          new Promise((done) => {
            cut();
            for (const socket of sockets) socket.destroy();
            server.close(() => done());
          }),
      });
    });
  });
};
