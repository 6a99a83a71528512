import { createHash, randomUUID } from 'node:crypto';
import { error } from '../../../errors/index.js';
import {
  closePlan,
  describeVersions,
  moveLake,
  plannedFiles,
  putLineage,
  readPlan,
  savePlan,
} from '../../../store/state/index.js';
import { parquetSession } from '../parquet-session.js';
import { pastsOf, withEarlier } from '../plan/carry.js';
import type { Span } from '../plan/decide.js';
import { makePlan, type Planned } from '../plan/make-plan.js';
import { type Plan, planStatus } from '../plan/plan.js';
import { isOf } from '../plan/selection.js';
import { readWorld, type World } from '../plan/world.js';
import { rulesOf, sparkOf } from './engine-rules.js';
import { execute, type RunResult } from './execute.js';
import { storedEdges } from './look.js';
import { dateOf, type Parts, timeOf } from './parts.js';
import type { RunOrder } from './work.js';

/** What a plan is asked for. */
export interface PlanRequest {
  readonly environment: string;
  /** Ids to be made again; a breaking change of one of these needs no new version. */
  readonly restate?: ReadonlyMap<string, Span | undefined>;
  readonly forwardOnly?: ReadonlySet<string>;
  /** Patterns of the tables that the plan is of (`gold.*`); all others keep their pointers and rows. Default all. */
  readonly select?: readonly string[] | undefined;
}

const worldOf = async (parts: Parts, environment: string): Promise<World> => {
  const world = await parts.duckdb.session((session) =>
    readWorld({
      ...{ transformsDir: parts.transformsDir, lake: parts.lake, warehouse: parts.warehouse, environment },
      ...{ engine: parquetSession(session, parts.signal), pseudonymKey: parts.pseudonymKey },
      today: dateOf(timeOf(parts)),
    }),
  );
  return { ...(await withEarlier(parts.warehouse, world)), rules: await rulesOf(parts, world) };
};

const planOf = (parts: Parts, world: World, request: PlanRequest): Promise<Planned> => {
  for (const id of request.restate?.keys() ?? [])
    if (!world.stored.has(id))
      throw error('usage', { text: `there is no table ${id}; tables are ${[...world.stored.keys()].join(', ')}` });
  return parts.duckdb.session((session) =>
    makePlan(world, {
      ...{ engine: parquetSession(session, parts.signal), warehouse: parts.warehouse, spark: sparkOf(parts, world) },
      ...{ restate: request.restate ?? new Map(), forwardOnly: request.forwardOnly ?? new Set() },
      ...{ select: request.select, at: timeOf(parts) },
    }),
  );
};

const keepPlan = (parts: Parts, made: Plan): Promise<void> =>
  savePlan(parts.warehouse, {
    ...{ id: made.id, environment: made.environment, baseRevision: made.baseRevision },
    body: { ...made },
  });

/** Decides what would happen and keeps it under its id. Nothing moves. Errors: `transform-invalid`, `environment-unknown`. */
export const plan = async (parts: Parts, request: PlanRequest): Promise<Plan> => {
  const { plan: made } = await planOf(parts, await worldOf(parts, request.environment), request);
  await keepPlan(parts, made);
  return made;
};

const orderOf = (
  kind: RunOrder['kind'],
  world: World,
  request: PlanRequest,
  plan: { readonly id?: string; readonly selection: RunOrder['selection'] },
): RunOrder => {
  const { restate = new Map() } = request;
  const { id: planId, selection } = plan;
  return { runId: randomUUID(), kind, planId, restate, restatement: restatementOf(world, restate), selection };
};

/** The same tables and spans, asked for the same environment and the same files, are the same restatement. */
const restatementOf = ({ environment, filesHash }: World, restate: RunOrder['restate']): string | undefined =>
  restate.size === 0
    ? undefined
    : createHash('sha256')
        .update(JSON.stringify([environment.name, filesHash, [...restate].sort()]))
        .digest('hex')
        .slice(0, 16);

/** Applies a plan that was printed: only while the environment and the files are as it saw them. Errors: `plan-unknown`, `plan-stale`, `plan-blocked`, those of `execute`. */
export const apply = async (given: Parts, planId: string): Promise<RunResult> => {
  const saved = await readPlan(given.warehouse, planId);
  const body = saved.body as unknown as Plan;
  const parts = { ...given, pins: new Map(body.engines ?? []) };
  const stale = (why: string) => error('plan-stale', { plan: planId, why });
  if (saved.status === 'applied') throw stale('it was applied before');
  const world = await withPasts(parts, await worldOf(parts, saved.environment), body);
  if (world.environment.revision !== saved.baseRevision)
    throw stale(
      `${saved.environment} is at revision ${world.environment.revision}, the plan saw ${saved.baseRevision}`,
    );
  if (world.filesHash !== body.filesHash) throw stale('the files of the transforms have changed since');
  // An environment without tables of its own takes over from production, which may have moved meanwhile.
  for (const { id } of body.carries ?? [])
    if (!world.pasts.has(id)) throw stale(`readers have another version of ${id} by now`);
  const restate = new Map(body.restate.map(({ id, span }) => [id, span]));
  const request: PlanRequest = { environment: saved.environment, restate };
  refuseBlocked(body);
  const selection = body.select && new Set(body.select.ids);
  const result = await goForward(parts, world, orderOf('plan', world, request, { id: planId, selection }));
  await closePlan(parts.warehouse, planId, 'applied');
  return result;
};

/** What a plan takes over, as its run finds it. */
const withPasts = async (parts: Parts, world: World, { carries = [] }: Plan): Promise<World> => ({
  ...world,
  pasts: await parts.duckdb.session((session) =>
    pastsOf(
      { engine: parquetSession(session, parts.signal), warehouse: parts.warehouse, lake: parts.lake },
      world,
      carries,
    ),
  ),
});

