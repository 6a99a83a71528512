import { error } from '../../../errors/index.js';
import type { PostgresChange, PostgresMoved, PostgresParts } from './target.js';

/**
 * Brings a table's copy in PostgreSQL to the published rows, inside the publishing transaction; the table is made where it is
 * missing. Partitioned: the ranges of the changed partitions are deleted and their rows copied. Not partitioned, with a key: only
 * rows that differ move. Else all rows are replaced. Takes no lock that a reader feels on a table that exists.
 * Errors: `engine-failed`, `disk-full`, `cancelled`.
 */
export const applyChange = async (_parts: PostgresParts, _change: PostgresChange): Promise<PostgresMoved> => {
  throw error('internal', {});
};
