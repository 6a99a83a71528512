import { type TSchema, Type } from '@sinclair/typebox';
import { ColumnSchema, QueryAnswerSchema } from './answer-schemas.js';
import { HistoricalSchema, OnlineSchema, SkewSchema } from './feature-schemas.js';

type Json = Record<string, unknown>;

const Texts = Type.Array(Type.String());
const Answer = Type.Object({
  columns: Type.Array(ColumnSchema),
  rows: Type.Array(Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]))),
  provenance: Type.Object({
    requestId: Type.String(),
    source: Type.String({ description: 'online, or source where the caller’s own rights want values of its own' }),
    service: Type.String(),
    version: Type.String(),
    fingerprint: Type.String(),
    asOf: Type.String({ format: 'date-time' }),
  }),
});
const NumberOrNull = Type.Union([Type.Number(), Type.Null()]);
const Skew = Type.Object({
  features: Type.Array(
    Type.Object({
      feature: Type.String(),
      rows: Type.Integer(),
      equal: Type.Integer(),
      mismatch: Type.Integer(),
      missing: Type.Integer(),
      extra: Type.Integer(),
      smape: NumberOrNull,
      psi: NumberOrNull,
      ks: NumberOrNull,
    }),
  ),
});
const Service = Type.Object({
  service: Type.String(),
  description: Type.String(),
  owner: Type.Union([Type.String(), Type.Null()]),
  keys: Texts,
  online: Type.Boolean(),
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String(), description: Type.String() })),
  fingerprint: Type.String(),
});

/** How the paths of features are described, by the words of the document. */
export const featurePaths = (kit: {
  readonly json: (schema: TSchema) => Json;
  readonly problems: (codes: readonly number[]) => Json;
  readonly every: readonly number[];
  readonly asking: readonly number[];
}): Json => {
  const { json, problems, every, asking } = kit;
  const post = (operationId: string, summary: string, of: TSchema, given: Json) => ({
    post: {
      operationId,
      summary,
      requestBody: { required: true, content: json(of) },
      responses: { 200: { description: 'the answer', content: given }, ...problems(asking) },
    },
  });
  const get = (operationId: string, summary: string, given: Json, parameters: readonly Json[] = []) => ({
    get: {
      operationId,
      summary,
      ...(parameters.length > 0 ? { parameters } : {}),
      responses: { 200: { description: 'the answer', content: given }, ...problems([...every, 403, 409]) },
    },
  });
  const name = [
    { name: 'name', in: 'path', required: true, schema: { type: 'string' }, description: 'a service or view' },
  ];
  const text = { schema: { type: 'string' } };
  const bytes = { 'application/vnd.apache.arrow.stream': { schema: { type: 'string', format: 'binary' } } };
  return {
    '/api/v2/features/historical': post(
      'historicalFeatures',
      'Features of rows as they were known at the time of each; JSON holds at most 100,000 rows, the other formats as many as the budgets allow',
      HistoricalSchema,
      { ...json(QueryAnswerSchema), 'text/csv': text, 'application/x-ndjson': text, ...bytes },
    ),
    '/api/v2/features/online': post(
      'onlineFeatures',
      'Features of entities as they were last materialized, all of one version',
      OnlineSchema,
      json(Answer),
    ),
    '/api/v2/features/skew': post(
      'featureSkew',
      'What was served against what training sees at the same instants',
      SkewSchema,
      json(Skew),
    ),
    '/api/v2/features': get(
      'features',
      'Features and services that the caller may have',
      json(Type.Object({ features: Texts, services: Texts })),
    ),
    '/api/v2/features/freshness': get(
      'featureFreshness',
      'How new online values are, and which tables moved since',
      json(Type.Object({ services: Type.Array(Type.Object({ service: Type.String() })) })),
    ),
    '/api/v2/features/services/{name}': get(
      'featureService',
      'Columns and fingerprint of a service; as an Arrow stream its schema',
      { ...json(Service), ...bytes },
      name,
    ),
    '/api/v2/features/services/{name}/statistics': get(
      'featureStatistics',
      'Counts, nulls and spread of online values over all entities',
      json(Type.Object({ asOf: Type.String(), statistics: Type.Array(Type.Object({ feature: Type.String() })) })),
      name,
    ),
  };
};
