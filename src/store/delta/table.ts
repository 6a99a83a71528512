import { error } from '../../errors/index.js';
import type { DataType } from '../../query/index.js';
import type { DeltaSchema, DeltaTable, Snapshot } from './types.js';

export interface TableColumn {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface CreateTable {
  readonly columns: readonly TableColumn[];
  readonly partitionColumns: readonly string[];
  /** Name to an SQL condition that every row meets (`delta.constraints.<name>`); makes the table of protocol (1,3). */
  readonly constraints?: Readonly<Record<string, string>>;
  readonly configuration?: Readonly<Record<string, string>>;
  readonly description?: string;
  readonly txnId?: string;
}

/** A table by its folder; nothing is read. */
export const tableAt = (_path: string): DeltaTable => {
  throw error('internal', {});
};

/** The table's snapshot, the newest or of a version; undefined when the folder holds no table. Errors: `delta-corrupt`, `delta-unsupported`. */
export const openTable = async (_path: string, _version?: number): Promise<Snapshot | undefined> => {
  throw error('internal', {});
};

/**
 * Opens the table, or makes it with version 0. Two that create at once get the same table.
 * Errors: `delta-schema` when there is one of other columns.
 */
export const createTable = async (_path: string, _definition: CreateTable): Promise<Snapshot> => {
  throw error('internal', {});
};

/** Our column types as Delta writes them. */
export const schemaOf = (_columns: readonly TableColumn[]): DeltaSchema => {
  throw error('internal', {});
};
