import { Type } from '@sinclair/typebox';
import { readSpec } from '../../answer/plan/index.js';
import type { RollupSpec } from '../../query/index.js';
import { decodeQuery } from './decode.js';
import { MetricQuerySchema } from './metric-query-schema.js';

const names = (description: string) => Type.Array(Type.String(), { maxItems: 200, description });

/** What `explain` takes: a metric query, and a rollup to try. */
export const ExplainQuerySchema = Type.Object(
  {
    ...MetricQuerySchema.properties,
    hypothetical: Type.Optional(
      Type.Object(
        {
          cube: Type.String({ description: 'the cube that it would stand in' }),
          name: Type.Optional(Type.String()),
          type: Type.Optional(Type.Literal('rollup')),
          measures: names('as the cube would write them: lines'),
          dimensions: Type.Optional(names('as the cube would write them: kind, shops.name')),
          time_dimension: Type.Optional(Type.String()),
          granularity: Type.Optional(Type.String()),
          partition_granularity: Type.Optional(Type.String()),
        },
        {
          additionalProperties: false,
          description:
            'a rollup that is not in the model: tells whether it would serve the query (data_engineer, admin)',
        },
      ),
    ),
  },
  { additionalProperties: false, $id: 'ExplainQuery', description: 'a metric query, and a rollup to try' },
);

/** A body to a metric query and a rollup to try. Errors: those of `decodeQuery`, `query-invalid` with the place. */
export const decodeExplain = (
  body: unknown,
): ReturnType<typeof decodeQuery> & { readonly hypothetical?: RollupSpec } => {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || !('hypothetical' in body))
    return decodeQuery(body);
  const { hypothetical, ...query } = body as { hypothetical: unknown };
  return { ...decodeQuery(query), hypothetical: readSpec(hypothetical) };
};
