import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AddFile, createTable, type Snapshot, scratchFolder } from '../../../store/delta/index.js';
import type { DialectName, Transform } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import { parquetSession } from '../parquet-session.js';
import type { ToMake } from '../plan/decide.js';
import { keyOfAdd, readableOf, type TableState } from '../plan/state.js';
import { makeStep } from '../step/make-step.js';
import { keysBetween } from '../step/partition-keys.js';
import { widened } from '../step/relations.js';
import { fallBack, type RouteQuestion } from '../step/route.js';
import type { StagedPartition, StepOrder, Taken } from '../step/step.js';
import { batchInputs, damagedInput, isOutOfMemory, type Trouble, troubleOf } from './batches.js';
import type { Parts } from './parts.js';
import { pastOf } from './past.js';
import type { Work } from './work.js';

/** One partition as a batch left it: staged, or not. */
export type Made =
  | {
      readonly toMake: ToMake;
      readonly staged: StagedPartition;
      readonly adds: readonly AddFile[];
      readonly stepId: string;
      readonly engine: string;
      readonly milliseconds: number;
      /** Why this engine, with the numbers. */
      readonly route?: string | undefined;
    }
  | { readonly toMake: ToMake; readonly trouble: Exclude<Trouble, { kind: 'stop' }> };

/** The Delta table of a meaning, made when it is not there. */
export const deltaTableOf = async (
  parts: Parts,
  engine: ReturnType<typeof parquetSession>,
  state: TableState,
  path: string,
): Promise<Snapshot> =>
  state.snapshot ??
  createTable(`${parts.lake}/${path}`, engine, {
    columns: state.transform.columns,
    partitionColumns: state.transform.partition === undefined ? [] : [state.transform.partition.column],
    description: state.transform.description.replaceAll(/\s+/g, ' '),
  });

/** The order for some partitions of a table, as the run sees its inputs at this moment. */
export const orderOf = (
  parts: Parts,
  work: Work,
  node: GraphNode,
  batch: {
    readonly stepId: string;
    readonly partitions: readonly string[] | undefined;
    readonly engine: StepOrder['engine'];
  },
  checks?: StepOrder['checks'],
): StepOrder => {
  const { transform } = node;
  const state = work.states.get(transform.id);
  return {
    ...{ stepId: batch.stepId, transform, engine: batch.engine, partitions: batch.partitions },
    inputs: batchInputs(node, batch.partitions, work.world, work.states),
    existing: (state && readableOf(state)) ?? beforeThis(work, transform),
    seeds: work.world.seeds,
    pseudonymKey: parts.pseudonymKey,
    checks,
    at: work.at,
    signal: parts.signal,
  };
};

/** `{{this}}` of a new meaning whose change holds from now on: the rows of the one before. */
const beforeThis = ({ world, order }: Work, transform: Transform): StepOrder['existing'] => {
  const past = order.restate.has(transform.id) ? undefined : world.pasts.get(transform.id)?.state;
  return past && widened(readableOf(past), past.transform.columns, transform.columns);
};

/** Every key from the first to the last: those between that nothing holds rows of come out empty, and are not looked at. */
const spanOf = ({ transform }: GraphNode, makes: readonly ToMake[]): readonly string[] => {
  const [first, last] = [makes[0]?.partition, makes.at(-1)?.partition];
  return first === undefined || last === undefined ? [] : keysBetween(first, last, transform.partition?.unit ?? 'day');
};

/** Just these partitions of a table, as a relation of DuckDB. */
const rowsOf = (from: TableState, makes: readonly ToMake[]): Taken | undefined => {
  const keys = new Set(makes.map(({ partition }) => partition));
  const adds = from.adds.filter((add) => keys.has(keyOfAdd(from.transform, add) ?? ''));
  const readable = readableOf(from, adds);
  return readable && { relation: readable.duckdb, columns: new Set(from.transform.columns.map(({ name }) => name)) };
};

/** How a batch is made, and why so. */
export interface BatchRoute {
  readonly engine: DialectName;
  /** With the numbers: it is kept with the partitions. */
  readonly why: string;
  /** What it was chosen from; undefined: there is no other way. */
  readonly question: RouteQuestion | undefined;
  /** It is what an engine that ran out of memory was left for. */
  readonly again?: true;
}

