import { AssayError, error } from '../../../errors/index.js';
import type { RowStream } from '../../../query/index.js';
import type { Parameter, RunOptions, Statement } from '../engine.js';
import { rowStream } from '../row-stream.js';
import { type Deadline, deadline } from '../time-limit.js';
import { postgresFailure, sqlstateOf } from './failures.js';
import type { Session } from './sessions.js';
import { StreamQuery } from './stream-query.js';
import { fieldReader } from './values.js';

/** How long a cancelled statement may go on before its connection is cut. */
const PATIENCE = 10_000;
/** How long the rest of a batch may take before the statement is cancelled. */
const COMING = 50;

const bound = (parameter: Parameter): string | null =>
  parameter === null ? null : parameter === true ? 't' : parameter === false ? 'f' : String(parameter);

/** A prepared statement that the server no longer accepts: its result type changed, or somebody deallocated it. */
const isOutdated = (e: unknown): boolean =>
  (sqlstateOf(e) === '0A000' && (e as { routine?: string }).routine === 'RevalidateCachedQuery') ||
  sqlstateOf(e) === '26000';

/** The statement that runs on a session; another one when it had to be prepared anew. */
interface Running {
  query: StreamQuery | undefined;
}

const begin = async (
  running: Running,
  session: Session,
  statement: Statement,
  inTransaction: boolean,
): Promise<StreamQuery> => {
  const readers = statement.columns.map(fieldReader);
  const values = statement.parameters.map(bound);
  const submit = async (): Promise<StreamQuery> => {
    const query = new StreamQuery(statement.sql, values, session.statements.of(statement.sql), readers);
    running.query = session.client.query(query);
    await query.first();
    return query;
  };
  try {
    return await submit();
  } catch (e) {
    session.statements.forget(statement.sql);
    // Inside a transaction the failure has already ended it.
    if (inTransaction || !isOutdated(e)) throw e;
    return submit();
  }
};

/** Lets the server watch the clock too: a limit holds even when this process is too busy to cancel. */
const guard = async (session: Session, milliseconds: number): Promise<void> => {
  if (session.timeout === milliseconds) return;
  await session.client.query(`SET statement_timeout = ${Math.ceil(milliseconds)}`);
  session.timeout = milliseconds;
};

export interface ReadOptions extends RunOptions {
  readonly what: string;
  readonly inTransaction: boolean;
  /** Stops what the server process of this number does. */
  readonly cancel: (pid: number) => Promise<void>;
  /** Called once when the session is free again. */
  readonly done: (broken: boolean) => void;
  readonly watch?: Deadline;
}

/** Streams a statement on a session. The promise resolves with the first rows, so what cannot run rejects here. */
export const readOn = async (session: Session, statement: Statement, options: ReadOptions): Promise<RowStream> => {
  const watch = options.watch ?? deadline(options);
  const running: Running = { query: undefined };
  let finished: Promise<void> | undefined;
  let lost = false;
  const failed = (e: unknown) => {
    const { milliseconds } = options;
    // The server's own clock may be the faster one.
    const late = sqlstateOf(e) === '57014' && milliseconds !== undefined;
    const ended = watch.reason() ?? (late ? error('time-limit', { milliseconds }) : undefined);
    const failure = postgresFailure(e, options.what, ended);
    lost ||= failure.code === 'postgres-unavailable';
    return failure;
  };
  const finish = async (): Promise<void> => {
    const { query } = running;
    let broken = false;
    if (query) {
      query.close();
      // A reader that breaks off leaves a batch on its way, which is cheaper to await than to cancel.
      if (!(await settled(query, watch.signal.aborted ? 0 : COMING))) {
        try {
          await options.cancel(session.pid);
        } catch (e) {
          if (!(e instanceof AssayError)) throw e;
          broken = true;
        }
        broken ||= !(await settled(query, PATIENCE));
      }
    }
    watch.clear();
    watch.signal.removeEventListener('abort', onEnd);
    options.done(broken || lost);
  };
  const stop = () => {
    finished ??= finish();
    return finished;
  };
  const onEnd = () => {
    running.query?.fail(watch.reason());
    // The reader learns of a failure here by its own next step.
    stop().catch(() => {});
  };
  watch.signal.addEventListener('abort', onEnd, { once: true });
  try {
    if (!options.inTransaction && !watch.signal.aborted) await guard(session, options.milliseconds ?? 0);
    if (watch.signal.aborted) throw watch.reason();
    const query = await begin(running, session, statement, options.inTransaction);
    return rowStream(statement.columns, {
      next: () => query.next().catch((e: unknown) => Promise.reject(failed(e))),
      stop,
    });
  } catch (e) {
    const failure = failed(e);
    await stop();
    throw failure;
  }
};

/** Waits until the server is done with a query; false when that takes too long. */
const settled = async (query: StreamQuery, milliseconds: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  const inTime = await Promise.race([query.ended.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
};
