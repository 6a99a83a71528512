import type { Column, ColumnBatch } from '../../query/index.js';
import type { Engine } from '../../store/engine/index.js';

/** What rollups need of a DuckDB. All calls see one database; tables made by one call are there for the next. */
export interface RollupDuckDb {
  /** SELECTs with typed columns. */
  readonly engine: Engine;
  /** A statement whose rows do not matter: CREATE, DROP, COPY. Errors: `engine-failed`, `cancelled`. */
  execute(sql: string, signal?: AbortSignal): Promise<void>;
  /** Appends typed rows to a table that has exactly these columns, in this order. Gives their number. */
  append(
    table: string,
    columns: readonly Column[],
    rows: AsyncIterable<ColumnBatch>,
    signal?: AbortSignal,
  ): Promise<number>;
}
