import type { Publication } from '../../build/transform/index.js';
import { AssayError, error } from '../../errors/index.js';
import type { Caller, Limits, MetricQuery } from '../../query/index.js';
import { isDataMoved } from '../../store/state/index.js';
import { explainPlan, type Plan, type PlanState, planQuery } from '../plan/index.js';
import { accessMemo } from './access-memo.js';
import { Admission } from './admission.js';
import { AnswerCache } from './answer-cache.js';
import { answerOf, told } from './answer-of.js';
import type { Answer, Ask, AskOptions } from './ask.js';
import { checkBudget, limitsOf } from './budget.js';
import { Flights } from './flights.js';
import { nextPublication } from './moved.js';
import { explainedStatement } from './open-leg.js';
import type { AskParts, LoadedModel } from './parts.js';
import { checkPast, type Past, pastOf } from './past.js';
import { sharedAnswers } from './shared-answers.js';
import { type Started, startPlan } from './start.js';
import { tryRollup, withDifferences } from './try-rollup.js';

/** How long a question is asked again while publications change its tables under it. */
const MOVING_MILLISECONDS = 15_000;
/** How often a plan is made anew because its tables were gone, before the caller is told. Rollups each fail twice at most. */
const MOST_MOVES = 4;
const CACHE_BYTES = 64 << 20;
/** Statements at once, and those that may wait: some seconds of work of one node. */
const ADMISSION = { running: 64, waiting: 512 };
/** PostgreSQL's undefined_table. */
const UNDEFINED_TABLE = '42P01';
const SEE_STATEMENTS = ['data_engineer', 'admin'];
/** What a rollup's loading may throw without the question being at fault. */
const MAY_GO_RAW = new Set(['rollup-unavailable', 'redis-unavailable', 'disk-full']);

const codeOf = (thrown: unknown): string | undefined => (thrown instanceof AssayError ? thrown.code : undefined);

/** Two readings of what is published: the newer one. The first counts where both have the same revision: it was asked for later. */
const newer = (fresh: Publication | undefined, current: Publication): Publication =>
  fresh && fresh.revision >= current.revision ? fresh : current;

