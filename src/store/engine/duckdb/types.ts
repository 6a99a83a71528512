import type { ColumnBatch, Emit, RowStream } from '../../../query/index.js';
import type { Engine, Parameter, RunOptions, Statement } from '../engine.js';

/**
 * Makes the files that texts name readable on this machine until they are released; undefined where there is nothing to do. The
 * texts are a statement and its parameters.
 */
export type HoldFiles = (texts: readonly string[], signal?: AbortSignal) => Promise<{ release(): void }> | undefined;

export interface DuckDbOptions {
  /** A database file; default in memory. */
  readonly path?: string;
  /** Memory limit, `2GB`. */
  readonly memory: string;
  /** Default: the machine's cores. */
  readonly threads?: number | undefined;
  /** Where sorts and joins spill when memory is short. */
  readonly tempDir: string;
  /** Connections at once; further callers wait. Default 8. */
  readonly sessions?: number;
  /** For files that are kept elsewhere; default: every file that is named is there. */
  readonly hold?: HoldFiles;
  readonly emit: Emit;
}

/**
 * A row of a small query, types taken from the engine: integers up to 32 bits and doubles are numbers, wider integers bigint,
 * decimals exact text, dates 'YYYY-MM-DD', timestamps bigint micros, blobs Buffer, lists arrays, structs objects, maps Map.
 */
export type DuckDbRow = Record<string, unknown>;

/** Bound values. Bytes bind as BLOB. */
export type DuckDbParameter = Parameter | bigint | Uint8Array;

/** One connection: temporary tables and SET LOCAL-like settings stay on it while it is held. */
export interface DuckDbSession {
  /** Runs one or more statements; parameters only with one. Errors: `engine-failed`, `disk-full`, `cancelled`, `time-limit`. */
  execute(
    sql: string,
    parameters?: readonly DuckDbParameter[],
    options?: RunOptions,
  ): Promise<{ readonly rowsChanged: number }>;
  /** A small result as objects. For answers use `read` or `stream`. */
  query<R = DuckDbRow>(sql: string, parameters?: readonly DuckDbParameter[], options?: RunOptions): Promise<R[]>;
  /** A small result in the declared types, as one batch. */
  read(statement: Statement, options?: RunOptions): Promise<ColumnBatch>;
  /** A large result; read it to its end or cancel it. */
  stream(statement: Statement, options?: RunOptions): Promise<RowStream>;
}

/** One DuckDB instance in this process, with a pool of connections. Sessions run in UTC and load nothing from the network. */
export interface DuckDb extends DuckDbSession {
  readonly engine: Engine;
  /** Holds one connection for several statements (transactions, temporary tables). */
  session<T>(fn: (session: DuckDbSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
