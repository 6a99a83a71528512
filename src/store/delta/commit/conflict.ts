import type { Action } from '../format/actions.js';
import { fileKey } from '../format/file-key.js';
import type { AddFile, PartitionValues, Protocol } from '../types.js';

/**
 * What a change has read, which decides what another writer may do at the same time. `files`, where given, are the only files that
 * were looked into (what is known of the others kept their rows out); without it all files of the partitions were read.
 */
export type Reads =
  | 'nothing'
  | 'table'
  | { readonly partitions: readonly PartitionValues[]; readonly files?: readonly AddFile[] };

/**
 * How much order writers see. `WriteSerializable`: a change may have missed rows that others only added meanwhile.
 * `SnapshotIsolation`: it changes no row, so only the files that it moves must still be there.
 */
export type Isolation = 'Serializable' | 'WriteSerializable' | 'SnapshotIsolation';

/** Names of conflicts, as the protocol's own documents call them. */
export type ConflictKind =
  | 'ProtocolChanged'
  | 'MetadataChanged'
  | 'ConcurrentTransaction'
  | 'ConcurrentAppend'
  | 'ConcurrentDeleteRead'
  | 'ConcurrentDeleteDelete';

/** A change as it meets the commits of writers who were faster. */
export interface Contender {
  readonly reads: Reads;
  readonly removes: readonly AddFile[];
  readonly isolation: Isolation;
  readonly changesMetadata: boolean;
  readonly changesProtocol: boolean;
  /** Applications whose newest transaction it has looked at. */
  readonly apps: ReadonlySet<string>;
  /** Domains that it writes. */
  readonly domains: ReadonlySet<string>;
  /** Whether it may go on under another protocol. */
  readonly keeps: (protocol: Protocol) => boolean;
}

const within = (values: PartitionValues | undefined, partition: PartitionValues): boolean =>
  values === undefined || Object.entries(partition).every(([column, value]) => (values[column] ?? null) === value);

/** True where a file of these partition values lies in what was read. */
const touches = (reads: Reads, values: PartitionValues | undefined): boolean =>
  reads === 'table' || (reads !== 'nothing' && reads.partitions.some((partition) => within(values, partition)));

/** Whatever its deletion vector: who changed that changed the file's rows. */
const pathKey = ({ path }: { readonly path: string }): string => fileKey({ path });

const isBlind = (winner: readonly Action[]): boolean =>
  winner.some((action) => action.kind === 'commitInfo' && action.commitInfo['isBlindAppend'] === true);

/** Rows that the change should have seen. A winner's `dataChange` false only moved rows: what it took away is asked elsewhere. */
const appended = (winner: readonly Action[], { reads, isolation, changesMetadata }: Contender): boolean => {
  if (isolation === 'SnapshotIsolation') return false;
  if (isolation === 'WriteSerializable' && !changesMetadata && isBlind(winner)) return false;
  return winner.some(
    (action) => action.kind === 'add' && action.add.dataChange && touches(reads, action.add.partitionValues),
  );
};

const removed = (winner: readonly Action[], contender: Contender): ConflictKind | undefined => {
  const { reads } = contender;
  const own = new Set(contender.removes.map(pathKey));
  const files = typeof reads === 'object' && reads.files ? new Set(reads.files.map(pathKey)) : undefined;
  let kind: ConflictKind | undefined;
  for (const action of winner) {
    if (action.kind !== 'remove') continue;
    if (own.has(pathKey(action.remove))) return 'ConcurrentDeleteDelete';
    const read = files ? files.has(pathKey(action.remove)) : touches(reads, action.remove.partitionValues);
    if (read) kind = 'ConcurrentDeleteRead';
  }
  return kind;
};

/** Why a change cannot follow a commit that was faster; undefined: it can. */
export const conflictOf = (winner: readonly Action[], contender: Contender): ConflictKind | undefined => {
  for (const action of winner) {
    if (action.kind === 'protocol' && (contender.changesProtocol || !contender.keeps(action.protocol)))
      return 'ProtocolChanged';
    if (action.kind === 'metaData') return 'MetadataChanged';
  }
  if (appended(winner, contender)) return 'ConcurrentAppend';
  const kind = removed(winner, contender);
  if (kind) return kind;
  const crossed = winner.some(
    (action) =>
      (action.kind === 'txn' && contender.apps.has(action.txn.appId)) ||
      (action.kind === 'domainMetadata' && contender.domains.has(action.domainMetadata.domain)),
  );
  return crossed ? 'ConcurrentTransaction' : undefined;
};
