import { AssayError, error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { Committed } from '../commit/commit.js';
import { type PartitionGroup, partitionGroups } from '../commit/partition-groups.js';
import { publishChange } from '../commit/publish-change.js';
import type { EngineOptions, ParquetEngine } from '../parquet-engine.js';
import { checkWritable } from '../rules/writable.js';
import { namingDamage } from '../scan/damage.js';
import { relationOf } from '../scan/relation.js';
import { rowCheck } from '../scan/row-check.js';
import { takeSnapshot } from '../snapshot/snapshot.js';
import type { AddFile, DeltaTable, PartitionValues, Snapshot } from '../types.js';
import { writeParquet } from '../write/write-parquet.js';
import { Z, zorderSql } from './zorder.js';

/** How a table's files are to be laid out anew. */
export interface Optimize extends EngineOptions {
  /** The session that rows are read and written in; default the table's. */
  readonly engine?: ParquetEngine;
  /** Its id in the table's history. Files go to folders `d/<txnId>-<number>`. */
  readonly txnId: string;
  /** Bytes that a file should have. Default the table's `delta.targetFileSize`, else 256 MiB. Larger files are left alone when nothing is ordered. */
  readonly targetBytes?: number;
  /** Columns by which near values come to lie together (Z-order). Without any, small files are only put together. */
  readonly zorderBy?: readonly string[];
  /** Looks at these partitions only. */
  readonly where?: (partition: PartitionValues) => boolean;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
}

/** What came of it. `version` is undefined when there was nothing to do. */
export interface Optimized {
  readonly version: number | undefined;
  readonly partitions: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly rows: number;
}

const TARGET = 256 * 1024 * 1024;
const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  k: 1024,
  mb: 1024 ** 2,
  m: 1024 ** 2,
  gb: 1024 ** 3,
  g: 1024 ** 3,
};
/** Says by which columns a file's rows were put in order, so that it is not done twice. */
const ORDER_TAG = 'assay.zorder';

/** `delta.targetFileSize`, such as `104857600` or `100mb`. */
const targetOf = ({ metadata }: Snapshot): number => {
  const match = /^(\d{1,15})\s*([kmg]?b?)$/i.exec(metadata.configuration['delta.targetFileSize']?.trim() ?? '');
  return match ? Number(match[1]) * (UNITS[(match[2] || 'b').toLowerCase()] ?? 1) : TARGET;
};

const bytesOf = (adds: readonly AddFile[]): number => adds.reduce((sum, { size }) => sum + size, 0);

/** Small files of a partition, smallest first, put together up to the wanted size. A file with deleted rows is always made anew. */
const binsOf = ({ values, adds }: PartitionGroup, target: number): readonly PartitionGroup[] => {
  const small = adds
    .filter(({ size, deletionVector }) => size < target || deletionVector)
    .sort((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1));
  const bins: AddFile[][] = [];
  let filled = 0;
  for (const add of small) {
    const last = bins.at(-1);
    if (last && filled + add.size <= target) last.push(add);
    else {
      bins.push([add]);
      filled = 0;
    }
    filled += add.size;
  }
  return bins.filter((bin) => bin.length > 1 || bin[0]?.deletionVector).map((bin) => ({ values, adds: bin }));
};

const orderOf = (columns: readonly string[]): string => JSON.stringify(columns);

/** A partition that is to be put in order whole, unless it is in this order already. */
const orderedBins = (group: PartitionGroup, columns: readonly string[]): readonly PartitionGroup[] =>
  group.adds.every(({ tags, deletionVector }) => tags?.[ORDER_TAG] === orderOf(columns) && !deletionVector)
    ? []
    : [group];

const checkColumns = ({ table, schema, metadata }: Snapshot, columns: readonly string[]): void => {
  for (const name of columns) {
    const field = schema.fields.find((f) => f.name === name);
    const why = !field
      ? 'there is none'
      : typeof field.type !== 'string'
        ? 'it is no simple value'
        : metadata.partitionColumns.includes(name)
          ? 'each partition holds one value of it'
          : undefined;
    if (why !== undefined)
      throw error('delta-schema', { table: table.path, what: `rows cannot be ordered by ${name}: ${why}` });
  }
};

/** The files that stand for a bin: one, or as many as its size asks for where its rows are put in order. */
const writeBin = async (
  snapshot: Snapshot,
  options: Optimize,
  { values, adds }: PartitionGroup,
  stepId: string,
): Promise<readonly AddFile[]> => {
  const { zorderBy = [], targetBytes = targetOf(snapshot), engine, signal } = options;
  const rows = relationOf(snapshot, adds);
  const ordered = zorderBy.length > 0;
  const staged = await writeParquet({
    ...{ snapshot, stepId, verify: false, partition: values, sortBy: ordered ? [Z] : [] },
    select: ordered ? zorderSql(rows, zorderBy) : `SELECT * FROM ${rows}`,
    ...(ordered ? { targetFileMb: targetBytes / 1_000_000 } : {}),
    ...(engine ? { engine } : {}),
    ...(signal ? { signal } : {}),
  });
  const tag = ordered ? { [ORDER_TAG]: orderOf(zorderBy) } : {};
  return staged.adds.map((add) => ({ ...add, tags: { ...add.tags, ...tag } }));
};

