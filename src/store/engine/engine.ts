import type { Column, RowStream } from '../../query/index.js';

/** A bound parameter. Exact numbers travel as text; the statement casts each place to its type. */
export type Parameter = string | number | boolean | null;

/** One SELECT in an engine's dialect, with the types its columns must have (a value that does not fit is an error). */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  readonly columns: readonly Column[];
}

export interface RunOptions {
  /** Aborting stops the engine's own work (pg_cancel, interrupt), not only the reading. */
  readonly signal?: AbortSignal;
  /** The engine stops the statement after this time with error `time-limit`. */
  readonly milliseconds?: number;
}

/** What the planner and the runner know of an engine; its name is never tested elsewhere. */
export interface Engine {
  readonly name: string;
  /** Which SQL dialect of `model/cube` it reads. */
  readonly dialect: 'postgres' | 'duckdb';
  /**
   * Runs one statement and streams its rows in batches, with back-pressure.
   * Errors: `engine-failed`, `value-does-not-fit`, `time-limit`, `cancelled`, `postgres-unavailable`.
   */
  run(statement: Statement, options?: RunOptions): Promise<RowStream>;
  close(): Promise<void>;
}
