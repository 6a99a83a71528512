import type { DuckDBMaterializedResult } from '@duckdb/node-api';
import type { ColumnBatch, RowStream, Value } from '../../../query/index.js';
import type { RunOptions, Statement } from '../engine.js';
import { rowStream } from '../row-stream.js';
import { type Deadline, deadline } from '../time-limit.js';
import { duckDbFailure } from './failures.js';
import { batchReader, bind, isSmall, type Link, nextChunk, prepare, refuseWhileStreaming } from './link.js';
import { naturalRows } from './natural.js';
import type { DuckDbParameter, DuckDbSession } from './types.js';

/** An interrupt that comes before the statement has begun is forgotten by DuckDB, so it is repeated until the statement ends. */
const INTERRUPT_EVERY = 20;

const interrupting = (link: Link, watch: Deadline): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    link.connection.interrupt();
    timer = setInterval(() => link.connection.interrupt(), INTERRUPT_EVERY);
  };
  if (watch.signal.aborted) begin();
  else watch.signal.addEventListener('abort', begin, { once: true });
  return () => {
    watch.signal.removeEventListener('abort', begin);
    clearInterval(timer);
  };
};

/** Runs `work` on a link until it ends or the deadline interrupts it. */
const watched = async <T>(link: Link, watch: Deadline, work: () => Promise<T>): Promise<T> => {
  const ended = watch.reason();
  if (ended) throw ended;
  const quiet = interrupting(link, watch);
  try {
    return await work();
  } catch (e) {
    throw duckDbFailure(e, watch.reason());
  } finally {
    quiet();
  }
};

/** Makes a statement's files readable first; the time limit holds for that, too. */
const holding = async (link: Link, watch: Deadline, texts: readonly unknown[]): Promise<void> => {
  try {
    await link.files.take(texts, watch.signal);
  } catch (e) {
    throw watch.reason() ?? e;
  }
};

const once = async <T>(
  link: Link,
  options: RunOptions | undefined,
  texts: readonly unknown[],
  work: () => Promise<T>,
): Promise<T> => {
  refuseWhileStreaming(link);
  const watch = deadline(options);
  try {
    await holding(link, watch, texts);
    return await watched(link, watch, work);
  } finally {
    watch.clear();
  }
};

const runWhole = async (
  link: Link,
  sql: string,
  parameters: readonly DuckDbParameter[],
): Promise<DuckDBMaterializedResult> => {
  if (parameters.length === 0) return link.connection.run(sql);
  const statement = await link.connection.prepare(sql);
  try {
    bind(statement, parameters);
    return await statement.run();
  } finally {
    statement.destroySync();
  }
};

const batchesOf = (result: DuckDBMaterializedResult, statement: Statement): ColumnBatch[] => {
  const read = batchReader(result, statement.columns);
  return Array.from({ length: result.chunkCount }, (_, i) => read(result.getChunk(i)));
};

/** Starts a statement and gives its stream; `done` is called once when the link is free again. */
export const streamOn = async (
  link: Link,
  statement: Statement,
  watch: Deadline,
  done: () => void,
): Promise<RowStream> => {
  refuseWhileStreaming(link);
  const finish = () => {
    link.streaming = false;
    watch.clear();
    done();
  };
  try {
    await holding(link, watch, [statement.sql, ...statement.parameters]);
    return await watched(link, watch, async () => {
      const prepared = await prepare(link, statement.sql);
      bind(prepared.statement, statement.parameters);
      if (prepared.small) {
        const result = await prepared.statement.run();
        const batches = batchesOf(result, statement);
        prepared.small = isSmall(result.rowCount);
        return rowStream(statement.columns, { next: async () => batches.shift(), stop: async () => finish() });
      }
      const result = await prepared.statement.stream();
      link.streaming = true;
      const read = batchReader(result, statement.columns);
      let rows = 0;
      let ended = false;
      const fetch = async (): Promise<ColumnBatch | undefined> => {
        const chunk = await nextChunk(result);
        ended = chunk === undefined;
        if (ended) prepared.small = isSmall(rows);
        rows += chunk?.rowCount ?? 0;
        return chunk && read(chunk);
      };
      // The first rows belong to the start: what cannot run fails here.
      let first: ColumnBatch | undefined = await fetch();
      return rowStream(statement.columns, {
        async next() {
          const batch = first;
          first = undefined;
          if (batch || ended) return batch;
          return watched(link, watch, fetch);
        },
        async stop() {
          if (!ended) {
            // Frees what the unread rest holds; that the interrupted stream then fails is expected.
            link.connection.interrupt();
            await result.fetchChunk();
          }
          finish();
        },
      });
    });
  } catch (e) {
    finish();
    throw e;
  }
};

const joined = (batches: readonly ColumnBatch[], width: number): ColumnBatch => {
  const [only] = batches;
  if (batches.length === 1 && only) return only;
  const columns = Array.from({ length: width }, (_, i) => batches.flatMap((b) => (b.columns[i] ?? []) as Value[]));
  return { length: batches.reduce((sum, b) => sum + b.length, 0), columns };
};

/** The calls of one connection; they run one after the other. */
export const sessionOn = (link: Link): DuckDbSession => ({
  execute: (sql, parameters = [], options) =>
    once(link, options, [sql, ...parameters], async () => ({
      rowsChanged: (await runWhole(link, sql, parameters)).rowsChanged,
    })),
  query: <R>(sql: string, parameters: readonly DuckDbParameter[] = [], options?: RunOptions) =>
    once(link, options, [sql, ...parameters], async () => naturalRows(await runWhole(link, sql, parameters)) as R[]),
  read: (statement, options) =>
    once(link, options, [statement.sql, ...statement.parameters], async () => {
      const { statement: prepared } = await prepare(link, statement.sql);
      bind(prepared, statement.parameters);
      return joined(batchesOf(await prepared.run(), statement), statement.columns.length);
    }),
  stream: (statement, options) => streamOn(link, statement, deadline(options), () => {}),
});
