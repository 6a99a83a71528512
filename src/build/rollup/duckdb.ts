import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { error } from '../../errors/index.js';
import {
  type Column,
  type ColumnBatch,
  type DataType,
  type RowStream,
  type Value,
  valueText,
} from '../../query/index.js';
import type { DuckDb } from '../../store/engine/index.js';
import { duckdbType } from './layout.js';

/** What rollups need of the node's DuckDB: one database, whose tables every statement sees. */
export type RollupDuckDb = Pick<DuckDb, 'execute' | 'read'>;

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

/** Makes an empty table of these columns. */
export const createTable = (duckdb: RollupDuckDb, table: string, columns: readonly Column[]) =>
  duckdb.execute(
    `CREATE TABLE ${quoted(table)} (${columns.map((c) => `${quoted(c.name)} ${duckdbType(c.type)}`).join(', ')})`,
  );

/** Instants go as their microseconds: no calendar is read or written on the way. */
const micros = (value: Value): string | null => (value === null ? null : String(value));
const cell = (type: DataType, place: string): string =>
  type.kind === 'timestamp' ? `make_timestamp(CAST(${place} AS BIGINT))` : `CAST(${place} AS ${duckdbType(type)})`;

/** A batch as lines of JSON. Every value is text in its exact form, so nothing is read as another type. */
const lines = (columns: readonly Column[], batch: ColumnBatch): string => {
  let text = '';
  for (let row = 0; row < batch.length; row++) {
    text += '[';
    for (let c = 0; c < columns.length; c++) {
      const column = columns[c];
      const value = batch.columns[c]?.[row] ?? null;
      if (column === undefined) continue;
      const plain = column.type.kind === 'timestamp' ? micros(value) : valueText(column.type, value);
      text += `${c === 0 ? '' : ','}${plain === null ? 'null' : JSON.stringify(plain)}`;
    }
    text += ']\n';
  }
  return text;
};

/**
 * Fills a new table from a stream of another engine, through a file, so that memory stays flat. Gives the number of rows.
 * Errors: those of the stream; `engine-failed`, `disk-full`, `cancelled`.
 */
export const fillTable = async (
  duckdb: RollupDuckDb,
  table: string,
  columns: readonly Column[],
  rows: RowStream,
  file: string,
  signal?: AbortSignal,
): Promise<number> => {
  let count = 0;
  const text = async function* () {
    for await (const batch of rows) {
      count += batch.length;
      yield lines(columns, batch);
    }
  };
  try {
    await orCancelled(signal, () => pipeline(text, createWriteStream(file), ...(signal ? [{ signal }] : [])));
    await createTable(duckdb, table, columns);
    const cells = columns.map((c, i) => cell(c.type, `v[${i + 1}]`));
    const places = columns.map((_, i) => `'$[${i}]'`).join(', ');
    if (count > 0)
      await duckdb.execute(
        `INSERT INTO ${quoted(table)} SELECT ${cells.join(', ')} FROM (SELECT json_extract_string(json, [${places}]) AS v FROM read_json_objects(${literal(file)}, format = 'newline_delimited', maximum_object_size = 67108864))`,
        [],
        signal ? { signal } : {},
      );
  } finally {
    await rows.cancel();
    await rm(file, { force: true });
  }
  return count;
};
