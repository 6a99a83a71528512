import { type TSchema, Type } from '@sinclair/typebox';
import { MISS_REASONS } from '../../query/index.js';
import {
  CatalogSchema,
  ColumnSchema,
  ExplanationSchema,
  ProblemSchema,
  ProvenanceSchema,
  QueryAnswerSchema,
  QuestionAnswerSchema,
  SearchAnswerSchema,
} from './answer-schemas.js';
import { ExplainQuerySchema } from './explain-body.js';
import { FilterSchema, MetricQuerySchema } from './metric-query-schema.js';
import { featurePaths } from './open-api-features.js';

type Json = Record<string, unknown>;

/** Answers that every guarded route may give. */
const PROBLEMS: Readonly<Record<string, string>> = {
  400: 'the request is not understood; detail names the place',
  401: 'no valid token',
  403: 'not for these roles',
  404: 'no such thing',
  405: 'not by this method',
  406: 'none of the accepted formats is known',
  409: 'it cannot be answered from the source that was asked for',
  413: 'the request or the answer is over its budget',
  415: 'the body is of another media type',
  429: 'too many requests; Retry-After says when to come back',
  431: 'the headers are too large',
  500: 'the service, its model or its data is at fault; the log has the request id',
  503: 'something the service depends on is away',
  504: 'over the time limit',
};
const RETRY = { 'retry-after': { description: 'seconds', schema: { type: 'integer' } } };
const ETAG = { etag: { description: 'names the answer; send it back as If-None-Match', schema: { type: 'string' } } };

/** Schemas with an `$id` become components, and every place that names one points there. */
const components: Json = {};
const publish = (schema: TSchema): Json => rewrite(JSON.parse(JSON.stringify(schema))) as Json;
const rewrite = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== 'object' || value === null) return value;
  const { $id, $ref, wanted: _words, ...rest } = value as Json;
  if (typeof $ref === 'string') return { $ref: `#/components/schemas/${$ref}` };
  if (Array.isArray(rest['items'])) {
    // A tuple, as JSON Schema 2020-12 writes it.
    rest['prefixItems'] = rest['items'];
    rest['items'] = false;
    delete rest['additionalItems'];
  }
  const inner = enumerated(Object.fromEntries(Object.entries(rest).map(([key, v]) => [key, rewrite(v)])));
  if (typeof $id !== 'string') return inner;
  components[$id] = inner;
  return { $ref: `#/components/schemas/${$id}` };
};
/** A choice of constants is an `enum`, which more generators understand than a list of schemas. */
const enumerated = (schema: Json): Json => {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || !anyOf.every((c) => typeof (c as Json)['const'] === 'string')) return schema;
  return { ...rest, type: 'string', enum: anyOf.map((c) => (c as Json)['const']) };
};

const json = (schema: TSchema) => ({ 'application/json': { schema: publish(schema) } });
const problems = (codes: readonly number[]) =>
  Object.fromEntries(
    codes.map((code) => [
      code,
      {
        description: PROBLEMS[code],
        ...(code === 429 ? { headers: RETRY } : {}),
        content: { 'application/problem+json': { schema: publish(ProblemSchema) } },
      },
    ]),
  );
const EVERY = [400, 401, 405, 406, 429, 431, 500, 503];
const ASKING = [...EVERY, 403, 409, 413, 415, 504];
const body = { required: true, content: json(MetricQuerySchema) };
const parameter = (name: string, required: boolean, schema: Json, description: string) => ({
  name,
  in: 'query',
  required,
  schema,
  description,
});
const ifNoneMatch = { name: 'if-none-match', in: 'header', required: false, schema: { type: 'string' } };
const open = { security: [] };

