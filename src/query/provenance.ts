import type { Column } from './types.js';

/** Why a rollup candidate serves or not; the list is closed. */
export const MISS_REASONS = [
  'member-missing',
  'granularity-too-coarse',
  'filter-not-covered',
  'policy-filter-not-covered',
  'not-additive-at-this-grain',
  'time-zone-differs',
  'range-not-covered',
  'partition-not-built',
  'stale-not-allowed',
  'proof-failed',
] as const;
export type MissReason = (typeof MISS_REASONS)[number];

/** One rollup that was considered. `members` are those that the reason is about. */
export interface Candidate {
  readonly rollup: string;
  readonly verdict: 'used' | 'not-needed' | MissReason;
  readonly members: readonly string[];
  readonly detail?: string;
  /** Of a query with several parts (totals, comparisons, filtered measures): the part that it was considered for. */
  readonly part?: string;
}

/** A table's contents at one publication. Postgres: publish number; Delta: table version. `external` tables have none. */
export interface TableVersion {
  readonly table: string;
  readonly version: string;
}

/** What an answer was made from. */
export interface Provenance {
  readonly requestId: string;
  readonly plan: 'rollup' | 'source' | 'composed';
  /** Where rows were read: `postgres`, `lake` or `rollup`. */
  readonly source: 'postgres' | 'lake' | 'rollup';
  readonly rollups: readonly { readonly rollup: string; readonly partition: string; readonly version: string }[];
  readonly tables: readonly TableVersion[];
  readonly modelVersion: string;
  readonly policies: readonly string[];
  /** How far a rollup is behind its tables; empty when current. */
  readonly stale: readonly { readonly rollup: string; readonly builtFrom: string; readonly now: string }[];
  readonly rows: number;
  /** Rows without `limit` and `offset`, where the query asks for their number; undefined until the last row was read. */
  readonly total?: number;
  readonly cached: boolean;
  /** Milliseconds by station. */
  readonly timings: Readonly<Record<string, number>>;
}

/** One statement that a plan would run. */
export interface ExplainedStatement {
  readonly engine: string;
  readonly sql: string;
  readonly parameters: readonly (string | number | boolean | null)[];
}

/** A table, partition or file group that a plan reads: rows and bytes before any condition, by statistics. */
export interface EstimatedRead {
  readonly name: string;
  readonly rows: number;
  /** Undefined where the engine does not say. */
  readonly bytes?: number;
}

/** What a plan reads in all. Numbers of statistics, not counts: a table that nobody has analysed has no rows in them. */
export interface Estimate {
  readonly rows: number;
  readonly bytes?: number;
  readonly reads: readonly EstimatedRead[];
}

/** What `explain` tells. Statements are there only for roles that may see them. */
export interface Explanation {
  readonly plan: Provenance['plan'];
  readonly source: Provenance['source'];
  readonly columns: readonly Column[];
  readonly candidates: readonly Candidate[];
  readonly tables: readonly TableVersion[];
  readonly policies: readonly string[];
  readonly modelVersion: string;
  readonly statements?: readonly ExplainedStatement[];
  /** What it would read; for roles that may see statements. */
  readonly estimate?: Estimate;
  /** Set where a definition was given to be tried. */
  readonly hypothetical?: HypotheticalVerdict;
}

/** What a rollup that is not in the model would do for a query, once it was built. */
export interface HypotheticalVerdict {
  readonly rollup: string;
  /** With it, every part of the query finds a rollup: itself, or one of the model that is built. */
  readonly serves: boolean;
  /** Its verdict for each part: `used`, or why not. */
  readonly candidates: readonly Candidate[];
}
