import { Client, errors, type estypes } from '@elastic/elasticsearch';
import { AssayError, error } from '../../../errors/index.js';
import {
  collectionOf,
  type Dims,
  type EngineFound,
  type EngineQuestion,
  type EngineRecord,
  type SearchEngine,
} from './engine.js';

export interface ElasticsearchOptions {
  /** `https://host:9200`, several comma-separated; may hold a user and password. */
  readonly url: string;
  /** An API key, encoded as the server gave it. */
  readonly key?: string | undefined;
}

type Body = NonNullable<estypes.MsearchRequest['searches']>[number];

const SETTING = 'ASSAY_ELASTICSEARCH_URL';
const SECONDS = 10;
/** Documents that are dropped by one request. */
const DROPPED = 1_000;
/** The client speaks to servers of its own major version. */
const MAJOR = 9;

const unusable = (why: string, cause?: unknown): AssayError =>
  error('search-unavailable', { backend: 'Elasticsearch', setting: SETTING, why }, cause);

const failure = (thrown: unknown): AssayError => {
  if (thrown instanceof AssayError) return thrown;
  if (thrown instanceof errors.ProductNotSupportedError)
    return unusable('the server is not Elasticsearch (it does not name itself so)', thrown);
  if (!(thrown instanceof errors.ResponseError)) return unusable('it does not answer', thrown);
  const status = thrown.statusCode;
  if (status === 401 || status === 403)
    return unusable('it refuses the key of ASSAY_ELASTICSEARCH_KEY or the password in the URL', thrown);
  if (status === 400 && /media.?type|compatible.with/i.test(thrown.message))
    return unusable(`it is older than version ${MAJOR}, and its client is of version ${MAJOR}`, thrown);
  return unusable(`it answered with status ${status ?? 'unknown'}`, thrown);
};

/** Elasticsearch through its official client. Errors: `search-unavailable`. */
export const elasticsearchEngine = ({ url, key }: ElasticsearchOptions): SearchEngine => {
  const client = new Client({
    nodes: url.split(',').map((u) => u.trim()),
    ...(key === undefined ? {} : { auth: { apiKey: key } }),
    requestTimeout: SECONDS * 1000,
    maxRetries: 2,
  });
  const told = async <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (thrown) {
      signal?.throwIfAborted();
      throw failure(thrown);
    }
  };
  const until = (signal?: AbortSignal) => (signal ? { signal } : {});

  return {
    name: 'elasticsearch',
    setting: SETTING,
    check: (signal) =>
      told(async () => {
        const { version } = await client.info({}, until(signal));
        if (Number.parseInt(version.number, 10) !== MAJOR)
          throw unusable(`it is of version ${version.number.slice(0, 20)}, and its client speaks to ${MAJOR}.x`);
      }, signal),
    prepare: (dims, signal) =>
      told(async () => {
        const index = collectionOf(dims);
        if (await client.indices.exists({ index }, until(signal))) return;
        try {
          await client.indices.create({ index, mappings: mappingsOf(dims) }, until(signal));
        } catch (thrown) {
          // another process made it meanwhile
          const type =
            thrown instanceof errors.ResponseError ? (thrown.body as { error?: { type?: string } })?.error?.type : '';
          if (type !== 'resource_already_exists_exception') throw thrown;
        }
      }, signal),
    counts: (dims, parts, signal) =>
      told(async () => {
        const answer = await client.search(
          {
            index: collectionOf(dims),
            size: 0,
            query: within(parts),
            aggs: { parts: { terms: { field: 'part', size: parts.length } } },
          },
          until(signal),
        );
        const { buckets } = (answer.aggregations?.['parts'] ?? {}) as {
          buckets?: { key: string; doc_count: number }[];
        };
        return new Map((buckets ?? []).map((b) => [b.key, b.doc_count] as const));
      }, signal),
    put: (dims, records, signal) =>
      told(async () => {
        const answer = await client.bulk(
          {
            index: collectionOf(dims),
            refresh: true,
            operations: records.flatMap((r) => [{ index: { _id: r.id } }, documentOf(r)]),
          },
          until(signal),
        );
        if (answer.errors) throw unusable('it did not take all documents');
      }, signal),
    drop: (dims, parts, signal) =>
      told(async () => {
        // by their ids, some at a time: deleting by a query is a task of the server that outlives its asker
        const index = collectionOf(dims);
        for (;;) {
          const { hits } = await client.search(
            { index, size: DROPPED, _source: false, query: within(parts) },
            until(signal),
          );
          const operations = hits.hits.flatMap(({ _id }) => (_id === undefined ? [] : [{ delete: { _id } }]));
          if (operations.length === 0) return;
          await client.bulk({ index, operations, refresh: true }, until(signal));
        }
      }, signal),
    find: (dims, parts, question, signal) =>
      told(async () => {
        const index = collectionOf(dims);
        const bodies = bodiesOf(parts, question);
        const { responses } = await client.msearch(
          { searches: bodies.flatMap((body) => [{ index }, body]) },
          until(signal),
        );
        return foundOf(responses, question);
      }, signal),
    close: () => client.close(),
  };
};

