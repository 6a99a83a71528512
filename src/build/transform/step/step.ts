import type { Emit } from '../../../query/index.js';
import type { AddFile, ParquetEngine, Snapshot } from '../../../store/delta/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import type { CheckResultRow } from '../../../store/state/index.js';
import type { DialectName, MetricType, Transform } from '../files/definition.js';
import type { Seed } from '../files/seeds.js';
import type { SparkReadable } from './spark-input.js';
import type { Spark } from './spark-sessions.js';

/** Key of a whole table in the ledger; partitions have keys such as `2010-12-01`. */
export const WHOLE = '*';

/** A table as each engine can read it: a relation, to be put after FROM. `postgres` is there where the table has that target. */
export interface Readable {
  readonly duckdb: string;
  readonly postgres: string | undefined;
  /** Without it Spark cannot read the table, and nobody knows why. */
  readonly spark?: SparkReadable | undefined;
  /** The Delta files behind it, to find the damaged one when reading fails. */
  readonly held?: { readonly snapshot: Snapshot; readonly adds: readonly AddFile[] } | undefined;
}

/** Rows of an earlier version: a relation of DuckDB, and the contract's columns that it has. The others are null. */
export interface Taken {
  readonly relation: string;
  readonly columns: ReadonlySet<string>;
}

/** One computation: some partitions of one table, or the whole of it. */
export interface StepOrder {
  /** Letters, digits and dashes; names folders and stage tables. The same id again starts anew. */
  readonly stepId: string;
  readonly transform: Transform;
  /** The engine that the router chose. */
  readonly engine: DialectName;
  /** Keys without a gap between them, in order; undefined: the whole table. */
  readonly partitions: readonly string[] | undefined;
  /** Id of every referenced table, name of every source to what it is now, staged rows of this run included. */
  readonly inputs: ReadonlyMap<string, Readable>;
  /** The table itself as it is published: `{{this}}` of scd2 and incremental_by_key; undefined before the first time. */
  readonly existing: Readable | undefined;
  /** Rows that are taken over as they are, instead of those that the SELECT would give. */
  readonly taken?: Taken | undefined;
  readonly seeds: readonly Seed[];
  readonly pseudonymKey: string;
  /** Rows that `{{checks}}` holds, for kind history. */
  readonly checks: AsyncIterable<readonly CheckResultRow[]> | undefined;
  /** `{{run.ts}}`, the same for a whole run: microseconds since 1970 UTC. */
  readonly at: bigint;
  /** Summaries of partitions that are published, oldest first: what drift is measured against. Without them there is no drift. */
  readonly past?: readonly PartitionSummary[];
  readonly signal: AbortSignal | undefined;
}

/** What one partition looked like, to tell when the next ones look otherwise. Plain JSON. */
export interface PartitionSummary {
  readonly partition: string;
  readonly rows: number;
  /** Column to its share of nulls and, for numbers, its mean (null without a value). For comparing only: not exact. */
  readonly columns: Readonly<Record<string, { readonly nulls: number; readonly mean?: number | null }>>;
}

export interface StepParts {
  /** A DuckDB session of the step's own, in UTC; nothing is left in it. */
  readonly engine: ParquetEngine;
  readonly warehouse: Warehouse;
  /** The Delta table that the files are made for. */
  readonly snapshot: Snapshot;
  /** Folder for files on the way between engines. */
  readonly tmp: string;
  /** Undefined: no Spark server is configured. */
  readonly spark?: Spark | undefined;
  /** How far a statement on Spark is. */
  readonly emit?: Emit | undefined;
}

/** What became of one partition (or `*`), before anyone can see it. */
export interface StagedPartition {
  readonly rows: number;
  readonly bytes: number;
  /** The same rows in any order and in any files have the same hash. */
  readonly contentHash: string;
  readonly results: readonly CheckResultRow[];
  /** Millionths of 100; undefined: no check looked at a row. */
  readonly scoreMillionths: bigint | undefined;
  /** Weight of the checks that looked at something, of the weight of all: millionths. */
  readonly coverageMillionths: bigint;
  /** The score of each dimension of quality that a check looked at. */
  readonly dimensions: ReadonlyMap<MetricType, bigint>;
  readonly summary: PartitionSummary;
  /** Why it must not be published. */
  readonly refused: Refusal | undefined;
}

export interface Refusal {
  readonly check: string;
  readonly failed: string;
  readonly evaluated: string;
}

/** Keys of rows that failed a check, capped and masked. */
export interface FailingKeys {
  readonly check: string;
  readonly partition: string;
  /** Canonical key text of each; columns marked as pii are masked. */
  readonly keys: readonly string[];
}

/** The rows of one step as Parquet files that nobody sees yet. */
export interface StagedStep {
  readonly stepId: string;
  readonly adds: readonly AddFile[];
  /** Every partition of the order, those that got no rows too. */
  readonly partitions: ReadonlyMap<string, StagedPartition>;
  readonly failing: readonly FailingKeys[];
  readonly engine: DialectName;
  readonly rows: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

/** What the checks of a whole table came to, once all its steps are made. */
export interface TableAudit {
  /** The changed partitions, each with its checks of rows and of the table together: the last word on each. */
  readonly partitions: ReadonlyMap<string, StagedPartition>;
  /** Results of checks that speak of the table and of no partition. They are in no partition's results. */
  readonly results: readonly CheckResultRow[];
  /** Why nothing of the table may be published: a check of the table failed, or rows of partitions that did not change. */
  readonly refused: Refusal | undefined;
  readonly failing: readonly FailingKeys[];
}

/** What an engine says of a step that it has not run. */
export interface DryRun {
  readonly engine: DialectName;
  readonly ok: boolean;
  /** Names and types, never data. */
  readonly problem?: string;
}
