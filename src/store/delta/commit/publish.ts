import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { fileKey } from '../format/file-key.js';
import { checkThere } from '../scan/present-files.js';
import type { AddFile, PartitionValues, Snapshot, Txn } from '../types.js';
import type { Staged } from '../write/write-parquet.js';
import type { Committed } from './commit.js';
import type { Reads } from './conflict.js';
import { partitionKey } from './partition-groups.js';
import { publishChange } from './publish-change.js';

export interface Publish {
  /** The snapshot that the rows were made from. */
  readonly snapshot: Snapshot;
  readonly staged: Pick<Staged, 'adds' | 'rows'>;
  /** The step's or batch's id. The same id twice publishes once. */
  readonly txnId: string;
  /** Numbers that applications give their own batches: `snapshot.txns` tells them again. Two who write one at once conflict. */
  readonly txns?: readonly Txn[];
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  /** Hears of a checkpoint that could not be written; without it that is thrown, though the commit stands. */
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

const publish = (
  { snapshot, staged, txnId, txns, operation = 'WRITE', now, emit, signal }: Publish & { readonly operation?: string },
  removes: readonly AddFile[],
  reads: Reads,
  parameters: Readonly<Record<string, string>>,
): Promise<Committed> =>
  publishChange({
    ...{ snapshot, adds: staged.adds, removes, reads, txnId, operation, parameters },
    metrics: { numFiles: String(staged.adds.length), numOutputRows: String(staged.rows) },
    ...(txns ? { txns } : {}),
    ...(now === undefined ? {} : { now }),
    ...(emit ? { emit } : {}),
    ...(signal ? { signal } : {}),
  });

/** Adds the staged files to the table. Other appends never conflict. Errors: those of `commit`, `delta-unsupported`. */
export const appendFiles = (given: Publish): Promise<Committed> => publish(given, [], 'nothing', { mode: 'Append' });

/** The staged files become the table's whole contents. Errors: those of `commit`, `delta-unsupported`. */
export const overwriteTable = (given: Publish): Promise<Committed> =>
  publish(given, given.snapshot.adds, 'table', { mode: 'Overwrite' });

/**
 * The staged files become the contents of these partitions (those of the staged files when not given; a partition that is given
 * and has no staged file becomes empty). Writers of other partitions do not conflict.
 * Errors: those of `commit`, `delta-unsupported`, `delta-schema` when a staged file lies outside of the partitions.
 */
export const overwritePartitions = async (
  given: Publish & { readonly partitions?: readonly PartitionValues[] },
): Promise<Committed> => {
  const { snapshot, staged } = given;
  const columns = snapshot.metadata.partitionColumns;
  const wanted = new Map(
    (given.partitions ?? staged.adds.map((add) => add.partitionValues)).map((p) => [partitionKey(columns, p), p]),
  );
  const outside = staged.adds.find((add) => !wanted.has(partitionKey(columns, add.partitionValues)));
  if (outside)
    throw error('delta-schema', {
      table: snapshot.table.path,
      what: `a staged file lies in the partition ${JSON.stringify(outside.partitionValues)}, which is not overwritten`,
    });
  const removes = snapshot.adds.filter((add) => wanted.has(partitionKey(columns, add.partitionValues)));
  const partitions = [...wanted.values()];
  return publish(given, removes, { partitions }, { mode: 'Overwrite', predicate: JSON.stringify(partitions) });
};

export interface Replace {
  /** A snapshot not older than what the files were made from. */
  readonly snapshot: Snapshot;
  /** All live files after the commit: staged ones, and those of the table that stay or, as RESTORE does, come back. */
  readonly desired: readonly AddFile[];
  readonly txnId: string;
  /** For the table's history: `WRITE` when not given. */
  readonly operation?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
}

const rowsOf = (adds: readonly AddFile[]): number =>
  adds.reduce((sum, { stats }) => sum + Number(/"numRecords":(\d+)/.exec(stats ?? '')?.[1] ?? 0), 0);

/**
 * One commit after which the table's live files are exactly `desired`; none, and the version of the snapshot, when they are so
 * already. Any other writer since the snapshot is a conflict. Errors: those of `commit`, `delta-unsupported`, `delta-corrupt` when
 * a file to be published is not there.
 */
export const replaceFiles = async (given: Replace): Promise<Committed> => {
  const { snapshot } = given;
  const live = new Set(snapshot.adds.map(fileKey));
  const wanted = new Map(given.desired.map((add) => [fileKey(add), add]));
  const adds = [...wanted.values()].filter((add) => !live.has(fileKey(add)));
  const removes = snapshot.adds.filter((add) => !wanted.has(fileKey(add)));
  if (adds.length === 0 && removes.length === 0) return { version: snapshot.version, already: true };
  await checkThere(snapshot.table, adds);
  return publish({ ...given, staged: { adds, rows: rowsOf(adds) } }, removes, 'table', {
    mode: 'Overwrite',
    ...given.parameters,
  });
};
