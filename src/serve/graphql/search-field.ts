import {
  GraphQLBoolean,
  type GraphQLFieldConfig,
  GraphQLFloat,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
} from 'graphql/index.js';
import type { SearchAnswer, SearchHit, SearchRequest } from '../../answer/search/index.js';
import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import { answered } from './graphql-error.js';
import type { GraphqlContext } from './page.js';
import { choice } from './shared-types.js';

/** Finds members and values for the caller of a request. Errors: `query-invalid`, `search-unavailable`. */
export type Find = (request: SearchRequest, context: GraphqlContext) => Promise<SearchAnswer>;

const MOST_HITS = 100;
const required = new GraphQLNonNull(GraphQLString);
const texts = new GraphQLNonNull(new GraphQLList(required));
const asJson = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

const HIT = new GraphQLObjectType<SearchHit>({
  name: 'SearchHit',
  description: 'A member or a value that was found.',
  fields: {
    name: { type: required, description: 'the member; of a value, its dimension' },
    kind: { type: required, description: 'measure, dimension, segment or value' },
    value: { type: GraphQLString },
    title: { type: required },
    description: { type: required },
    score: { type: new GraphQLNonNull(GraphQLFloat) },
    why: { type: texts },
    query: {
      type: GraphQLString,
      description: 'of a measure: a metric query, as JSON',
      resolve: ({ query }) => asJson(query),
    },
    filter: {
      type: GraphQLString,
      description: 'of a value: the condition that keeps its rows, as JSON',
      resolve: ({ filter }) => asJson(filter),
    },
  },
});
const RESULT = new GraphQLObjectType<SearchAnswer>({
  name: 'SearchResult',
  fields: {
    hits: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(HIT))) },
    total: { type: new GraphQLNonNull(GraphQLInt) },
    backend: { type: required, resolve: ({ provenance }) => provenance.backend },
    embedder: {
      type: GraphQLString,
      description: 'null: meanings were not compared',
      resolve: ({ provenance }) => provenance.embedder,
    },
    why: { type: GraphQLString, resolve: ({ provenance }) => provenance.why },
  },
});
const KIND = choice('SearchKind', { member: 'measures, dimensions and segments', value: 'values of dimensions' });

/** `search(q)`: as `GET /api/v2/search`. */
export const searchField = (find: Find, emit: Emit): GraphQLFieldConfig<unknown, GraphqlContext> => ({
  type: new GraphQLNonNull(RESULT),
  description: 'Members and values that exist for you, found by words, through typos, and by meaning.',
  args: {
    q: { type: required },
    kind: { type: KIND, description: 'Default: members, then values.' },
    limit: { type: GraphQLInt, defaultValue: 10, description: `Hits, 1 to ${MOST_HITS}.` },
    similar: { type: GraphQLBoolean, defaultValue: false, description: 'Values by meaning, too.' },
  },
  resolve: (_source, args, context) =>
    answered(context, emit, async () => {
      const { q, kind, limit, similar } = args as {
        q: string;
        kind?: 'member' | 'value' | null;
        limit?: number | null;
        similar?: boolean | null;
      };
      if (limit && limit > MOST_HITS)
        throw error('query-invalid', { where: 'limit', what: `is a whole number from 1 to ${MOST_HITS}` });
      return find({ q, limit: limit ?? 10, ...(kind ? { kind } : {}), ...(similar ? { similar } : {}) }, context);
    }),
});