/** Nothing may be lost or changed by moving rows: compared before anyone can see the new files. */
const checkRows = async (
  snapshot: Snapshot,
  options: Optimize,
  before: readonly AddFile[],
  after: readonly AddFile[],
) => {
  const engine = options.engine ?? snapshot.table.engine;
  const stop = options.signal ? { signal: options.signal } : {};
  const [old, now] = [await rowCheck(engine, snapshot, before, stop), await rowCheck(engine, snapshot, after, stop)];
  if (old.rows !== now.rows || old.hash !== now.hash)
    throw error(
      'internal',
      {},
      new Error(`${snapshot.table.path}: ${old.rows} rows (${old.hash}) became ${now.rows} (${now.hash})`),
    );
  return Number(now.rows);
};

const nothing: Optimized = {
  ...{ version: undefined, partitions: 0, filesBefore: 0, filesAfter: 0, bytesBefore: 0, bytesAfter: 0, rows: 0 },
};

/** Files that hold the rows of others, not yet visible. */
interface Laid {
  readonly adds: readonly AddFile[];
  readonly removes: readonly AddFile[];
  readonly rows: number;
  discard(): Promise<void>;
}

const layOut = async (snapshot: Snapshot, options: Optimize, bins: readonly PartitionGroup[]): Promise<Laid> => {
  const removes = bins.flatMap((bin) => bin.adds);
  const steps: string[] = [];
  const discard = async () => {
    for (const step of steps) await snapshot.table.files.removeFolder(`d/${step}`);
  };
  try {
    const adds: AddFile[] = [];
    for (const [number, bin] of bins.entries()) {
      const step = `${options.txnId}-${number}`;
      steps.push(step);
      const stop = options.signal ? { signal: options.signal } : {};
      adds.push(...(await namingDamage(snapshot, bin.adds, stop, () => writeBin(snapshot, options, bin, step))));
    }
    return { adds, removes, rows: await checkRows(snapshot, options, removes, adds), discard };
  } catch (thrown) {
    await discard();
    throw thrown;
  }
};

const publishLaid = (snapshot: Snapshot, options: Optimize, { adds, removes }: Laid): Promise<Committed> => {
  const { txnId, zorderBy = [], now, emit, signal } = options;
  return publishChange({
    ...{ snapshot, adds, removes, txnId, dataChange: false, operation: 'OPTIMIZE' },
    reads: { partitions: [], files: removes },
    parameters: { predicate: '[]', zOrderBy: JSON.stringify(zorderBy) },
    metrics: {
      numAddedFiles: String(adds.length),
      numRemovedFiles: String(removes.length),
      numAddedBytes: String(bytesOf(adds)),
      numRemovedBytes: String(bytesOf(removes)),
    },
    ...(now === undefined ? {} : { now }),
    ...(emit ? { emit } : {}),
    ...(signal ? { signal } : {}),
  });
};

/**
 * Puts small files of a partition together, or orders its rows, in one commit that changes no row: count and hash of the rows are
 * compared before it. Writers that only add do not conflict.
 * Errors: `delta-conflict`, `delta-unsupported`, `delta-schema` (a column to order by that is none), those of `writeParquet`.
 */
export const optimizeTable = async (table: DeltaTable, options: Optimize): Promise<Optimized> => {
  const snapshot = await takeSnapshot(table);
  if (!snapshot) throw error('delta-schema', { table: table.path, what: 'there is no table' });
  checkWritable(table.path, snapshot.protocol, snapshot.metadata, snapshot.schema);
  const { zorderBy = [], targetBytes = targetOf(snapshot), where = () => true } = options;
  checkColumns(snapshot, zorderBy);
  const bins = partitionGroups(snapshot)
    .filter(({ values }) => where(values))
    .flatMap((group) => (zorderBy.length > 0 ? orderedBins(group, zorderBy) : binsOf(group, targetBytes)));
  if (bins.length === 0) return nothing;
  const laid = await layOut(snapshot, options, bins);
  const [bytesBefore, bytesAfter] = [bytesOf(laid.removes), bytesOf(laid.adds)];
  try {
    const { version } = await publishLaid(snapshot, options, laid);
    const partitions = new Set(bins.map(({ values }) => JSON.stringify(values))).size;
    const [filesBefore, filesAfter] = [laid.removes.length, laid.adds.length];
    return { version, partitions, filesBefore, filesAfter, bytesBefore, bytesAfter, rows: laid.rows };
  } catch (thrown) {
    // Only then is it sure that no commit names the files.
    if (thrown instanceof AssayError && thrown.code === 'delta-conflict') await laid.discard();
    throw thrown;
  }
};
