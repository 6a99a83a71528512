import { checkpointName, commitName, LOG } from '../format/paths.js';
import type { DeltaTable, Snapshot } from '../types.js';

/** A snapshot that was read, and which log file it ended with. */
interface Kept {
  readonly snapshot: Snapshot;
  readonly mark: string;
}

const MOST_TABLES = 128;
/** Files of all tables together; one takes about a kilobyte. The table that was read last is kept whatever its size. */
const MOST_FILES = 400_000;

const kept = new Map<string, Kept>();
let files = 0;

/** Says which file on the disk the log ends with at a version; another one in its place is another table. */
const markOf = async (table: DeltaTable, version: number): Promise<string | undefined> =>
  (await table.files.stat(`${LOG}/${commitName(version)}`))?.identity ??
  (await table.files.stat(`${LOG}/${checkpointName(version)}`))?.identity;

const forget = (path: string): void => {
  const found = kept.get(path);
  if (!found) return;
  kept.delete(path);
  files -= found.snapshot.adds.length + found.snapshot.tombstones.length;
};

/**
 * The newest snapshot of this table that this process has read, if it is not newer than wanted and the log still holds the very file
 * that it ended with (a folder may be removed, restored or made anew under the same name).
 */
export const keptSnapshot = async (table: DeltaTable, wanted: number): Promise<Snapshot | undefined> => {
  const found = kept.get(table.path);
  if (!found || found.snapshot.version > wanted) return undefined;
  if ((await markOf(table, found.snapshot.version)) === found.mark) return { ...found.snapshot, table };
  if (kept.get(table.path) === found) forget(table.path);
  return undefined;
};

/** Keeps a snapshot for the next one to begin at. Least recently taken tables go first. */
export const keepSnapshot = async (snapshot: Snapshot): Promise<void> => {
  const { path } = snapshot.table;
  const mark = await markOf(snapshot.table, snapshot.version);
  if (mark === undefined) return;
  forget(path);
  kept.set(path, { snapshot, mark });
  files += snapshot.adds.length + snapshot.tombstones.length;
  for (const oldest of kept.keys()) {
    if (oldest === path || (kept.size <= MOST_TABLES && files <= MOST_FILES)) break;
    forget(oldest);
  }
};

/** Adds what was read of the deletion vectors to the snapshot that is kept of this version, if it still is. */
export const keepDeletions = ({ table, version, adds, deletions }: Snapshot): void => {
  const found = kept.get(table.path);
  if (!found || found.snapshot.version !== version || found.snapshot.adds !== adds || !deletions) return;
  kept.set(table.path, { ...found, snapshot: { ...found.snapshot, deletions } });
};
