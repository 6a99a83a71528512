import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Client, Errors } from 'typesense';
import { type AssayError, error } from '../../../errors/index.js';
import { collectionOf, type Dims, type EngineFound, type EngineQuestion, type SearchEngine } from './engine.js';

export interface TypesenseOptions {
  /** `https://host:443`, several comma-separated. */
  readonly url: string;
  /** May make collections, and write and read documents in them. */
  readonly key: string;
  /** A key that may only search (`documents:search`): searches then go by keys that are derived from it and see nothing but what is asked for. */
  readonly searchKey?: string | undefined;
  /** Seconds of the epoch; for the end of derived keys. */
  readonly now?: () => number;
}

/** A search of `multi_search`, by the words of its API. */
type Search = Readonly<Record<string, string | number | boolean>>;
interface Result {
  readonly found?: number;
  readonly hits?: readonly { readonly document?: { readonly id?: string }; readonly vector_distance?: number }[];
  readonly facet_counts?: readonly {
    readonly counts?: readonly { readonly value: string; readonly count: number }[];
  }[];
  readonly code?: number;
}

const SETTING = 'ASSAY_TYPESENSE_URL';
const SECONDS = 10;
const IMPORT_SECONDS = 120;
const KEY_SECONDS = 300;
/** The server gives no more hits of one search. */
const MOST_A_PAGE = 250;
/** Vectors are compared one by one, exactly, where the filter leaves no more than these. */
const FLAT = 20_000;

/** Lists of a filter are quoted: a word of letters and digits needs it for none of its signs, but may be a keyword. */
const anyOf = (field: string, values: readonly string[]): string =>
  `${field}:=[${values.map((v) => `\`${v.replaceAll('`', '')}\``).join(',')}]`;

const failure = (thrown: unknown): AssayError => {
  const status = (thrown as { httpStatus?: number }).httpStatus;
  const why =
    thrown instanceof Errors.RequestUnauthorized || status === 403
      ? 'it refuses the key of ASSAY_TYPESENSE_KEY or ASSAY_TYPESENSE_SEARCH_KEY'
      : status === undefined
        ? 'it does not answer'
        : `it answered with status ${status}`;
  return error('search-unavailable', { backend: 'Typesense', setting: SETTING, why }, thrown);
};

