import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { AssayError, error } from '../../errors/index.js';
import { commit } from './commit.js';
import { type DeltaFiles, localFiles } from './files.js';
import type { ParquetEngine } from './parquet-engine.js';
import { decodePath } from './paths.js';
import { isAddress } from './s3/address.js';
import { mountedFiles } from './s3/mount.js';
import { schemaOf, schemaText } from './schema.js';
import { takeSnapshot } from './snapshot.js';
import type { AddFile, DeltaTable, Metadata, Snapshot, TableColumn } from './types.js';

export interface CreateTable {
  readonly columns: readonly TableColumn[];
  readonly partitionColumns: readonly string[];
  /** Name to an SQL condition that every row meets (`delta.constraints.<name>`); makes the table of protocol (1,3). */
  readonly constraints?: Readonly<Record<string, string>>;
  readonly configuration?: Readonly<Record<string, string>>;
  readonly description?: string;
  /** Default: a new id. */
  readonly txnId?: string;
}

/** The files of a folder, or of an address in a bucket (`s3://bucket/prefix`) that is mounted. Errors: `lake-unusable`. */
export const filesAt = (path: string): DeltaFiles => (isAddress(path) ? mountedFiles(path) : localFiles(resolve(path)));

/** A table by its folder or address; nothing is read. Errors: `lake-unusable`. */
export const tableAt = (path: string, engine: ParquetEngine): DeltaTable => {
  const files = filesAt(path);
  return { path: files.name('.'), files, engine };
};

/** Where a live file is, below the table's folder. Errors: `delta-corrupt`, `delta-unsupported`. */
export const fileOf = (table: DeltaTable, add: AddFile): string => decodePath(add.path, table.path, table.path);

/**
 * The table's snapshot, the newest or of a version; undefined when the folder holds no table or no such version.
 * Errors: `delta-corrupt`, `delta-unsupported`, `lake-unusable`.
 */
export const openTable = (path: string, engine: ParquetEngine, version?: number): Promise<Snapshot | undefined> =>
  takeSnapshot(tableAt(path, engine), version);

const sameShape = (snapshot: Snapshot, wanted: string, definition: CreateTable) => {
  const found = schemaText(snapshot.schema);
  if (found !== wanted)
    throw error('delta-schema', { table: snapshot.table.path, what: `it has ${found}, ${wanted} was asked for` });
  const [a, b] = [snapshot.metadata.partitionColumns, definition.partitionColumns].map((c) => c.join(', '));
  if (a !== b)
    throw error('delta-schema', { table: snapshot.table.path, what: `it is partitioned by (${a}), not by (${b})` });
  return snapshot;
};

/** What cannot be a table of ours, said before anything is written. */
const checkDefinition = (path: string, definition: CreateTable): void => {
  const names = definition.columns.map((c) => c.name);
  const wrong = (what: string) => error('delta-schema', { table: path, what });
  for (const name of names)
    if (name === '' || /[ ,;{}()\n\t=]/.test(name))
      throw wrong(`the column name ${JSON.stringify(name)} is not allowed`);
  if (new Set(names.map((n) => n.toLowerCase())).size !== names.length) throw wrong('two columns have one name');
  for (const name of definition.partitionColumns) {
    const column = definition.columns.find((c) => c.name === name);
    if (!column) throw wrong(`the partition column ${name} is none of its columns`);
    if (column.type.kind === 'double') throw wrong(`${name} is a double: it cannot name partitions`);
  }
};

/**
 * Opens the table, or makes it with version 0. Two that create at once get the same table.
 * Errors: `delta-schema` when there is one of other columns, and those of `openTable`.
 */
export const createTable = async (path: string, engine: ParquetEngine, definition: CreateTable): Promise<Snapshot> => {
  const table = tableAt(path, engine);
  checkDefinition(table.path, definition);
  const schemaString = schemaText(schemaOf(definition.columns));
  const found = await takeSnapshot(table);
  if (found) return sameShape(found, schemaString, definition);
  const constraints = Object.entries(definition.constraints ?? {});
  const now = Date.now();
  const metadata: Metadata = {
    id: randomUUID(),
    ...(definition.description === undefined ? {} : { description: definition.description }),
    format: { provider: 'parquet', options: {} },
    schemaString,
    partitionColumns: definition.partitionColumns,
    configuration: {
      ...definition.configuration,
      ...Object.fromEntries(constraints.map(([name, condition]) => [`delta.constraints.${name}`, condition])),
    },
    createdTime: now,
  };
  try {
    await commit(table, {
      readVersion: -1,
      adds: [],
      removes: [],
      reads: 'table',
      txnId: definition.txnId ?? randomUUID(),
      operation: 'CREATE TABLE',
      parameters: { partitionBy: JSON.stringify(definition.partitionColumns) },
      protocol: { minReaderVersion: 1, minWriterVersion: constraints.length > 0 ? 3 : 2 },
      metadata,
      now,
    });
  } catch (thrown) {
    // Somebody else made it in the meantime: theirs is the table, if it has this shape.
    if (!(thrown instanceof AssayError && thrown.code === 'delta-conflict')) throw thrown;
  }
  const made = await takeSnapshot(table);
  if (!made) throw error('lake-unusable', { path: table.path, why: 'the table vanished while it was made' });
  return sameShape(made, schemaString, definition);
};
