import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { AssayError, error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Authenticator } from '../auth/index.js';
import { guard } from './guard.js';
import { securityHeaders } from './headers.js';
import { type Check, probes } from './probes.js';
import { failureOf, PROBLEM_TYPE, problemOf } from './problem.js';

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
  /** Bytes; default 1 MiB. */
  readonly bodyLimit?: number;
  /** PEM texts; HSTS is sent only then. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export type HttpApp = FastifyInstance;

/** The server before it listens; wires add their routes to `app`. */
export interface HttpServer {
  readonly app: HttpApp;
  /** Errors: `port-in-use`, `config-invalid` for an address or port that this process cannot have. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no new requests, lets those in flight end for `graceMilliseconds` (default 10,000), then cancels them. */
  close(graceMilliseconds?: number): Promise<void>;
}

/** A caller's own id is kept when it is short and plain, so that it can be found in the log. */
const REQUEST_ID = /^[\w.-]{1,64}$/;
const BODY_LIMIT = 1 << 20;

/** The server with everything that all wires share: ids, headers, tokens, limits, errors, probes. */
export const httpServer = async (options: HttpOptions): Promise<HttpServer> => {
  const { emit, bodyLimit = BODY_LIMIT } = options;
  const app = fastify({
    bodyLimit,
    ...(options.tls ? { https: options.tls } : {}),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    requestIdHeader: false,
    genReqId: (raw) => {
      const given = raw.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    clientErrorHandler: (thrown, socket) => refuseBytes(thrown, socket),
    frameworkErrors: (thrown, request, reply) => fail(thrown, request as FastifyRequest, reply as FastifyReply),
  }) as unknown as HttpApp;

  const fail = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const failure = failureOf(thrown, request.id, bodyLimit);
    // An `internal` of the catalogue was told where it was met.
    if (!(thrown instanceof AssayError) && failure.code === 'internal')
      emit('bug', { where: routeOf(request), error: thrown, requestId: request.id });
    else if (failure.status >= 500 && failure.code !== 'internal')
      emit('request.failed', { surface: 'http', code: failure.code, requestId: request.id, error: failure });
    reply.removeHeader('etag');
    if (failure.code === 'overloaded') reply.header('retry-after', String(failure.parameters['seconds']));
    reply
      .code(failure.status)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problemOf(failure, request.id)));
  };
  const headers = securityHeaders(options.tls !== undefined, options.corsOrigins.length > 0);

  app.decorateRequest('caller');
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers);
    reply.header('x-request-id', request.id);
    done();
  });
  if (options.corsOrigins.length > 0)
    await app.register(cors, {
      origin: [...options.corsOrigins],
      methods: ['GET', 'HEAD', 'POST'],
      allowedHeaders: ['authorization', 'content-type', 'accept', 'if-none-match', 'x-request-id'],
      exposedHeaders: ['etag', 'retry-after', 'x-request-id'],
      maxAge: 600,
    });
  app.addHook('onRequest', guard(options));
  app.addHook('onResponse', (request, reply, done) => {
    emit('http.answered', {
      method: request.method,
      route: routeOf(request),
      status: reply.statusCode,
      milliseconds: reply.elapsedTime,
    });
    done();
  });

  app.setErrorHandler(fail);
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const known = methods.get(route.url) ?? new Set<string>();
    methods.set(route.url, known);
    for (const method of [route.method].flat()) known.add(method);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const known = methods.get(path);
    if (!known) throw error('not-found', { what: `resource ${path.slice(0, 200)}` });
    const allow = [...known, 'OPTIONS'].join(', ');
    reply.header('allow', allow);
    if (request.method === 'OPTIONS') return reply.code(204).send();
    throw error('method-not-allowed', { method: request.method, what: path, known: allow });
  });
  probes(app, options);

  return {
    app,
    listen: async () => {
      try {
        await app.listen({ host: options.host, port: options.port });
      } catch (thrown) {
        throw listenFailure(thrown, options);
      }
      const { address, port } = app.server.address() as AddressInfo;
      return { host: address, port };
    },
    close: async (graceMilliseconds = 10_000) => {
      const cut = setTimeout(() => app.server.closeAllConnections(), graceMilliseconds);
      try {
        await app.close();
      } finally {
        clearTimeout(cut);
      }
    },
  };
};

/** The route's pattern: a URL would make a metric of every typing error. */
const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'none';

const listenFailure = (thrown: unknown, { host, port }: HttpOptions): unknown => {
  const setting = 'ASSAY_HTTP_PORT';
  switch ((thrown as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return error('port-in-use', { port, setting }, thrown);
    case 'EACCES':
      return error('config-invalid', { name: setting, value: String(port), wanted: 'a port that this user may open' });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return error('config-invalid', { name: 'ASSAY_HTTP_HOST', value: host, wanted: 'an address of this machine' });
    default:
      return thrown;
  }
};

/** Bytes that are no HTTP never become a request: answered on the socket, in the same form. */
const refuseBytes = (thrown: Error & { code?: string }, socket: Socket): void => {
  if (thrown.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const what = thrown.code === 'HPE_HEADER_OVERFLOW' ? 'has headers that are too large' : 'is not valid HTTP';
  const status = thrown.code === 'HPE_HEADER_OVERFLOW' ? 431 : thrown.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const failure: AssayError = error('request-invalid', { where: 'request', what });
  const body = JSON.stringify({ ...problemOf(failure, randomUUID()), status });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
};
