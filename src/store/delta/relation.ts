import { error } from '../../errors/index.js';
import type { AddFile, Snapshot } from './types.js';

/**
 * The snapshot as a relation of DuckDB: a parenthesised SELECT with the schema's columns in its order, each of its exact type.
 * An empty table gives no rows of the right types. Needs a session in UTC.
 */
export const relation = (_snapshot: Snapshot): string => {
  throw error('internal', {});
};

/** The same over given files of the table, such as staged ones that are to be checked before anyone can see them. */
export const relationOf = (_snapshot: Snapshot, _adds: readonly AddFile[]): string => {
  throw error('internal', {});
};
