import { error } from '../../../errors/index.js';
import { tombstoneRetention } from '../checkpoint/write-checkpoint.js';
import type { FoundFile } from '../files.js';
import { LOG } from '../format/paths.js';
import { checkWritable } from '../rules/writable.js';
import { locate } from '../scan/locate.js';
import { takeFiles } from '../snapshot/snapshot.js';
import type { AddFile, DeltaTable, Snapshot } from '../types.js';
import { pathOfVector } from '../vectors/read-vector.js';

/** Shortest retention: a reader or writer of another make may be at work for that long (the protocol's own week). */
const WEEK = 168 * 3_600_000;
const DAY = 24 * 3_600_000;

export interface Vacuum {
  /** Milliseconds that removed and never published files stay; default the table's `delta.deletedFileRetentionDuration`, else a week. */
  readonly retention?: number;
  /** Allows less than a week, and less than the table says. */
  readonly force?: boolean;
  /** Versions that must stay readable, such as those that a publication names. */
  readonly keepVersions?: readonly number[];
  /** Steps that are still at work: their folders stay. */
  readonly keepSteps?: readonly string[];
  /** Says of a path below the table that somebody needs it still, such as a step with a live lease. */
  readonly keep?: (path: string) => boolean | Promise<boolean>;
  /** Only says what would go. */
  readonly dryRun?: boolean;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly signal?: AbortSignal;
}

/** Files that went, or would go; paths below the table's folder, with their bytes. */
export interface Vacuumed {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly bytes: number;
  /** Milliseconds that were kept. */
  readonly retention: number;
}

/** How long files stay. Errors: `usage` where that is too short. */
const retentionOf = ({ table, metadata }: Snapshot, { retention, force }: Vacuum): number => {
  const own = tombstoneRetention(metadata);
  if (own === undefined)
    throw error('delta-unsupported', {
      table: table.path,
      feature: `delta.deletedFileRetentionDuration ${metadata.configuration['delta.deletedFileRetentionDuration']}`,
    });
  const wanted = retention ?? own;
  const least = Math.max(WEEK, own);
  if (wanted < least && !force)
    throw error('usage', {
      text: `a retention below ${Math.round(least / 3_600_000)} hours can take files from readers of ${table.path}`,
    });
  return wanted;
};

/** What readers of the newest version, of versions in use and of versions inside the retention need. */
const neededPaths = async (current: Snapshot, options: Vacuum, since: number): Promise<ReadonlySet<string>> => {
  const { table } = current;
  const needed = new Set<string>();
  const need = ({ path, deletionVector }: Pick<AddFile, 'path' | 'deletionVector'>) => {
    needed.add(locate(table, path));
    const vector = deletionVector && deletionVector.storageType !== 'i' && pathOfVector(table, deletionVector);
    if (vector) needed.add(vector);
  };
  for (const add of current.adds) need(add);
  for (const tombstone of current.tombstones)
    if ((tombstone.deletionTimestamp ?? Number.POSITIVE_INFINITY) > since) need(tombstone);
  for (const version of options.keepVersions ?? [])
    for (const add of (await takeFiles(table, version))?.adds ?? []) need(add);
  return needed;
};

/**
 * Folders and files that begin with `_` or `.` belong to programs (the log is one), but for the change files and for partitions whose
 * column's name begins so.
 */
const isHidden = (path: string, partitionColumns: readonly string[]): boolean =>
  path
    .split('/')
    .some(
      (part) =>
        /^[_.]/.test(part) &&
        part !== '_change_data' &&
        !partitionColumns.some((column) => part.startsWith(`${column}=`)),
    );

/** Unfinished files of stopped writers of the log. */
const isLeftover = ({ path }: FoundFile): boolean => new RegExp(`^${LOG}/\\.[0-9a-f-]{36}\\.tmp$`).test(path);

const expired = async (
  before: Snapshot,
  options: Vacuum,
  since: number,
  now: number,
): Promise<readonly FoundFile[]> => {
  const { table, metadata } = before;
  const found = await table.files.survey('.');
  // The log is read again behind the files: whatever was committed while they were listed is known.
  const needed = await neededPaths((await takeFiles(table)) ?? before, options, since);
  const atWork = new Set(options.keepSteps ?? []);
  const isAtWork = (path: string) => path.startsWith('d/') && atWork.has(path.split('/')[1] ?? '');
  const gone: FoundFile[] = [];
  for (const file of found) {
    if (isLeftover(file)) {
      if (file.modified <= now - DAY) gone.push(file);
      continue;
    }
    if (isHidden(file.path, metadata.partitionColumns) || needed.has(file.path) || file.modified > since) continue;
    if (isAtWork(file.path) || (await options.keep?.(file.path))) continue;
    gone.push(file);
  }
  return gone;
};

/** Folders of our own steps that nothing is left in. Folders of other writers stay: one may be writing there. */
const emptied = (found: readonly string[], gone: readonly FoundFile[]): readonly string[] => {
  const stepOf = (path: string) => /^d\/[^/]+(?=\/)/.exec(path)?.[0];
  const left = new Set(gone.map(({ path }) => path));
  const used = new Set(found.filter((path) => !left.has(path)).map(stepOf));
  return [...new Set(gone.map(({ path }) => stepOf(path)))].flatMap((step) =>
    step === undefined || used.has(step) ? [] : [step],
  );
};

/**
 * Removes files that no version in the retention names: what was replaced, and what stopped writers left. Files that are neither live
 * nor remembered go by their age. Errors: `usage` (retention too short), `delta-unsupported`, those of `openTable`.
 */
export const vacuumTable = async (table: DeltaTable, options: Vacuum = {}): Promise<Vacuumed> => {
  const current = await takeFiles(table);
  const now = options.now ?? Date.now();
  if (!current) return { files: [], bytes: 0, retention: options.retention ?? WEEK };
  checkWritable(table.path, current.protocol, current.metadata, current.schema);
  const retention = retentionOf(current, options);
  const gone = await expired(current, options, now - retention, now);
  const files = gone.map(({ path, size }) => ({ path, bytes: size }));
  const result = { files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), retention };
  if (options.dryRun) return result;
  if (options.signal?.aborted) throw error('cancelled', {});
  await table.files.removeFiles(gone.map(({ path }) => path));
  for (const folder of emptied(await table.files.walk('d'), gone)) await table.files.removeFolder(folder);
  return result;
};

/** `vacuumTable`, of which only the number of files is wanted. */
export const vacuum = async (table: DeltaTable, options: Vacuum = {}): Promise<number> =>
  (await vacuumTable(table, options)).files.length;
