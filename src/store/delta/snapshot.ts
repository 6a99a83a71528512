import { error } from '../../errors/index.js';
import type { Action } from './actions.js';
import { readCheckpoint } from './checkpoint.js';
import { checkReadable } from './features.js';
import { latestVersion, listLog, readPresent } from './log.js';
import { commitName, LOG, type LogListing } from './paths.js';
import { parseSchema } from './schema.js';
import { keepSnapshot, keptSnapshot } from './snapshot-cache.js';
import type { AddFile, DeltaTable, Metadata, Protocol, RemoveFile, Snapshot, Txn } from './types.js';

/** The state that replay builds, one action after the other, oldest version first. */
interface State {
  protocol: Protocol | undefined;
  metadata: Metadata | undefined;
  readonly adds: Map<string, AddFile>;
  readonly removes: Map<string, RemoveFile>;
  readonly txns: Map<string, Txn>;
}

const replay = (state: State, actions: readonly Action[]): void => {
  for (const action of actions) {
    if (action.kind === 'protocol') state.protocol = action.protocol;
    else if (action.kind === 'metaData') state.metadata = action.metaData;
    else if (action.kind === 'txn') state.txns.set(action.txn.appId, action.txn);
    else if (action.kind === 'add') {
      state.adds.set(action.add.path, action.add);
      state.removes.delete(action.add.path);
    } else if (action.kind === 'remove') {
      state.adds.delete(action.remove.path);
      state.removes.set(action.remove.path, action.remove);
    }
  }
};

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
const paths = <T extends { readonly path: string }>(list: readonly T[]) =>
  new Map(list.map((item) => [item.path, item]));

/** Where replay begins: what this process knows already, else the newest checkpoint up to the version, else nothing. */
const beginning = async (
  table: DeltaTable,
  listing: LogListing,
  wanted: number,
): Promise<{ readonly state: State; readonly from: number }> => {
  const kept = await keptSnapshot(table, wanted);
  if (kept) {
    const { protocol, metadata, adds, tombstones, txns } = kept;
    return {
      state: { protocol, metadata, adds: paths(adds), removes: paths(tombstones), txns: new Map(txns) },
      from: kept.version + 1,
    };
  }
  const state: State = {
    protocol: undefined,
    metadata: undefined,
    adds: new Map(),
    removes: new Map(),
    txns: new Map(),
  };
  const checkpoint = listing.checkpoints.filter((v) => v <= wanted).at(-1);
  if (checkpoint !== undefined) {
    replay(state, await readCheckpoint(table, checkpoint));
    return { state, from: checkpoint + 1 };
  }
  const other = listing.others.some((v) => v <= wanted);
  if (other && !listing.commits.includes(0))
    throw error('delta-unsupported', { table: table.path, feature: 'checkpoints in parts' });
  return { state, from: 0 };
};

/** Commits that are read at one time. */
const AT_ONCE = 32;

/**
 * The table as it was at a version (default the newest): the newest checkpoint up to it, then every commit behind it; of a table that
 * this process has read before only the commits since. Undefined when the folder holds no table, or no such version.
 * Errors: `delta-corrupt`, `delta-unsupported`.
 */
export const takeSnapshot = async (table: DeltaTable, version?: number): Promise<Snapshot | undefined> => {
  const listing = await listLog(table);
  const latest = latestVersion(listing);
  const wanted = version ?? latest;
  if (latest < 0 || wanted > latest || wanted < 0) return undefined;
  const { state, from } = await beginning(table, listing, wanted);
  for (let v = from; v <= wanted; v += AT_ONCE) {
    const versions = Array.from({ length: Math.min(AT_ONCE, wanted - v + 1) }, (_, i) => v + i);
    for (const actions of await Promise.all(versions.map((at) => readPresent(table, at)))) replay(state, actions);
  }
  const { protocol, metadata } = state;
  if (!protocol || !metadata)
    throw error('delta-corrupt', {
      file: table.files.location(`${LOG}/${commitName(from === 0 ? 0 : wanted)}`),
      why: `no ${protocol ? 'metaData' : 'protocol'} action up to version ${wanted}`,
    });
  checkReadable(table.path, protocol, metadata);
  const schema = parseSchema(metadata.schemaString);
  if (!schema)
    throw error('delta-unsupported', { table: table.path, feature: `schema ${metadata.schemaString.slice(0, 200)}` });
  const snapshot: Snapshot = Object.freeze({
    table,
    version: wanted,
    protocol,
    metadata,
    schema,
    adds: Object.freeze([...state.adds.values()].sort(byPath)),
    tombstones: Object.freeze([...state.removes.values()].sort(byPath)),
    txns: state.txns,
    domains: new Map(),
  });
  if (wanted === latest) await keepSnapshot(snapshot);
  return snapshot;
};
