import type { DataType } from '../../../query/index.js';
import type { Place } from './yaml-reader.js';

/** A column of a table's contract. */
export interface ContractColumn {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly unit?: string;
  readonly pii: 'none' | 'pseudonymous' | 'direct';
  readonly description?: string;
}

export const SEVERITIES = ['critical', 'error', 'warn', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];
export const METRIC_TYPES = ['completeness', 'uniqueness', 'validity', 'consistency', 'timeliness', 'volume'] as const;
export type MetricType = (typeof METRIC_TYPES)[number];

/** What a check asks. `sql` gives one row with `evaluated` and `failed`; its text holds references like a transform's. */
export type Question =
  | { readonly type: 'not_null' }
  | { readonly type: 'unique' }
  | { readonly type: 'accepted_values'; readonly values: readonly string[] }
  | { readonly type: 'relationship'; readonly to: string; readonly field: string }
  | { readonly type: 'expression'; readonly expression: string }
  | { readonly type: 'sql'; readonly sql: string }
  /** The newest row is at most so many hours older than the run. */
  | { readonly type: 'freshness'; readonly hours: number };

export interface Check {
  readonly name: string;
  readonly columns: readonly string[];
  readonly question: Question;
  readonly severity: Severity;
  readonly metric: MetricType;
  /** Share of failed rows that is still accepted, in millionths. */
  readonly toleranceMillionths: bigint;
  readonly place: Place;
}

/**
 * How a table is made: `full` from scratch (`seed` too, from a reference file); `view` is not stored; `incremental_by_partition`
 * partition by partition; `incremental_by_key` by rows that replace those of the same key; `scd2` keeps every version of a row;
 * `history` collects check results.
 */
export const KINDS = [
  'full',
  'view',
  'incremental_by_partition',
  'incremental_by_key',
  'scd2',
  'seed',
  'history',
] as const;
export type Kind = (typeof KINDS)[number];

export const UNITS = ['hour', 'day', 'month', 'year'] as const;
export type Unit = (typeof UNITS)[number];

/**
 * How a table is cut into partitions. A partition's key is text in UTC: `2010-12-01T08` (hour), `2010-12-01`, `2010-12`, `2010`.
 * The column holds it as a date (first day of the unit) or as an integer (20101201, 201012, 2010), or as a timestamp (unit hour).
 */
export interface Partition {
  readonly column: string;
  readonly unit: Unit;
  /** Key of the first partition that is ever made; undefined: the first that the inputs hold. */
  readonly start: string | undefined;
  /** Partitions before a changed one that must be made again with it is 0; N: those up to N units after it read it, too. */
  readonly lookback: number;
  /** Most partitions in one statement; undefined: as many as fit. */
  readonly maxBatch: number | undefined;
  /** Managed input to the column of it that says the same time: a change of its partition touches this table's same partition. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Source to an expression over one of its rows that gives the date or timestamp by which the row belongs to a partition. */
  readonly sources: ReadonlyMap<string, string>;
}

/** A fact's look-up in a dimension as of event time. `key`, `asOf` and `into` are as the declaration names them. */
export interface Lookup {
  readonly dimension: string;
  /** Natural key column, the same name in the dimension and in the input that drives the fact (`input`). */
  readonly key: string;
  readonly asOf: string;
  /** The fact's column that holds the dimension's surrogate key. */
  readonly into: string;
  /** The partitioned input whose rows are looked up; default the only input of `partition.inputs`. */
  readonly input: string | undefined;
}

export const DIALECTS = ['duckdb', 'postgres', 'spark'] as const;
export type DialectName = (typeof DIALECTS)[number];

export interface EngineChoice {
  readonly allow: readonly DialectName[];
  readonly prefer: DialectName | 'auto';
  /** The dialect that the file itself is written in. */
  readonly dialect: DialectName;
}

/** A body for one engine: `<table>.v<N>.<engine>.sql`, without front matter. */
export interface Body {
  readonly file: string;
  readonly text: string;
  readonly line: number;
}

/**
 * `history: true`: the SELECT gives (key, asOf, tracked...) rows of all time, and equal neighbours are merged. Otherwise it gives
 * the present state of every key; `updatedAt` names its time of change, without it the run's time is taken.
 */
export interface Scd2 {
  readonly key: readonly string[];
  readonly track: readonly string[];
  readonly history: boolean;
  /** With `history`: the SELECT's column that says from when on a row holds; it is the column `validFrom`. */
  readonly updatedAt: string | undefined;
  readonly deletes: 'ignore' | 'close' | 'tombstone';
  /** With `deletes: tombstone`: the boolean column that marks a row as deleted. */
  readonly deleted: string | undefined;
  readonly validFrom: string;
  readonly validTo: string;
  readonly current: string | undefined;
  readonly version: string | undefined;
}

/** What may become of a table's contract. */
export interface ContractRules {
  /** `enforce`: a plan that goes against these rules is blocked; `warn`: it is told and goes on. */
  readonly mode: 'enforce' | 'warn';
  readonly onAdditive: 'allow' | 'require_new_version';
  readonly onBreaking: 'allow' | 'require_new_version';
}

/** One file of `transforms/sql`, read and checked. */
export interface Transform {
  /** `gold.fact_sales`. */
  readonly name: string;
  /** What references and readers call it: the name for the highest version, `gold.fact_sales_v1` for one that is kept beside it. */
  readonly id: string;
  readonly layer: string;
  readonly table: string;
  readonly version: number;
  readonly file: string;
  readonly kind: Kind;
  /** Says how the contract may change; the contract itself is `columns`. */
  readonly contract: ContractRules;
  readonly role: 'fact' | 'dimension';
  readonly description: string;
  readonly synthetic: boolean;
  readonly owner: string;
  readonly targets: ReadonlySet<'delta' | 'postgres'>;
  readonly columns: readonly ContractColumn[];
  readonly natural: readonly string[];
  readonly surrogate: string | undefined;
  readonly partition: Partition | undefined;
  readonly lookups: readonly Lookup[];
  readonly engine: EngineChoice;
  /** Bodies written for other engines than `engine.dialect`. */
  readonly overrides: ReadonlyMap<DialectName, Body>;
  /** The version that this one takes the place of, and the last day (UTC, `2027-03-01`) on which that is served. */
  readonly deprecates: number | undefined;
  readonly sunset: string | undefined;
  /** New rows only: a changed SELECT is accepted for partitions made from now on; what is there stays as it was. */
  readonly forwardOnly: boolean;
  /** Hours that the newest data may be old. */
  readonly freshnessHours: number | undefined;
  readonly clusterBy: readonly string[];
  readonly indexes: readonly (readonly string[])[];
  readonly targetFileMb: number;
  readonly scd2: Scd2 | undefined;
  /** `{{secret.pseudonyms}}` holds pseudonyms of these ids. */
  readonly pseudonyms: { readonly of: string; readonly column: string } | undefined;
  readonly checks: readonly Check[];
  /** Least score that may be published, in millionths of 100. */
  readonly minScoreMillionths: bigint | undefined;
  /** The SELECT as written, references unresolved, and the line it begins at. */
  readonly body: string;
  readonly bodyLine: number;
  /** The whole file. */
  readonly text: string;
}
