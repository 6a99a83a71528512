import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError, error, toAssayError } from '../../../errors/index.js';
import { fileOf, scratchFolder } from '../../../store/delta/index.js';
import {
  beginRun,
  buryDead,
  checkHistory,
  endRun,
  holdEnvironment,
  holdLeases,
  lockTables,
  publishIntervals,
  putPhysical,
  type SeenTable,
  whileAlive,
} from '../../../store/state/index.js';
import { type RunTelling, tellRun } from '../lineage/telling.js';
import { isOf } from '../plan/selection.js';
import { PRODUCTION, type World } from '../plan/world.js';
import { WHOLE } from '../step/step.js';
import { declareForeignKeys, type KeyedTable } from '../target/foreign-keys.js';
import { physicalName } from '../target/physical.js';
import { advance } from './advance.js';
import { withNewChecks } from './audit-again.js';
import { advanceHistory } from './history.js';
import { openLeases, owner } from './leases.js';
import { clearLeftovers } from './leftovers.js';
import { enginesOf, type Parts, timeOf } from './parts.js';
import { stuckView } from './public-views.js';
import { endOf, goesOn, pointersMove, pointersOf, publishRun } from './publish-run.js';
import type { RunOrder, Unmade, Work } from './work.js';

/** What a run came to. `partial`: what is published is whole and good, and `unmade` says what is missing. */
export interface RunResult {
  readonly status: 'published' | 'unchanged' | 'partial' | 'refused';
  readonly revision: number;
  /** Ids whose contents changed. */
  readonly changed: readonly string[];
  readonly unmade: readonly Unmade[];
}

/** The folder of a meaning's files below the lake. */
export const lakePathOf = (world: World, id: string): string => {
  const version = world.versions.get(id);
  const layer = version?.name.split('.')[0] ?? '';
  const table = version?.name.split('.')[1] ?? '';
  return `${layer}/${table}/v${version?.version ?? 0}/${version?.fingerprint ?? ''}`;
};

/** Says in the ledger where tables of new meanings will be. */
const placeTables = async (parts: Parts, world: World): Promise<World> => {
  const list = world.nodes.flatMap(({ transform }) => {
    const version = world.versions.get(transform.id);
    if (!version || world.physical.has(transform.id)) return [];
    // A view has no rows of its own; the ledger says when what it gives has changed.
    const stored = transform.kind !== 'view';
    const copied = stored && transform.targets.has('postgres');
    return [
      {
        ...{ id: transform.id, versionId: version.id },
        postgres: copied ? physicalName(transform, version.fingerprint) : undefined,
        lakePath: stored ? lakePathOf(world, transform.id) : undefined,
      },
    ];
  });
  if (list.length === 0) return world;
  await putPhysical(parts.warehouse, list);
  const physical = new Map(world.physical);
  for (const { id, versionId, postgres, lakePath } of list)
    physical.set(id, {
      ...{ versionId, postgres, lakePath, lakeVersion: -1, dataVersion: '', rows: 0, bytes: 0, changedAt: 0 },
    });
  return { ...world, physical };
};

/**
 * Makes what must be made and publishes all of it at once. Safe to kill at any moment and to run again: what was staged and audited
 * is taken from where it is. A second run that wants the same partitions is refused, naming this one.
 * Errors: `interval-leased`, `lease-lost`, `publish-overtaken`, `transform-invalid`, `view-blocked`, `view-locked`, `cancelled`, ...
 */
export const execute = (
  parts: Parts,
  given: World,
  order: RunOrder,
  decided: Work['decided'] = new Map(),
): Promise<RunResult> =>
  whileAlive(
    parts.warehouse,
    order.runId,
    async () => {
      await clearLeftovers(parts, await buryDead(parts.warehouse));
      const at = timeOf(parts);
      await beginRun(parts.warehouse, {
        ...{ runId: order.runId, kind: order.kind, environment: given.environment.name, planId: order.planId },
        ...{ baseRevision: given.environment.revision, startedAt: at, owner: owner() },
      });
      const leases = openLeases(parts.warehouse, order.runId, parts.emit);
      const told = tellingOf(parts, given, order);
      told.runStarts();
      try {
        const world = await placeTables(parts, given);
        const work: Work = {
          ...{
            world,
            order,
            at,
            leases,
            told,
            states: new Map(world.published),
            moved: new Map(),
            views: new Map(),
            staged: [],
          },
          ...{ unmade: [], behind: new Set(), missing: new Map(), results: [], failing: [], summaries: [] },
          ...{ folders: [], steps: 0, held: false, decided },
          newChecks: await withNewChecks(parts, { world }),
        };
        const result = await runAll(parts, work);
        told.runEnds(work);
        await cleanUp(parts, work);
        return result;
      } catch (thrown) {
        const reason =
          parts.signal?.aborted && !(thrown instanceof AssayError) ? error('cancelled', {}, thrown) : thrown;
        await recordEnd(parts, order, reason);
        told.runFails(toAssayError(reason));
        throw reason;
      } finally {
        await leases.end();
      }
    },
    parts.signal,
  );

const tellingOf = (parts: Parts, world: World, order: RunOrder): RunTelling =>
  tellRun(
    parts.lineage,
    world,
    order,
    () => timeOf(parts),
    (thrown) => parts.emit('bug', { where: 'telling lineage', error: thrown }),
  );

