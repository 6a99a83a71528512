import { error } from '../../../errors/index.js';
import type { Snapshot } from '../../../store/delta/index.js';
import { type Leased, NO_STEP, type Outcome, type StagedInterval, stageIntervals } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { parquetSession } from '../parquet-session.js';
import { askEarlier, stayingIn } from '../plan/carry.js';
import { type Decision, decide, readsPublished, type ToMake } from '../plan/decide.js';
import { chooseEngine } from '../plan/engine-for.js';
import { inputsOf } from '../plan/inputs.js';
import { joined } from '../plan/joined.js';
import { readingsOf } from '../plan/readings.js';
import { holdsWhatItHeld } from '../plan/same-rows.js';
import { isPartitioned, type TableState } from '../plan/state.js';
import { tablesUnder } from '../plan/view-state.js';
import { madeOf, PRODUCTION } from '../plan/world.js';
import { nextKey } from '../step/partition-keys.js';
import { WHOLE } from '../step/step.js';
import { lookThrough, settleView } from './advance-view.js';
import { auditAgain } from './audit-again.js';
import { deltaTableOf, type Made, makeBatch } from './make-batch.js';
import { mapLimited } from './map-limited.js';
import { enginesOf, type Parts } from './parts.js';
import { takeStaged } from './resume.js';
import { refusalText, settle } from './settle.js';
import { takeOver } from './take-over.js';
import type { Unmade, Work } from './work.js';

/** The command that tries one partition again. A span ends before its second key. */
const retryOf = (parts: Parts, work: Work, { transform }: GraphNode, key: string, status: Unmade['status']): string => {
  const { name } = work.world.environment;
  const of = `${name === PRODUCTION ? '' : ` --env ${name}`}${enginesOf(parts)}`;
  const { partition } = transform;
  // Of a meaning that readers do not have yet just that is missing which was never made.
  const theirs = work.world.environment.pointers.find((pointer) => pointer.name === transform.id)?.versionId;
  const isNew = theirs !== work.world.versions.get(transform.id)?.id;
  // What waits for another goes on when that is made, and so does a whole table.
  // A run wants a plan of all tables where files have changed.
  if (isNew && work.order.selection) return `assay plan --select ${transform.id}${of}`;
  return isNew || status === 'blocked' || key === WHOLE || !partition
    ? `assay run${of}`
    : `assay restate ${transform.id} --start ${key} --end ${nextKey(key, partition.unit)}${of}`;
};

/** Why a table cannot be looked at: something that it reads as a whole is behind. */
const waitsFor = (node: GraphNode, work: Work): string | undefined =>
  inputsOf(node).find((input) => input.role !== 'partition' && work.behind.has(input.name))?.name;

/** Writes down that partitions were not made; whoever reads them waits. */
const leave = (parts: Parts, work: Work, node: GraphNode, unmade: readonly Omit<Unmade, 'model' | 'retry'>[]): void => {
  const { id } = node.transform;
  if (unmade.length === 0) return;
  const missing = work.missing.get(id) ?? new Set<string>();
  for (const one of unmade) {
    missing.add(one.partition);
    work.unmade.push({ ...one, model: id, retry: retryOf(parts, work, node, one.partition, one.status) });
  }
  work.missing.set(id, missing);
  work.behind.add(id);
};

/**
 * Brings one table forward as far as its inputs allow: decides which partitions are to be made, leases them, makes them in batches,
 * audits them and the table with them, and writes each down in the ledger. Nothing of it is seen by anyone yet.
 */
