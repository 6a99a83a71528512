import { error } from '../../../errors/index.js';
import { keyText, partitionFields } from '../format/partitions.js';
import { encodePath } from '../format/paths.js';
import { duckdbType, literal, quoted } from '../format/schema.js';
import type { EngineOptions, ParquetEngine } from '../parquet-engine.js';
import { verifyFiles, type WrittenFile } from '../rules/verify.js';
import { exactName, parquetFiles } from '../scan/parquet-files.js';
import type { AddFile, PartitionValues, Snapshot } from '../types.js';
import { type Footer, readFooters } from './adopt-footers.js';
import { statsText } from './stats.js';
import type { Staged } from './write-parquet.js';

export interface AdoptFolder extends EngineOptions {
  /** Reads the footers; default the table's engine. */
  readonly engine?: ParquetEngine;
  /** The table that the files are for: its schema and its partition columns. */
  readonly snapshot: Snapshot;
  /** Below the table's folder, such as `d/<stepId>`: Parquet files, in folders `column=value` for partition columns. */
  readonly folder: string;
  /** False leaves NOT NULL to a caller who audits the files itself. Default true. */
  readonly verify?: boolean;
}

/** The folder's name for null (and for the empty text, which Spark does not tell from it). */
const NULL_FOLDER = '__HIVE_DEFAULT_PARTITION__';

/** A folder's name as it was before Hive's writers escaped it: single bytes of ASCII, the rest stands as it is. */
const unescaped = (name: string): string =>
  name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

const wrong = (snapshot: Snapshot, what: string) => error('delta-schema', { table: snapshot.table.path, what });

/** Values of the partition columns by the folders that a file lies in. */
export const partitionOf = (snapshot: Snapshot, path: string): PartitionValues => {
  const { schema, metadata } = snapshot;
  const found = new Map<string, string>();
  for (const part of path.split('/').slice(0, -1)) {
    const at = part.indexOf('=');
    if (at > 0) found.set(unescaped(part.slice(0, at)), part.slice(at + 1));
  }
  const fields = partitionFields(schema, metadata.partitionColumns);
  if (found.size !== fields.length || fields.some(({ name }) => !found.has(name)))
    throw wrong(snapshot, `a file lies in folders of (${[...found.keys()].join(', ')})`);
  return Object.fromEntries(
    fields.map((field) => {
      const value = found.get(field.name) ?? '';
      return [field.name, value === NULL_FOLDER || value === '' ? null : keyText(field, unescaped(value))];
    }),
  );
};

/** Names below the folder, hidden ones apart: those are no data (marks, checksums, what a failed attempt left). */
const listFiles = async (
  engine: ParquetEngine,
  { snapshot, folder }: AdoptFolder,
  options: EngineOptions,
): Promise<readonly string[]> => {
  const root = snapshot.table.files.location(folder);
  const rows = await engine.query(`SELECT file FROM glob(${literal(`${exactName(root)}/**`)})`, options);
  return rows
    .flatMap((row) => (typeof row['file'] === 'string' ? [row['file'].slice(root.length + 1)] : []))
    .filter((path) => path.split('/').every((part) => !/^[_.]/.test(part) || part.includes('=')))
    .sort();
};

/** Files must have just the table's columns, each of its very type, or every reader of the log would see something else. */
const checkColumns = async (
  engine: ParquetEngine,
  snapshot: Snapshot,
  locations: readonly string[],
  options: EngineOptions,
): Promise<void> => {
  const fields = snapshot.schema.fields.filter((f) => !snapshot.metadata.partitionColumns.includes(f.name));
  const nulls = fields.map((f) => `CAST(NULL AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
  const columnsOf = async (select: string): Promise<string> =>
    (await engine.query(`DESCRIBE ${select}`, options))
      .map((row) => `${String(row['column_name'])} ${String(row['column_type'])}`)
      .sort()
      .join(', ');
  const wanted = await columnsOf(`SELECT ${nulls.join(', ')}`);
  const kinds = await engine.query(
    `SELECT columns, min(file_name) AS file, columns LIKE '%:INT96:%' AS old FROM (
       SELECT file_name, string_agg(concat_ws(':', name, type, duckdb_type, num_children), ';' ORDER BY column_id) || ':' AS columns
       FROM parquet_schema(${parquetFiles(locations)}) GROUP BY file_name) GROUP BY columns`,
    options,
  );
  for (const { file, old } of kinds) {
    if (old === true) throw wrong(snapshot, 'times were written as INT96, not in microseconds');
    const found = await columnsOf(
      `SELECT * FROM read_parquet(${parquetFiles([String(file)])}, hive_partitioning=false)`,
    );
    if (found !== wanted) throw wrong(snapshot, `files were written with (${found}), (${wanted}) was wanted`);
  }
};

const adopted = ({ snapshot, folder }: AdoptFolder, path: string, footer: Footer): WrittenFile => {
  const { schema, metadata } = snapshot;
  const inFile = schema.fields.filter((f) => !metadata.partitionColumns.includes(f.name));
  const add: AddFile = {
    path: encodePath(`${folder}/${path}`),
    partitionValues: partitionOf(snapshot, path),
    size: footer.size,
    modificationTime: Date.now(),
    dataChange: true,
    stats: statsText(String(footer.rows), inFile, footer.columns, metadata.configuration),
  };
  return { add, rows: footer.rows, columns: footer.columns };
};

/**
 * Takes what another program (Spark) wrote below the table's folder: lists the files, checks that their columns are the schema's,
 * reads partition values from the names of folders and statistics from the footers, removes what is no data, makes the rest durable.
 * `commit` makes it visible. After an error the folder is gone.
 * Errors: `delta-schema`, `delta-constraint`, `delta-unsupported`, `lake-unusable`, `disk-full`, `engine-failed`, `cancelled`.
 */
export const addsOfFolder = async (adopt: AdoptFolder): Promise<Staged> => {
  const { snapshot, folder } = adopt;
  const { files } = snapshot.table;
  const engine = adopt.engine ?? snapshot.table.engine;
  const options: EngineOptions = adopt.signal ? { signal: adopt.signal } : {};
  if (snapshot.adds.some((add) => add.path.startsWith(`${encodePath(folder)}/`)))
    throw wrong(snapshot, `the files of ${folder} are published already`);
  try {
    const paths = await listFiles(engine, adopt, options);
    const locations = paths.map((path) => files.location(`${folder}/${path}`));
    if (paths.length > 0) await checkColumns(engine, snapshot, locations, options);
    const footers = paths.length > 0 ? await readFooters(engine, snapshot.schema, locations, options) : new Map();
    const written = paths.flatMap((path, i) => {
      const footer: Footer | undefined = footers.get(locations[i] ?? '');
      return footer && footer.rows > 0n ? [adopted(adopt, path, footer)] : [];
    });
    await verifyFiles(engine, snapshot, written, adopt.verify ?? true, options);
    const kept = written.map(({ add }) => decodeURIComponent(add.path));
    const keeps = new Set(kept);
    await files.removeFiles((await files.walk(folder)).filter((path) => !keeps.has(path)));
    await files.sync(kept, adopt.signal);
    return {
      adds: written.map(({ add }) => add),
      rows: Number(written.reduce((sum, { rows }) => sum + rows, 0n)),
      bytes: written.reduce((sum, { add }) => sum + add.size, 0),
    };
  } catch (thrown) {
    await files.removeFolder(folder);
    throw thrown;
  }
};
