import type { Action } from './actions.js';
import type { AddFile, PartitionValues } from './types.js';

/** What a change has read, which decides what another writer may do at the same time. */
export type Reads = 'nothing' | 'table' | { readonly partitions: readonly PartitionValues[] };

/** Names of conflicts, as the protocol's own documents call them. */
export type ConflictKind =
  | 'ProtocolChanged'
  | 'MetadataChanged'
  | 'ConcurrentAppend'
  | 'ConcurrentDeleteRead'
  | 'ConcurrentDeleteDelete';

const within = (values: PartitionValues | undefined, partition: PartitionValues): boolean =>
  values === undefined || Object.entries(partition).every(([column, value]) => (values[column] ?? null) === value);

const touches = (reads: Reads, values: PartitionValues | undefined): boolean =>
  reads === 'table' || (reads !== 'nothing' && reads.partitions.some((partition) => within(values, partition)));

/** Why a change cannot follow a commit that was faster; undefined: it can. */
export const conflictOf = (
  winner: readonly Action[],
  reads: Reads,
  removes: readonly AddFile[],
): ConflictKind | undefined => {
  const removed = new Set(removes.map((file) => file.path));
  for (const action of winner) {
    if (action.kind === 'protocol') return 'ProtocolChanged';
    if (action.kind === 'metaData') return 'MetadataChanged';
    if (action.kind === 'remove') {
      if (removed.has(action.remove.path)) return 'ConcurrentDeleteDelete';
      if (touches(reads, action.remove.partitionValues)) return 'ConcurrentDeleteRead';
    }
    if (action.kind === 'add' && action.add.dataChange && touches(reads, action.add.partitionValues))
      return 'ConcurrentAppend';
  }
  return undefined;
};
