import { error } from '../../errors/index.js';
import type { EngineOptions, EngineValue, ParquetEngine } from './parquet-engine.js';
import { keyText, partitionFields } from './partitions.js';
import { encodePath } from './paths.js';
import { duckdbType, literal, quoted } from './schema.js';
import { SHAPE_TAG, shapeOf } from './shape.js';
import { mapEntries, readStatistics, statsText } from './stats.js';
import type { AddFile, PartitionValues, Snapshot } from './types.js';
import { verifyFiles, type WrittenFile } from './verify.js';

export interface WriteParquet extends EngineOptions {
  /** The session that the SELECT runs in; default the table's engine. */
  readonly engine?: ParquetEngine;
  /** The table written for: its schema gives names and types, its partition columns the files. */
  readonly snapshot: Snapshot;
  /** A SELECT in DuckDB's dialect that gives every column of the schema by name; each is cast to its exact type. */
  readonly select: string;
  /**
   * Rows are sorted by these columns, so that equal and near values lie together. A table that is not partitioned keeps the order
   * exactly; within a partition's file some rows may stand out of it, for the engine writes with several threads.
   */
  readonly sortBy: readonly string[];
  /** Files go to `d/<stepId>/`; what an interrupted run left there is removed first. */
  readonly stepId: string;
  /** About the megabytes of a file where the table is not partitioned. Default: one file. */
  readonly targetFileMb?: number;
  /** False leaves NOT NULL and CHECK to a caller who audits the files itself. Default true. */
  readonly verify?: boolean;
}

/** Written, not yet visible: `commit` with these adds makes it so. */
export interface Staged {
  readonly adds: readonly AddFile[];
  readonly rows: number;
  readonly bytes: number;
}

const textOf = (value: EngineValue | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

/** One COPY. Sorted rows meet few partitions at a time, so few files are open and nearly each partition gets one file. */
const copySql = (write: WriteParquet, folder: string): string => {
  const { schema, metadata, table } = write.snapshot;
  const columns = schema.fields.map((f) => `CAST(${quoted(f.name)} AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
  const order = [...metadata.partitionColumns, ...write.sortBy].map(quoted).join(', ');
  const select = `SELECT ${columns.join(', ')} FROM (${write.select})${order ? ` ORDER BY ${order}` : ''}`;
  const options = ['FORMAT parquet', 'COMPRESSION zstd', 'RETURN_STATS'];
  const partitioned = metadata.partitionColumns.length > 0;
  const many = partitioned || write.targetFileMb !== undefined;
  if (many) options.push("FILENAME_PATTERN 'part-{uuid}'");
  // Folders mean nothing to the log, and each would have to be made durable: all files go into one.
  if (partitioned)
    options.push(
      `PARTITION_BY (${metadata.partitionColumns.map(quoted).join(', ')})`,
      'WRITE_PARTITION_COLUMNS true',
      'HIVE_FILE_PATTERN false',
    );
  else if (write.targetFileMb !== undefined)
    options.push(`FILE_SIZE_BYTES ${Math.max(1, Math.round(write.targetFileMb * 1_000_000))}`);
  const to = table.files.location(many ? folder : `${folder}/part-00000.parquet`);
  return `COPY (${select}) TO ${literal(to)} (${options.join(', ')})`;
};

type EngineRow = Readonly<Record<string, EngineValue>>;

/** What RETURN_STATS says of a file, as the log wants it. */
const writtenFile = (snapshot: Snapshot, folder: string, row: EngineRow): WrittenFile => {
  const { schema, metadata } = snapshot;
  const name = textOf(row['filename']).split('/').at(-1) ?? '';
  const keys = new Map(mapEntries(row['partition_keys']));
  const partitionValues: PartitionValues = Object.fromEntries(
    partitionFields(schema, metadata.partitionColumns).map((field) => {
      const value = keys.get(field.name);
      return [field.name, value === null || value === undefined ? null : keyText(field, textOf(value))];
    }),
  );
  const rows = textOf(row['count']);
  const columns = readStatistics(row['column_statistics']);
  const inFile = schema.fields.filter((f) => !metadata.partitionColumns.includes(f.name));
  const add: AddFile = {
    path: encodePath(`${folder}/${name}`),
    partitionValues,
    size: Number(textOf(row['file_size_bytes'])),
    modificationTime: Date.now(),
    dataChange: true,
    stats: statsText(rows, inFile, columns),
    tags: { [SHAPE_TAG]: shapeOf(snapshot) },
  };
  return { add, rows: BigInt(rows), columns };
};

const byPath = (a: WrittenFile, b: WrittenFile) => (a.add.path < b.add.path ? -1 : 1);

/**
 * Writes a SELECT's rows as Parquet files under the table's folder, durably, in one pass. Each file holds rows of one partition;
 * a large partition may come in several. Errors: `delta-constraint` (nothing stays of the files), `engine-failed`, `disk-full`,
 * `cancelled`, `lake-unusable`.
 */
export const writeParquet = async (write: WriteParquet): Promise<Staged> => {
  const { snapshot, stepId } = write;
  const { table } = snapshot;
  const engine = write.engine ?? table.engine;
  const options: EngineOptions = write.signal ? { signal: write.signal } : {};
  const folder = `d/${stepId}`;
  if (snapshot.adds.some((add) => add.path.startsWith(`${encodePath(folder)}/`)))
    throw error('delta-schema', { table: table.path, what: `the files of step ${stepId} are published already` });
  await table.files.removeFolder(folder);
  await table.files.makeFolder(folder);
  try {
    const parameters = write.parameters ? { parameters: write.parameters } : {};
    const rows = await engine.query(copySql(write, folder), { ...options, ...parameters });
    const files = rows.map((row) => writtenFile(snapshot, folder, row)).sort(byPath);
    const full = files.filter((file) => file.rows > 0n);
    await verifyFiles(engine, snapshot, full, write.verify ?? true, options);
    const paths = full.map(({ add }) => decodeURIComponent(add.path));
    for (const { add, rows: count } of files)
      if (count === 0n) await table.files.removeFile(decodeURIComponent(add.path));
    await table.files.sync(paths);
    const adds = full.map(({ add }) => add);
    return {
      adds,
      rows: Number(full.reduce((sum, file) => sum + file.rows, 0n)),
      bytes: adds.reduce((sum, add) => sum + add.size, 0),
    };
  } catch (thrown) {
    await table.files.removeFolder(folder);
    throw thrown;
  }
};
