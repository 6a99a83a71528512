import { error } from '../../errors/index.js';
import type { Action } from './actions.js';
import { readCheckpoint } from './checkpoint.js';
import { checkReadable } from './features.js';
import { latestVersion, listLog, readPresent } from './log.js';
import { commitName, LOG } from './paths.js';
import { parseSchema } from './schema.js';
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

/**
 * The table as it was at a version (default the newest): the newest checkpoint up to it, then every commit behind it. Undefined
 * when the folder holds no table, or no such version. Errors: `delta-corrupt`, `delta-unsupported`.
 */
export const takeSnapshot = async (table: DeltaTable, version?: number): Promise<Snapshot | undefined> => {
  const listing = await listLog(table);
  const latest = latestVersion(listing);
  const wanted = version ?? latest;
  if (latest < 0 || wanted > latest || wanted < 0) return undefined;
  const checkpoint = listing.checkpoints.filter((v) => v <= wanted).at(-1);
  const commits = new Set(listing.commits);
  const other = listing.others.filter((v) => v <= wanted).at(-1);
  if (other !== undefined && (checkpoint ?? -1) < other && !commits.has(0) && checkpoint === undefined)
    throw error('delta-unsupported', { table: table.path, feature: 'checkpoints in parts' });
  const state: State = {
    protocol: undefined,
    metadata: undefined,
    adds: new Map(),
    removes: new Map(),
    txns: new Map(),
  };
  let from = 0;
  if (checkpoint !== undefined) {
    replay(state, await readCheckpoint(table, checkpoint));
    from = checkpoint + 1;
  }
  for (let v = from; v <= wanted; v++) replay(state, await readPresent(table, v));
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
  return Object.freeze({
    table,
    version: wanted,
    protocol,
    metadata,
    schema,
    adds: Object.freeze([...state.adds.values()].sort(byPath)),
    tombstones: Object.freeze([...state.removes.values()].sort(byPath)),
    txns: state.txns,
  });
};
