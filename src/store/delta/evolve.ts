import { error } from '../../errors/index.js';
import type { DeltaSchema, DeltaTable, Snapshot } from './types.js';

/** A change of what a table is, not of its rows: a commit of its own, which conflicts with every writer that is at work. */
export interface Alter {
  readonly txnId: string;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly signal?: AbortSignal;
}

/**
 * Gives a table the columns that a schema has beyond its own, in nested types too; they are null in rows that are there. Columns of
 * the table that the schema lacks stay. Nothing is committed when there is nothing new. Gives the snapshot after it.
 * Errors: `delta-schema` (a new column that is NOT NULL, another type of an old one), `delta-conflict`, `delta-unsupported`.
 */
export const evolveTable = async (table: DeltaTable, _schema: DeltaSchema, _alter: Alter): Promise<Snapshot> => {
  throw error('delta-unsupported', { table: table.path, feature: 'evolution' });
};
