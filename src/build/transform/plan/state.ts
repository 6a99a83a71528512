import { createHash } from 'node:crypto';
import { type AddFile, relationOf, type Snapshot } from '../../../store/delta/index.js';
import type { Interval } from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';
import type { TableFiles } from '../step/key-ranges.js';
import { keyOfValue, partitionType } from '../step/partition-keys.js';
import { sparkFiles } from '../step/spark-input.js';
import { type Readable, WHOLE } from '../step/step.js';

/** One partition (or `*`) of a table as it is, or as this run will leave it. */
export interface PartitionState {
  readonly contentHash: string;
  readonly rows: number;
  readonly bytes: number;
  /** Digests of the inputs that it was made from; undefined where nobody knows, as after a rollback. */
  readonly madeFrom?: Readonly<Record<string, string>> | undefined;
}

/**
 * What a table holds at one moment of a run: as it is published, or with staged partitions in the place of published ones. Children
 * read their parents through it, so a run sees its own rows and everybody else the published ones.
 */
export interface TableState {
  readonly transform: Transform;
  /** Undefined: this meaning of the table was never made. */
  readonly versionId: number | undefined;
  readonly fingerprint: string;
  /** Of the newest commit: its schema and folder. Undefined for a view, and where nothing was made yet. */
  readonly snapshot: Snapshot | undefined;
  /** Live files of this state. */
  readonly adds: readonly AddFile[];
  readonly partitions: ReadonlyMap<string, PartitionState>;
  /** Changes exactly when the contents do; '' when nothing was made yet. */
  readonly dataVersion: string;
  /** The relation in PostgreSQL, where it holds just this state. */
  readonly postgres: string | undefined;
  /** Of a view: its SELECT over its inputs' relations, for DuckDB. */
  readonly view: string | undefined;
  /** Of a view: the column by which it hands on the partitions of a table that it reads. */
  readonly handed?: string | undefined;
}

/** A table that is made partition by partition has one ledger row for each; any other has one for the whole. */
export const isPartitioned = (transform: Transform): boolean => transform.kind === 'incremental_by_partition';

/** The partition that a file holds; undefined for one of a null or odd value, which no partition of ours is. */
export const keyOfAdd = (transform: Transform, add: AddFile): string | undefined => {
  const { partition } = transform;
  if (!isPartitioned(transform) || !partition) return WHOLE;
  const type = partitionType(partition, transform.columns);
  return keyOfValue(add.partitionValues[partition.column] ?? null, type, partition.unit);
};

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Published partitions as the ledger has them. Rows that a rollback brought back are not those that it knows the hash and origin of. */
export const partitionsOf = (intervals: Iterable<Interval>): Map<string, PartitionState> => {
  const partitions = new Map<string, PartitionState>();
  for (const { partition, publishedRevision, contentHash, status, rows, bytes, inVersions } of intervals)
    if (publishedRevision !== undefined && contentHash !== undefined)
      partitions.set(
        partition,
        status === 'pending'
          ? { contentHash: `before ${contentHash}`, rows, bytes }
          : { contentHash, rows, bytes, madeFrom: inVersions },
      );
  return partitions;
};

/** A table's version says its meaning and its contents, so equal contents keep it. */
export const dataVersionOf = (fingerprint: string, partitions: ReadonlyMap<string, PartitionState>): string => {
  const lines = [...partitions]
    .filter(([, state]) => state.rows > 0)
    .map(([key, state]) => `${key} ${state.contentHash}`)
    .sort();
  return sha([fingerprint, ...lines].join('\n')).slice(0, 16);
};

/** Totals over all partitions. */
export const totalsOf = (state: TableState): { readonly rows: number; readonly bytes: number } => {
  let rows = 0;
  let bytes = 0;
  for (const partition of state.partitions.values()) {
    rows += partition.rows;
    bytes += partition.bytes;
  }
  return { rows, bytes };
};

/** How engines read a state: all of it, or some of its files. Errors: none; a table that was never made has no rows and no relation. */
export const readableOf = (state: TableState, adds: readonly AddFile[] = state.adds): Readable | undefined => {
  if (state.view !== undefined)
    return {
      ...{ duckdb: state.view, postgres: state.postgres },
      spark: { kind: 'made', columns: state.transform.columns, relation: state.view },
    };
  if (!state.snapshot) return undefined;
  return {
    ...{ duckdb: relationOf(state.snapshot, adds), postgres: adds === state.adds ? state.postgres : undefined },
    spark: sparkFiles(state.snapshot, adds),
    held: { snapshot: state.snapshot, adds },
  };
};

/** A state by its files; undefined where it has none of its own. */
export const filesOf = (state: TableState): TableFiles | undefined => {
  const { snapshot, adds, transform } = state;
  if (!snapshot || state.view !== undefined) return undefined;
  return {
    rows: totalsOf(state).rows,
    files: adds.map((add) => ({ add, partition: keyOfAdd(transform, add) })),
    relation: (some) => relationOf(snapshot, some),
  };
};

/** Digest of several parts in a fixed order: what a partition was made from. */
export const digestOf = (parts: readonly string[]): string => sha(parts.join('\n')).slice(0, 24);

/** The state after some partitions were made anew. */
export const withStaged = (
  state: TableState,
  staged: {
    readonly snapshot: Snapshot;
    readonly adds: readonly AddFile[];
    readonly partitions: ReadonlyMap<string, PartitionState>;
  },
): TableState => {
  const replaced = staged.partitions;
  const kept = replaced.has(WHOLE)
    ? []
    : state.adds.filter((add) => !replaced.has(keyOfAdd(state.transform, add) ?? ''));
  const partitions = new Map(replaced.has(WHOLE) ? [] : state.partitions);
  for (const [key, partition] of replaced) partitions.set(key, partition);
  return {
    ...state,
    snapshot: staged.snapshot,
    adds: [...kept, ...staged.adds],
    partitions,
    dataVersion: dataVersionOf(state.fingerprint, partitions),
    postgres: undefined,
  };
};
