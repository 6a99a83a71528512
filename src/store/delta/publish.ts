import { error } from '../../errors/index.js';
import type { Committed } from './commit.js';
import type { ParquetEngine } from './parquet-engine.js';
import type { PartitionValues, Snapshot } from './types.js';
import type { Staged } from './write-parquet.js';

export interface Publish {
  /** The snapshot that the rows were made from. */
  readonly snapshot: Snapshot;
  readonly staged: Staged;
  readonly txnId: string;
  /** Given: a checkpoint is written when one is due. */
  readonly engine?: ParquetEngine;
  readonly now?: number;
}

/** Adds the staged files to the table. */
export const appendFiles = async (_publish: Publish): Promise<Committed> => {
  throw error('internal', {});
};

/** The staged files become the table's whole contents. */
export const overwriteTable = async (_publish: Publish): Promise<Committed> => {
  throw error('internal', {});
};

/**
 * The staged files become the contents of these partitions (those of the staged files when not given; a partition that is given
 * and has no staged file becomes empty). Writers of other partitions do not conflict.
 */
export const overwritePartitions = async (
  _publish: Publish & { readonly partitions?: readonly PartitionValues[] },
): Promise<Committed> => {
  throw error('internal', {});
};
