import { error } from '../../../errors/index.js';
import { type Action, readCommit } from '../format/actions.js';
import { type Compaction, commitName, LOG, type LogListing, readListing } from '../format/paths.js';
import type { DeltaTable } from '../types.js';

/** `since`: what has to do with older versions only may be left out. */
export const listLog = async (table: DeltaTable, since?: number): Promise<LogListing> =>
  readListing(await table.files.list(LOG, since === undefined ? undefined : commitName(since).slice(0, 20)));

/** A version's actions; undefined when there is no such commit. Errors: `delta-corrupt`. */
export const readVersion = async (table: DeltaTable, version: number): Promise<readonly Action[] | undefined> => {
  const path = `${LOG}/${commitName(version)}`;
  const bytes = await table.files.read(path);
  return bytes && readCommit(bytes, table.files.name(path), table.path);
};

const missing = (table: DeltaTable, name: string) =>
  error('delta-corrupt', {
    file: table.files.name(`${LOG}/${name}`),
    why: 'it is missing, and later versions exist',
  });

/** The same, where the listing promised it: a hole in the log is damage. */
export const readPresent = async (table: DeltaTable, version: number): Promise<readonly Action[]> => {
  const actions = await readVersion(table, version);
  if (!actions) throw missing(table, commitName(version));
  return actions;
};

/** Newest version that the listing holds; -1 for none. */
export const latestVersion = (listing: LogListing): number =>
  Math.max(listing.commits.at(-1) ?? -1, listing.starts.at(-1)?.version ?? -1);

/** A file of the log that carries the table from one version to a later one. */
export interface Stretch {
  /** First and last version, both included. */
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/**
 * The files that carry the table from `from` to `to`, as few as there are: compacted ones where they fit, commits elsewhere.
 * Errors: `delta-corrupt` that names the version that is missing.
 */
export const stretches = (table: DeltaTable, listing: LogListing, from: number, to: number): readonly Stretch[] => {
  const commits = new Set(listing.commits);
  const found: Stretch[] = [];
  for (let version = from; version <= to; ) {
    const longest = listing.compactions
      .filter((c) => c.from === version && c.to <= to)
      .reduce<Compaction | undefined>((best, c) => (best && best.to >= c.to ? best : c), undefined);
    if (!longest && !commits.has(version)) throw missing(table, commitName(version));
    const next = longest ?? { from: version, to: version, name: commitName(version) };
    found.push(next);
    version = next.to + 1;
  }
  return found;
};

/** The actions of a stretch. A compacted file that is damaged is no loss while its commits are there. Errors: `delta-corrupt`. */
export const readStretch = async (table: DeltaTable, stretch: Stretch): Promise<readonly Action[]> => {
  if (stretch.from === stretch.to) return readPresent(table, stretch.from);
  const path = `${LOG}/${stretch.name}`;
  try {
    const bytes = await table.files.read(path);
    if (!bytes) throw missing(table, stretch.name);
    return readCommit(bytes, table.files.name(path), table.path);
  } catch (thrown) {
    const actions: Action[] = [];
    for (let version = stretch.from; version <= stretch.to; version++) {
      const found = await readVersion(table, version);
      if (!found) throw thrown;
      actions.push(...found);
    }
    return actions;
  }
};

/** Our id of a commit, if it is one of ours. */
export const txnIdOf = (actions: readonly Action[]): string | undefined => {
  for (const action of actions) {
    if (action.kind !== 'commitInfo') continue;
    const id = action.commitInfo['txnId'];
    if (typeof id === 'string') return id;
  }
  return undefined;
};

/** The version after `since` that was committed under this id, or undefined. Errors: `delta-corrupt`. */
export const findCommit = async (table: DeltaTable, txnId: string, since: number): Promise<number | undefined> => {
  const { commits } = await listLog(table);
  for (const version of commits) {
    if (version <= since) continue;
    const actions = await readVersion(table, version);
    if (actions && txnIdOf(actions) === txnId) return version;
  }
  return undefined;
};
