import { error } from '../../errors/index.js';
import { type Column, type DataType, type RowStream, type Value, valueText } from '../../query/index.js';
import type { DuckDb } from '../../store/engine/index.js';
import { duckdbType } from './layout.js';

/**
 * What rollups need of the node's DuckDB: one database, whose tables every statement sees. Statements here name tables that live
 * once, so none of them is worth a prepared statement, which would keep the memory of its last run.
 */
export type RollupDuckDb = Pick<DuckDb, 'execute' | 'query'>;

/** A name, as SQL wants it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A text, as SQL wants it. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Runs work that a signal may end; what the signal ended is `cancelled`, whatever was thrown for it. */
export const orCancelled = async <T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
  if (signal?.aborted) throw error('cancelled', {});
  try {
    return await work();
  } catch (thrown) {
    if (signal?.aborted) throw error('cancelled', {}, thrown);
    throw thrown;
  }
};

/**
 * A value in a column's exact type. What would have to be rounded is an error of the statement, as it is for an answer: a sum that
 * does not fit its declared type must not be stored as another number.
 */
export const exactCast = (type: DataType, value: string): string => {
  const cast = `CAST(${value} AS ${duckdbType(type)})`;
  if (!['integer', 'bigint', 'decimal'].includes(type.kind)) return cast;
  const misfit = `typeof(${value}) IN ('DOUBLE', 'FLOAT') OR ${cast} <> ${value}`;
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN ${misfit} THEN CAST(error('a value does not fit its type') AS ${duckdbType(type)}) ELSE ${cast} END`;
};

/** Makes an empty table of these columns. */
export const createTable = (duckdb: RollupDuckDb, table: string, columns: readonly Column[]) =>
  duckdb.execute(
    `CREATE TABLE ${quoted(table)} (${columns.map((c) => `${quoted(c.name)} ${duckdbType(c.type)}`).join(', ')})`,
  );

/** Instants go as their microseconds: no calendar is read or written on the way. */
const micros = (value: Value): string | null => (value === null ? null : String(value));
const cell = (type: DataType, place: string): string =>
  type.kind === 'timestamp' ? `make_timestamp(CAST(${place} AS BIGINT))` : `CAST(${place} AS ${duckdbType(type)})`;

/** Rows go over in portions of about this many, so that memory stays flat however many there are. */
const PORTION = 8_192;

/** A column's values as one JSON array of texts, each in its exact form, so that nothing is read as another type. */
const jsonOf = (column: Column, values: readonly Value[]): string =>
  JSON.stringify(
    values.map((value) => (column.type.kind === 'timestamp' ? micros(value) : valueText(column.type, value))),
  );

/**
 * Fills a new table from a stream, of whichever engine. Gives the number of rows.
 * Errors: those of the stream; `engine-failed`, `cancelled`.
 */
export const fillTable = async (
  duckdb: RollupDuckDb,
  table: string,
  columns: readonly Column[],
  rows: RowStream,
  signal?: AbortSignal,
): Promise<number> => {
  const lists = columns.map((_, i) => `unnest(from_json(?, '["VARCHAR"]')) AS v${i}`);
  const cells = columns.map((c, i) => cell(c.type, `v${i}`));
  const insert = `INSERT INTO ${quoted(table)} SELECT ${cells.join(', ')} FROM (SELECT ${lists.join(', ')})`;
  let count = 0;
  let waiting = 0;
  let portion: Value[][] = columns.map(() => []);
  const flush = async () => {
    if (waiting === 0) return;
    const texts = columns.map((c, i) => jsonOf(c, portion[i] ?? []));
    portion = columns.map(() => []);
    count += waiting;
    waiting = 0;
    await duckdb.execute(insert, texts, signal ? { signal } : {});
  };
  try {
    await orCancelled(signal, async () => {
      await createTable(duckdb, table, columns);
      for await (const batch of rows) {
        signal?.throwIfAborted();
        for (const [i, own] of portion.entries()) for (const value of batch.columns[i] ?? []) own.push(value);
        waiting += batch.length;
        if (waiting >= PORTION) await flush();
      }
      await flush();
    });
  } finally {
    await rows.cancel();
  }
  return count;
};
