import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Ask } from '../answer/run/index.js';
import {
  duckdbEngine,
  elasticsearchEngine,
  embeddedBackend,
  engineBackend,
  httpEmbedder,
  openSearch,
  readRelatedWords,
  readTokenVectors,
  type Search,
  type SearchBackend,
  type SearchContext,
  sentenceEncoder,
  typesenseEngine,
  type VectorStore,
  vectorStore,
} from '../answer/search/index.js';
import type { Publication } from '../build/transform/index.js';
import type { Config } from '../config/index.js';
import type { Emit } from '../query/index.js';
import type { DuckDb } from '../store/engine/index.js';

/** Distinct values of one dimension that are indexed at most. */
const MOST_VALUES = 200_000;

/** The embedder of the settings. Undefined with the reason where there is none: then words and spelling are searched. */
export const openVectors = (
  config: Config,
  dir: string | undefined,
): { readonly vectors: VectorStore | undefined; readonly why?: string } => {
  const { embedder, embedderModel, embedderKey } = config;
  if (embedder === 'hash') return { vectors: undefined, why: 'ASSAY_EMBEDDER=hash: words and spelling only' };
  if (embedder !== 'auto')
    return { vectors: vectorStore(httpEmbedder({ url: embedder, model: embedderModel, key: embedderKey }), dir) };
  const found = sentenceEncoder();
  if (!found) return { vectors: undefined, why: 'the optional package @energetic-ai/embeddings is not installed' };
  return { vectors: vectorStore(found, dir) };
};

export const relatedWordsFile = (root: string): string => join(root, 'data', 'search', 'related-words.txt.gz');

export const tokenVectorsFile = (root: string): string => join(root, 'data', 'search', 'token-vectors.bin.gz');

/** Who finds candidates, by setting. */
export const searchBackend = (search: Config['search'], duckdb: Pick<DuckDb, 'execute' | 'query'>): SearchBackend => {
  switch (search.backend) {
    case 'typesense':
      return engineBackend(typesenseEngine(search));
    case 'elasticsearch':
      return engineBackend(elasticsearchEngine(search));
    case 'duckdb':
      return engineBackend(duckdbEngine(duckdb));
    default:
      return embeddedBackend;
  }
};

/** Search over the app's own answers: values are read by queries of the caller, under the caller's policies. */
export const openSearchOf = (parts: {
  readonly config: Config;
  readonly root: string;
  readonly home: string;
  readonly duckdb: DuckDb;
  readonly ask: Ask;
  readonly publications: { current(): Publication };
  readonly emit: Emit;
}): Search => {
  const { config, root, home, duckdb, ask, publications, emit } = parts;
  const { vectors, why } = openVectors(config, join(home, 'search'));
  return openSearch({
    backend: searchBackend(config.search, duckdb),
    vectors,
    noVectors: why,
    related: readRelatedWords(relatedWordsFile(root)),
    senses: readTokenVectors(tokenVectorsFile(root)),
    values: (dimension, context) => valuesOf(ask, dimension, context),
    dataVersion: () => {
      const tables = [...publications.current().tables.values()].map((t) => `${t.name}@${t.dataVersion}`);
      return createHash('sha256').update(tables.sort().join()).digest('hex').slice(0, 16);
    },
    emit,
  });
};

const valuesOf = async (ask: Ask, dimension: string, context: SearchContext): Promise<readonly string[]> => {
  const { caller, signal } = context;
  const answer = await ask.query({ dimensions: [dimension] }, caller, {
    surface: 'search',
    requestId: randomUUID(),
    limits: { rows: MOST_VALUES },
    ...(signal ? { signal } : {}),
  });
  const values: string[] = [];
  for await (const batch of answer.rows)
    for (const value of batch.columns[0] ?? []) if (typeof value === 'string' && value !== '') values.push(value);
  return values;
};
