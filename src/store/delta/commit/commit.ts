import { error } from '../../../errors/index.js';
import type { Action } from '../format/actions.js';
import { commitName, LOG } from '../format/paths.js';
import { keepsTime, timeOf, withBeginning } from '../log/commit-time.js';
import { latestVersion, listLog, readPresent, txnIdOf } from '../log/log.js';
import { dropsFeatures, isWritable } from '../rules/writable.js';
import { takeSnapshot } from '../snapshot/snapshot.js';
import type { AddFile, DeltaTable, Domain, Metadata, Protocol, Snapshot, Txn } from '../types.js';
import { bodyText, headText } from './commit-text.js';
import { type Contender, conflictOf, type Isolation, type Reads } from './conflict.js';

/** One commit to be. */
export interface Change {
  /** The version that the change was made from; -1 makes the table. */
  readonly readVersion: number;
  /** The snapshot that it was made from, where the caller has it: saves reading it. */
  readonly base?: Snapshot;
  readonly adds: readonly AddFile[];
  readonly removes: readonly AddFile[];
  readonly reads: Reads;
  /** Our step or batch id; `findCommit` finds the commit by it after a crash. */
  readonly txnId: string;
  /** `WRITE`, `CREATE TABLE`, `OPTIMIZE`, ... and its parameters, for the table's history. */
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly metrics?: Readonly<Record<string, string>>;
  /** A new schema or configuration; conflicts with every other writer. */
  readonly metadata?: Metadata;
  readonly protocol?: Protocol;
  /** Applications' own transaction numbers, and domains; another writer of the same one is a conflict. */
  readonly txns?: readonly Txn[];
  readonly domains?: readonly Domain[];
  /** Applications whose transaction number was looked at before. Those of `txns` always were. */
  readonly readApps?: readonly string[];
  /** Default: the table's `delta.isolationLevel`, else Serializable; with `dataChange` false SnapshotIsolation. */
  readonly isolation?: Isolation;
  /** False for work that moves rows without changing them. Default true. */
  readonly dataChange?: boolean;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly signal?: AbortSignal;
}

/** The version that holds the change. `already`: it was there before, committed under the same `txnId`. */
export interface Committed {
  readonly version: number;
  readonly already: boolean;
}

const isolationOf = (change: Change, base: Snapshot | undefined): Isolation => {
  if (change.isolation) return change.isolation;
  if (change.dataChange === false && !change.metadata) return 'SnapshotIsolation';
  return base?.metadata.configuration['delta.isolationLevel'] === 'WriteSerializable'
    ? 'WriteSerializable'
    : 'Serializable';
};

const contenderOf = (change: Change, base: Snapshot | undefined): Contender => ({
  reads: change.reads,
  removes: change.removes,
  isolation: isolationOf(change, base),
  changesMetadata: change.metadata !== undefined,
  changesProtocol: change.protocol !== undefined,
  apps: new Set([...(change.txns ?? []).map((txn) => txn.appId), ...(change.readApps ?? [])]),
  domains: new Set((change.domains ?? []).map((domain) => domain.domain)),
  keeps: (protocol) =>
    !base || (isWritable(protocol, base.metadata, base.schema) && !dropsFeatures(base.protocol, protocol)),
});

/** The version's own time: the clock's, but later than the version's before it, whatever the clocks of writers say. */
const commitTime = async (
  table: DeltaTable,
  metadata: Metadata | undefined,
  version: number,
  now: number,
  before: readonly Action[] | undefined,
): Promise<number | undefined> => {
  if (!keepsTime(metadata)) return undefined;
  const earlier = version === 0 ? undefined : await timeOf(table, version - 1, before);
  return earlier === undefined ? now : Math.max(now, earlier + 1);
};

/** The commit's text at a version, all but the actions that are the same everywhere. */
const headAt = async (
  table: DeltaTable,
  change: Change,
  at: { readonly version: number; readonly now: number; readonly before: readonly Action[] | undefined },
  base: Snapshot | undefined,
): Promise<string> => {
  const { version, now, before } = at;
  const time = await commitTime(table, change.metadata ?? base?.metadata, version, now, before);
  return headText({
    now,
    operation: change.operation,
    parameters: change.parameters ?? {},
    metrics: change.metrics ?? {},
    readVersion: change.readVersion,
    isolation: isolationOf(change, base),
    isBlindAppend: change.reads === 'nothing' && change.removes.length === 0 && !change.metadata && !change.protocol,
    txnId: change.txnId,
    inCommitTimestamp: time,
    protocol: change.protocol,
    metadata: change.metadata && withBeginning(change.metadata, base?.metadata, version, time ?? now),
  });
};

/** Where a change stands: the last version that it was compared with, and what that holds if it was read. */
interface Place {
  readonly checked: number;
  readonly actions: readonly Action[] | undefined;
}

/** Compares with every version since. Gives the version that is this very change, or the place behind them all. */
const follow = async (
  table: DeltaTable,
  change: Change,
  contender: Contender,
  from: Place,
): Promise<Place | Committed> => {
  // The listing comes first: where the log was cleaned, the next name could be free though the table has moved on.
  const latest = latestVersion(await listLog(table));
  let { actions } = from;
  for (let version = from.checked + 1; version <= latest; version++) {
    actions = await readPresent(table, version);
    if (txnIdOf(actions) === change.txnId) return { version, already: true };
    const kind = conflictOf(actions, contender);
    if (kind) throw error('delta-conflict', { table: table.path, version, kind });
  }
  return { checked: Math.max(from.checked, latest), actions };
};

/**
 * Writes one version, put-if-absent. Where other writers were faster, their commits are checked against what the change has read and
 * removes, and the next version is tried. Errors: `delta-conflict`, `delta-corrupt`, `disk-full`, `lake-unusable`, `cancelled`.
 */
export const commit = async (table: DeltaTable, change: Change): Promise<Committed> => {
  const now = change.now ?? Date.now();
  const base = change.base ?? (change.readVersion < 0 ? undefined : await takeSnapshot(table, change.readVersion));
  const contender = contenderOf(change, base);
  const body = bodyText({ ...change, dataChange: change.dataChange ?? true, now });
  let place: Place = { checked: change.readVersion, actions: undefined };
  for (;;) {
    if (change.signal?.aborted) throw error('cancelled', {});
    const next = await follow(table, change, contender, place);
    if ('version' in next) return next;
    place = next;
    const version = place.checked + 1;
    const head = await headAt(table, change, { version, now, before: place.actions }, base);
    if (await table.files.putIfAbsent(`${LOG}/${commitName(version)}`, head + body)) return { version, already: false };
  }
};
