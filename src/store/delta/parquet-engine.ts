/** A value as DuckDB's JSON form has it: 64-bit integers and decimals as text, a MAP as a list of `{key, value}`. */
export type EngineValue =
  | null
  | string
  | number
  | boolean
  | readonly EngineValue[]
  | { readonly [key: string]: EngineValue };

export interface EngineOptions {
  readonly signal?: AbortSignal;
  /** Bound as $1, $2, ...: secrets travel here and in no statement's text. */
  readonly parameters?: readonly (string | number | boolean | null)[];
}

/**
 * The engine that reads and writes Parquet for us: one DuckDB session (its temporary tables last from call to call), time zone UTC.
 * `query` gives all rows at once, as `getRowObjectsJson` of @duckdb/node-api does. Errors: `engine-failed`, `disk-full`, `cancelled`.
 */
export interface ParquetEngine {
  execute(sql: string, options?: EngineOptions): Promise<void>;
  query(sql: string, options?: EngineOptions): Promise<readonly Readonly<Record<string, EngineValue>>[]>;
}
