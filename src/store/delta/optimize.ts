import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { EngineOptions, ParquetEngine } from './parquet-engine.js';
import type { DeltaTable, PartitionValues } from './types.js';

/** How a table's files are to be laid out anew. */
export interface Optimize extends EngineOptions {
  /** The session that rows are read and written in; default the table's. */
  readonly engine?: ParquetEngine;
  /** Its id in the table's history, and the name of its folder. The same id twice does nothing more. */
  readonly txnId: string;
  /** Bytes that a file should have. Default 256 MiB. Files at or above it are left alone when nothing is ordered. */
  readonly targetBytes?: number;
  /** Columns by which near values come to lie together (Z-order). Without any, small files are only put together. */
  readonly zorderBy?: readonly string[];
  /** Looks at these partitions only. */
  readonly where?: (partition: PartitionValues) => boolean;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
}

/** What came of it. `version` is undefined when there was nothing to do. */
export interface Optimized {
  readonly version: number | undefined;
  readonly partitions: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly rows: number;
}

/**
 * Puts small files of a partition together, or orders its rows, in one commit that changes no row: count and hash of the rows are
 * compared before it. Writers that only add do not conflict.
 * Errors: `delta-conflict`, `delta-unsupported`, `delta-schema` (a column to order by that is none), those of `writeParquet`.
 */
export const optimizeTable = async (table: DeltaTable, _options: Optimize): Promise<Optimized> => {
  throw error('delta-unsupported', { table: table.path, feature: 'optimize' });
};
