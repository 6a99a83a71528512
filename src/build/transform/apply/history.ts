import type { CheckResultRow } from '../../../store/state/index.js';
import { stageIntervals } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { parquetSession } from '../parquet-session.js';
import { withStaged } from '../plan/state.js';
import { madeOf } from '../plan/world.js';
import { WHOLE } from '../step/step.js';
import { deltaTableOf, makeBatch } from './make-batch.js';
import type { Parts } from './parts.js';
import { intervalOf } from './settle.js';
import type { Work } from './work.js';

/**
 * The table of all check results, those of this run included: made last, and only when there are new ones or it was never made. What
 * was refused is in it, so that the reason is one question away although nothing else was published.
 */
export const advanceHistory = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  checks: AsyncIterable<readonly CheckResultRow[]>,
): Promise<void> => {
  const { id } = node.transform;
  const state = work.states.get(id);
  const path = work.world.physical.get(id)?.lakePath;
  if (!state || state.versionId === undefined || path === undefined || work.world.frozen.has(id)) return;
  const made = madeOf(work.world, id).get(WHOLE)?.publishedRevision !== undefined;
  if (made && work.results.length === 0 && !work.world.lostCopies.has(id)) return;
  const [lease] = await work.leases.take(id, [{ versionId: state.versionId, partition: WHOLE }]);
  const snapshot = await parts.duckdb.session((session) =>
    deltaTableOf(parts, parquetSession(session, parts.signal), state, path),
  );
  const makes = [{ partition: WHOLE, wanted: {}, because: ['new results'] }];
  const route = { engine: 'duckdb', why: 'duckdb: {{checks}} is made there only', question: undefined } as const;
  const [one] = await makeBatch(parts, work, node, snapshot, { makes, whole: true, route }, checks);
  if (!one || !lease || 'trouble' in one) return;
  const { staged, adds } = one;
  const { rows, bytes, contentHash } = staged;
  await stageIntervals(parts.warehouse, [{ ...lease, status: 'audited', staged: intervalOf(one, staged) }]);
  work.staged.push(lease);
  const partitions = new Map([[WHOLE, { contentHash, rows, bytes }]]);
  work.moved.set(id, { id, partitions: new Set([WHOLE]), snapshot });
  work.states.set(id, withStaged(state, { snapshot, adds, partitions }));
};