const paths = (): Json => ({
  '/api/v2/query': {
    post: {
      operationId: 'query',
      summary: 'Answer a metric query',
      description:
        'JSON holds at most 100,000 rows; CSV as many as the budgets allow. An answer that ends before its last row ends the connection, so a cut one is never valid.',
      parameters: [ifNoneMatch],
      requestBody: body,
      responses: {
        200: {
          description: 'columns, rows in their order, provenance',
          headers: {
            ...ETAG,
            'assay-provenance': { description: 'CSV only: provenance as JSON', schema: { type: 'string' } },
          },
          content: { ...json(QueryAnswerSchema), 'text/csv': { schema: { type: 'string' } } },
        },
        304: { description: 'the answer that the client has is still the answer' },
        ...problems(ASKING),
      },
    },
  },
  '/api/v2/explain': {
    post: {
      operationId: 'explain',
      summary: 'Say how a metric query would be answered, and why each rollup serves or not',
      requestBody: { required: true, content: json(ExplainQuerySchema) },
      responses: { 200: { description: 'the plan', content: json(ExplanationSchema) }, ...problems(ASKING) },
    },
  },
  '/api/v1/catalog': {
    get: {
      operationId: 'catalog',
      summary: 'Views and members that exist for the caller, and the versions of their data',
      parameters: [ifNoneMatch],
      responses: {
        200: { description: 'the catalogue', headers: ETAG, content: json(CatalogSchema) },
        304: { description: 'the catalogue that the client has is still the catalogue' },
        ...problems(EVERY),
      },
    },
  },
  '/api/v2/search': {
    get: {
      operationId: 'search',
      summary: 'Find members and values by words and by meaning',
      parameters: [
        parameter('q', true, { type: 'string', minLength: 1, maxLength: 1000, pattern: '\\S' }, 'the words'),
        parameter(
          'kind',
          false,
          { type: 'string', enum: ['member', 'value'] },
          'what to find; default members, then values',
        ),
        parameter('limit', false, { type: 'integer', minimum: 1, maximum: 100 }, 'hits; default 10'),
        parameter('similar', false, { type: 'boolean' }, 'values by meaning, too'),
      ],
      responses: { 200: { description: 'hits, best first', content: json(SearchAnswerSchema) }, ...problems(EVERY) },
    },
  },
  '/api/v2/ask': {
    get: {
      operationId: 'ask',
      summary: 'Metric queries that a question may mean, each planned for the caller; without any, why in words',
      parameters: [
        parameter(
          'q',
          true,
          { type: 'string', minLength: 1, maxLength: 1000, pattern: '\\S' },
          'the question, in English',
        ),
        parameter(
          'today',
          false,
          { type: 'string', format: 'date' },
          'what "last month" is counted from; default today, UTC',
        ),
      ],
      responses: {
        200: { description: 'proposals, best first', content: json(QuestionAnswerSchema) },
        ...problems(EVERY),
      },
    },
  },
  ...featurePaths({ json, problems, every: EVERY, asking: ASKING }),
  '/health': {
    get: {
      operationId: 'health',
      ...open,
      responses: {
        200: { description: 'the process lives', content: json(Type.Object({ status: Type.Literal('ok') })) },
      },
    },
  },
  '/ready': {
    get: {
      operationId: 'ready',
      ...open,
      summary: 'Each dependency and its state',
      responses: {
        200: { description: 'ready', content: json(READY) },
        503: { description: 'not ready', content: json(READY) },
      },
    },
  },
});
const READY = Type.Object({
  status: Type.String(),
  checks: Type.Record(Type.String(), Type.Object({ ok: Type.Boolean(), detail: Type.Optional(Type.String()) })),
});

/** The OpenAPI 3.1 document of every REST route; `schema/api/openapi.json` is its text. */
export const openApiDocument = (): Json => {
  for (const schema of [FilterSchema, ColumnSchema, ProvenanceSchema]) publish(schema);
  const described = paths();
  return {
    openapi: '3.1.0',
    info: {
      title: 'Assay',
      version: '2',
      description: `Metric queries over the semantic model. Reasons why a rollup does not serve: ${MISS_REASONS.join(', ')}.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths: described,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
};
