import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { deadline } from '../time-limit.js';
import { readArrow } from './batches.js';
import { columnsOf, sparkQuoted } from './column-types.js';
import type { Connection } from './connection.js';
import { invalidSql, isPassing, isServiceError, sparkFailure } from './failures.js';
import type { SparkBatch, SparkColumn, SparkGateway, SparkOptions, SparkProgress } from './gateway.js';
import type { Calls, ExecuteResponse, Plan } from './messages.js';
import { execute } from './operation.js';
import { patience } from './patience.js';
import { commandPlan, LINES_ABOVE, onlySelect, sqlRelation, viewPlan, writePlan } from './plans.js';
import { partitionsFor } from './settings.js';

export interface SessionParts {
  readonly connection: Connection;
  readonly version: string;
  readonly emit: Emit;
  readonly patience: number;
  readonly silence: number;
}

const INTERRUPT_TAG = 2;
/** The longest that an analysis or a setting may take. */
const ANSWER = 120_000;
const RELEASE = 10_000;

/** Sends a call that may be sent twice until it is answered, for as long as one is patient. */
export const askPatiently = async <N extends keyof Calls>(
  connection: Connection,
  name: N,
  request: Calls[N]['request'],
  most: number,
  signal?: AbortSignal,
): Promise<Calls[N]['response']> => {
  const retry = patience(most, signal);
  for (;;) {
    try {
      return await connection.ask(name, request, { milliseconds: ANSWER, signal });
    } catch (thrown) {
      if (!isPassing(thrown)) throw thrown;
      await retry.wait(thrown);
    }
  }
};

const progressOf = ({
  stages,
  num_inflight_tasks,
}: NonNullable<ExecuteResponse['execution_progress']>): SparkProgress => {
  const sum = (of: (stage: NonNullable<typeof stages>[number]) => number | undefined) =>
    (stages ?? []).reduce((total, stage) => total + (of(stage) ?? 0), 0);
  return {
    tasks: sum((s) => s.num_tasks),
    completed: sum((s) => s.num_completed_tasks),
    running: num_inflight_tasks ?? 0,
    bytesRead: sum((s) => s.input_bytes_read),
  };
};

/** The session as the rest of the house sees it. */
export const sessionOf = (parts: SessionParts): SparkGateway => {
  const { connection, emit } = parts;
  const server = connection.address.name;
  let closed = false;

  const sized = async (options: SparkOptions, signal: AbortSignal): Promise<void> => {
    if (options.inputBytes === undefined) return;
    const pairs = [{ key: 'spark.sql.shuffle.partitions', value: String(partitionsFor(options.inputBytes)) }];
    await askPatiently(connection, 'Config', { operation: { set: { pairs } } }, parts.patience, signal);
  };
  const open = (): void => {
    if (closed) throw error('spark-session-lost', { server, condition: 'CLOSED' });
  };
  const lost = (thrown: ReturnType<typeof error>): ReturnType<typeof error> => {
    if (thrown.code === 'spark-session-lost') emit('spark.session', { server, state: 'lost' });
    return thrown;
  };

  /** Answers of a plan, progress told on the way, errors in the catalogue's words. */
  async function* answers(plan: Plan, options: SparkOptions): AsyncGenerator<ExecuteResponse> {
    open();
    const limit = deadline(options);
    try {
      await sized(options, limit.signal);
      const stream = execute(connection, {
        plan,
        tags: options.tag === undefined ? [] : [options.tag],
        patience: parts.patience,
        silence: parts.silence,
        signal: limit.signal,
        ended: limit.reason,
        reattached: () => emit('spark.session', { server, state: 'reattached' }),
      });
      for await (const answer of stream) {
        if (answer.execution_progress) options.onProgress?.(progressOf(answer.execution_progress));
        else yield answer;
      }
    } catch (thrown) {
      throw lost(sparkFailure(thrown, server, limit.reason()));
    } finally {
      limit.clear();
    }
  }
  const run = async (plan: Plan, options: SparkOptions = {}): Promise<void> => {
    for await (const _answer of answers(plan, options));
  };
  async function* query(sql: string, options: SparkOptions = {}): AsyncGenerator<SparkBatch> {
    let columns: readonly SparkColumn[] | undefined;
    let any = false;
    for await (const { schema, arrow_batch } of answers({ root: sqlRelation(sql) }, options)) {
      columns ??= schema && columnsOf(schema);
      if (!arrow_batch?.data) continue;
      if (!columns) throw error('engine-failed', { engine: 'spark' }, 'rows came before their schema');
      for await (const batch of readArrow(arrow_batch.data, arrow_batch.row_count ?? 0, columns)) {
        any = true;
        yield batch;
      }
    }
    if (!any) yield { length: 0, columns: columns ?? [], values: (columns ?? []).map(() => []) };
  }

  return {
    version: parts.version,
    dryRun: async (sql, options = {}) => {
      open();
      const limit = deadline(options);
      const plan: Plan = { root: sqlRelation(onlySelect(sql)) };
      try {
        const told = await askPatiently(connection, 'AnalyzePlan', { schema: { plan } }, parts.patience, limit.signal);
        return columnsOf(told.schema?.schema);
      } catch (thrown) {
        throw lost(invalidSql(thrown, server, LINES_ABOVE, limit.reason()));
      } finally {
        limit.clear();
      }
    },
    execute: (sql, options) => run(commandPlan(sql), options),
    query,
    tempView: async (name, of, options) => run(viewPlan(name, of), options),
    dropView: (name, options) => run(commandPlan(`DROP VIEW IF EXISTS ${sparkQuoted(name)}`), options),
    writeParquet: (write, options) => run(writePlan(write), options),
    cancel: async (tag) => {
      open();
      await askPatiently(
        connection,
        'Interrupt',
        { interrupt_type: INTERRUPT_TAG, operation_tag: tag },
        parts.patience,
      ).catch((thrown: unknown) => Promise.reject(lost(sparkFailure(thrown, server))));
    },
    close: async () => {
      if (closed) return;
      closed = true;
      // A server that has gone has released it already; one that forgets us does so by itself.
      await connection.ask('ReleaseSession', {}, { milliseconds: RELEASE }).catch((thrown: unknown) => {
        if (!isServiceError(thrown)) throw thrown;
      });
      connection.close();
      emit('spark.session', { server, state: 'closed' });
    },
  };
};