export const advance = async (parts: Parts, work: Work, node: GraphNode): Promise<void> => {
  const { id } = node.transform;
  if (node.transform.kind === 'view') return advanceView(parts, work, node);
  const state = work.states.get(id);
  if (!state || state.versionId === undefined || work.world.frozen.has(id)) return;
  const { make, newer } = await decisionOf(parts, work, node);
  const waits = waitsFor(node, work);
  const missing = (one: ToMake): boolean =>
    inputsOf(node).some(({ role, name }) => {
      const behind = role === 'partition' ? work.missing.get(name) : undefined;
      return behind?.has(one.partition) === true || behind?.has(WHOLE) === true;
    });
  const blocked = make.filter((one) => waits !== undefined || missing(one));
  leave(
    parts,
    work,
    node,
    blocked.map(({ partition }) => ({
      ...{ partition, status: 'blocked' as const, code: 'blocked' },
      reason:
        waits === undefined ? 'the same partition of what it reads could not be made' : `${waits} could not be made`,
    })),
  );
  if (waits !== undefined) {
    work.behind.add(id);
    return;
  }
  const open = make.filter((one) => !blocked.includes(one));
  const versionId = state.versionId;
  const leases = new Map<string, Leased>();
  const wanted = [...open, ...newer].map(({ partition }) => ({ versionId, partition }));
  if (wanted.length > 0) for (const lease of await work.leases.take(id, wanted)) leases.set(lease.partition, lease);
  await noteNewer(parts, work, node, newer, leases);
  // A copy that is missing is made again from the files: nothing is computed.
  if (open.length === 0 && work.world.lostCopies.has(id) && state.snapshot)
    work.moved.set(id, { id, partitions: new Set(), snapshot: state.snapshot });
  if (open.length === 0) return audit(parts, work, node);
  const { snapshot, made } = await makeAll(parts, work, node, state, open);
  const unmade = await settle(parts, work, node, snapshot, made, leases);
  leave(parts, work, node, unmade);
  // A new check is asked of partitions that stay, too.
  if (unmade.length === 0 && work.newChecks.has(id)) await audit(parts, work, node);
};

/**
 * A view waits for none of its tables: what they publish is seen through it, so its checks are asked over just that. What reads it
 * waits for whatever its tables could not make, and so does a new meaning of the view itself.
 */
const advanceView = async (parts: Parts, work: Work, node: GraphNode): Promise<void> => {
  const { id } = node.transform;
  const { world, order } = work;
  const state = lookThrough(work, node);
  const behind = [...node.reads].filter((read) => work.behind.has(read));
  if (behind.length > 0) {
    work.behind.add(id);
    work.missing.set(id, new Set(behind.flatMap((read) => [...(work.missing.get(read) ?? [])])));
  }
  if (!state || state.versionId === undefined || world.frozen.has(id)) return;
  const isNew = world.environment.pointers.find(({ name }) => name === id)?.versionId !== state.versionId;
  const waits = {
    partition: WHOLE,
    status: 'blocked' as const,
    code: 'blocked',
    reason: `${behind[0]} could not be made`,
  };
  if (state.view === undefined) return leave(parts, work, node, [waits]);
  const asked = work.newChecks.has(id) || (await needsMoved(parts, work, node));
  const { make, newer } = await decisionOf(parts, work, node, asked || order.restate.has(id));
  const leases = new Map<string, Leased>();
  const wanted = [...make, ...newer].map(({ partition }) => ({ versionId: state.versionId ?? 0, partition }));
  if (wanted.length > 0) for (const lease of await work.leases.take(id, wanted)) leases.set(lease.partition, lease);
  await noteNewer(parts, work, node, newer, leases);
  const [one] = make;
  const lease = leases.get(WHOLE);
  const unmade = one && lease ? await settleView(parts, work, node, one, lease) : [];
  leave(parts, work, node, unmade);
  if (unmade.length === 0 && isNew && behind.length > 0) return leave(parts, work, node, [waits]);
  const moved = state.dataVersion !== world.published.get(id)?.dataVersion || isNew;
  if (unmade.length === 0 && moved && !work.views.has(id))
    work.views.set(id, { rows: world.intervals.get(id)?.get(WHOLE)?.rows ?? 0 });
};

/** What stays as it is must still pass where its checks were changed, or what they read has moved. */
const audit = async (parts: Parts, work: Work, node: GraphNode): Promise<void> => {
  const { id } = node.transform;
  if (!work.newChecks.has(id) && !(await needsMoved(parts, work, node))) return;
  const failed = await auditAgain(parts, work, node);
  const code = 'check-failed';
  leave(
    parts,
    work,
    node,
    failed.map(({ partition, refusal }) => ({
      ...{ partition, status: 'quarantined' as const, code, refusal, reason: refusalText(id, partition, refusal) },
    })),
  );
};

