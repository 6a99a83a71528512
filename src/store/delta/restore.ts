import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Committed } from './commit.js';
import type { DeltaTable } from './types.js';

export interface Restore {
  /** The version whose rows and columns come back, or a time: the newest version that was there then (milliseconds since 1970). */
  readonly to: { readonly version: number } | { readonly timestamp: number };
  readonly txnId: string;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

/** `restored`: the version that came back. */
export interface RestoredTable extends Committed {
  readonly restored: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

/**
 * A new version with the files, columns and properties of an earlier one. Nothing is written when one of its files is gone.
 * Errors: `delta-schema` (no such version), `delta-corrupt` (a file of it is gone), `delta-conflict`, `delta-unsupported`.
 */
export const restoreTable = async (table: DeltaTable, _given: Restore): Promise<RestoredTable> => {
  throw error('delta-unsupported', { table: table.path, feature: 'restore' });
};
