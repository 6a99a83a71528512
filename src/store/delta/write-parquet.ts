import { error } from '../../errors/index.js';
import type { EngineOptions, ParquetEngine } from './parquet-engine.js';
import type { AddFile, Snapshot } from './types.js';

export interface WriteParquet extends EngineOptions {
  readonly engine: ParquetEngine;
  /** The table written for: its schema gives names and types, its partition columns the files. */
  readonly snapshot: Snapshot;
  /** A SELECT in DuckDB's dialect that gives every column of the schema by name; each is cast to its exact type. */
  readonly select: string;
  /** Rows are sorted by these columns within each file. */
  readonly sortBy: readonly string[];
  /** Files go to `d/<stepId>/`; what an interrupted run left there is removed first. */
  readonly stepId: string;
}

/** Written, not yet visible: `commit` with these adds makes it so. */
export interface Staged {
  readonly adds: readonly AddFile[];
  readonly rows: number;
  readonly bytes: number;
}

/** Writes a SELECT's rows as Parquet files under the table's folder, durably. Errors: `engine-failed`, `disk-full`, `cancelled`. */
export const writeParquet = async (_write: WriteParquet): Promise<Staged> => {
  throw error('internal', {});
};
