import { error } from '../../errors/index.js';
import type { EngineOptions, ParquetEngine } from './parquet-engine.js';
import type { Snapshot } from './types.js';
import type { Staged } from './write-parquet.js';

export interface AdoptFolder extends EngineOptions {
  /** Reads the footers; default the table's engine. */
  readonly engine?: ParquetEngine;
  /** The table that the files are for: its schema and its partition columns. */
  readonly snapshot: Snapshot;
  /** Below the table's folder, such as `d/<stepId>`: Parquet files, in folders `column=value` for partition columns. */
  readonly folder: string;
  /** False leaves NOT NULL and CHECK to a caller who audits the files itself. Default true. */
  readonly verify?: boolean;
}

/**
 * Takes what another program (Spark) wrote below the table's folder: lists the files, checks that their columns are the schema's,
 * reads partition values from the names of folders and statistics from the footers, makes all durable. `commit` makes it visible.
 * Errors: `delta-schema`, `delta-constraint`, `delta-corrupt`, `lake-unusable`, `engine-failed`, `cancelled`.
 */
export const addsOfFolder = async (adopt: AdoptFolder): Promise<Staged> => {
  throw error('lake-unusable', { path: adopt.folder, why: 'files of others are not taken yet' });
};
