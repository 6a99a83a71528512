import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { AssayError, error } from '../../errors/index.js';
import { commit } from './commit/commit.js';
import { type DeltaFiles, localFiles } from './files.js';
import { schemaOf, schemaText } from './format/schema.js';
import type { ParquetEngine } from './parquet-engine.js';
import { declaredRules } from './rules/rules.js';
import { withFeature } from './rules/writable.js';
import { isAddress } from './s3/address.js';
import { mountedFiles } from './s3/mount.js';
import { locate } from './scan/locate.js';
import { checkProperties } from './schema/alter.js';
import { takeSnapshot } from './snapshot/snapshot.js';
import type { AddFile, DeltaTable, Protocol, Snapshot, TableColumn } from './types.js';

export interface CreateTable {
  readonly columns: readonly TableColumn[];
  readonly partitionColumns: readonly string[];
  /** Name to a condition of Spark SQL that every row meets (`delta.constraints.<name>`); makes the table of protocol (1,3). */
  readonly constraints?: Readonly<Record<string, string>>;
  readonly configuration?: Readonly<Record<string, string>>;
  /** True: the log keeps commit times itself, so they survive a copy of the folder. Writers must know of it; readers need not. */
  readonly commitTimes?: boolean;
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

/** Where a live file is: below the table's folder, or absolute where the log says so. Errors: `delta-corrupt`, `delta-unsupported`. */
export const fileOf = (table: DeltaTable, add: AddFile): string => locate(table, add.path);

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

/** What version 0 says of the table. Errors: `delta-unsupported` (a property or a condition that we cannot keep). */
const beginning = (path: string, definition: CreateTable, now: number): Pick<Snapshot, 'metadata' | 'protocol'> => {
  const { configuration = {}, constraints = {}, commitTimes = false, description } = definition;
  checkProperties(path, configuration);
  const checks = Object.entries(constraints).map(([name, text]) => [`delta.constraints.${name.toLowerCase()}`, text]);
  const plain: Protocol = { minReaderVersion: 1, minWriterVersion: checks.length > 0 ? 3 : 2 };
  return {
    protocol: commitTimes ? withFeature(plain, 'inCommitTimestamp') : plain,
    metadata: {
      id: randomUUID(),
      ...(description === undefined ? {} : { description }),
      format: { provider: 'parquet', options: {} },
      schemaString: schemaText(schemaOf(definition.columns)),
      partitionColumns: definition.partitionColumns,
      configuration: {
        ...configuration,
        ...(commitTimes ? { 'delta.enableInCommitTimestamps': 'true' } : {}),
        ...Object.fromEntries(checks),
      },
      createdTime: now,
    },
  };
};

/**
 * Opens the table, or makes it with version 0. Two that create at once get the same table.
 * Errors: `delta-schema` when there is one of other columns, `delta-unsupported`, and those of `openTable`.
 */
export const createTable = async (path: string, engine: ParquetEngine, definition: CreateTable): Promise<Snapshot> => {
  const table = tableAt(path, engine);
  checkDefinition(table.path, definition);
  const schema = schemaOf(definition.columns);
  const found = await takeSnapshot(table);
  if (found) return sameShape(found, schemaText(schema), definition);
  const now = Date.now();
  const begun = beginning(table.path, definition, now);
  declaredRules({ table, schema, metadata: begun.metadata });
  try {
    await commit(table, {
      ...{ readVersion: -1, adds: [], removes: [], reads: 'table', operation: 'CREATE TABLE', ...begun, now },
      txnId: definition.txnId ?? randomUUID(),
      parameters: { partitionBy: JSON.stringify(definition.partitionColumns) },
    });
  } catch (thrown) {
    // Somebody else made it in the meantime: theirs is the table, if it has this shape.
    if (!(thrown instanceof AssayError && thrown.code === 'delta-conflict')) throw thrown;
  }
  const made = await takeSnapshot(table);
  if (!made) throw error('lake-unusable', { path: table.path, why: 'the table vanished while it was made' });
  return sameShape(made, schemaText(schema), definition);
};