/** Typesense through its official client. Errors: `search-unavailable`. */
export const typesenseEngine = (options: TypesenseOptions): SearchEngine => {
  const { key, searchKey, now = () => Date.now() / 1000 } = options;
  const httpAgent = new HttpAgent({ keepAlive: true });
  const httpsAgent = new HttpsAgent({ keepAlive: true });
  const client = new Client({
    nodes: options.url.split(',').map((url) => ({ url: url.trim() })),
    apiKey: key,
    connectionTimeoutSeconds: SECONDS,
    numRetries: 2,
    logLevel: 'silent', // what fails is thrown, and told by us
    httpAgent,
    httpsAgent,
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

  /** The client bounds no import in time, and ends none: a server that takes documents and says nothing must not hold a build for ever. */
  const bounded = async <T>(work: Promise<T>, signal?: AbortSignal): Promise<T> => {
    const late = AbortSignal.timeout(IMPORT_SECONDS * 1000);
    const ends = signal ? AbortSignal.any([signal, late]) : late;
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => ends.addEventListener('abort', () => reject(ends.reason), { once: true })),
    ]);
  };

  const search = (
    dims: Dims,
    parts: readonly string[],
    searches: readonly Search[],
    signal?: AbortSignal,
  ): Promise<readonly Result[]> =>
    told(async () => {
      const filter = anyOf('part', parts);
      const derived = searchKey && {
        'x-typesense-api-key': client.keys().generateScopedSearchKey(searchKey, {
          filter_by: filter,
          expires_at: Math.floor(now()) + KEY_SECONDS,
        }),
      };
      const asked = searches.map((one) => {
        const more = one['filter_by'];
        return {
          collection: collectionOf(dims),
          include_fields: 'id',
          ...derived,
          ...one,
          filter_by: more === undefined ? filter : `${filter} && ${more}`,
        };
      });
      const { results } = (await client.multiSearch.perform(
        { searches: asked },
        {},
        signal ? { abortSignal: signal } : {},
      )) as { results: readonly Result[] };
      for (const { code } of results)
        if (code !== undefined) throw Object.assign(new Errors.HTTPError(), { httpStatus: code });
      return results;
    }, signal);

  return {
    name: 'typesense',
    setting: SETTING,
    check: async (signal) => {
      const health = await told(() => client.health.retrieve(), signal);
      if (!health.ok)
        throw error('search-unavailable', {
          backend: 'Typesense',
          setting: SETTING,
          why: 'it says that it is not well',
        });
      await told(() => client.collections().retrieve({ exclude_fields: 'fields' }), signal);
    },
    prepare: (dims, signal) =>
      told(async () => {
        const name = collectionOf(dims);
        try {
          await client.collections(name).retrieve();
        } catch (thrown) {
          if (!(thrown instanceof Errors.ObjectNotFound)) throw thrown;
          try {
            await client.collections().create({
              name,
              fields: [
                { name: 'part', type: 'string', facet: true },
                { name: 'words', type: 'string[]' },
                ...(dims === undefined
                  ? []
                  : [{ name: 'vector', type: 'float[]' as const, num_dim: dims, vec_dist: 'cosine' }]),
              ],
            });
          } catch (refused) {
            if (!(refused instanceof Errors.ObjectAlreadyExists)) throw refused; // another process made it meanwhile
          }
        }
      }, signal),
    counts: async (dims, parts, signal) => {
      const [result] = await search(
        dims,
        parts,
        [{ q: '*', per_page: 0, facet_by: 'part', max_facet_values: parts.length }],
        signal,
      );
      return new Map((result?.facet_counts?.[0]?.counts ?? []).map(({ value, count }) => [value, count] as const));
    },
    put: (dims, records, signal) =>
      told(async () => {
        const lines = records.map((r) =>
          JSON.stringify({ id: r.id, part: r.part, words: r.words, ...(r.vector ? { vector: [...r.vector] } : {}) }),
        );
        const documents = client.collections(collectionOf(dims)).documents();
        // its own option would be sent to the server as a parameter; each line's result is looked at here
        const silent = { action: 'upsert' as const, ...({ throwOnFail: undefined } as object) };
        const answer = await bounded(documents.import(lines.join('\n'), silent), signal);
        for (const line of answer.split('\n')) {
          const result = JSON.parse(line) as { success?: boolean; code?: number };
          if (result.success !== true)
            throw Object.assign(new Errors.ImportError('', [], {} as never), { httpStatus: result.code ?? 400 });
        }
      }, signal),
    drop: (dims, parts, signal) =>
      told(async () => {
        // the filter stands in the address: few parts at a time
        for (let i = 0; i < parts.length; i += 40)
          await client
            .collections(collectionOf(dims))
            .documents()
            .delete({ filter_by: anyOf('part', parts.slice(i, i + 40)) });
      }, signal),
    find: async (dims, parts, question, signal) => {
      const results = await search(dims, parts, searchesOf(question), signal);
      return foundOf(results, question);
    },
    close: async () => {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
};

/** How many documents there are; documents with as many words of the question as can be; with each word; near to the vector. */
const searchesOf = ({ words, vector, most }: EngineQuestion): readonly Search[] => {
  const per_page = Math.min(most, MOST_A_PAGE);
  const all = words.flatMap(({ terms }) => terms.slice(0, 1)).join(' ');
  return [
    { q: '*', per_page: 0 },
    ...(all === ''
      ? []
      : [{ q: all, query_by: 'words', num_typos: '0', prefix: 'false', drop_tokens_threshold: most, per_page }]),
    ...words.map(({ terms }) => ({ q: '*', filter_by: anyOf('words', terms), per_page })),
    ...(vector
      ? [
          {
            q: '*',
            vector_query: `vector:([${vector.join(',')}], k:${per_page}, ef:${2 * per_page}, flat_search_cutoff:${FLAT})`,
            per_page,
          },
        ]
      : []),
  ];
};

const foundOf = (results: readonly Result[], { vector }: EngineQuestion): EngineFound => {
  const ids = new Set<string>();
  const near = new Map<string, number>();
  for (const [i, { hits = [] }] of results.entries())
    for (const { document, vector_distance } of hits) {
      if (document?.id === undefined) continue;
      ids.add(document.id);
      if (vector && i === results.length - 1 && vector_distance !== undefined)
        near.set(document.id, 1 - vector_distance);
    }
  return { ids, near, documents: results[0]?.found ?? 0 };
};
