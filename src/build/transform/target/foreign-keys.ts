import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';

/** A table whose keys are declared, and what other tables' keys point at. */
export interface KeyedTable {
  readonly transform: Transform;
  /** Physical, quoted. */
  readonly table: string;
}

/**
 * Declares the keys that relationship checks have proven (NOT ENFORCED, server 18 and later), so that tools see the star; those that
 * are there stay. For after a publication: each table in a short transaction of its own that gives way to others, so a key that
 * could not be declared now is declared next time. Gives how many were declared. Errors: `postgres-unavailable`.
 */
export const declareForeignKeys = async (
  _warehouse: Warehouse,
  _tables: readonly KeyedTable[],
  _emit: Emit,
): Promise<number> => {
  throw error('internal', {});
};
