import { partitionFields, partitionLiteral } from './partitions.js';
import { decodePath } from './paths.js';
import { duckdbType, literal, quoted } from './schema.js';
import { SHAPE_TAG, shapeOf } from './shape.js';
import type { AddFile, Snapshot } from './types.js';

const fileList = (snapshot: Snapshot, adds: readonly AddFile[]): string => {
  const { files, path } = snapshot.table;
  return `[${adds.map((add) => literal(files.location(decodePath(add.path, path, path)))).join(', ')}]`;
};

/** Files that were written with exactly this schema, partition columns included: the engine's own pruning works on all columns. */
const ownFiles = (snapshot: Snapshot, adds: readonly AddFile[]): string => {
  const columns = snapshot.schema.fields.map((f) => {
    const name = quoted(f.name);
    return `CAST(${name} AS ${duckdbType(f.type)}) AS ${name}`;
  });
  return `(SELECT ${columns.join(', ')} FROM read_parquet(${fileList(snapshot, adds)}, hive_partitioning=false))`;
};

/** Files of any writer or of an older schema: missing columns are null, and partition columns come from the log, by file name. */
const anyFiles = (snapshot: Snapshot, adds: readonly AddFile[]): string => {
  const { schema, metadata, table } = snapshot;
  const partitions = partitionFields(schema, metadata.partitionColumns);
  const inLog = new Set(partitions.map((f) => f.name));
  const nulls = schema.fields
    .filter((f) => !inLog.has(f.name))
    .map((f) => `CAST(NULL AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
  const rows = adds.map((add) => {
    const file = literal(table.files.location(decodePath(add.path, table.path, table.path)));
    return `(${[file, ...partitions.map((f) => partitionLiteral(f, add.partitionValues))].join(', ')})`;
  });
  const names = ['delta_file', ...partitions.map((f) => f.name)].map(quoted).join(', ');
  const columns = schema.fields.map((f) => {
    const name = quoted(f.name);
    return `CAST(${inLog.has(f.name) ? 'p' : 'f'}.${name} AS ${duckdbType(f.type)}) AS ${name}`;
  });
  const empty = `SELECT ${[...nulls, `'' AS "delta_file"`].join(', ')} WHERE false`;
  const read = `SELECT * FROM read_parquet(${fileList(snapshot, adds)}, hive_partitioning=false, union_by_name=true, filename='delta_file')`;
  return `(SELECT ${columns.join(', ')} FROM (${empty} UNION ALL BY NAME ${read}) f JOIN (VALUES ${rows.join(
    ', ',
  )}) p(${names}) ON f."delta_file" = p."delta_file")`;
};

/** `relation` over given files of the table, such as staged ones that are to be checked before anyone can see them. */
export const relationOf = (snapshot: Snapshot, adds: readonly AddFile[]): string => {
  if (adds.length === 0) {
    const columns = snapshot.schema.fields.map((f) => `CAST(NULL AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
    return `(SELECT ${columns.join(', ')} WHERE false)`;
  }
  const shape = shapeOf(snapshot);
  return adds.every((add) => add.tags?.[SHAPE_TAG] === shape) ? ownFiles(snapshot, adds) : anyFiles(snapshot, adds);
};

/**
 * The snapshot as a relation of DuckDB: a parenthesised SELECT with the schema's columns in its order, each of its exact type
 * (`timestamp` is TIMESTAMP WITH TIME ZONE). An empty table gives no rows of the right types. Needs a session in UTC.
 */
export const relation = (snapshot: Snapshot): string => relationOf(snapshot, snapshot.adds);

/** The live files that hold rows of these values of a partition column (as the log writes them; null is the null partition). */
export const addsOf = (snapshot: Snapshot, column: string, values: Iterable<string | null>): readonly AddFile[] => {
  const wanted = new Set(values);
  return snapshot.adds.filter((add) => wanted.has(add.partitionValues[column] ?? null));
};
