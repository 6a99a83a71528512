import type { FastifyInstance } from 'fastify';
import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Authenticator } from '../auth/index.js';

/** One dependency's state; it throws, or says why it is not ready. */
export type Check = () => Promise<{ readonly ok: boolean; readonly detail?: string }>;

export interface HttpOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly auth: Authenticator;
  readonly emit: Emit;
  readonly corsOrigins: readonly string[];
  /** Requests per caller and minute. */
  readonly rateLimit: number;
  /** By name, for `/ready`. */
  readonly checks: Readonly<Record<string, Check>>;
  /** For `/metrics`. */
  readonly metrics?: () => Promise<{ readonly type: string; readonly text: string }>;
  /** Default 1 MiB. */
  readonly bodyLimit?: number;
  /** PEM texts; HSTS is sent only then. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export type HttpApp = FastifyInstance;

/** The server before it listens; wires add their routes to `app`. */
export interface HttpServer {
  readonly app: HttpApp;
  /** Errors: `port-in-use`. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no new requests, lets those in flight end for `graceMilliseconds` (default 10,000), then cancels them. */
  close(graceMilliseconds?: number): Promise<void>;
}

export const httpServer = async (_options: HttpOptions): Promise<HttpServer> => {
  throw error('not-supported', { what: 'http' });
};
