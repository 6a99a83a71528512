import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Tx, Warehouse } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';

/** What changed in a table's copy in PostgreSQL, as DuckDB can read it. */
export interface PostgresChange {
  readonly transform: Transform;
  /** Schema-qualified and quoted: `"phys_gold"."fact_sales__v1__a91c02ff"`. */
  readonly table: string;
  /** Keys of the partitions that changed; undefined: the whole table. */
  readonly partitions: readonly string[] | undefined;
  /** Relation over the rows of those partitions (or of the table) as they are published; undefined when there are none. */
  readonly before: string | undefined;
  /** Relation over the rows that take their place. */
  readonly after: string;
}

export interface PostgresParts {
  /** The publishing transaction: until it commits nobody sees anything. */
  readonly tx: Tx;
  readonly warehouse: Warehouse;
  readonly engine: ParquetEngine;
  /** Folder for CSV files on their way; on the same machine as DuckDB. */
  readonly tmp: string;
  readonly signal: AbortSignal | undefined;
}

export interface PostgresMoved {
  readonly deleted: number;
  readonly inserted: number;
}
