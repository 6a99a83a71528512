import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBDecimalType,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  DuckDBTypeId,
  ResultReturnType,
} from '@duckdb/node-api';
import { AssayError, error } from '../../../errors/index.js';
import type { Column, ColumnBatch } from '../../../query/index.js';
import { type HeldFiles, heldFiles } from './held-files.js';
import type { DuckDbParameter, HoldFiles } from './types.js';
import { vectorReader } from './values.js';

/** Prepared statements that a connection keeps, least recently used first out: planning costs more than most small answers. */
const MOST = 128;
/** Characters of their texts: a statement that names thousands of files is long, and its plan many times longer. */
const MOST_TEXT = 4_000_000;
/** Rows of one vector of DuckDB. */
const VECTOR = 2048;

interface Prepared {
  readonly statement: DuckDBPreparedStatement;
  /** What its last whole result said: a small one is fetched in one step instead of three. */
  small: boolean;
}

/** One connection with its prepared statements. */
export interface Link {
  readonly connection: DuckDBConnection;
  readonly prepared: Map<string, Prepared>;
  /** Characters of their texts. */
  preparedText: number;
  /** A stream is being read: another statement would end it without a word. */
  streaming: boolean;
  /** Of the session that has the connection now. */
  readonly files: HeldFiles;
}

export const linkOf = (connection: DuckDBConnection, hold?: HoldFiles): Link => ({
  ...{ connection, prepared: new Map(), preparedText: 0, streaming: false, files: heldFiles(hold) },
});

/** Ends the statements that were not used for longest, until what is kept has its size. The newest one stays: it is about to run. */
const shed = (link: Link, newest: string): void => {
  for (const [sql, { statement }] of link.prepared) {
    if (sql === newest || (link.prepared.size <= MOST && link.preparedText <= MOST_TEXT)) return;
    link.prepared.delete(sql);
    link.preparedText -= sql.length;
    statement.destroySync();
  }
};

export const prepare = async (link: Link, sql: string): Promise<Prepared> => {
  let found = link.prepared.get(sql);
  if (found) link.prepared.delete(sql);
  else {
    found = { statement: await link.connection.prepare(sql), small: false };
    link.preparedText += sql.length;
  }
  link.prepared.set(sql, found);
  shed(link, sql);
  return found;
};

export const bind = (statement: DuckDBPreparedStatement, parameters: readonly DuckDbParameter[]): void => {
  parameters.forEach((value, i) => {
    const at = i + 1;
    if (value === null) statement.bindNull(at);
    else if (typeof value === 'string') statement.bindVarchar(at, value);
    else if (typeof value === 'boolean') statement.bindBoolean(at, value);
    else if (typeof value === 'bigint') statement.bindHugeInt(at, value);
    else if (typeof value !== 'number') statement.bindBlob(at, value);
    else if (value === (value | 0)) statement.bindInteger(at, value);
    else if (Number.isSafeInteger(value)) statement.bindBigInt(at, BigInt(value));
    else statement.bindDouble(at, value);
  });
};

/** Turns chunks of a result into batches of the declared columns. */
export const batchReader = (
  result: DuckDBResult,
  columns: readonly Column[],
): ((chunk: DuckDBDataChunk) => ColumnBatch) => {
  if (result.columnCount !== columns.length)
    throw error('internal', {}, new RangeError(`${result.columnCount} columns came, ${columns.length} are declared`));
  const readers = columns.map((column, i) => {
    const id = result.columnTypeId(i);
    const type = id === DuckDBTypeId.DECIMAL ? result.columnType(i) : undefined;
    return vectorReader(column, id, type instanceof DuckDBDecimalType ? type.scale : 0);
  });
  return (chunk) => {
    const length = chunk.rowCount;
    return { length, columns: readers.map((read, i) => read(chunk.getColumnVector(i), length)) };
  };
};

/** The next chunk of a streamed result, undefined at its end. */
export const nextChunk = async (result: DuckDBResult): Promise<DuckDBDataChunk | undefined> => {
  const chunk = await result.fetchChunk();
  if (chunk && chunk.rowCount > 0) return chunk;
  // The driver hides an error in the middle of a stream, or an interrupt, behind an empty chunk; the result's type tells
  // (duckdb_result_return_type gives INVALID for a result with an error).
  if (result.returnType === ResultReturnType.INVALID)
    throw new StreamBroken('the stream ended early; run the statement alone to see its message');
  return undefined;
};

/** An error of the engine in the middle of a stream, whose message the driver does not hand out. */
export class StreamBroken extends Error {}

export const isSmall = (rows: number): boolean => rows < VECTOR;

export const refuseWhileStreaming = (link: Link): void => {
  if (link.streaming)
    throw new AssayError('internal', {}, { cause: new ReferenceError('a stream of this session is still open') });
};
