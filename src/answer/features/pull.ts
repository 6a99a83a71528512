import type { Publication } from '../../build/transform/index.js';
import { AssayError, error } from '../../errors/index.js';
import type { Caller, Column, ColumnBatch, Limits, Provenance, RowStream } from '../../query/index.js';
import type { Engine, Statement } from '../../store/engine/index.js';
import { isDataMoved } from '../../store/state/index.js';
import { type Admission, type Answer, type AskOptions, batchBytes, bindPlan, checkBudget, told } from '../run/index.js';
import type { Chosen } from './choose.js';
import type { FeatureParts } from './parts.js';
import type { PitStatement } from './pit/statement.js';
import type { Spine } from './spine.js';

/** Where events are read. */
export type FeatureSource = 'lake' | 'postgres';

/** A pull that is decided: its statement, its source and the tables that it reads. */
export interface Pull {
  readonly chosen: Chosen;
  readonly spine: Spine;
  readonly statement: PitStatement;
  readonly source: FeatureSource;
  readonly publication: Publication;
  readonly modelVersion: string;
}

/** How often a pull is begun again because its tables changed under it. */
const MOST_MOVES = 4;

const bound = async (pull: Pull, parts: FeatureParts, signal: AbortSignal): Promise<Statement> => {
  const { sql, parameters, columns, tables } = pull.statement;
  const leg = { source: pull.source, sql, parameters, tables, columns, rollups: [] };
  const { statement } = await bindPlan({ leg }, { publication: pull.publication }, parts, signal);
  return statement;
};

/** Begins a pull; where PostgreSQL's tables moved meanwhile, with the next publication. `plan` decides anew. */
export const beginPull = async (
  plan: (publication: Publication) => Pull,
  parts: FeatureParts,
  limits: Limits,
  signal: AbortSignal,
): Promise<{ readonly pull: Pull; readonly stream: RowStream }> => {
  let publication = parts.publications.current();
  for (let moves = 0; ; moves++) {
    const pull = plan(publication);
    const engine: Engine = parts.engines[pull.source];
    try {
      const statement = await bound(pull, parts, signal);
      return { pull, stream: await engine.run(statement, { signal, milliseconds: limits.milliseconds }) };
    } catch (thrown) {
      if (!isDataMoved(thrown)) throw thrown;
      if (moves >= MOST_MOVES) throw error('data-moved', {}, thrown);
      publication = await parts.publications.refresh(signal);
    }
  }
};

/** Puts the columns that came with the spine beside the features of the same rows. */
const beside = (pull: Pull, batch: ColumnBatch, from: number): ColumnBatch => {
  const { spine, statement } = pull;
  let at = 0;
  const shown = statement.shown.map((own) => (own ? batch.columns[at++] : undefined));
  const given = spine.columns.map(({ values }, i) => {
    const entity = spine.keyAt.indexOf(i);
    return (entity >= 0 ? shown[entity] : undefined) ?? values.slice(from, from + batch.length);
  });
  return { length: batch.length, columns: [...given, ...batch.columns.slice(at)] };
};

export const answerColumns = ({ spine, statement, chosen }: Pull): readonly Column[] => {
  const keys = statement.columns.slice(0, statement.columns.length - chosen.columns.length);
  let at = 0;
  const shown = statement.shown.map((own) => (own ? keys[at++] : undefined));
  const given = spine.columns.map(({ column }, i): Column => {
    const stand = shown[spine.keyAt.indexOf(i)];
    return stand ? { ...column, type: stand.type } : column;
  });
  return [...given, ...chosen.columns];
};

interface Told {
  readonly caller: Caller;
  readonly options: AskOptions;
  readonly limits: Limits;
  readonly parts: FeatureParts;
  readonly asked: number;
}

/** The rows of a pull: in the order of the spine, within the budget, told to the audit when they end. */
class PullRows implements RowStream {
  count = 0;
  bytes = 0;
  #ended = false;
  constructor(
    readonly pull: Pull,
    readonly stream: RowStream,
    readonly leave: () => void,
    readonly to: Told,
    readonly columns: readonly Column[],
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<ColumnBatch> {
    const { options, limits } = this.to;
    try {
      for await (const batch of this.stream) {
        if (this.#ended || options.signal?.aborted) throw error('cancelled', {});
        const row = beside(this.pull, batch, this.count);
        this.count += row.length;
        this.bytes += batchBytes(row);
        checkBudget(this.count, this.bytes, limits);
        yield row;
      }
      if (options.signal?.aborted) throw error('cancelled', {});
      if (this.count !== this.pull.spine.length)
        throw error(
          'internal',
          {},
          new RangeError(`${this.count} rows came for ${this.pull.spine.length} of the spine`),
        );
      this.#answered();
    } catch (thrown) {
      throw this.#refused(options.signal?.aborted ? error('cancelled', {}, thrown) : thrown);
    } finally {
      await this.cancel();
    }
  }
  #refused(thrown: unknown): AssayError {
    const { options, caller, parts } = this.to;
    const failed = told(thrown, 'features', options.requestId, parts.emit);
    if (!this.#ended) {
      this.#ended = true;
      const { surface, requestId } = options;
      parts.emit('query.refused', { surface, subject: caller.subject, code: failed.code, requestId });
    }
    return failed;
  }
  #answered(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { caller, options, parts, asked } = this.to;
    parts.emit('query.answered', {
      surface: options.surface,
      subject: caller.subject,
      roles: caller.roles,
      plan: 'features',
      source: this.pull.source,
      cached: false,
      rows: this.count,
      milliseconds: performance.now() - asked,
      members: this.pull.chosen.features.map((f) => f.path),
      policies: this.pull.statement.policies,
      requestId: options.requestId,
    });
  }
  async cancel(): Promise<void> {
    this.leave();
    await this.stream.cancel();
    this.#answered();
  }
}

/** Runs a pull as an answer that every wire can send. Errors: those of the engine, of binding and of budgets. */
export const answerPull = async (
  plan: (publication: Publication) => Pull,
  admission: Admission,
  to: Told,
): Promise<Answer> => {
  const { options, limits, parts, asked } = to;
  const signal = options.signal ?? new AbortController().signal;
  const leave = await admission.enter(signal);
  try {
    const { pull, stream } = await beginPull(plan, parts, limits, signal);
    const first = performance.now() - asked;
    const rows = new PullRows(pull, stream, leave, to, answerColumns(pull));
    return {
      columns: rows.columns,
      timezone: 'UTC',
      rows,
      cacheKey: undefined,
      provenance: (): Provenance => ({
        requestId: options.requestId,
        plan: 'source',
        source: pull.source,
        rollups: [],
        tables: tableVersions(pull),
        modelVersion: pull.modelVersion,
        policies: pull.statement.policies,
        stale: [],
        rows: rows.count,
        cached: false,
        timings: { first, total: performance.now() - asked },
      }),
    };
  } catch (thrown) {
    leave();
    throw signal.aborted && !(thrown instanceof AssayError && thrown.code === 'cancelled')
      ? error('cancelled', {}, thrown)
      : thrown;
  }
};

/** Data versions of the managed tables that a pull reads. */
export const tableVersions = (pull: Pick<Pull, 'statement' | 'publication'>): Provenance['tables'] =>
  pull.statement.tables.flatMap((table) => {
    const found = pull.publication.tables.get(table);
    return found ? [{ table, version: found.dataVersion }] : [];
  });
