import { Type } from '@sinclair/typebox';
import { MetricQuerySchema } from './metric-query-schema.js';

const closed = { additionalProperties: false } as const;
const Row = Type.Record(Type.String(), Type.Unknown());
const choice = {
  service: Type.Optional(Type.String({ minLength: 1 })),
  features: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
  fingerprint: Type.Optional(Type.String()),
};

export const HistoricalSchema = Type.Object(
  {
    ...choice,
    spine: Type.Union([Type.Array(Row), Type.Object({ query: MetricQuerySchema }, closed)]),
    as_of: Type.Optional(Type.Union([Type.Literal('event'), Type.Literal('available')])),
    source: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Literal('lake'), Type.Literal('postgres'), Type.Literal('spark')]),
    ),
    format: Type.Optional(
      Type.Union([Type.Literal('json'), Type.Literal('jsonl'), Type.Literal('csv'), Type.Literal('arrow')]),
    ),
  },
  { ...closed, $id: 'HistoricalFeatures' },
);

export const OnlineSchema = Type.Object(
  {
    ...choice,
    entities: Type.Array(Row, { minItems: 1, maxItems: 10_000 }),
    max_age: Type.Optional(Type.String()),
    include: Type.Optional(Type.Array(Type.Union([Type.Literal('status'), Type.Literal('event_time')]))),
  },
  { ...closed, $id: 'OnlineFeatures' },
);

export const SkewSchema = Type.Object(
  { ...choice, rows: Type.Array(Row, { minItems: 1 }) },
  { ...closed, $id: 'FeatureSkew' },
);
