import { commitName, LOG, type LogListing } from '../format/paths.js';
import { keepsTime, keepsTimeSince, ownTime } from '../log/commit-time.js';
import { latestVersion, listLog, readVersion } from '../log/log.js';
import { takeFiles } from '../snapshot/snapshot.js';
import type { DeltaTable } from '../types.js';

/** A version and when it was committed, milliseconds since 1970. */
export interface CommitTime {
  readonly version: number;
  readonly timestamp: number;
}

/** Commits that are looked at in one time. */
const AT_ONCE = 16;

const mapped = async <T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const found: R[] = [];
  for (let at = 0; at < list.length; at += AT_ONCE)
    found.push(...(await Promise.all(list.slice(at, at + AT_ONCE).map(work))));
  return found;
};

/** Each later than the one before: files copied in one go have one time, and clocks of writers differ. */
const monotone = (times: readonly CommitTime[]): readonly CommitTime[] => {
  let before = Number.NEGATIVE_INFINITY;
  return times.map(({ version, timestamp }) => {
    before = Math.max(timestamp, before + 1);
    return { version, timestamp: before };
  });
};

/** When the files of commits were last changed, made to ascend. */
const fileTimes = async (table: DeltaTable, versions: readonly number[]): Promise<readonly CommitTime[]> => {
  const times = await mapped(versions, async (version) => ({
    version,
    timestamp: (await table.files.stat(`${LOG}/${commitName(version)}`))?.modified,
  }));
  return monotone(times.flatMap(({ version, timestamp }) => (timestamp === undefined ? [] : [{ version, timestamp }])));
};

const timeInLog = async (table: DeltaTable, version: number): Promise<number | undefined> =>
  ownTime((await readVersion(table, version)) ?? []);

/** The oldest version that the log can still tell of: the first, or that of the oldest complete checkpoint. */
const oldestOf = ({ commits, starts, compactions }: LogListing): number =>
  commits[0] === 0 || compactions[0]?.from === 0 ? 0 : (starts[0]?.version ?? Number.POSITIVE_INFINITY);

/** What the log says of its versions. */
export interface LogTimes {
  /** Every version from the oldest to the newest can be read. */
  readonly oldest: number;
  readonly newest: number;
  /** Those whose commit file is there, ascending: the others' times are not known. */
  readonly commits: readonly number[];
  /** The first version whose time stands in the log itself. */
  readonly ownFrom: number | undefined;
}

/** Undefined: there is no table. Errors: those of `takeFiles`. */
export const logTimes = async (table: DeltaTable): Promise<LogTimes | undefined> => {
  const current = await takeFiles(table);
  if (!current) return undefined;
  const listing = await listLog(table);
  const oldest = oldestOf(listing);
  return {
    ...{ oldest, newest: latestVersion(listing), commits: listing.commits.filter((version) => version >= oldest) },
    ownFrom: keepsTime(current.metadata) ? keepsTimeSince(current.metadata) : undefined,
  };
};

/** When versions were committed, ascending. Errors: `delta-corrupt`. */
export const commitTimes = async (
  table: DeltaTable,
  { commits, ownFrom }: LogTimes,
): Promise<readonly CommitTime[]> => {
  const isOwn = (version: number) => ownFrom !== undefined && version >= ownFrom;
  const before = await fileTimes(
    table,
    commits.filter((v) => !isOwn(v)),
  );
  const own = await mapped(commits.filter(isOwn), async (version) => ({
    version,
    timestamp: await timeInLog(table, version),
  }));
  return [
    ...before,
    ...own.flatMap(({ version, timestamp }) => (timestamp === undefined ? [] : [{ version, timestamp }])),
  ];
};

/** The newest version of those whose time stands in the log that was there at a time: times ascend, so few are read. */
const ownVersionAt = async (
  table: DeltaTable,
  versions: readonly number[],
  at: number,
): Promise<number | undefined> => {
  let found: number | undefined;
  for (let low = 0, high = versions.length; low < high; ) {
    const middle = (low + high) >> 1;
    const version = versions[middle] ?? 0;
    const time = await timeInLog(table, version);
    if (time !== undefined && time <= at) {
      found = version;
      low = middle + 1;
    } else high = middle;
  }
  return found;
};

/** The newest version that was there at a time; undefined when it lies before the first that is known. */
export const versionAtTime = async (table: DeltaTable, times: LogTimes, at: number): Promise<number | undefined> => {
  const { commits, ownFrom } = times;
  const own = commits.filter((version) => ownFrom !== undefined && version >= ownFrom);
  const found = await ownVersionAt(table, own, at);
  if (found !== undefined) return found;
  const before = await fileTimes(table, commits.slice(0, commits.length - own.length));
  return before.filter(({ timestamp }) => timestamp <= at).at(-1)?.version;
};
