import { AssayError, error } from '../../../errors/index.js';
import { type AddFile, relationOf, type Staged, writeParquet } from '../../../store/delta/index.js';
import type { Kind } from '../files/definition.js';
import { auditStep } from './audit-step.js';
import { compute } from './compute.js';
import { partitionIn } from './outside.js';
import { stageOnSpark } from './spark-step.js';
import type { StagedStep, StepOrder, StepParts } from './step.js';

/** Kinds that work the SELECT's rows into those that are there. */
const MERGED: ReadonlySet<Kind> = new Set(['scd2', 'incremental_by_key']);

/**
 * Computes an order's rows on its engine, writes them as Parquet files below `d/<stepId>/` of the table, and audits them before anyone
 * can see them. The verdict on unique keys, relationships, `sql` checks and the least score is `auditTable`'s, after all steps of a table.
 * Errors: `transform-invalid` (the SELECT does not fit), `contract-broken` (rows outside of the partitions, a key twice),
 * `engine-failed`, `disk-full`, `cancelled`.
 */
export const makeStep = async (parts: StepParts, order: StepOrder): Promise<StagedStep> => {
  const started = performance.now();
  const { transform, stepId, signal } = order;
  const { engine, snapshot } = parts;
  if (transform.kind === 'view')
    throw error('internal', {}, new TypeError(`${transform.id} is a view: it stores nothing`));
  if (signal?.aborted) throw error('cancelled', {});
  const staged = await stage(parts, order).catch((thrown: unknown) => Promise.reject(brokenContract(order, thrown)));
  try {
    const bytes = bytesByPartition(order, staged.adds);
    const audit = await auditStep(engine, order, relationOf(snapshot, staged.adds), bytes);
    const { rows, adds } = staged;
    const milliseconds = Math.round(performance.now() - started);
    return { ...audit, stepId, adds, rows, bytes: staged.bytes, engine: order.engine, milliseconds };
  } catch (thrown) {
    await snapshot.table.files.removeFolder(`d/${stepId}`);
    throw thrown;
  }
};

/** Files of Spark are taken as they are where the SELECT's rows are the table's; everything else is written by DuckDB. */
const stage = async (parts: StepParts, order: StepOrder): Promise<Staged> => {
  const { transform, stepId, signal } = order;
  if (order.engine === 'spark' && !MERGED.has(transform.kind)) return stageOnSpark(parts, order);
  const { engine, snapshot } = parts;
  const computed = await compute(parts, order);
  try {
    return await writeParquet({
      ...{ engine, snapshot, stepId, select: computed.select, sortBy: transform.clusterBy },
      ...{ targetFileMb: transform.targetFileMb, verify: false },
      ...(signal ? { signal } : {}),
    });
  } finally {
    await computed.drop();
  }
};

const brokenContract = ({ transform }: StepOrder, thrown: unknown): unknown => {
  if (!(thrown instanceof AssayError) || thrown.code !== 'delta-constraint') return thrown;
  const { constraint, rows } = thrown.parameters;
  const what = `${String(constraint)} does not hold for ${String(rows)} rows`;
  return error('contract-broken', { model: transform.id, file: transform.file, what }, thrown);
};

/** Bytes of the files of each partition. A file outside of the order's partitions is an error that names the partition. */
const bytesByPartition = (order: StepOrder, adds: readonly AddFile[]): ReadonlyMap<string, number> => {
  const column = order.transform.partition?.column ?? '';
  const bytes = new Map<string, number>();
  for (const { partitionValues, size } of adds) {
    const at = partitionIn(order, partitionValues[column] ?? null);
    bytes.set(at, (bytes.get(at) ?? 0) + size);
  }
  return bytes;
};
