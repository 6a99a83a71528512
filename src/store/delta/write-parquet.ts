import { createHash } from 'node:crypto';
import { error } from '../../errors/index.js';
import { constraintsOf } from './features.js';
import type { EngineOptions, EngineValue, ParquetEngine } from './parquet-engine.js';
import { partitionFields, partitionText } from './partitions.js';
import { encodePath } from './paths.js';
import { duckdbType, literal, quoted, schemaText } from './schema.js';
import { readStatistics, statsText } from './stats.js';
import type { AddFile, PartitionValues, Snapshot } from './types.js';

export interface WriteParquet extends EngineOptions {
  /** The session that the SELECT runs in; default the table's engine. */
  readonly engine?: ParquetEngine;
  /** The table written for: its schema gives names and types, its partition columns the files. */
  readonly snapshot: Snapshot;
  /** A SELECT in DuckDB's dialect that gives every column of the schema by name; each is cast to its exact type. */
  readonly select: string;
  /** Rows are sorted by these columns within each file. */
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

/** The tag of files whose columns are exactly those of a schema, partition columns among them. */
export const SHAPE_TAG = 'assay.shape';
export const shapeOf = (snapshot: Pick<Snapshot, 'schema'>): string =>
  createHash('sha256').update(schemaText(snapshot.schema)).digest('hex').slice(0, 16);

const textOf = (value: EngineValue | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

/** Refuses rows that break NOT NULL, a CHECK, or would name a partition '' (which the protocol reads as null). */
const checkRows = async (engine: ParquetEngine, snapshot: Snapshot, stage: string, options: EngineOptions) => {
  const partitions = snapshot.metadata.partitionColumns;
  const rules = [
    ...snapshot.schema.fields
      .filter((f) => !f.nullable)
      .map((f) => [`NOT NULL of ${f.name}`, `${quoted(f.name)} IS NULL`] as const),
    ...snapshot.schema.fields
      .filter((f) => f.type === 'string' && partitions.includes(f.name))
      .map((f) => [`the rule that ${f.name}, a partition column, is not empty`, `${quoted(f.name)} = ''`] as const),
    ...[...constraintsOf(snapshot.metadata)].map(
      ([name, condition]) => [`CHECK ${name} (${condition})`, `NOT coalesce((${condition}), false)`] as const,
    ),
  ];
  if (rules.length === 0) return;
  const counts = rules.map(([, broken], i) => `(count(*) FILTER (WHERE ${broken}))::VARCHAR AS "r${i}"`);
  const [row] = await engine.query(`SELECT ${counts.join(', ')} FROM ${stage}`, options);
  rules.forEach(([constraint], i) => {
    const rows = textOf(row?.[`r${i}`]);
    if (rows !== '0') throw error('delta-constraint', { table: snapshot.table.path, constraint, rows });
  });
};

/**
 * Writes a SELECT's rows as Parquet files under the table's folder, durably: one file for each partition. The rows go through a
 * temporary table of the session, because a partitioned COPY does not keep their order.
 * Errors: `delta-constraint`, `engine-failed`, `disk-full`, `cancelled`, `lake-unusable`.
 */
export const writeParquet = async (write: WriteParquet): Promise<Staged> => {
  const { snapshot, stepId } = write;
  const { table, schema, metadata } = snapshot;
  const engine = write.engine ?? table.engine;
  const options: EngineOptions = write.signal ? { signal: write.signal } : {};
  const stage = quoted(
    `delta_stage_${createHash('sha256').update(`${table.path}\0${stepId}`).digest('hex').slice(0, 16)}`,
  );
  const partitions = partitionFields(schema, metadata.partitionColumns);
  const order = [...metadata.partitionColumns, ...write.sortBy].map(quoted).join(', ');
  const columns = schema.fields.map((f) => `CAST(${quoted(f.name)} AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
  const folder = `d/${stepId}`;
  if (snapshot.adds.some((add) => add.path.startsWith(`${encodePath(folder)}/`)))
    throw error('delta-schema', { table: table.path, what: `the files of step ${stepId} are published already` });
  await table.files.removeFolder(folder);
  await table.files.makeFolder(folder);
  await engine.execute(`DROP TABLE IF EXISTS ${stage}`);
  try {
    await engine.execute(
      `CREATE TEMP TABLE ${stage} AS SELECT ${columns.join(', ')} FROM (${write.select})${order ? ` ORDER BY ${order}` : ''}`,
      { ...options, ...(write.parameters ? { parameters: write.parameters } : {}) },
    );
    await checkRows(engine, snapshot, stage, options);
    const names = partitions.map((f) => `${partitionText(f)} AS ${quoted(f.name)}`);
    const groups = await engine.query(
      partitions.length === 0
        ? `SELECT 1 AS one FROM ${stage} LIMIT 1`
        : `SELECT DISTINCT ${names.join(', ')} FROM ${stage} ORDER BY ALL NULLS FIRST`,
      options,
    );
    const adds: AddFile[] = [];
    let total = 0;
    for (const [index, group] of groups.entries()) {
      const values: PartitionValues = Object.fromEntries(
        partitions.map(({ name }) => [name, group[name] === null ? null : textOf(group[name])]),
      );
      const condition = partitions.map((f) => {
        const value = values[f.name] ?? null;
        const wanted = value === null ? 'NULL' : literal(value);
        return `${quoted(f.name)} IS NOT DISTINCT FROM CAST(${wanted} AS ${duckdbType(f.type)})`;
      });
      const path = `${folder}/part-${String(index).padStart(5, '0')}.parquet`;
      const [written] = await engine.query(
        `COPY (FROM ${stage}${condition.length > 0 ? ` WHERE ${condition.join(' AND ')}` : ''}${
          order ? ` ORDER BY ${order}` : ''
        }) TO ${literal(table.files.location(path))} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)`,
        options,
      );
      const rows = textOf(written?.['count']);
      total += Number(rows);
      const found = await table.files.stat(path);
      const inFile = schema.fields.filter((f) => !metadata.partitionColumns.includes(f.name));
      adds.push({
        path: encodePath(path),
        partitionValues: values,
        size: found?.size ?? 0,
        modificationTime: found?.modified ?? 0,
        dataChange: true,
        stats: statsText(rows, inFile, readStatistics(written?.['column_statistics'])),
        tags: { [SHAPE_TAG]: shapeOf(snapshot) },
      });
    }
    await table.files.sync(adds.map((_, index) => `${folder}/part-${String(index).padStart(5, '0')}.parquet`));
    return { adds, rows: total, bytes: adds.reduce((sum, add) => sum + add.size, 0) };
  } catch (thrown) {
    await table.files.removeFolder(folder);
    throw thrown;
  } finally {
    await engine.execute(`DROP TABLE IF EXISTS ${stage}`);
  }
};
