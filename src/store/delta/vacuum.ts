import { error } from '../../errors/index.js';
import { decodePath } from './paths.js';
import { takeSnapshot } from './snapshot.js';
import type { DeltaTable } from './types.js';
import { checkWritable } from './writable.js';

/** Shortest retention: a reader or writer of another make may be at work for that long (the protocol's own week). */
const WEEK = 168 * 3_600_000;

export interface Vacuum {
  /** Milliseconds that removed and never published files stay. Below a week only with `force`. */
  readonly retention?: number;
  readonly force?: boolean;
  /** Versions that must stay readable, such as those that a publication names. */
  readonly keepVersions?: readonly number[];
  /** Steps that are still at work: their folders stay. */
  readonly keepSteps?: readonly string[];
  /** Says of a path below the table that somebody needs it still, such as a step with a live lease. */
  readonly keep?: (path: string) => boolean | Promise<boolean>;
  /** Only says what would go. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
}

/** Files that went, or would go; paths below the table's folder, with their bytes. */
export interface Vacuumed {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly bytes: number;
  /** Milliseconds that were kept. */
  readonly retention: number;
}

/** `vacuum`, with what went. */
export const vacuumTable = async (table: DeltaTable, _options: Vacuum = {}): Promise<Vacuumed> => {
  throw error('delta-unsupported', { table: table.path, feature: 'vacuum' });
};

/**
 * Removes files of steps that no version in the retention names: what overwrites replaced, and orphans of stopped steps. Only
 * folders of our own steps (`d/<stepId>`) are looked at; files of other writers stay. Gives how many files went.
 * Errors: `usage` (retention too short), those of `openTable`.
 */
export const vacuum = async (table: DeltaTable, options: Vacuum = {}): Promise<number> => {
  const { retention = WEEK, force = false, keepVersions = [], keepSteps = [], now = Date.now() } = options;
  if (retention < WEEK && !force)
    throw error('usage', { text: `a retention below 168 hours can take files from readers of ${table.path}` });
  const current = await takeSnapshot(table);
  if (!current) return 0;
  checkWritable(table.path, current.protocol, current.metadata, current.schema);
  const kept = new Set<string>();
  const keep = (encoded: string) => kept.add(decodePath(encoded, table.path, table.path));
  for (const add of current.adds) keep(add.path);
  for (const tombstone of current.tombstones)
    if ((tombstone.deletionTimestamp ?? now) > now - retention) keep(tombstone.path);
  for (const version of keepVersions)
    for (const add of (await takeSnapshot(table, version))?.adds ?? []) keep(add.path);
  let gone = 0;
  for (const step of await table.files.list('d')) {
    if (keepSteps.includes(step)) continue;
    const folder = `d/${step}`;
    const paths = await table.files.walk(folder);
    let left = paths.length;
    for (const path of paths) {
      const found = await table.files.stat(path);
      if (kept.has(path) || !found || found.modified > now - retention) continue;
      await table.files.removeFile(path);
      gone += 1;
      left -= 1;
    }
    if (paths.length > 0 && left === 0) await table.files.removeFolder(folder);
  }
  return gone;
};
