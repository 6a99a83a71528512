/** One document as an engine keeps it: words and trigrams are cut by us, so that every engine meets the same ones. No text is kept. */
export interface EngineRecord {
  /** `<part>_<place in the part>`. */
  readonly id: string;
  readonly part: string;
  readonly words: readonly string[];
  readonly grams: readonly string[];
  readonly vector: Float32Array | undefined;
}

/** One word of a question: the words that stand for it, and how telling it is. */
export interface EngineWord {
  readonly terms: readonly string[];
  readonly weight: number;
}

export interface EngineQuestion {
  readonly words: readonly EngineWord[];
  readonly grams: readonly string[];
  /** Unit vector; undefined: meaning is not compared. */
  readonly vector: Float32Array | undefined;
  /** Documents that each signal gives at most. */
  readonly most: number;
}

export interface EngineFound {
  readonly ids: ReadonlySet<string>;
  /** Cosine of the documents nearest to the vector. */
  readonly near: ReadonlyMap<string, number>;
  /** Documents of the asked parts that the engine holds now: fewer than we gave it, and its answer is worth nothing. */
  readonly documents: number;
}

/** A size of vectors has a collection of its own; undefined is that of words alone. */
export type Dims = number | undefined;

/**
 * A search engine as a keeper of postings and vectors. Documents lie in parts that are named by their content, so putting is idempotent,
 * a stopped import goes on, and no part ever changes. It is asked for parts by name and gives ids: nothing that it says reaches a caller.
 * Errors of all: `search-unavailable`.
 */
export interface SearchEngine {
  readonly name: 'typesense' | 'elasticsearch' | 'duckdb';
  /** What a person would change: the setting's name. */
  readonly setting: string;
  /** Reachable, the key is good, and of a version that we speak to. */
  check(signal?: AbortSignal): Promise<void>;
  /** Makes the collection where it is not there. */
  prepare(dims: Dims, signal?: AbortSignal): Promise<void>;
  /** Documents of each part; parts of which it holds none may be left out. */
  counts(dims: Dims, parts: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** Adds records, or replaces those of the same id; once it is back they are found. */
  put(dims: Dims, records: readonly EngineRecord[], signal?: AbortSignal): Promise<void>;
  drop(dims: Dims, parts: readonly string[], signal?: AbortSignal): Promise<void>;
  find(dims: Dims, parts: readonly string[], question: EngineQuestion, signal?: AbortSignal): Promise<EngineFound>;
  close(): Promise<void>;
}

/** Name of a collection; the number is the form of its records. */
export const collectionOf = (dims: Dims): string => `assay_search_1_${dims === undefined ? 'words' : dims}`;
