import { error } from '../../../errors/index.js';
import { replaceFiles } from '../../../store/delta/index.js';
import type { Tx } from '../../../store/engine/index.js';
import {
  checkLeases,
  type EnvironmentState,
  endRun,
  holdEnvironment,
  holdLeases,
  lockTables,
  type MovedTable,
  type PointerTarget,
  physicalTables,
  publishEnvironment,
  publishIntervals,
  putFailingKeys,
  putPartitionStats,
  type SeenTable,
} from '../../../store/state/index.js';
import { inputsOf } from '../plan/inputs.js';
import { isOf } from '../plan/selection.js';
import { isPartitioned, type TableState, totalsOf } from '../plan/state.js';
import { tablesUnder } from '../plan/view-state.js';
import type { World } from '../plan/world.js';
import { physicalName } from '../target/physical.js';
import { swapViews } from '../target/views.js';
import { copyRows } from './copy-rows.js';
import { type Parts, timeOf } from './parts.js';
import { namesUnder, relationIn, type Shown, viewOfTransform } from './public-views.js';
import type { Work } from './work.js';

/** What a publication came to. */
export interface RunPublication {
  readonly revision: number;
  readonly changed: readonly string[];
}

interface Commit {
  readonly id: string;
  readonly before: TableState;
  readonly after: TableState;
  readonly version: number;
  readonly partitions: ReadonlySet<string>;
}

/** Name to the version that readers of an environment find under it. */
export const versionsByName = ({ pointers }: Pick<EnvironmentState, 'pointers'>): ReadonlyMap<string, number> =>
  new Map(pointers.map(({ name, versionId }) => [name, versionId]));

/**
 * The pointers that an environment shall have: every table of the files, by its id. One whose new meaning could not be made as a
 * whole stays with the old one: readers never see a part of a table for all of it.
 */
export const pointersOf = ({ world, states, behind, held, order }: Work): PointerTarget[] => {
  const now = versionsByName(world.environment);
  const kept = (of: ReadonlyMap<string, number>) =>
    [...of].flatMap(([name, versionId]) => (versionId === 0 ? [] : [{ name, versionId }]));
  if (held) return kept(now);
  // What a plan is not of stays as readers have it: as production has it, where the environment is new.
  const left = order.selection ? kept(versionsByName(world.comparedWith)) : [];
  const others = left.filter(({ name }) => !isOf(order.selection, name));
  const own = world.nodes.flatMap(({ transform: { id } }) => {
    if (!isOf(order.selection, id)) return [];
    const state = states.get(id);
    const there = state?.snapshot !== undefined || state?.view !== undefined;
    const made = there && !behind.has(id) ? state?.versionId : undefined;
    const versionId = made ?? now.get(id);
    return versionId === undefined || versionId === 0 ? [] : [{ name: id, versionId }];
  });
  return [...own, ...others];
};

/** Whether scheduled runs may go on after a rollback: not before a plan of all tables was applied. */
export const goesOn = ({ world, order }: Work): boolean =>
  world.environment.heldFrom !== undefined && order.selection === undefined;

/** How a run ended: `partial` when some of it could not be made, `refused` when nothing but results of checks came of it. */
export const endOf = ({ unmade, moved, views, world }: Work): 'published' | 'partial' | 'refused' => {
  if (unmade.length === 0) return 'published';
  const kinds = new Map(world.nodes.map(({ transform }) => [transform.id, transform.kind]));
  return [...moved.keys(), ...views.keys()].every((id) => kinds.get(id) === 'history') ? 'refused' : 'partial';
};

/** Whether readers of the environment find other tables under its names than before. */
export const pointersMove = (world: World, pointers: readonly PointerTarget[]): boolean => {
  const now = versionsByName(world.environment);
  return now.size !== pointers.length || pointers.some(({ name, versionId }) => now.get(name) !== versionId);
};

/**
 * Makes everything that a run staged what readers see, in one step: one commit for each Delta table (its live files become exactly
 * those wanted, whatever an interrupted run left there), then one transaction of the warehouse that holds the rows of all copies,
 * the ledger, the pointers and the views. Until that commits nothing has moved for readers, who follow pointers.
 */
export const publishRun = async (parts: Parts, work: Work): Promise<RunPublication> => {
  const { world, order, states } = work;
  const { warehouse, signal } = parts;
  const commits: Commit[] = [];
  await checkCurrent(parts, work);
  for (const { id, snapshot, partitions } of work.moved.values()) {
    signal?.throwIfAborted();
    const [before, after] = [world.published.get(id), states.get(id)];
    if (!before || !after) throw error('internal', {}, new TypeError(`${id} has no state`));
    const committed = await replaceFiles({
      ...{ snapshot, desired: after.adds, txnId: order.runId, now: Number(timeOf(parts) / 1000n), emit: parts.emit },
    }).catch(async (thrown: unknown) => {
      // Whoever committed before us has taken our leases over or has published by now, or was stopped: then it is as it is.
      await checkCurrent(parts, work);
      throw thrown;
    });
    parts.emit('transform.committed', { model: id, version: committed.version });
    commits.push({ id, before, after, version: committed.version, partitions });
  }
  const pointers = pointersOf(work);
  const published = await warehouse.transaction(
    async (tx) => {
      await holdLeases(tx, work.staged);
      const moved = [...commits.map((commit) => movedTable(world, commit)), ...movedViews(work)];
      const seen = { moved, reads: readTables(work) };
      await lockTables(tx, seen);
      for (const commit of commits) await copyChange(parts, work, tx, commit);
      const { revision } = await publishEnvironment(tx, {
        ...{ environment: world.environment.name, runId: order.runId, lake: parts.lake },
        ...{ base: world.environment.revision, pointers },
        ...seen,
      });
      await publishIntervals(tx, { revision, leases: work.staged });
      if (goesOn(work)) await holdEnvironment(tx, world.environment.name, undefined);
      await putFailingKeys(
        tx,
        order.runId,
        work.failing.map(({ model, keys }) => ({ table: model, ...keys })),
      );
      await putPartitionStats(
        tx,
        order.runId,
        work.summaries.map(({ versionId, summary }) => ({
          ...{ versionId, partition: summary.partition },
          stats: { summary: JSON.stringify(summary) },
        })),
      );
      const [first] = work.unmade;
      await endRun(tx, {
        ...{ runId: order.runId, status: endOf(work), at: timeOf(parts), revision },
        ...(first ? { error: { code: first.code, message: first.reason } } : {}),
      });
      await moveViews(tx, work, pointers);
      return revision;
    },
    signal ? { signal } : {},
  );
  return { revision: published, changed: [...commits.map(({ id }) => id), ...work.views.keys()] };
};

