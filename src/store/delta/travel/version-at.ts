import { error } from '../../../errors/index.js';
import { latestVersion, listLog } from '../log.js';
import type { DeltaTable } from '../types.js';

/** A version by its number, or the newest one that was there at a time (milliseconds since 1970). */
export type VersionAt = { readonly version: number } | { readonly timestamp: number };

/**
 * The version that a question about the past means. Errors: `delta-version-unknown` when the log holds no such version any more, or
 * not yet; those of reading the log.
 */
export const versionAt = async (table: DeltaTable, at: VersionAt): Promise<number> => {
  const newest = latestVersion(await listLog(table));
  if ('version' in at && at.version >= 0 && at.version <= newest) return at.version;
  throw error('delta-version-unknown', {
    table: table.path,
    asked: 'version' in at ? `version ${at.version}` : new Date(at.timestamp).toISOString(),
    why: `the newest version is ${newest}`,
  });
};
