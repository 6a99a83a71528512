import { error } from '../../../errors/index.js';
import type { AddFile, Snapshot } from '../../../store/delta/index.js';
import {
  type Leased,
  type Outcome,
  recordChecks,
  type StagedInterval,
  stageIntervals,
} from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { parquetSession } from '../parquet-session.js';
import { RESTATED } from '../plan/decide.js';
import { filesOf, type PartitionState, readableOf, type TableState, withStaged } from '../plan/state.js';
import { auditTable } from '../step/audit-table.js';
import { type Refusal, type StagedPartition, WHOLE } from '../step/step.js';
import { damagedInput } from './batches.js';
import { type Made, orderOf } from './make-batch.js';
import type { Parts } from './parts.js';
import type { Unmade, Work } from './work.js';

type Reason = Omit<Unmade, 'model' | 'retry'>;
type Staged = Extract<Made, { staged: StagedPartition }>;

/** Why a partition may not be published, in words. */
export const refusalText = (id: string, partition: string, { check, failed, evaluated }: Refusal): string =>
  `${id}${partition === WHOLE ? '' : ` ${partition}`}: check ${check} failed for ${failed} of ${evaluated} rows`;

/** What the ledger keeps of a partition that was made and passed. */
export const intervalOf = (
  { toMake, stepId, adds, engine, milliseconds, route }: Staged,
  last: StagedPartition,
  restatement?: string,
): StagedInterval => ({
  restatement: toMake.because.includes(RESTATED) ? restatement : undefined,
  ...{ stepId, inVersions: toMake.wanted, rows: last.rows, bytes: last.bytes, contentHash: last.contentHash },
  ...{ scoreMillionths: last.scoreMillionths, coverageMillionths: last.coverageMillionths, engine, milliseconds },
  route,
  adds: adds.map((add) => ({ ...add })),
});

/**
 * Audits a table with what was made of it, writes each partition's outcome into the ledger, and lets children see what is good.
 * Partitions whose rows came out as they were keep their files: nothing moves for readers. Gives those that may not be published.
 */
export const settle = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  snapshot: Snapshot,
  made: readonly Made[],
  leases: ReadonlyMap<string, Leased>,
): Promise<readonly Reason[]> => {
  const { id } = node.transform;
  const before = work.states.get(id);
  if (before?.versionId === undefined) throw error('internal', {}, new TypeError(`${id} has no version`));
  const { versionId } = before;
  const told = work.results.length;
  const unmade: Reason[] = [];
  const staged = new Map<string, Staged>();
  for (const one of made) {
    const { partition } = one.toMake;
    if ('trouble' in one)
      unmade.push({ partition, status: one.trouble.kind, code: one.trouble.code, reason: one.trouble.message });
    else if (one.staged.refused) {
      work.results.push(...one.staged.results);
      unmade.push(quarantined(id, partition, one.staged.refused));
    } else staged.set(partition, one);
  }
  const audited = await auditAll(parts, work, node, snapshot, before, staged);
  unmade.push(...audited.unmade);
  const outcomes: Outcome[] = [];
  const changed = new Map<string, StagedPartition>();
  const published = work.world.published.get(id)?.partitions;
  for (const [partition, last] of audited.good) {
    const one = staged.get(partition);
    const lease = leases.get(partition);
    if (!one || !lease) continue;
    outcomes.push({ ...lease, status: 'audited', staged: intervalOf(one, last, work.order.restatement) });
    work.staged.push(lease);
    work.summaries.push({ versionId, summary: last.summary });
    if (last.contentHash !== published?.get(partition)?.contentHash || !before.snapshot) changed.set(partition, last);
  }
  const refused: Outcome[] = unmade.flatMap(({ partition, status, code, reason }) => {
    const lease = leases.get(partition);
    return lease && status !== 'blocked' ? [{ ...lease, status, code, message: reason }] : [];
  });
  // Results are kept even where the run ends before it publishes: the history of checks is whole.
  await recordChecks(parts.warehouse, work.order.runId, work.results.slice(told));
  await stageIntervals(parts.warehouse, [...outcomes, ...refused]);
  work.leases.drop(refused);
  for (const { status, reason } of unmade)
    if (status === 'quarantined') parts.emit('transform.quarantined', { model: id, reason });
  for (const [partition, one] of staged) {
    const last = audited.good.get(partition);
    if (last)
      parts.emit('transform.settled', {
        ...{ model: id, partition, status: changed.has(partition) ? 'made' : 'unchanged', rows: last.rows },
        ...{ engine: one.engine, milliseconds: one.milliseconds },
      });
  }
  for (const { partition, status, reason } of unmade)
    if (status !== 'blocked') parts.emit('transform.settled', { model: id, partition, status, reason, rows: 0 });
  if (changed.size > 0 || work.world.lostCopies.has(id)) {
    work.moved.set(id, { id, partitions: new Set(changed.keys()), snapshot });
    work.states.set(id, overlay(before, snapshot, staged, changed));
  }
  return unmade;
};

const quarantined = (id: string, partition: string, why: Refusal): Reason => ({
  ...{ partition, status: 'quarantined', code: 'check-failed', refusal: why },
  reason: refusalText(id, partition, why),
});

const overlay = (
  before: TableState,
  snapshot: Snapshot,
  staged: ReadonlyMap<string, Staged>,
  partitions: ReadonlyMap<string, StagedPartition>,
): TableState => {
  const adds: AddFile[] = [...partitions.keys()].flatMap((key) => staged.get(key)?.adds ?? []);
  const states = new Map(
    [...partitions].map(([key, { contentHash, rows, bytes }]): [string, PartitionState] => [
      key,
      { contentHash, rows, bytes, madeFrom: staged.get(key)?.toMake.wanted },
    ]),
  );
  return withStaged(before, { snapshot, adds, partitions: states });
};

/** The checks of the whole table over what it would be; a check of the table that fails holds all of it back. */
const auditAll = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  snapshot: Snapshot,
  before: TableState,
  staged: ReadonlyMap<string, Staged>,
): Promise<{ readonly good: ReadonlyMap<string, StagedPartition>; readonly unmade: readonly Reason[] }> => {
  const { id } = node.transform;
  if (staged.size === 0) return { good: new Map(), unmade: [] };
  const candidates = new Map([...staged].map(([key, one]) => [key, one.staged]));
  const table = overlay(before, snapshot, staged, candidates);
  const readable = readableOf(table);
  if (!readable) throw error('internal', {}, new TypeError(`${id} has no relation`));
  const order = orderOf(parts, work, node, { stepId: work.order.runId, partitions: undefined, engine: 'duckdb' });
  const audit = await parts.duckdb
    .session((session) =>
      auditTable(
        { engine: parquetSession(session, parts.signal) },
        order,
        { ...readable, files: filesOf(table) },
        candidates,
      ),
    )
    .catch(async (thrown: unknown) => {
      throw await damagedInput([readable, ...order.inputs.values()], thrown, parts.signal);
    });
  work.results.push(...audit.results);
  work.failing.push(...audit.failing.map((keys) => ({ model: id, keys })));
  const good = new Map<string, StagedPartition>();
  const unmade: Reason[] = [];
  for (const [partition, last] of audit.partitions) {
    work.results.push(...last.results);
    const why = audit.refused ?? last.refused;
    if (why) unmade.push(quarantined(id, partition, why));
    else good.set(partition, last);
  }
  return { good, unmade };
};