/** Says before anything is committed in the lake what the publication would say: that another run was faster. */
const checkCurrent = async ({ warehouse }: Parts, work: Work): Promise<void> => {
  await checkLeases(warehouse, work.staged);
  const moved = [...work.moved.keys(), ...work.views.keys()].flatMap((id) => {
    const state = work.states.get(id);
    return state ? [seenTable(work.world, state, id)] : [];
  });
  const seen = [...moved, ...readTables(work)];
  const now = await physicalTables(
    warehouse,
    seen.map(({ versionId }) => versionId),
  );
  const names = new Map([...work.world.versions.values()].map(({ id, name }) => [id, name]));
  for (const { versionId, changedAt } of seen)
    if (now.get(versionId)?.changedAt !== changedAt)
      throw error('publish-overtaken', { table: names.get(versionId) ?? `version ${versionId}` });
};

const seenTable = (world: World, state: TableState, id: string): SeenTable => ({
  versionId: state.versionId ?? 0,
  changedAt: world.physical.get(id)?.changedAt ?? 0,
});

const movedTable = (world: World, { id, after, version }: Commit): MovedTable => ({
  ...seenTable(world, after, id),
  ...totalsOf(after),
  ...{ lakeVersion: version, dataVersion: after.dataVersion },
});

/** Views that give something else: they have no rows of their own, but what reads them must know. */
const movedViews = ({ world, states, views }: Work): MovedTable[] =>
  [...views].flatMap(([id, { rows }]) => {
    const state = states.get(id);
    const { dataVersion = '' } = state ?? {};
    return state ? [{ ...seenTable(world, state, id), ...{ lakeVersion: -1, dataVersion, rows, bytes: 0 } }] : [];
  });

/** Tables that this run read, through views too, and does not move: they must still be as it saw them. */
const readTables = (work: Work): SeenTable[] => {
  const nodes = new Map(work.world.nodes.map((node) => [node.transform.id, node]));
  const names = new Set(
    work.world.nodes
      .filter(({ transform: { id } }) => work.moved.has(id) || work.views.has(id))
      .flatMap((node) => inputsOf(node).flatMap(({ name }) => tablesUnder(name, nodes))),
  );
  return [...names].flatMap((id) => {
    const state = work.states.get(id);
    return state?.versionId === undefined || !state.snapshot || work.moved.has(id)
      ? []
      : [seenTable(work.world, state, id)];
  });
};

/** Brings the copy in PostgreSQL along: just the partitions that changed, or all where there is no copy. */
const copyChange = async (
  parts: Parts,
  work: Work,
  tx: Tx,
  { id, before, after, partitions }: Commit,
): Promise<void> => {
  const { transform, snapshot, adds } = after;
  const table = work.world.physical.get(id)?.postgres;
  if (table === undefined || !transform.targets.has('postgres')) return;
  if (!snapshot) throw error('internal', {}, new TypeError(`${id} has no files`));
  const lost = work.world.lostCopies.has(id) || before.dataVersion === '';
  const moved = await copyRows(parts, tx, work.order.runId, {
    ...{ transform, table, partitions: isPartitioned(transform) && !lost ? partitions : undefined },
    before: lost || !before.snapshot ? undefined : { snapshot: before.snapshot, adds: before.adds },
    after: { snapshot, adds },
  });
  parts.emit('transform.copied', { model: id, rows: moved.inserted });
};

/** Points the views at other tables where the environment does. Rows that changed in place need no view to move. */
const moveViews = async (tx: Tx, { world, states, order }: Work, pointers: readonly PointerTarget[]): Promise<void> => {
  const now = versionsByName(world.environment);
  const shown = new Map(
    [...states].map(([id, { transform, fingerprint }]): [string, Shown] => {
      const view = viewOfTransform(transform);
      return [id, { transform, view, table: view ? undefined : physicalName(transform, fingerprint) }];
    }),
  );
  const views = pointers.flatMap(({ name, versionId }) => {
    const transform = states.get(name)?.transform;
    // What a run is not of keeps its view: the files may mean another table by it.
    if (!transform?.targets.has('postgres') || !isOf(order.selection, name)) return [];
    const lost = namesUnder(shown, name).some((id) => world.lostCopies.has(id));
    const table = now.get(name) === versionId && !lost ? undefined : relationIn(shown, name);
    return table === undefined ? [] : [{ transform, table }];
  });
  const wanted = pointers.map(({ name }) => name);
  const gone = [...now.keys()].filter((name) => !wanted.includes(name));
  if (views.length + gone.length > 0) await swapViews(tx, views, gone, world.environment.name, wanted);
};
