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
  | { readonly type: 'sql'; readonly sql: string };

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

/** How a table is made: `full` from scratch; `scd2` is full with the whole history in the rows; `history` collects check results. */
export const KINDS = ['full', 'scd2', 'history'] as const;
export type Kind = (typeof KINDS)[number];

export interface Scd2 {
  readonly key: string;
  readonly track: readonly string[];
  readonly validFrom: string;
  readonly validTo: string;
  readonly current: string;
  readonly version: string;
}

/** One file of `transforms/sql`, read and checked. */
export interface Transform {
  /** `gold.fact_sales`. */
  readonly name: string;
  readonly layer: string;
  readonly table: string;
  readonly version: number;
  readonly file: string;
  readonly kind: Kind;
  readonly role: 'fact' | 'dimension';
  readonly description: string;
  readonly synthetic: boolean;
  readonly owner: string;
  readonly targets: ReadonlySet<'delta' | 'postgres'>;
  readonly columns: readonly ContractColumn[];
  readonly natural: readonly string[];
  readonly surrogate: string | undefined;
  readonly partition: string | undefined;
  readonly clusterBy: readonly string[];
  readonly indexes: readonly (readonly string[])[];
  readonly scd2: Scd2 | undefined;
  /** `{{secret.pseudonyms}}` holds pseudonyms of these ids. */
  readonly pseudonyms: { readonly of: string; readonly column: string } | undefined;
  readonly checks: readonly Check[];
  /** Least score that may be published, in millionths of 100. */
  readonly minScoreMillionths: bigint | undefined;
  /** The SELECT as written, references unresolved, and the line it begins at. */
  readonly body: string;
  readonly bodyLine: number;
}
