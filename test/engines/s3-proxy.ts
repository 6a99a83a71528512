import { request as ask, createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it comes to the proxy. */
export interface Passing {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** How many of this method and path came before. */
  readonly before: number;
  /** Sends it to the server once more, and gives the status. */
  forward(headers?: IncomingHttpHeaders): Promise<number>;
}

/** What becomes of a request. */
export type Fate =
  | 'pass'
  /** Carried out, and the answer is lost. */
  | 'lose-answer'
  /** The connection breaks before anything is carried out. */
  | 'break'
  /** The answer breaks off after this many bytes of its body. */
  | { readonly breakAfter: number }
  | { readonly status: number; readonly code: string; readonly headers?: Readonly<Record<string, string>> }
  /** Sent with these headers instead. */
  | { readonly headers: IncomingHttpHeaders };

export interface S3Proxy {
  readonly endpoint: string;
  readonly seen: { readonly method: string; readonly path: string }[];
  /** Decides what becomes of the next requests; default all pass. */
  rule(fate: (passing: Passing) => Fate | Promise<Fate>): void;
  stop(): Promise<void>;
}

const errorText = (code: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>geheim</Message></Error>`;

/**
 * Stands between a client and an S3-compatible server, and breaks what a test wants broken. `orderly` sends conditional writes one
 * after the other, to a server that looks and writes in two steps (moto).
 */
export const startProxy = async (upstream: string, orderly: boolean): Promise<S3Proxy> => {
  const { hostname, port } = new URL(upstream);
  let decide: (passing: Passing) => Fate | Promise<Fate> = () => 'pass';
  const counts = new Map<string, number>();
  const seen: { method: string; path: string }[] = [];

  const sendNow = (method: string, path: string, headers: IncomingHttpHeaders, body: Buffer) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
      const sent = ask({ hostname, port, method, path, headers }, (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) }),
        );
        answer.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });

  let turn: Promise<unknown> = Promise.resolve();
  const send: typeof sendNow = (method, path, headers, body) => {
    if (!orderly || headers['if-none-match'] === undefined) return sendNow(method, path, headers, body);
    const next = turn.then(() => sendNow(method, path, headers, body));
    turn = next.catch(() => {});
    return next;
  };

  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('error', () => outgoing.destroy());
    incoming.on('end', () => {
      void (async () => {
        const { method = 'GET', url: path = '/', headers } = incoming;
        const body = Buffer.concat(pieces);
        const name = `${method} ${path}`;
        const before = counts.get(name) ?? 0;
        counts.set(name, before + 1);
        seen.push({ method, path });
        const forward = async (other = headers) => (await send(method, path, other, body)).status;
        const fate = await decide({ method, path, headers, body, before, forward });
        if (fate === 'break') return incoming.socket.destroy();
        if (typeof fate === 'object' && 'status' in fate) {
          const text = method === 'HEAD' ? '' : errorText(fate.code);
          outgoing.writeHead(fate.status, { 'content-type': 'application/xml', ...fate.headers });
          return outgoing.end(text);
        }
        const used = typeof fate === 'object' && 'headers' in fate ? fate.headers : headers;
        const answer = await send(method, path, used ?? headers, body);
        if (fate === 'lose-answer') return incoming.socket.destroy();
        const { 'transfer-encoding': _chunked, connection: _connection, ...kept } = answer.headers;
        outgoing.writeHead(answer.status, kept);
        if (typeof fate === 'object' && 'breakAfter' in fate) {
          outgoing.write(answer.body.subarray(0, fate.breakAfter), () => incoming.socket.destroy());
          return undefined;
        }
        return outgoing.end(answer.body);
      })().catch(() => outgoing.destroy());
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    rule: (fate) => {
      counts.clear();
      seen.length = 0;
      decide = fate;
    },
    stop: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
};
