import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { checkpointDue, writeCheckpoint } from '../checkpoint/write-checkpoint.js';
import { cleanLog } from '../log/log-cleanup.js';
import { checkWritable } from '../rules/writable.js';
import { takeSnapshot } from '../snapshot/snapshot.js';
import type { Snapshot } from '../types.js';
import { type Change, type Committed, commit } from './commit.js';

/** A change of a table that is there. */
export interface ChangeOf extends Omit<Change, 'readVersion' | 'base'> {
  readonly snapshot: Snapshot;
  /** Hears of a checkpoint that could not be written; without it that is thrown, though the commit stands. */
  readonly emit?: Emit;
}

/** Every tenth version gets a checkpoint, so that replay stays short; the commit stands whether or not this ends. */
const tend = async ({ table, metadata }: Snapshot, version: number, now: number): Promise<void> => {
  if (!checkpointDue(metadata, version)) return;
  const current = await takeSnapshot(table, version);
  if (!current) return;
  await writeCheckpoint(current, now);
  await cleanLog(current, now);
};

/**
 * Commits a change where all rules of the table are ours to keep, and writes a checkpoint where one is due.
 * Errors: those of `commit`, `delta-unsupported`.
 */
export const publishChange = async ({ snapshot, emit, ...change }: ChangeOf): Promise<Committed> => {
  const { table, version, protocol, metadata, schema } = snapshot;
  checkWritable(table.path, protocol, metadata, schema);
  const takesRows = change.removes.length > 0 && change.dataChange !== false;
  if (takesRows && metadata.configuration['delta.appendOnly']?.toLowerCase() === 'true')
    throw error('delta-unsupported', { table: table.path, feature: 'overwriting where delta.appendOnly is set' });
  const now = change.now ?? Date.now();
  const done = await commit(table, { ...change, readVersion: version, base: snapshot, now });
  if (!done.already)
    await tend(snapshot, done.version, now).catch((thrown: unknown) => {
      if (!emit) throw thrown;
      emit('bug', { where: `the checkpoint of ${table.path} at version ${done.version}`, error: thrown });
    });
  return done;
};
