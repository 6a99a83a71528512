import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLFloat,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
} from 'graphql/index.js';
import { type Explanation, MISS_REASONS } from '../../query/index.js';

/** Types that do not depend on the model: made once, shared by every schema. */

const required = new GraphQLNonNull(GraphQLString);
const texts = new GraphQLNonNull(new GraphQLList(required));
/** An enum whose values are described. */
export const choice = (name: string, values: Readonly<Record<string, string>>) =>
  new GraphQLEnumType({
    name,
    values: Object.fromEntries(Object.entries(values).map(([value, description]) => [value, { description }])),
  });

export const DIRECTION = choice('Direction', { asc: 'smallest first', desc: 'largest first' });
export const NULLS = choice('Nulls', { first: 'before all values', last: 'behind all values' });
export const SOURCE = choice('Source', {
  auto: 'a rollup where one serves, else the source',
  raw: 'never a rollup',
  rollup: 'a rollup, or an error with the reason',
});
export const FRESH = choice('Fresh', { published: 'as last published', current: 'no rollup behind its tables' });

export const LIMITS = new GraphQLInputObjectType({
  name: 'Limits',
  description: 'Budgets; one that is exceeded is an error that names it, never a shorter answer.',
  fields: {
    rows: { type: GraphQLInt, description: 'rows that are read for the answer' },
    bytes: { type: GraphQLInt },
    milliseconds: { type: GraphQLInt, description: 'until the last row' },
    memoryBytes: { type: GraphQLInt },
  },
});

export const AS_OF = new GraphQLInputObjectType({
  name: 'AsOf',
  description: 'The state of the tables to answer from: give one of the two.',
  fields: {
    at: { type: GraphQLString, description: 'what readers saw at this time' },
    tables: {
      type: new GraphQLList(
        new GraphQLNonNull(
          new GraphQLInputObjectType({
            name: 'AsOfTable',
            fields: { table: { type: required }, version: { type: required } },
          }),
        ),
      ),
      description: 'as provenance told them',
    },
  },
});

export const PAGE_INFO = new GraphQLObjectType({
  name: 'PageInfo',
  fields: {
    hasNextPage: { type: new GraphQLNonNull(GraphQLBoolean) },
    hasPreviousPage: { type: new GraphQLNonNull(GraphQLBoolean) },
    startCursor: { type: GraphQLString },
    endCursor: { type: GraphQLString, description: 'give it as after for the next page' },
  },
});

const CANDIDATE = new GraphQLObjectType({
  name: 'Candidate',
  description: 'A rollup that was considered.',
  fields: {
    rollup: { type: required },
    verdict: { type: required, description: `used, not-needed, or a reason: ${MISS_REASONS.join(', ')}` },
    members: { type: texts, description: 'those that the reason is about' },
    detail: { type: GraphQLString },
    part: { type: GraphQLString, description: 'of a query with several parts: the one that it was considered for' },
  },
});
const TABLE_VERSION = new GraphQLObjectType({
  name: 'TableVersion',
  fields: { table: { type: required }, version: { type: required } },
});
const STATEMENT = new GraphQLObjectType<NonNullable<Explanation['statements']>[number]>({
  name: 'Statement',
  fields: {
    engine: { type: required },
    sql: { type: required },
    parameters: {
      type: new GraphQLNonNull(new GraphQLList(GraphQLString)),
      resolve: ({ parameters }) => parameters.map((p) => (p === null ? null : String(p))),
    },
  },
});
const listOf = (type: GraphQLObjectType) => new GraphQLList(new GraphQLNonNull(type));
const ESTIMATE = new GraphQLObjectType({
  name: 'Estimate',
  fields: { rows: { type: new GraphQLNonNull(GraphQLFloat) }, bytes: { type: GraphQLFloat } },
});
export const EXPLANATION = new GraphQLObjectType<Explanation>({
  name: 'Explanation',
  fields: {
    plan: { type: required },
    source: { type: required },
    candidates: { type: new GraphQLNonNull(listOf(CANDIDATE)) },
    tables: { type: new GraphQLNonNull(listOf(TABLE_VERSION)) },
    policies: { type: texts },
    modelVersion: { type: required },
    statements: { type: listOf(STATEMENT), description: 'for roles that may see them' },
    estimate: { type: ESTIMATE, description: 'what it would read, by statistics; for roles that may see statements' },
  },
});
