import { error } from '../../../errors/index.js';
import type { Tx } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';

/**
 * Makes a model version's table where it is missing: partitioned when the transform is, each leaf coarser than the transform's own
 * unit (hour: days, day: months, month and year: years). Indexes come with the first rows (`applyChange`). Gives whether it is new.
 * Errors: `engine-failed`.
 */
export const ensureTable = async (_tx: Tx, _transform: Transform, _table: string): Promise<boolean> => {
  throw error('internal', {});
};

/** `reason` says who still uses a table that could not be dropped. */
export type Dropped = { readonly dropped: true } | { readonly dropped: false; readonly reason: string };

/**
 * Drops a physical table that nothing stands on and nobody reads now. Declared keys that point at it go first; a view or a reader
 * in the way is no error, it is named. An absent table is dropped already. Errors: `engine-failed`.
 */
export const dropPhysical = async (_tx: Tx, _table: string): Promise<Dropped> => {
  throw error('internal', {});
};