const refuseBlocked = (made: Plan): void => {
  if (made.blocked.length > 0)
    throw error('plan-blocked', { environment: made.environment, reasons: made.blocked, plan: made.id });
};

/** Readers find files below the lake's folder as the ledger has it; a home that was moved takes its lake along. */
const followLake = async (parts: Parts, { environment }: World): Promise<void> => {
  if (environment.lake !== undefined && environment.lake !== parts.lake) await moveLake(parts.warehouse, parts.lake);
};

/** Runs, and keeps what the files say of their versions: texts, checks, lineage. */
const goForward = async (
  parts: Parts,
  world: World,
  order: RunOrder,
  decided?: Planned['decided'],
): Promise<RunResult> => {
  await followLake(parts, world);
  if (world.empty.length > 0) {
    parts.emit('notice', {
      message: `${world.empty.join(', ')} holds nothing yet, so there is nothing to make; ingest a file first`,
    });
    return { status: 'unchanged', revision: world.environment.revision, changed: [], unmade: [] };
  }
  await keepLineage(parts, world);
  const result = await execute(parts, world, order, decided);
  await describe(parts, world, (id) => result.unmade.some(({ model }) => model === id) || !isOf(order.selection, id));
  return result;
};

/** What fails its new checks, and what a plan is not of, stays as it is written down, so that the next run looks again. */
const describe = async (parts: Parts, world: World, waits: (id: string) => boolean): Promise<void> => {
  const told = [...world.versions].flatMap(([id, version]) => {
    const stored = world.stored.get(id);
    return stored && stored.metaHash !== version.metaHash && !waits(id)
      ? [{ id: version.id, metaHash: stored.metaHash, definition: stored }]
      : [];
  });
  await describeVersions(parts.warehouse, told);
};

/** Before anything is published, so that no published version is ever without: whoever is stopped in between does it again. */
const keepLineage = async (parts: Parts, world: World): Promise<void> => {
  const before = new Set(world.environment.pointers.map(({ versionId }) => versionId));
  for (const [id, version] of world.versions) {
    const stored = world.stored.get(id);
    if (stored && !before.has(version.id)) await putLineage(parts.warehouse, version.id, storedEdges(stored));
  }
};

/** Ids whose files say something else than what readers have. */
const changedModels = ({ changes }: Plan): string[] =>
  changes.filter(({ category }) => category !== 'metadata').map(({ id }) => id);

/** Changed files want a plan, once: what a plan could make only a part of is gone on with. Errors: `plan-needed`. */
const needPlan = async (parts: Parts, { environment, filesHash }: World, made: Plan): Promise<void> => {
  const models = changedModels(made);
  if (environment.revision === 0 || models.length === 0) return;
  if ((await plannedFiles(parts.warehouse, environment.name)) !== filesHash)
    throw error('plan-needed', { environment: environment.name, models });
};

/** A run that has nothing to make asks no checks: who waits for data is told all the same. */
const tellStale = (parts: Parts, made: Plan): void => {
  for (const message of made.stale) parts.emit('notice', { message });
};

/** Goes forward by a plan that nobody was shown. It is kept, so that what it could not make is nobody's news to the next run. */
const goPlanned = async (
  parts: Parts,
  { plan: made, decided, world, selection }: Planned,
  kind: RunOrder['kind'],
  request: PlanRequest,
): Promise<RunResult> => {
  await keepPlan(parts, made);
  const result = await goForward(parts, world, orderOf(kind, world, request, { id: made.id, selection }), decided);
  await closePlan(parts.warehouse, made.id, 'applied');
  return result;
};

/**
 * Makes whatever is missing of what the environment has: for schedulers. Files that were changed want a plan first, and an environment
 * that was rolled back waits for one. Errors: `plan-needed`, `environment-held`, those of `execute`.
 */
export const run = async (parts: Parts, environment: string): Promise<RunResult> => {
  const world = await worldOf(parts, environment);
  const { heldFrom, revision } = world.environment;
  if (heldFrom !== undefined) throw error('environment-held', { environment, from: heldFrom });
  const planned = await planOf(parts, world, { environment });
  await needPlan(parts, world, planned.plan);
  refuseBlocked(planned.plan);
  tellStale(parts, planned.plan);
  if (revision === 0) return goPlanned(parts, planned, 'run', { environment });
  return goForward(parts, planned.world, orderOf('run', world, { environment }, planned), planned.decided);
};

/** Makes partitions of a table again, and with them whatever their new rows touch. Errors: `usage`, those of `run`. */
export const restate = async (parts: Parts, environment: string, id: string, span: Span): Promise<RunResult> => {
  const request: PlanRequest = { environment, restate: new Map([[id, span]]) };
  const world = await worldOf(parts, environment);
  const planned = await planOf(parts, world, request);
  await needPlan(parts, world, planned.plan);
  refuseBlocked(planned.plan);
  return goForward(parts, planned.world, orderOf('restate', world, request, planned), planned.decided);
};

/**
 * Plan and apply in one: brings production to the state of the files and the sources. What a plan would forbid is refused.
 * Errors: `plan-blocked`, those of `execute`.
 */
export const forward = async (parts: Parts, request: PlanRequest): Promise<RunResult> => {
  const world = await worldOf(parts, request.environment);
  const planned = await planOf(parts, world, request);
  refuseBlocked(planned.plan);
  tellStale(parts, planned.plan);
  const { revision, heldFrom } = world.environment;
  if (planStatus(planned.plan) === 'none' && heldFrom === undefined && world.lostCopies.size === 0) {
    await followLake(parts, world);
    return { status: 'unchanged', revision, changed: [], unmade: [] };
  }
  return goPlanned(parts, planned, 'build', request);
};