/** The engine or the batches to go on with after an engine ran out of memory; once, and what is left for what is written down. */
const instead = (thrown: unknown, failed: BatchRoute, partitions: number): BatchRoute | undefined => {
  if (!isOutOfMemory(thrown) || !failed.question || failed.again) return undefined;
  const question = { ...failed.question, partitions };
  const found = fallBack(question, { engine: failed.engine, batches: 1, why: failed.why });
  return found?.engine && { engine: found.engine, why: found.why, question, again: true };
};

/**
 * Makes a batch of partitions in a session of its own. What cannot be made together is tried in halves, so that one bad partition
 * keeps no other back and a batch that was too large for the memory still gets through.
 */
export const makeBatch = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  snapshot: Snapshot,
  batch: {
    readonly makes: readonly ToMake[];
    readonly whole: boolean;
    readonly route: BatchRoute;
    /** The table whose rows are taken over as they are. */
    readonly from?: TableState;
  },
  checks?: StepOrder['checks'],
): Promise<Made[]> => {
  const { makes } = batch;
  const { id } = node.transform;
  work.steps += 1;
  work.told.tableStarts(node, work.states);
  const stepId = `${work.order.runId}-${work.steps}`;
  const partitions = batch.whole ? undefined : spanOf(node, makes);
  const past = await pastOf(parts, work, node, partitions);
  const order = {
    ...orderOf(parts, work, node, { stepId, partitions, engine: batch.route.engine }, checks),
    ...{ past, taken: batch.from && rowsOf(batch.from, makes) },
  };
  work.folders.push({ id, stepId, snapshot });
  const tmp = join(scratchFolder(parts.lake), stepId);
  await mkdir(tmp, { recursive: true });
  try {
    const step = await parts.duckdb.session((session) =>
      makeStep(
        {
          engine: parquetSession(session, parts.signal),
          warehouse: parts.warehouse,
          snapshot,
          tmp,
          spark: parts.spark,
          emit: parts.emit,
        },
        order,
      ),
    );
    parts.emit('transform.step', {
      ...{ model: id, rows: step.rows, milliseconds: step.milliseconds, engine: step.engine },
      partitions: makes.length,
    });
    work.failing.push(...step.failing.map((keys) => ({ model: id, keys })));
    return makes.flatMap((toMake) => {
      const staged = step.partitions.get(toMake.partition);
      if (!staged) return [];
      const adds = batch.whole
        ? step.adds
        : step.adds.filter((add) => keyOfAdd(node.transform, add) === toMake.partition);
      const { engine, milliseconds } = step;
      // The same rows as they were, whatever columns have come since: whoever reads them need not look again.
      const as = toMake.stays ? { ...staged, contentHash: toMake.stays.was.contentHash } : staged;
      return [{ toMake, staged: as, adds, stepId, engine, milliseconds, route: batch.route.why }];
    });
  } catch (thrown) {
    if (parts.signal?.aborted) throw thrown;
    const trouble = troubleOf(thrown);
    if (trouble.kind === 'stop') throw thrown;
    const other = instead(thrown, batch.route, makes.length);
    if (other) {
      parts.emit('notice', { message: `${id}: ${other.why}` });
      if (other.engine !== batch.route.engine)
        return makeBatch(parts, work, node, snapshot, { ...batch, route: other }, checks);
    }
    if (makes.length === 1) {
      const cause = troubleOf(await damagedInput([...order.inputs.values(), order.existing], thrown, parts.signal));
      if (cause.kind === 'stop') throw thrown;
      return makes.map((toMake) => ({ toMake, trouble: cause }));
    }
    const half = Math.ceil(makes.length / 2);
    const part = (some: readonly ToMake[]) =>
      makeBatch(parts, work, node, snapshot, { ...batch, makes: some, route: other ?? batch.route });
    return [...(await part(makes.slice(0, half))), ...(await part(makes.slice(half)))];
  } finally {
    await rm(tmp, { recursive: true, force: true });
  }
};
