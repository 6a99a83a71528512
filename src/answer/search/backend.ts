import type { Document } from './documents.js';
import type { RelatedWords } from './related-words.js';
import type { Senses } from './token-vectors.js';
import type { VectorStore } from './vector-store.js';

/** What is searched: all that one caller may find. A corpus of one key holds the same documents everywhere. */
export interface Corpus {
  /** Kind and rights: `members-<visibility>`, `values-<visibility>-<rights>`. Another version of it replaces the older one. */
  readonly slot: string;
  /** Model, data and embedder. */
  readonly version: string;
  readonly documents: readonly Document[];
  /** Meaning: undefined, words and spelling only. */
  readonly vectors: VectorStore | undefined;
  /** Related words are looked up; undefined where documents are values and not descriptions. */
  readonly related?: RelatedWords | undefined;
  /** What words mean, one by one; undefined where documents are values. */
  readonly senses?: Senses | undefined;
}

/** One document that may answer a question, with what each signal says of it. `dense` is undefined where none was computed. */
export interface Candidate {
  readonly id: string;
  /** Words in common, 1 for all of them in the best place. */
  readonly words: number;
  /** Spelling in common, 0 to 1. */
  readonly grams: number;
  /** Words that are related; of no fixed size. */
  readonly related: number;
  readonly dense: number | undefined;
  /** Likeness of what its words mean, -1 to 1; undefined where it was not compared. */
  readonly sense?: number | undefined;
  readonly why: readonly string[];
}

export interface SearchIndex {
  /** True when documents have vectors. */
  readonly semantic: boolean;
  /** Documents that may answer, in no order, at most some hundreds: what each signal ranks first. */
  candidates(question: string, signal?: AbortSignal): Promise<readonly Candidate[]>;
  /** Frees what it holds; where another took its place (`replaced`), also what an engine keeps of it and no other index uses. */
  close(replaced?: boolean): Promise<void>;
}

/** Where indexes live. An engine gives candidates only: rights, fusion and reasons are ours, so that all rank alike. */
export interface SearchBackend {
  readonly name: 'embedded' | 'typesense' | 'elasticsearch' | 'duckdb';
  /** Whether it can be used now. Errors: `search-unavailable`. */
  check(signal?: AbortSignal): Promise<void>;
  open(corpus: Corpus, signal?: AbortSignal): Promise<SearchIndex>;
  close(): Promise<void>;
}

/** Candidates of each signal. */
export const MOST_CANDIDATES = 200;
