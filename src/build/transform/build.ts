import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { DuckDb, Warehouse } from '../../store/engine/index.js';
import type { Publication } from './publication.js';

/** What one build works with. */
export interface BuildOptions {
  /** Folder with `sql/{silver,gold}` and `seeds/`. */
  readonly transformsDir: string;
  /** Absolute folder of the lake: tables are `<lake>/<layer>/<table>`. */
  readonly lake: string;
  readonly duckdb: DuckDb;
  readonly warehouse: Warehouse;
  /** Key of the customer pseudonyms, at least 32 bytes. It is in no statement, log or fingerprint; its id is. */
  readonly pseudonymKey: string;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Microseconds since 1970 UTC: `{{run.ts}}` and the time of checks. Default the clock. */
  readonly now?: () => bigint;
}

export interface BuildResult {
  readonly publication: Publication;
  /** False when nothing had moved: the publication is the one that was there. */
  readonly published: boolean;
  /** Tables made anew, in order; those whose contents came out equal are not among them. */
  readonly changed: readonly string[];
}

/**
 * Brings every table to the state of the bronze tables and the files, checks it and publishes all that changed in one step. Safe to
 * kill at any moment and to run again. One build at a time: a second one waits for the first.
 * Errors: `transform-invalid`, `contract-broken`, `check-failed` (nothing was published), `engine-failed`, `delta-conflict`,
 * `disk-full`, `cancelled`.
 */
export const build = async (_options: BuildOptions): Promise<BuildResult> => {
  throw error('internal', {});
};