const mappingsOf = (dims: Dims): estypes.MappingTypeMapping => ({
  dynamic: false,
  _source: { enabled: false },
  properties: {
    part: { type: 'keyword' },
    words: { type: 'keyword' },
    grams: { type: 'text', analyzer: 'whitespace' },
    ...(dims === undefined
      ? {}
      : {
          vector: {
            type: 'dense_vector' as const,
            dims,
            index: true,
            similarity: 'cosine' as const,
            // the default keeps vectors in bytes: likenesses would not be those of other backends
            index_options: { type: 'hnsw' as const },
          },
        }),
  },
});

const documentOf = ({ part, words, grams, vector }: EngineRecord): object => ({
  part,
  words,
  grams: grams.join(' '),
  ...(vector ? { vector: [...vector] } : {}),
});

const within = (parts: readonly string[]): { terms: { part: string[] } } => ({ terms: { part: [...parts] } });

/** How many documents there are; documents by words, by spelling, by meaning. Fused by us: the server's own fusion is licensed apart. */
const bodiesOf = (parts: readonly string[], { words, grams, vector, most }: EngineQuestion): readonly Body[] => {
  const filter = within(parts);
  return [
    { size: 0, track_total_hits: true, query: filter },
    {
      size: most,
      _source: false,
      query: {
        bool: {
          filter,
          minimum_should_match: 1,
          should: words.map(({ terms, weight }) => ({
            constant_score: { filter: { terms: { words: [...terms] } }, boost: weight },
          })),
          ...(words.length === 0 ? { must_not: { match_all: {} } } : {}),
        },
      },
    },
    {
      size: most,
      _source: false,
      query: { bool: { filter, must: { match: { grams: { query: grams.join(' '), analyzer: 'whitespace' } } } } },
    },
    ...(vector
      ? [
          {
            size: most,
            _source: false,
            knn: { field: 'vector', query_vector: [...vector], k: most, num_candidates: 4 * most, filter },
          },
        ]
      : []),
  ];
};

const foundOf = (
  responses: readonly estypes.MsearchResponseItem<unknown>[],
  { vector }: EngineQuestion,
): EngineFound => {
  const ids = new Set<string>();
  const near = new Map<string, number>();
  let documents = 0;
  for (const [i, response] of responses.entries()) {
    if ('error' in response) throw unusable(`it answered with status ${response.status}`);
    // a shard that did not answer, or time that ran out, hides documents: no answer is better than a part of one
    if (response.timed_out || response._shards.failed > 0) throw unusable('some of its shards did not answer');
    const { total, hits } = response.hits;
    if (i === 0) documents = typeof total === 'number' ? total : (total?.value ?? 0);
    for (const { _id, _score } of hits) {
      if (_id === undefined) continue;
      ids.add(_id);
      // cosine as the server scores it: (1 + cosine) / 2
      if (vector && i === responses.length - 1 && typeof _score === 'number') near.set(_id, 2 * _score - 1);
    }
  }
  return { ids, near, documents };
};
