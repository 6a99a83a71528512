import { AssayError, error, toAssayError } from '../../errors/index.js';
import type { Caller, ColumnBatch, Emit, Limits, Provenance, RowStream } from '../../query/index.js';
import type { Plan } from '../plan/index.js';
import type { Answer, AskOptions } from './ask.js';
import { batchBytes } from './batch.js';
import { checkBudget } from './budget.js';
import type { Started } from './start.js';

/** Everything that an answer's last words are made of. */
export interface AnswerContext {
  readonly plan: Plan;
  readonly started: Started;
  readonly cached: boolean;
  readonly caller: Caller;
  readonly options: AskOptions;
  readonly limits: Limits;
  readonly emit: Emit;
  /** `performance.now()` when the question came, and milliseconds of the stations passed so far. */
  readonly asked: number;
  readonly timings: Readonly<Record<string, number>>;
}

/** Whatever was thrown, in words for the caller; a bug is told to the log. */
export const told = (thrown: unknown, where: string, requestId: string, emit: Emit): AssayError => {
  if (!(thrown instanceof AssayError)) emit('bug', { where, error: thrown, requestId });
  return toAssayError(thrown, requestId);
};

/** The one reader of an answer's rows: counts, keeps the budget, says at the end what was answered. */
class Rows implements RowStream {
  count = 0;
  bytes = 0;
  total: number | undefined;
  #ended = false;
  #stopped = false;
  constructor(readonly context: AnswerContext) {}

  get columns() {
    return this.context.plan.columns;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ColumnBatch> {
    const { started, options, limits } = this.context;
    try {
      for (const batch of started.kind === 'whole' ? started.rows.batches : started.first) {
        if (this.#stopped || options.signal?.aborted) throw error('cancelled', {});
        yield this.#counted(batch);
      }
      if (started.kind === 'flowing')
        for (;;) {
          const next = await started.rest.next();
          // a stopped stream just ends: only one that nobody stopped is complete
          if (next.done && (this.#stopped || options.signal?.aborted)) throw error('cancelled', {});
          if (next.done) break;
          const batch = this.#counted(next.value);
          checkBudget(this.count, this.bytes, limits);
          yield batch;
        }
      this.#answered();
    } catch (thrown) {
      const failed = options.signal?.aborted ? error('cancelled', {}, thrown) : thrown;
      throw this.#refused(failed);
    } finally {
      if (started.kind === 'flowing') await started.cancel();
      this.#answered();
    }
  }

  #counted(batch: ColumnBatch): ColumnBatch {
    this.count += batch.length;
    this.bytes += batchBytes(batch);
    return batch;
  }

  #refused(thrown: unknown): AssayError {
    const { options, caller, emit } = this.context;
    const failed = told(thrown, 'answer', options.requestId, emit);
    if (!this.#ended) {
      this.#ended = true;
      const { surface, requestId } = options;
      emit('query.refused', { surface, subject: caller.subject, code: failed.code, requestId });
    }
    return failed;
  }

  #answered(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { plan, caller, options, emit, cached, asked } = this.context;
    this.total = performance.now() - asked;
    emit('query.answered', {
      surface: options.surface,
      subject: caller.subject,
      roles: caller.roles,
      plan: plan.kind,
      source: plan.source,
      cached,
      rows: this.count,
      milliseconds: this.total,
      members: plan.members,
      policies: plan.policies,
      requestId: options.requestId,
    });
  }

  async cancel(): Promise<void> {
    const { started } = this.context;
    this.#stopped = true;
    if (started.kind === 'flowing') await started.cancel();
    this.#answered();
  }
}

const totalOf = (started: Started): { readonly total?: number } => {
  const total = started.kind === 'whole' ? started.rows.total : started.counted.total;
  return total === undefined ? {} : { total };
};

/** An answer over rows that have begun. Errors of its rows: those of `startPlan`. */
export const answerOf = (context: AnswerContext): Answer => {
  const { plan, options, cached, timings, asked } = context;
  const rows = new Rows(context);
  return {
    columns: plan.columns,
    timezone: plan.timezone,
    rows,
    cacheKey: plan.cacheKey,
    provenance: (): Provenance => ({
      ...totalOf(context.started),
      requestId: options.requestId,
      plan: plan.kind,
      source: plan.source,
      rollups: plan.rollups,
      tables: plan.tables,
      modelVersion: plan.modelVersion,
      policies: plan.policies,
      stale: plan.stale,
      rows: rows.count,
      cached,
      timings: { ...timings, total: rows.total ?? performance.now() - asked },
    }),
  };
};
