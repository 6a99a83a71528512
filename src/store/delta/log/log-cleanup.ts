import { intervalMilliseconds } from '../format/interval.js';
import { commitName, LOG } from '../format/paths.js';
import type { Snapshot } from '../types.js';
import { keepsTime, keepsTimeSince, timeOf } from './commit-time.js';
import { listLog } from './log.js';

const DAY = 86_400_000;
/** How long old commits are kept where the table does not say: the protocol's own default. */
const MONTH = 30 * DAY;

/** Newest of the commits, given oldest first, that was made at a time or before it; undefined: none. */
const newestUpTo = async (
  { table, metadata }: Snapshot,
  commits: readonly number[],
  time: number,
): Promise<number | undefined> => {
  let found: number | undefined;
  let before = Number.NEGATIVE_INFINITY;
  const owned = keepsTime(metadata) ? keepsTimeSince(metadata) : Number.POSITIVE_INFINITY;
  for (const version of commits) {
    const at =
      version >= owned
        ? await timeOf(table, version)
        : (await table.files.stat(`${LOG}/${commitName(version)}`))?.modified;
    // Clocks of machines differ: a version is never taken for older than the one before it.
    before = Math.max(at ?? Number.POSITIVE_INFINITY, before + 1);
    if (before > time) return found;
    found = version;
  }
  return found;
};

/** What stands in the log's folder for one version: commit, checkpoints, checksums, and the checksums that Hadoop keeps beside them. */
const VERSIONED = /^\.?(\d{20})\.(?:json|crc|checkpoint(?:\..+)?\.(?:parquet|json)|\d{20}\.compacted\.json)(?:\.crc)?$/;

/**
 * Removes what stands before the newest checkpoint that is itself older than `delta.logRetentionDuration` (from midnight, UTC), so every
 * version inside the retention can still be read. Gives how many files went; none where the table forbids it or says nothing we can read.
 */
export const cleanLog = async (snapshot: Snapshot, now: number): Promise<number> => {
  const { table, metadata } = snapshot;
  const { configuration } = metadata;
  if (configuration['delta.enableExpiredLogCleanup']?.toLowerCase() === 'false') return 0;
  const text = configuration['delta.logRetentionDuration'];
  const retention = text === undefined ? MONTH : intervalMilliseconds(text);
  if (retention === undefined) return 0;
  const cutoff = Math.floor((now - retention) / DAY) * DAY;
  const { commits, checkpoints } = await listLog(table);
  const newest = await newestUpTo(snapshot, commits, cutoff);
  const keep = checkpoints.filter((version) => newest !== undefined && version <= newest).at(-1);
  if (keep === undefined) return 0;
  const versionOf = (name: string) => Number(VERSIONED.exec(name)?.[1] ?? keep);
  const gone = (await table.files.list(LOG)).filter((name) => versionOf(name) < keep);
  // Oldest first: wherever this stops, what is left is a log that begins later.
  gone.sort((a, b) => versionOf(a) - versionOf(b));
  await table.files.removeFiles(gone.map((name) => `${LOG}/${name}`));
  return gone.length;
};
