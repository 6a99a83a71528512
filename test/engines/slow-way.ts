import { connect, createServer } from 'node:net';

/** A way to Redis on which every answer takes its time. */
export const slowWay = (target: number, milliseconds: number): Promise<{ port: number; close(): Promise<void> }> =>
  new Promise((resolve) => {
    const server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      near.pipe(far);
      far.on('data', (chunk: Buffer) => setTimeout(() => near.writable && near.write(chunk), milliseconds));
      for (const socket of [near, far])
        socket.on('error', () => undefined).on('close', () => [near, far].map((s) => s.destroy()));
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : 0,
        close: () => new Promise((done) => server.close(() => done())),
      });
    });
  });
