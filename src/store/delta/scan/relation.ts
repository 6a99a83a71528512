import { error } from '../../../errors/index.js';
import { fieldId, type MappingMode, mappingMode, physicalName, physicalType } from '../columns/mapping.js';
import { logicalValue } from '../columns/rename.js';
import { fileKey } from '../format/file-key.js';
import { duckdbType, literal, quoted } from '../format/schema.js';
import { SHAPE_TAG, shapeOf } from '../format/shape.js';
import type { AddFile, DeltaField, Snapshot } from '../types.js';
import { deletionsSql } from '../vectors/deletions-sql.js';
import { locationOf } from './locate.js';
import { parquetFiles } from './parquet-files.js';
import { partitionColumns } from './partition-columns.js';

/** A column of the relation: SQL of its value with its exact type, and its name. */
const column = (value: string, field: DeltaField): string =>
  `CAST(${value} AS ${duckdbType(field.type)}) AS ${quoted(field.name)}`;

const noRows = ({ schema }: Snapshot): string =>
  `(SELECT ${schema.fields.map((field) => column('NULL', field)).join(', ')} WHERE false)`;

/** Rows in the files, as far as their statistics say so: the engine plans joins by it, and need open no file to plan. */
const rowsIn = (adds: readonly AddFile[]): number | undefined => {
  let rows = 0;
  for (const { stats, deletionVector } of adds) {
    const found = /"numRecords"\s*:\s*(\d{1,15})\b/.exec(stats ?? '');
    if (!found) return undefined;
    rows += Math.max(0, Number(found[1]) - (deletionVector?.cardinality ?? 0));
  }
  return rows;
};

/**
 * The columns that are read from files, by name or by number: what a file lacks comes as null, what it has beside is not read, and each
 * value is cast to its type while it is read. They are called `c0`, `c1`, ... so that no name of a table can mean something else.
 */
const schemaMap = (fields: readonly DeltaField[], mode: MappingMode): string => {
  const entries = fields.map((field, i) => {
    const type = literal(duckdbType(physicalType(field.type, mode)));
    const key = mode === 'id' ? String(fieldId(field) ?? -1) : literal(physicalName(field, mode));
    return `${key}: {'name': 'c${i}', 'type': ${type}, 'default_value': NULL}`;
  });
  // A table whose columns are all partition columns still has rows.
  const none = `${mode === 'id' ? '-1' : "'no column'"}: {'name': 'c0', 'type': 'INTEGER', 'default_value': NULL}`;
  return `MAP {${entries.length > 0 ? entries.join(', ') : none}}`;
};

/** Deleted rows of the files, which the snapshot has read. */
const deletionsOf = ({ deletions, table }: Snapshot, adds: readonly AddFile[]) =>
  adds.flatMap((add, index) => {
    if (!add.deletionVector) return [];
    const rows = deletions?.get(fileKey(add));
    if (!rows)
      throw error('delta-unsupported', {
        table: table.path,
        feature: `deletionVectors of a file that is not in version of the snapshot (${add.path})`,
      });
    return [{ index, rows }];
  });

/**
 * `relation` over given files of the table: live ones (those that `prune` leaves, for example), or staged ones that are to be checked
 * before anyone can see them. Files with a deletion vector must be of this very snapshot, or of one that `withDeletions` made.
 * Errors: `delta-corrupt`, `delta-unsupported`.
 */
export const relationOf = (snapshot: Snapshot, adds: readonly AddFile[]): string => {
  const { schema, metadata, table } = snapshot;
  if (schema.fields.length === 0)
    throw error('delta-unsupported', { table: table.path, feature: 'a schema without columns' });
  if (adds.length === 0) return noRows(snapshot);
  const mode = mappingMode(table.path, metadata);
  const shape = shapeOf(snapshot);
  // Files that were written with exactly this schema hold the partition columns too: no look-up, and the engine prunes by them.
  const whole = mode === 'none' && adds.every((add) => add.tags?.[SHAPE_TAG] === shape);
  const inLog = new Set(whole ? [] : metadata.partitionColumns);
  const inFiles = schema.fields.filter((field) => !inLog.has(field.name));
  const logColumns = metadata.partitionColumns.filter((name) => inLog.has(name));
  const inLogSql = inLog.size > 0 ? partitionColumns(snapshot, adds, mode) : { columns: [], join: '' };
  const columns = schema.fields.map((field) =>
    inLog.has(field.name)
      ? column(inLogSql.columns[logColumns.indexOf(field.name)] ?? 'NULL', field)
      : column(logicalValue(`f.c${inFiles.indexOf(field)}`, field.type, mode), field),
  );
  const rows = rowsIn(adds);
  const files = parquetFiles(adds.map((add) => locationOf(table, add)));
  const options = `schema = ${schemaMap(inFiles, mode)}${rows === undefined ? '' : `, explicit_cardinality = ${rows}`}`;
  const { joins, where } = deletionsSql(deletionsOf(snapshot, adds));
  return `(SELECT ${columns.join(', ')} FROM read_parquet(${files}, ${options}) f${inLogSql.join}${joins}${where})`;
};

/**
 * The snapshot as a relation of DuckDB: a parenthesised SELECT with the schema's columns in its order, each of its exact type
 * (`timestamp` is TIMESTAMP WITH TIME ZONE). An empty table gives no rows of the right types. Needs a session in UTC.
 */
export const relation = (snapshot: Snapshot): string => relationOf(snapshot, snapshot.adds);
