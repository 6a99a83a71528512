import { type Leased, recordChecks, type StagedInterval, stageIntervals } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { parquetSession } from '../parquet-session.js';
import type { ToMake } from '../plan/decide.js';
import { readableOf, type TableState } from '../plan/state.js';
import { viewStateOf } from '../plan/view-state.js';
import { auditStep } from '../step/audit-step.js';
import { auditTable } from '../step/audit-table.js';
import { type StagedPartition, WHOLE } from '../step/step.js';
import { orderOf } from './make-batch.js';
import type { Parts } from './parts.js';
import { refusalText } from './settle.js';
import type { Unmade, Work } from './work.js';

type Reason = Omit<Unmade, 'model' | 'retry'>;

/** The view over its tables as this run has them by now: everything that reads it does so through this. */
export const lookThrough = (work: Work, node: GraphNode): TableState | undefined => {
  const { id } = node.transform;
  const state = work.states.get(id);
  if (!state) return undefined;
  const now = viewStateOf(state, node, work.states, work.world.meanings.get(id));
  work.states.set(id, now);
  return now;
};

/** What the checks of a view say of the rows that it gives over staged and published tables. */
export const auditView = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  state: TableState,
): Promise<StagedPartition | undefined> => {
  const { id } = node.transform;
  const readable = readableOf(state);
  if (!readable) return undefined;
  work.steps += 1;
  const stepId = `${work.order.runId}-${work.steps}`;
  const order = orderOf(parts, work, node, { stepId, partitions: undefined, engine: 'duckdb' });
  const { rows, table } = await parts.duckdb.session(async (session) => {
    const engine = parquetSession(session, parts.signal);
    const found = await auditStep(engine, order, readable.duckdb, new Map());
    return { rows: found, table: await auditTable({ engine }, order, readable, found.partitions) };
  });
  const last = table.partitions.get(WHOLE);
  if (!last) return undefined;
  work.results.push(...table.results, ...last.results);
  work.failing.push(...[...rows.failing, ...table.failing].map((keys) => ({ model: id, keys })));
  return { ...last, refused: table.refused ?? last.refused };
};

const stagedOf = (one: ToMake, passed: StagedPartition, milliseconds: number): StagedInterval => ({
  ...{ stepId: 'view', inVersions: one.wanted, rows: passed.rows, bytes: 0, contentHash: passed.contentHash },
  ...{ scoreMillionths: passed.scoreMillionths, coverageMillionths: passed.coverageMillionths },
  ...{ engine: 'duckdb', milliseconds, adds: [] },
});

/**
 * Looks at a view over what this run has made of its tables, before anybody sees it: nothing is computed but its checks. One that does
 * not pass is told and keeps back its own new meaning and what reads it. Its tables are not held: rows that must not be seen are for
 * the checks of the tables. Gives why it may not be published.
 */
export const settleView = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  one: ToMake,
  lease: Leased,
): Promise<readonly Reason[]> => {
  const { id } = node.transform;
  const state = work.states.get(id);
  if (!state) return [];
  const started = performance.now();
  work.told.tableStarts(node, work.states);
  const told = work.results.length;
  const passed = await auditView(parts, work, node, state);
  if (!passed) return [];
  await recordChecks(parts.warehouse, work.order.runId, work.results.slice(told));
  const { refused: refusal, rows } = passed;
  const milliseconds = Math.round(performance.now() - started);
  if (refusal) {
    const reason = refusalText(id, WHOLE, refusal);
    const code = 'check-failed';
    await stageIntervals(parts.warehouse, [{ ...lease, status: 'quarantined', code, message: reason }]);
    work.leases.drop([lease]);
    parts.emit('transform.quarantined', { model: id, reason });
    parts.emit('transform.settled', { model: id, partition: WHOLE, status: 'quarantined', reason, rows: 0 });
    return [{ partition: WHOLE, status: 'quarantined', code, refusal, reason }];
  }
  await stageIntervals(parts.warehouse, [{ ...lease, status: 'audited', staged: stagedOf(one, passed, milliseconds) }]);
  work.staged.push(lease);
  const moved = state.dataVersion !== work.world.published.get(id)?.dataVersion;
  if (moved || work.world.environment.pointers.find(({ name }) => name === id)?.versionId !== state.versionId)
    work.views.set(id, { rows });
  parts.emit('transform.settled', {
    ...{ model: id, partition: WHOLE, status: 'made', rows, engine: 'duckdb', milliseconds },
  });
  return [];
};
