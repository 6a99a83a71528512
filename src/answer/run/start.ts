import { AssayError, error } from '../../errors/index.js';
import type { ColumnBatch, Limits } from '../../query/index.js';
import type { Plan, PlanState } from '../plan/index.js';
import type { KeptRows } from './answer-cache.js';
import { batchBytes } from './batch.js';
import { checkBudget } from './budget.js';
import { type Counted, compose } from './compose.js';
import { bindPlan } from './open-leg.js';
import type { AskParts } from './parts.js';

/** What is read before an answer is handed over: small answers are whole then, and can be shared and kept. */
const FIRST_BYTES = 4 << 20;

/** An answer that has begun: all its rows, or the first of them and the way to the rest. */
export type Started =
  | { readonly kind: 'whole'; readonly rows: KeptRows }
  | {
      readonly kind: 'flowing';
      readonly first: readonly ColumnBatch[];
      readonly rest: AsyncIterator<ColumnBatch>;
      /** Complete after the last row. */
      readonly counted: Counted;
      /** Stops the engine and lets go of what the plan held. */
      readonly cancel: () => Promise<void>;
    };

/**
 * Runs a plan and reads its first rows. A rollup that cannot be loaded, a vanished table and every error of the engine come out
 * of here, before anybody saw a row, unless the answer is longer than a few megabytes.
 * Errors: `budget-exceeded`, `time-limit`, `cancelled`, those of the engine and of binding.
 */
export const startPlan = async (
  plan: Plan,
  state: PlanState,
  parts: AskParts,
  limits: Limits,
  signal: AbortSignal,
): Promise<Started> => {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), limits.milliseconds);
  timer.unref();
  const begun = performance.now();
  const both = AbortSignal.any([signal, late.signal]);
  let release = () => {};
  let stop = async () => {};
  let ended = false;
  const end = async () => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    await stop();
    release();
  };
  try {
    const bound = await bindPlan(plan, state, parts, both);
    release = bound.release;
    both.throwIfAborted();
    const left = Math.max(1, Math.ceil(limits.milliseconds - (performance.now() - begun)));
    const stream = await parts.engines[plan.leg.source].run(bound.statement, { signal: both, milliseconds: left });
    stop = () => stream.cancel();
    const counted: Counted = {};
    const rows = compose(stream, plan.leg.columns, plan.composition, plan.columns, limits.memoryBytes, counted);
    const iterator = rows[Symbol.asyncIterator]();
    const first: ColumnBatch[] = [];
    let count = 0;
    let bytes = 0;
    for (;;) {
      const next = await iterator.next();
      if (next.done) {
        both.throwIfAborted();
        await end();
        return { kind: 'whole', rows: { batches: first, rows: count, bytes, ...counted } };
      }
      first.push(next.value);
      count += next.value.length;
      bytes += batchBytes(next.value);
      checkBudget(count, bytes, limits);
      if (bytes >= FIRST_BYTES) break;
    }
    clearTimeout(timer);
    return { kind: 'flowing', first, rest: iterator, counted, cancel: end };
  } catch (thrown) {
    await end();
    throw aborted(thrown, signal, late.signal, limits);
  }
};

/** What a stopped engine threw, told by who stopped it. */
const aborted = (thrown: unknown, signal: AbortSignal, late: AbortSignal, limits: Limits): unknown => {
  if (signal.aborted)
    return thrown instanceof AssayError && thrown.code === 'cancelled' ? thrown : error('cancelled', {}, thrown);
  if (late.aborted) return error('time-limit', { milliseconds: limits.milliseconds }, thrown);
  return thrown;
};