/** The one entrance of every surface, made from its parts. */
export const makeAsk = (parts: AskParts): Ask => {
  const cache = new AnswerCache(parts.cacheBytes ?? CACHE_BYTES);
  const flights = new Flights((thrown) => parts.emit('bug', { where: 'flights', error: thrown }));
  const accessOf = accessMemo();
  const admission = new Admission(parts.admission ?? ADMISSION);
  const answers =
    parts.kv?.kind === 'redis' ? sharedAnswers(parts.kv, parts.namespace ?? 'default', parts.emit) : undefined;

  /** A statement holds its place until it is whole, or until its last row was read. */
  const admitted = async (signal: AbortSignal, begin: () => Promise<Started>): Promise<Started> => {
    const leave = await admission.enter(signal);
    let started: Started;
    try {
      started = await begin();
    } catch (thrown) {
      leave();
      throw thrown;
    }
    if (started.kind === 'whole') {
      leave();
      return started;
    }
    const { rest, cancel } = started;
    return {
      ...started,
      rest: {
        next: async () => {
          const next = await rest.next().catch((thrown: unknown) => {
            leave();
            throw thrown;
          });
          if (next.done) leave();
          return next;
        },
      },
      cancel: () => cancel().finally(leave),
    };
  };

  const planFor = (
    query: MetricQuery,
    model: LoadedModel,
    caller: Caller,
    unavailable: ReadonlySet<string>,
    publication: Publication,
    edges: PlanState['edges'],
    past: Past | undefined,
  ) => {
    const access = accessOf(model, caller);
    const state: PlanState = {
      publication,
      inventory: parts.rollups.inventory(),
      layout: (rollup) => parts.rollups.layout(rollup),
      ...(edges ? { edges } : {}),
      live: (rollup, scope) => parts.rollups.live?.(rollup, scope),
    };
    // of the past only rollups serve that were made from just that state
    const asked: MetricQuery = past ? { ...query, fresh: 'current' } : query;
    const plan = planQuery(asked, { catalogue: model.catalogue, legs: model.legs, access }, state, {
      raw: past?.raw ?? parts.rawSource,
      unavailable,
      ...(parts.now ? { now: parts.now() } : {}),
    });
    if (past) checkPast(past, plan);
    return { plan, state };
  };

  /** What of the rollups moved, for who wants current data. */
  const edgesFor = async (query: MetricQuery, publication: Publication): Promise<PlanState['edges']> =>
    query.fresh === 'current' && query.source !== 'raw' && query.asOf === undefined
      ? parts.rollups.edges?.(publication)
      : undefined;

  const pastFor = async (query: MetricQuery): Promise<Past | undefined> =>
    query.asOf === undefined ? undefined : pastOf(query.asOf, query.timezone, parts);

  /** From memory, from an equal request in flight, or begun now. */
  const begin = async (
    plan: Plan,
    state: PlanState,
    limits: Limits,
    signal: AbortSignal | undefined,
  ): Promise<{ started: Started; cached: boolean }> => {
    const run = (s: AbortSignal) => admitted(s, () => startPlan(plan, state, parts, limits, s));
    const { cacheKey } = plan;
    if (cacheKey === undefined) return { started: await run(signal ?? new AbortController().signal), cached: false };
    const kept = cache.get(cacheKey);
    if (kept) {
      checkBudget(kept.rows, kept.bytes, limits);
      return { started: { kind: 'whole', rows: kept }, cached: true };
    }
    // budgets are part of a flight: a caller never fails by the budget of another
    let elsewhere = false;
    const sharedRun = async (s: AbortSignal) => {
      // a rollup is as near as the store; what the source was asked by another node need not be asked again
      if (!answers || plan.leg.source === 'rollup') return run(s);
      const found = await answers.through(cacheKey, s, run);
      elsewhere = found.shared;
      if (found.shared && found.started.kind === 'whole')
        checkBudget(found.started.rows.rows, found.started.rows.bytes, limits);
      return found.started;
    };
    const { started, shared } = await flights.join(`${cacheKey} ${JSON.stringify(limits)}`, signal, sharedRun);
    if (started.kind === 'whole') cache.put(cacheKey, started.rows);
    return { started, cached: shared || elsewhere };
  };

  /**
   * What can be done about a plan that did not start: try without that rollup, or with the publication that is given back. Throws
   * what cannot.
   */
  const mend = async (
    thrown: unknown,
    plan: Plan,
    state: PlanState,
    query: MetricQuery,
    failed: Set<string>,
    unavailable: Set<string>,
    late: number,
    signal: AbortSignal | undefined,
  ): Promise<Publication | undefined> => {
    const code = codeOf(thrown);
    if (plan.leg.source === 'rollup') {
      if (code === undefined || !MAY_GO_RAW.has(code)) throw thrown;
      const told = (thrown as AssayError).parameters['rollup'];
      const id = plan.rollups.find((r) => r.rollup === told)?.rollup ?? plan.rollups[0]?.rollup ?? '';
      // the node may have dropped just this version from its inventory: then a new plan names another one, once
      const again = failed.has(id) || parts.rollups.inventory() === state.inventory;
      failed.add(id);
      if (again && query.source === 'rollup') throw thrown;
      if (again) unavailable.add(id);
      return undefined;
    }
    if (code !== 'engine-failed') throw thrown;
    if (isDataMoved(thrown)) return nextPublication(parts.publications, state.publication, plan, late, signal);
    const { sqlstate } = (thrown as AssayError).parameters;
    if (plan.source === 'postgres' && sqlstate !== UNDEFINED_TABLE) throw thrown;
    const fresh = await parts.publications.refresh(signal);
    if (fresh.revision === state.publication.revision) throw thrown;
    return fresh;
  };

  const answer = async (query: MetricQuery, caller: Caller, options: AskOptions): Promise<Answer> => {
    const asked = performance.now();
    const limits = limitsOf(parts, caller, options.limits, query.limits);
    const model = parts.model();
    const failed = new Set<string>();
    const unavailable = new Set<string>();
    const late = asked + Math.min(limits.milliseconds, MOVING_MILLISECONDS);
    const past = await pastFor(query);
    let fresh: Publication | undefined;
    let moves = 0;
    while (moves < MOST_MOVES) {
      if (options.signal?.aborted) throw error('cancelled', {});
      const planning = performance.now();
      const publication = past?.publication ?? newer(fresh, parts.publications.current());
      const edges = await edgesFor(query, publication);
      const { plan, state } = planFor(query, model, caller, unavailable, publication, edges, past);
      const running = performance.now();
      try {
        const { started, cached } = await begin(plan, state, limits, options.signal);
        parts.log?.note(plan, query, model.catalogue);
        const timings = { plan: running - planning, first: performance.now() - running };
        return answerOf({ plan, started, cached, caller, options, limits, emit: parts.emit, asked, timings });
      } catch (thrown) {
        const moved = isDataMoved(thrown);
        // a table of today's state was changed just now: its state of then is the lake's
        if (past && plan.leg.source !== 'rollup') throw moved ? error('versions-moved', {}, thrown) : thrown;
        if (moved && performance.now() > late) throw error('data-moved', {}, thrown);
        fresh = await mend(thrown, plan, state, query, failed, unavailable, late, options.signal);
        if (plan.leg.source !== 'rollup' && !moved) moves += 1;
      }
    }
    throw error('versions-moved', {});
  };

  const orRefused = async <T>(caller: Caller, options: AskOptions, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      const { surface, requestId } = options;
      const failed = told(thrown, 'query', requestId, parts.emit);
      parts.emit('query.refused', { surface, subject: caller.subject, code: failed.code, requestId });
      throw failed;
    }
  };

  return {
    query: (query, caller, options) => orRefused(caller, options, () => answer(query, caller, options)),
    explain: (query, caller, options) =>
      orRefused(caller, options, async () => {
        const past = await pastFor(query);
        const publication = past?.publication ?? parts.publications.current();
        const edges = await edgesFor(query, publication);
        const model = parts.model();
        const { plan, state } = planFor(query, model, caller, new Set(), publication, edges, past);
        const { hypothetical } = options;
        const sees = caller.roles.some((role) => SEE_STATEMENTS.includes(role));
        if (hypothetical && !sees)
          throw error('role-needed', { what: 'trying a rollup that is not in the model', roles: SEE_STATEMENTS });
        if (!sees) return explainPlan(plan);
        const { statement, estimate } = await explainedStatement(plan, state, parts, options.signal);
        const told = withDifferences(
          { ...explainPlan(plan, [statement]), ...(estimate && { estimate }) },
          state.inventory,
        );
        return hypothetical ? { ...told, hypothetical: tryRollup(hypothetical, plan, model) } : told;
      }),
  };
};
