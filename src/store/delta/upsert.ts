import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Committed } from './commit.js';
import type { EngineOptions, ParquetEngine } from './parquet-engine.js';
import type { Snapshot } from './types.js';

export interface Upsert extends EngineOptions {
  readonly snapshot: Snapshot;
  /** The session that the SELECT runs in; default the table's. */
  readonly engine?: ParquetEngine;
  /** Gives every column of the schema by name, each key once. */
  readonly select: string;
  /** Columns that name a row. Best with the partition columns among them: then only those partitions are read. */
  readonly key: readonly string[];
  /** Files go to `d/<stepId>/`. */
  readonly stepId: string;
  readonly txnId: string;
  /** About the megabytes of a file where the table is not partitioned. Default: one file. */
  readonly targetFileMb?: number;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
}

/** Rows that came new, that replaced another, and that stood there already just so; files that were looked into and replaced. */
export interface Upserted extends Committed {
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly filesRead: number;
  readonly filesReplaced: number;
}

/**
 * Rows whose key is there replace the row there, others are added, by copy on write: only files that hold a row which changes are
 * written anew. Errors: `delta-constraint` (a key twice or null), `delta-conflict`, `delta-unsupported`, those of `writeParquet`.
 */
export const upsertRows = async (given: Upsert): Promise<Upserted> => {
  throw error('delta-unsupported', { table: given.snapshot.table.path, feature: 'upsert' });
};