/** Whether what a table reads, or its checks ask, has changed in more than columns that nobody could ask for yet: through views, too. */
const needsMoved = (parts: Parts, work: Work, { needs }: GraphNode): Promise<boolean> =>
  parts.duckdb.session(async (session) => {
    const { world, states } = work;
    const engine = parquetSession(session, parts.signal);
    const proof = { world, states, readings: (of: typeof states) => readingsOf(world, of, engine) };
    const nodes = new Map(world.nodes.map((one) => [one.transform.id, one]));
    const tables = new Set([...needs].flatMap((need) => tablesUnder(need, nodes)));
    for (const need of tables) if (work.moved.has(need) && !(await holdsWhatItHeld(proof, need))) return true;
    return false;
  });

const decisionOf = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  restated: boolean = work.order.restate.has(node.transform.id),
): Promise<Decision> => {
  const { id, kind } = node.transform;
  const decided = kind === 'view' ? undefined : work.decided.get(id);
  if (decided && readsPublished(work.world, work.states, node)) return decided;
  return parts.duckdb.session(async (session) => {
    const engine = parquetSession(session, parts.signal);
    const staying = await stayingIn(work.world, work.states, engine, id);
    const earlier = await askEarlier(work.world, work.states, engine, id);
    return decide(node, readingsOf(work.world, work.states, engine), madeOf(work.world, id), {
      ...{ restate: work.order.restate.get(id), restated, staying, earlier },
    });
  });
};

/** The rows stay; only the ledger learns of which newer inputs they hold, so that the next run need not look. */
const noteNewer = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  newer: Decision['newer'],
  leases: ReadonlyMap<string, Leased>,
): Promise<void> => {
  const intervals = work.world.intervals.get(node.transform.id);
  const outcomes = newer.flatMap(({ partition, wanted }): Outcome[] => {
    const lease = leases.get(partition);
    const interval = intervals?.get(partition);
    if (!lease || !interval) return [];
    const { rows, bytes, contentHash = '', scoreMillionths, coverageMillionths = 0n } = interval;
    const staged: StagedInterval = {
      ...{ stepId: NO_STEP, inVersions: wanted, rows, bytes, contentHash, scoreMillionths, coverageMillionths },
      ...{ engine: interval.engine ?? 'duckdb', milliseconds: interval.milliseconds ?? 0, adds: [] },
      route: interval.route,
    };
    return [{ ...lease, status: 'audited', staged }];
  });
  if (outcomes.length === 0) return;
  await stageIntervals(parts.warehouse, outcomes);
  work.staged.push(...outcomes);
};

/** Makes partitions in batches without gaps, taking what an interrupted run left staged instead where it still fits. */
const makeAll = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  state: TableState,
  open: readonly ToMake[],
): Promise<{ readonly snapshot: Snapshot; readonly made: readonly Made[] }> => {
  const { transform } = node;
  const path = work.world.physical.get(transform.id)?.lakePath;
  if (path === undefined) throw error('internal', {}, new TypeError(`${transform.id} has no folder`));
  const snapshot = await parts.duckdb.session((session) =>
    deltaTableOf(parts, parquetSession(session, parts.signal), state, path),
  );
  const taken = await takeStaged(work, node, snapshot, open);
  const left = open.filter(({ partition }) => !taken.some((made) => made.toMake.partition === partition));
  const kept = await takeOver(parts, work, node, snapshot, left);
  const rest = left.filter(({ stays }) => !stays);
  if (rest.length === 0) return { snapshot, made: [...taken, ...kept] };
  const { partition } = transform;
  const chosen = chooseEngine(work.world, work.states, node, rest);
  const { engine, why, question } = chosen;
  if (engine === undefined)
    throw error('transform-invalid', { file: transform.file, line: 1, what: `no engine can make it: ${why}` });
  const batches =
    isPartitioned(transform) && partition
      ? joined(rest, partition.unit, chosen.most, (key) => (state.partitions.get(key)?.rows ?? 0) > 0)
      : rest.map((one) => [one]);
  const made = await mapLimited(batches, parts.parallel ?? 1, (makes) => {
    parts.signal?.throwIfAborted();
    return makeBatch(parts, work, node, snapshot, {
      ...{ makes, whole: !isPartitioned(transform), route: { engine, why, question } },
    });
  });
  return { snapshot, made: [...taken, ...kept, ...made.flat()] };
};