const runAll = async (parts: Parts, work: Work): Promise<RunResult> => {
  const { world, order } = work;
  const started = performance.now();
  const own = world.nodes.filter(({ transform }) => isOf(order.selection, transform.id));
  const tables = own.filter(({ transform }) => transform.kind !== 'history');
  for (const [i, node] of tables.entries()) {
    parts.signal?.throwIfAborted();
    await advance(parts, work, node);
    parts.emit('transform.progress', { model: node.transform.id, done: i + 1, of: tables.length });
  }
  await holdWhereStuck(parts, work);
  for (const node of own)
    if (node.transform.kind === 'history') {
      const { id } = node.transform;
      await advanceHistory(parts, work, node, checkHistory(parts.warehouse));
      const rows = work.states.get(id)?.partitions.get(WHOLE)?.rows ?? 0;
      if (work.moved.has(id)) parts.emit('transform.settled', { model: id, partition: WHOLE, status: 'made', rows });
    }
  const { unmade } = work;
  const quiet = work.moved.size + work.views.size === 0 && !pointersMove(world, pointersOf(work));
  if (quiet) {
    const { revision } = world.environment;
    const status = unmade.length > 0 ? 'refused' : 'unchanged';
    await parts.warehouse.transaction(async (tx) => {
      // What came out as it was is so only if nobody has changed the table since.
      await holdLeases(tx, work.staged);
      await lockTables(tx, { moved: [], reads: stagedTables(work) });
      if (work.staged.length > 0) await publishIntervals(tx, { revision, leases: work.staged });
      if (goesOn(work)) await holdEnvironment(tx, world.environment.name, undefined);
      const [first] = unmade;
      const why = first && { error: { code: first.code, message: first.reason } };
      await endRun(tx, { runId: order.runId, status, at: timeOf(parts), ...why });
    });
    return { status, revision, changed: [], unmade };
  }
  const { revision, changed } = await publishRun(parts, work);
  await declareForeignKeys(parts.warehouse, keyedTables(work), parts.emit);
  parts.emit('transform.published', {
    ...{ revision, tables: changed.length, milliseconds: Math.round(performance.now() - started) },
  });
  return { status: endOf(work), revision, changed, unmade };
};

/**
 * A view whose new meaning may not be published can only stand on the tables of before: where those become others, nothing is
 * published. What was made stays staged for the next run.
 */
const holdWhereStuck = async (parts: Parts, work: Work): Promise<void> => {
  const stuck = await stuckView(parts, work, pointersOf(work));
  if (!stuck) return;
  const { view, table } = stuck;
  const { name } = work.world.environment;
  work.held = true;
  work.moved.clear();
  work.views.clear();
  work.staged.length = 0;
  work.summaries.length = 0;
  const reason = `${view} stays as it is and cannot stand on the new ${table}, so nothing of this run is published`;
  work.unmade.push({
    ...{ model: view, partition: WHOLE, status: 'blocked', code: 'blocked', reason },
    retry: `assay plan${name === PRODUCTION ? '' : ` --env ${name}`}${enginesOf(parts)}`,
  });
};

/** Tables of which something is staged, as this run saw them. */
const stagedTables = ({ world, staged }: Work): SeenTable[] => {
  const ids = new Set(staged.map(({ versionId }) => versionId));
  return [...world.physical.values()].filter(({ versionId }) => ids.has(versionId));
};

/** Tables in PostgreSQL with the star's keys between them. */
const keyedTables = ({ world, states, order }: Work): KeyedTable[] =>
  world.nodes.flatMap(({ transform }) => {
    const table = world.physical.get(transform.id)?.postgres;
    const there = isOf(order.selection, transform.id) && states.get(transform.id)?.snapshot;
    return table !== undefined && there ? [{ transform, table }] : [];
  });

/** Removes files that were staged and are in nobody's list: rows that came out as they were, partitions that were refused. */
const cleanUp = async (parts: Parts, work: Work): Promise<void> => {
  for (const { id, stepId, snapshot } of work.folders) {
    const live = work.states.get(id)?.adds ?? [];
    const prefix = `d/${stepId}/`;
    if (live.some((add) => fileOf(snapshot.table, add).startsWith(prefix))) continue;
    await snapshot.table.files
      .removeFolder(`d/${stepId}`)
      .catch((thrown: unknown) => parts.emit('bug', { where: `removing what step ${stepId} left`, error: thrown }));
  }
  await rm(join(scratchFolder(parts.lake), work.order.runId), { recursive: true, force: true });
};

/** Writes down why a run ended; the reason itself is thrown on by the caller, so what fails here is told and not thrown. */
const recordEnd = async (parts: Parts, order: RunOrder, thrown: unknown): Promise<void> => {
  const { code, message } = toAssayError(thrown);
  try {
    await endRun(parts.warehouse, {
      ...{ runId: order.runId, at: timeOf(parts), error: { code, message } },
      status: code === 'cancelled' ? 'cancelled' : 'failed',
    });
  } catch (again) {
    parts.emit('bug', { where: `recording the end of run ${order.runId}`, error: again });
  }
};
