import { error } from '../../errors/index.js';
import { type Action, readCommit } from './actions.js';
import { commitName, LOG, type LogListing, readListing } from './paths.js';
import type { DeltaTable } from './types.js';

export const listLog = async (table: DeltaTable): Promise<LogListing> => readListing(await table.files.list(LOG));

/** A version's actions; undefined when there is no such commit. Errors: `delta-corrupt`. */
export const readVersion = async (table: DeltaTable, version: number): Promise<readonly Action[] | undefined> => {
  const path = `${LOG}/${commitName(version)}`;
  const bytes = await table.files.read(path);
  return bytes && readCommit(bytes, table.files.location(path), table.path);
};

/** The same, where the listing promised it: a hole in the log is damage. */
export const readPresent = async (table: DeltaTable, version: number): Promise<readonly Action[]> => {
  const actions = await readVersion(table, version);
  if (!actions)
    throw error('delta-corrupt', {
      file: table.files.location(`${LOG}/${commitName(version)}`),
      why: 'it is missing, and later versions exist',
    });
  return actions;
};

/** Newest version that the listing holds; -1 for none. */
export const latestVersion = (listing: LogListing): number =>
  Math.max(listing.commits.at(-1) ?? -1, listing.checkpoints.at(-1) ?? -1, listing.others.at(-1) ?? -1);

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
