import { error } from '../../../errors/index.js';
import type { DeltaTable } from '../types.js';
import { logTimes, versionAtTime } from './commit-times.js';

/** A version by its number, or the newest one that was there at a time (milliseconds since 1970). */
export type VersionAt = { readonly version: number } | { readonly timestamp: number };

const timeText = (timestamp: number): string =>
  Math.abs(timestamp) <= 8.64e15 ? new Date(timestamp).toISOString() : String(timestamp);

/**
 * The version that a question about the past means. A time after the newest commit means that one. Commits are timed by the log where
 * the table keeps times there (in-commit timestamps), else by their files, whose times do not survive a copy of the table.
 * Errors: `delta-version-unknown` when the log holds no such version any more, or not yet; those of reading the log.
 */
export const versionAt = async (table: DeltaTable, at: VersionAt): Promise<number> => {
  const times = await logTimes(table);
  const asked = 'version' in at ? `version ${at.version}` : `version at ${timeText(at.timestamp)}`;
  const unknown = (why: string) => error('delta-version-unknown', { table: table.path, asked, why });
  if (!times) throw unknown('there is no table');
  const { oldest, newest } = times;
  if ('version' in at) {
    if (at.version >= oldest && at.version <= newest && Number.isInteger(at.version)) return at.version;
    throw unknown(`versions ${oldest} to ${newest} can be read`);
  }
  const found = await versionAtTime(table, times, at.timestamp);
  if (found === undefined) throw unknown(`the oldest version whose time is known is younger`);
  return found;
};
