import { parseType } from '../../../query/index.js';
import { asObject, type ExactJson, ExactNumber, parseExact } from '../format/exact-json.js';
import { partitionFields } from '../format/partitions.js';
import { duckdbType, literal, quoted } from '../format/schema.js';
import type { AddFile, DeltaField, Snapshot } from '../types.js';

const BOUNDED = new Set(['byte', 'short', 'integer', 'long', 'string', 'date', 'timestamp']);

/** True for types of keys whose bounds of files can be trusted. */
const isBounded = ({ type }: DeltaField): boolean =>
  typeof type === 'string' && (BOUNDED.has(type) || parseType(type)?.kind === 'decimal');

const textOf = (value: ExactJson | undefined): string | null =>
  value instanceof ExactNumber ? value.text : typeof value === 'string' ? value : null;

/** A file's least and greatest value of a column, as statistics have them; null: not known. */
export const boundsOf = (add: AddFile, column: string): readonly [low: string | null, high: string | null] => {
  const stats = asObject(parseExact(add.stats ?? ''));
  return [textOf(asObject(stats?.['minValues'])?.[column]), textOf(asObject(stats?.['maxValues'])?.[column])];
};

/** Which files may hold one of the keys that a table of the session has. */
export interface KeySearch {
  readonly snapshot: Snapshot;
  /** A table of the session with the rows whose keys are sought. */
  readonly keys: string;
  readonly key: readonly DeltaField[];
}

/**
 * A SELECT of the numbers (in the order of `adds`) of the files that may hold one of the keys: by their partitions where all partition
 * columns are in the key, and by the bounds of the first column of the key that has some. `$1` is what `searchRows` gives.
 */
export const searchSql = ({ snapshot, keys, key }: KeySearch): string => {
  const partitions = partitionsIn(snapshot, key);
  const column = boundColumn(snapshot, key);
  const type = column ? duckdbType(column.type) : 'VARCHAR';
  // Statistics cut times down to the millisecond.
  const later = column?.type === 'timestamp' ? ' + INTERVAL 1 MILLISECOND' : '';
  const names = partitions.map(
    (f, i) => `CAST(nullif(f.p[${i + 1}], '') AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`,
  );
  const files = `SELECT ${['f.i', `CAST(f.lo AS ${type}) AS lo`, `CAST(f.hi AS ${type})${later} AS hi`, ...names].join(', ')}
    FROM (SELECT unnest(from_json($1::JSON, ${literal('[{"i":"INTEGER","lo":"VARCHAR","hi":"VARCHAR","p":["VARCHAR"]}]')}), recursive := true)) f`;
  const wanted = [...partitions, ...(column ? [column] : [])].map(({ name }) => quoted(name));
  const same = partitions.map(({ name }) => `f.${quoted(name)} = k.${quoted(name)}`);
  const unknown = `SELECT i FROM (${files}) f WHERE (lo IS NULL OR hi IS NULL)${
    same.length === 0 ? '' : ` AND EXISTS (SELECT 1 FROM ${keys} k WHERE ${same.join(' AND ')})`
  }`;
  if (!column) return unknown;
  // The least key that is not below the file's least value decides.
  const near = `SELECT f.i FROM (${files}) f ASOF JOIN (SELECT DISTINCT ${wanted.join(', ')} FROM ${keys}) k
    ON ${[...same, `f.lo <= k.${quoted(column.name)}`].join(' AND ')} WHERE k.${quoted(column.name)} <= f.hi`;
  return `${unknown} UNION ${near}`;
};

/** What `searchSql` wants to know of the files. */
export const searchRows = ({ snapshot, key }: KeySearch, adds: readonly AddFile[]): string => {
  const partitions = partitionsIn(snapshot, key);
  const column = boundColumn(snapshot, key);
  return JSON.stringify(
    adds.map((add, i) => {
      const [lo, hi] = column ? boundsOf(add, column.name) : [null, null];
      return { i, lo, hi, p: partitions.map(({ name }) => add.partitionValues[name] ?? null) };
    }),
  );
};

/** The partition columns, where the key tells them all: else a key may be in any partition. */
export const partitionsIn = ({ schema, metadata }: Snapshot, key: readonly DeltaField[]): readonly DeltaField[] =>
  metadata.partitionColumns.every((name) => key.some((field) => field.name === name))
    ? partitionFields(schema, metadata.partitionColumns)
    : [];

const boundColumn = ({ metadata }: Snapshot, key: readonly DeltaField[]): DeltaField | undefined =>
  key.find((field) => isBounded(field) && !metadata.partitionColumns.includes(field.name));
