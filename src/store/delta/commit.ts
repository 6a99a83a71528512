import { error } from '../../errors/index.js';
import type { AddFile, DeltaTable, Metadata, PartitionValues } from './types.js';

/** What a change has read, which decides what another writer may do at the same time. */
export type Reads = 'nothing' | 'table' | { readonly partitions: readonly PartitionValues[] };

/** One commit to be. */
export interface Change {
  /** The version that the change was made from. */
  readonly readVersion: number;
  readonly adds: readonly AddFile[];
  readonly removes: readonly AddFile[];
  readonly reads: Reads;
  /** Our step or batch id; `findCommit` finds the commit by it after a crash. */
  readonly txnId: string;
  /** `WRITE`, `CREATE TABLE`, `OPTIMIZE`, ... and its parameters, for the table's history. */
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** A new schema or configuration; conflicts with every other writer. */
  readonly metadata?: Metadata;
  /** False for work that moves rows without changing them. Default true. */
  readonly dataChange?: boolean;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
}

/** The version that holds the change. `already`: it was there before, committed under the same `txnId`. */
export interface Committed {
  readonly version: number;
  readonly already: boolean;
}

/**
 * Writes one version, put-if-absent. Where other writers were faster, their commits are checked against `reads` and `removes` and
 * the next version is tried. Errors: `delta-conflict`, `delta-corrupt`, `disk-full`.
 */
export const commit = async (_table: DeltaTable, _change: Change): Promise<Committed> => {
  throw error('internal', {});
};

/** The version after `since` that was committed under this id, or undefined. */
export const findCommit = async (_table: DeltaTable, _txnId: string, _since: number): Promise<number | undefined> => {
  throw error('internal', {});
};
