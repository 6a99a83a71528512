import { error } from '../../../errors/index.js';
import { keyText, partitionFields } from '../format/partitions.js';
import { encodePath } from '../format/paths.js';
import { duckdbType, literal, quoted } from '../format/schema.js';
import { SHAPE_TAG, shapeOf } from '../format/shape.js';
import type { EngineOptions, EngineValue, ParquetEngine } from '../parquet-engine.js';
import { verifyFiles, type WrittenFile } from '../rules/verify.js';
import type { AddFile, PartitionValues, Snapshot } from '../types.js';
import { mapEntries, readStatistics, statsText } from './stats.js';

export interface WriteParquet extends EngineOptions {
  /** The session that the SELECT runs in; default the table's engine. */
  readonly engine?: ParquetEngine;
  /** The table written for: its schema gives names and types, its partition columns the files. */
  readonly snapshot: Snapshot;
  /** A SELECT in DuckDB's dialect that gives every column of the schema by name; each is cast to its exact type. */
  readonly select: string;
  /**
   * Rows are sorted by these columns, so that equal and near values lie together and files can be left out by their statistics. It is
   * no promise of order: the engine writes with several threads, and some groups of rows may stand out of it.
   */
  readonly sortBy: readonly string[];
  /** Files go to `d/<stepId>/`; what an interrupted run left there is removed first. */
  readonly stepId: string;
  /** About the megabytes of a file where the table is not partitioned, or `partition` is given. Default: one file. */
  readonly targetFileMb?: number;
  /** The one partition that all rows are of: their order and `targetFileMb` then hold as in a table without partitions. */
  readonly partition?: PartitionValues;
  /** False leaves NOT NULL to a caller who audits the files itself. Default true. */
  readonly verify?: boolean;
}

/** Written, not yet visible: `commit` with these adds makes it so. */
export interface Staged {
  readonly adds: readonly AddFile[];
  readonly rows: number;
  readonly bytes: number;
}

/** Types whose values have no one text that names a partition for every reader. */
const UNNAMED = new Set(['float', 'double', 'binary']);

const checkPartitions = ({ table, schema, metadata }: Snapshot): void => {
  for (const { name, type } of partitionFields(schema, metadata.partitionColumns))
    if (typeof type !== 'string' || UNNAMED.has(type))
      throw error('delta-unsupported', {
        table: table.path,
        feature: `partitions by ${name}, a ${typeof type === 'string' ? type : type.type}`,
      });
};

/** Compression by the table's property where it names one that every reader has; else zstd, as the protocol advises. */
const codecOf = ({ metadata }: Snapshot): string => {
  const wanted = metadata.configuration['delta.parquet.compression.codec']?.toLowerCase() ?? '';
  return ['snappy', 'zstd', 'gzip', 'uncompressed'].includes(wanted) ? wanted : 'zstd';
};

const textOf = (value: EngineValue | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

/** True where the engine tells the rows' partitions apart itself. */
const splits = ({ snapshot, partition }: WriteParquet): boolean =>
  partition === undefined && snapshot.metadata.partitionColumns.length > 0;

/** One COPY. Sorted rows meet few partitions at a time, so few files are open and nearly each partition gets one file. */
const copySql = (write: WriteParquet, folder: string): string => {
  const { schema, metadata, table } = write.snapshot;
  const columns = schema.fields.map((f) => `CAST(${quoted(f.name)} AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
  const split = splits(write);
  const order = [...(split ? metadata.partitionColumns : []), ...write.sortBy].map(quoted).join(', ');
  const select = `SELECT ${columns.join(', ')} FROM (${write.select})${order ? ` ORDER BY ${order}` : ''}`;
  const options = ['FORMAT parquet', `COMPRESSION ${codecOf(write.snapshot)}`, 'RETURN_STATS'];
  const many = split || write.targetFileMb !== undefined;
  if (many) options.push("FILENAME_PATTERN 'part-{uuid}'");
  // Folders mean nothing to the log, and each would have to be made durable: all files go into one.
  if (split)
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
const writtenFile = ({ snapshot, partition }: WriteParquet, folder: string, row: EngineRow): WrittenFile => {
  const { schema, metadata } = snapshot;
  const name = textOf(row['filename']).split('/').at(-1) ?? '';
  const keys = new Map(mapEntries(row['partition_keys']));
  const partitionValues: PartitionValues = Object.fromEntries(
    partitionFields(schema, metadata.partitionColumns).map((field) => {
      if (partition) return [field.name, partition[field.name] ?? null];
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
    stats: statsText(rows, inFile, columns, metadata.configuration),
    tags: { [SHAPE_TAG]: shapeOf(snapshot) },
  };
  return { add, rows: BigInt(rows), columns };
};

const byPath = (a: WrittenFile, b: WrittenFile) => (a.add.path < b.add.path ? -1 : 1);

/**
 * Writes a SELECT's rows as Parquet files under the table's folder, durably, in one pass. Each file holds rows of one partition;
 * a large partition may come in several. Errors: `delta-constraint` (nothing stays of the files), `delta-unsupported` (a rule of the
 * table that we cannot keep), `engine-failed`, `disk-full`, `cancelled`, `lake-unusable`.
 */
export const writeParquet = async (write: WriteParquet): Promise<Staged> => {
  const { snapshot, stepId } = write;
  const { table } = snapshot;
  const engine = write.engine ?? table.engine;
  const options: EngineOptions = write.signal ? { signal: write.signal } : {};
  const folder = `d/${stepId}`;
  checkPartitions(snapshot);
  if (snapshot.adds.some((add) => add.path.startsWith(`${encodePath(folder)}/`)))
    throw error('delta-schema', { table: table.path, what: `the files of step ${stepId} are published already` });
  await table.files.removeFolder(folder);
  await table.files.makeFolder(folder);
  try {
    const parameters = write.parameters ? { parameters: write.parameters } : {};
    const rows = await engine.query(copySql(write, folder), { ...options, ...parameters });
    const files = rows.map((row) => writtenFile(write, folder, row)).sort(byPath);
    const full = files.filter((file) => file.rows > 0n);
    await verifyFiles(engine, snapshot, full, write.verify ?? true, options);
    const paths = full.map(({ add }) => decodeURIComponent(add.path));
    await table.files.removeFiles(files.filter((f) => f.rows === 0n).map(({ add }) => decodeURIComponent(add.path)));
    await table.files.sync(paths, write.signal);
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
