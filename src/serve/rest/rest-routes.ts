import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Ask, AskOptions } from '../../answer/run/index.js';
import type { QuestionAnswer, QuestionRequest, SearchAnswer, SearchRequest } from '../../answer/search/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { type Caller, type Emit, JSON_ROWS, type Limits, type TableVersion } from '../../query/index.js';
import { callerOf, type HttpApp, signalOf } from '../http/index.js';
import { negotiate } from './accept.js';
import { bytesCache } from './bytes-cache.js';
import { catalogAnswer } from './catalog-answer.js';
import { decodeQuery } from './decode.js';
import { columnJson } from './encoders.js';
import { decodeExplain } from './explain-body.js';
import { openApiDocument } from './open-api.js';
import { parametersOf, searchRequestOf } from './parameters.js';
import { ANSWER_TYPES, matches, sendAnswer } from './send-answer.js';

export interface RestOptions {
  readonly ask: Ask;
  /** The model in use now; a reload gives another. */
  readonly catalogue: () => Catalogue;
  readonly access: (caller: Caller) => Access;
  readonly search: (
    request: SearchRequest,
    caller: Caller,
    context: { readonly surface: 'rest'; readonly requestId: string; readonly signal: AbortSignal },
  ) => SearchAnswer | Promise<SearchAnswer>;
  /** Metric queries that a question may mean. */
  readonly propose: (
    request: QuestionRequest,
    caller: Caller,
    context: { readonly surface: 'rest'; readonly requestId: string; readonly signal: AbortSignal },
  ) => Promise<QuestionAnswer>;
  /** Data versions of the tables of the current publication. */
  readonly versions: () => readonly TableVersion[] | Promise<readonly TableVersion[]>;
  readonly emit: Emit;
  /** Bytes of encoded answers kept in memory; default 64 MiB. */
  readonly cacheBytes?: number;
}

/** Adds REST to a server that does not listen yet: `openApiDocument` describes the same routes. */
export const restRoutes = (app: HttpApp, options: RestOptions): void => {
  const { ask, catalogue, access, search, propose, versions, emit, cacheBytes = 64 << 20 } = options;
  const cache = bytesCache(cacheBytes);
  const asking = (request: FastifyRequest, reply: FastifyReply, limits: Partial<Limits>): AskOptions => ({
    surface: 'rest',
    requestId: request.id,
    signal: signalOf(reply.raw),
    limits,
  });

  app.post('/api/v2/query', async (request, reply) => {
    const caller = callerOf(request);
    parametersOf(request.query, []);
    const type = negotiate(request.headers.accept, ANSWER_TYPES);
    const { query, limits } = decodeQuery(request.body);
    const rows = type === 'application/json' ? Math.min(limits.rows ?? JSON_ROWS, JSON_ROWS) : limits.rows;
    const answer = await ask.query(
      query,
      caller,
      asking(request, reply, rows === undefined ? limits : { ...limits, rows }),
    );
    return sendAnswer(request, reply, { answer, type, rows, cache, emit });
  });

  app.post('/api/v2/explain', async (request, reply) => {
    const caller = callerOf(request);
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    const { query, limits, hypothetical } = decodeExplain(request.body);
    const { columns, ...explanation } = await ask.explain(query, caller, {
      ...asking(request, reply, limits),
      ...(hypothetical && { hypothetical }),
    });
    return reply.header('vary', 'authorization').send({ ...explanation, columns: columns.map(columnJson) });
  });

  app.get('/api/v1/catalog', async (request, reply) => {
    const caller = callerOf(request);
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    const body = JSON.stringify(catalogAnswer(catalogue(), access(caller), await versions()));
    const etag = `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
    reply.header('vary', 'authorization').header('cache-control', 'private, no-cache').header('etag', etag);
    if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });

  app.get('/api/v2/search', async (request, reply) => {
    const caller = callerOf(request);
    negotiate(request.headers.accept, ['application/json']);
    const context = { surface: 'rest' as const, requestId: request.id, signal: signalOf(reply.raw) };
    return reply.header('vary', 'authorization').send(await search(searchRequestOf(request.query), caller, context));
  });

  app.get('/api/v2/ask', async (request, reply) => {
    const caller = callerOf(request);
    negotiate(request.headers.accept, ['application/json']);
    const { q = '', today } = parametersOf(request.query, ['q', 'today']);
    const context = { surface: 'rest' as const, requestId: request.id, signal: signalOf(reply.raw) };
    return reply
      .header('vary', 'authorization')
      .send(await propose({ q, ...(today === undefined ? {} : { today }) }, caller, context));
  });

  const document = JSON.stringify(openApiDocument());
  app.get('/openapi.json', { config: { open: true } }, (request, reply) => {
    negotiate(request.headers.accept, ['application/json']);
    return reply.type('application/json; charset=utf-8').send(document);
  });
};
