import type { TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type {
  Features,
  HistoricalRequest,
  OnlineAnswer,
  OnlineRequest,
  ServiceDescription,
  SkewRequest,
} from '../../answer/features/index.js';
import type { AskOptions } from '../../answer/run/index.js';
import { error } from '../../errors/index.js';
import { type Column, type Emit, JSON_ROWS, type MetricQuery, parseType } from '../../query/index.js';
import { callerOf, type HttpApp, signalOf } from '../http/index.js';
import { negotiate } from './accept.js';
import { emptyArrow } from './arrow-encoder.js';
import { bytesCache } from './bytes-cache.js';
import { decodeQuery, mistake } from './decode.js';
import { jsonEncoder } from './encoders.js';
import { HistoricalSchema, OnlineSchema, SkewSchema } from './feature-schemas.js';
import { parametersOf } from './parameters.js';
import { type AnswerType, PULL_TYPES, sendAnswer } from './send-answer.js';

/** Bytes of a spine: some hundred thousand rows. */
const SPINE_LIMIT = 64 << 20;
const FORMATS: Readonly<Record<string, AnswerType>> = {
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  csv: 'text/csv',
  arrow: 'application/vnd.apache.arrow.stream',
};

const ARROW = 'application/vnd.apache.arrow.stream';
const historicalBody = TypeCompiler.Compile(HistoricalSchema);
const onlineBody = TypeCompiler.Compile(OnlineSchema);
const skewBody = TypeCompiler.Compile(SkewSchema);

const decoded = <T>(schema: TypeCheck<TSchema>, body: unknown): T => {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw error('request-invalid', { where: 'body', what: 'an object in JSON is wanted' });
  if (!schema.Check(body)) throw mistake(schema, body);
  return body as T;
};

interface HistoricalBody extends Omit<HistoricalRequest, 'spine'> {
  readonly spine: readonly Record<string, unknown>[] | { readonly query: MetricQuery };
  readonly format?: string;
}

/** A body of `/features/historical`: the request, and the format that it names. Errors: `request-invalid`, `query-invalid`. */
export const decodeHistorical = (body: unknown): { request: HistoricalRequest; type: AnswerType | undefined } => {
  const { format, spine, ...rest } = decoded<HistoricalBody>(historicalBody, body);
  const rows = 'query' in spine ? decodeQuery(spine.query).query : spine;
  return { request: { ...rest, spine: rows }, type: format === undefined ? undefined : FORMATS[format] };
};

/** Bodies of the other two, for who has no wire between. Errors: as above. */
export const decodeOnline = (body: unknown): OnlineRequest => decoded(onlineBody, body);
export const decodeSkew = (body: unknown): SkewRequest => decoded(skewBody, body);

/** Adds the routes of features to a server that does not listen yet. */
export const featureRoutes = (
  app: HttpApp,
  { features, emit }: { readonly features: Features; readonly emit: Emit },
): void => {
  const cache = bytesCache(0);
  const asking = (request: FastifyRequest, reply: FastifyReply): AskOptions => ({
    surface: 'rest',
    requestId: request.id,
    signal: signalOf(reply.raw),
  });
  app.post('/api/v2/features/historical', { bodyLimit: SPINE_LIMIT }, async (request, reply) => {
    const caller = callerOf(request);
    parametersOf(request.query, []);
    const { request: wanted, type: named } = decodeHistorical(request.body);
    const type = named ?? negotiate(request.headers.accept, PULL_TYPES);
    const rows = type === 'application/json' ? JSON_ROWS : undefined;
    const options = { ...asking(request, reply), ...(rows === undefined ? {} : { limits: { rows } }) };
    const answer = await features.historical(wanted, caller, options);
    return sendAnswer(request, reply, { answer, type, rows, cache, emit });
  });

  app.post('/api/v2/features/online', async (request, reply) => {
    const caller = callerOf(request);
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    const wanted = decodeOnline(request.body);
    const answer = await features.online(wanted, caller, asking(request, reply));
    return reply.header('vary', 'authorization').type(JSON_TYPE).send(onlineJson(answer));
  });

  app.post('/api/v2/features/skew', { bodyLimit: SPINE_LIMIT }, async (request, reply) => {
    const caller = callerOf(request);
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    const wanted = decodeSkew(request.body);
    return reply.header('vary', 'authorization').send(await features.skew(wanted, caller, asking(request, reply)));
  });

  app.get('/api/v2/features', async (request, reply) => {
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    return reply.header('vary', 'authorization').send(features.list(callerOf(request)));
  });

  app.get('/api/v2/features/freshness', async (request, reply) => {
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    return reply.header('vary', 'authorization').send({ services: await features.freshness(callerOf(request)) });
  });

  app.get<{ Params: { name: string } }>('/api/v2/features/services/:name', async (request, reply) => {
    parametersOf(request.query, []);
    const type = negotiate(request.headers.accept, ['application/json', ARROW]);
    const service = features.describe(request.params.name, callerOf(request));
    reply.header('vary', 'accept, authorization').header('etag', `"${service.fingerprint}"`);
    return type === ARROW ? reply.type(ARROW).send(Buffer.from(schemaBytes(service))) : reply.send(service);
  });

  app.get<{ Params: { name: string } }>('/api/v2/features/services/:name/statistics', async (request, reply) => {
    parametersOf(request.query, []);
    negotiate(request.headers.accept, ['application/json']);
    return reply
      .header('vary', 'authorization')
      .send(await features.statistics(request.params.name, callerOf(request)));
  });
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** Columns and rows as those of a query are written. */
const onlineJson = ({ columns, rows, provenance }: OnlineAnswer): string => {
  const encoder = jsonEncoder(columns, 'UTC');
  const batch = { length: rows.length, columns: columns.map((_, i) => rows.map((row) => row[i] ?? null)) };
  return `${encoder.head}${encoder.rows(batch, 0, rows.length)}],"provenance":${JSON.stringify(provenance)}}`;
};

/** A stream with the schema of a service's features and no row. */
const schemaBytes = ({ columns }: ServiceDescription): Uint8Array => {
  const typed = columns.flatMap(({ name, type, unit }): Column[] => {
    const exact = parseType(type);
    return exact ? [{ name, type: exact, role: 'measure', ...(unit === undefined ? {} : { unit }) }] : [];
  });
  return emptyArrow(typed);
};
