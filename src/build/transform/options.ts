import type { Emit } from '../../query/index.js';
import type { DuckDb, Warehouse } from '../../store/engine/index.js';

/** What one build works with. */
export interface BuildOptions {
  /** Folder with `sql/{silver,gold}` and `seeds/`. */
  readonly transformsDir: string;
  /** Absolute folder of the lake: tables are `<lake>/<layer>/<table>/...`. */
  readonly lake: string;
  readonly duckdb: DuckDb;
  /** Its state store must be migrated. */
  readonly warehouse: Warehouse;
  /** Key of the customer pseudonyms, at least 32 bytes. It is in no statement, log or fingerprint; its id is. */
  readonly pseudonymKey: string;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Microseconds since 1970 UTC: `{{run.ts}}` and the time of checks. Default the clock. */
  readonly now?: () => bigint;
}
