import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type ClientReadableStream, status } from '@grpc/grpc-js';
import type { AssayError } from '../../../errors/index.js';
import type { Connection } from './connection.js';
import { conditionOf, isPassing, isServiceError } from './failures.js';
import { inbox } from './inbox.js';
import type { ExecuteResponse, Plan } from './messages.js';
import { patience } from './patience.js';
import { watch } from './watch.js';

export interface Operation {
  readonly plan: Plan;
  readonly tags: readonly string[];
  /** How long a server that does not answer is asked again. */
  readonly patience: number;
  /** How long a stream may say nothing before the server is asked whether it is there. */
  readonly silence: number;
  readonly signal: AbortSignal;
  /** Why the signal was aborted. */
  readonly ended: () => AssayError | undefined;
  /** The connection broke and the stream goes on from where it was. */
  readonly reattached: () => void;
}

/** By operation id. */
const INTERRUPT_OPERATION = 3;
/** A server that does not say within this time that it stopped a statement is not waited for. */
const STOP = 2_000;
const RELEASE = 5_000;
/**
 * Spark 4.0 hands a stage to its scheduler in a thread of its own; an interrupt in just that moment finds no job to cancel, and the tasks
 * that start afterwards run to their end. So an interrupt waits until tasks run, but no longer than this.
 */
const STARTING = 500;

/**
 * Asks the server to end an operation until it says that it has: the request to run it may still be under way when the first one
 * comes. `over` tells that the stream has ended meanwhile, `reading` whether anybody would see it.
 */
const interrupt = async (
  connection: Connection,
  id: string,
  over: () => boolean,
  running: () => boolean,
  reading: () => boolean,
): Promise<void> => {
  const started = Date.now() + STARTING;
  while (!over() && !running() && Date.now() < started) await pause(10);
  const until = Date.now() + STOP;
  while (!over() && Date.now() < until) {
    const request = { interrupt_type: INTERRUPT_OPERATION, operation_id: id };
    const told = await connection.ask('Interrupt', request, { milliseconds: STOP }).catch((thrown: unknown) => {
      // Nobody to tell: the stream is cut next.
      if (isServiceError(thrown)) return undefined;
      throw thrown;
    });
    if (told === undefined || told.interrupted_ids?.includes(id)) break;
    await pause(25);
  }
  while (reading() && !over() && Date.now() < until) await pause(10);
};

/** Tells the server which answers it need not keep, one request at a time; the end releases all and stops what still runs. */
const releases = (connection: Connection, id: string) => {
  let wanted: string | undefined;
  let sending: Promise<void> | undefined;
  const send = async (): Promise<void> => {
    while (wanted !== undefined) {
      const response_id = wanted;
      wanted = undefined;
      await connection
        .ask('ReleaseExecute', { operation_id: id, release_until: { response_id } }, { milliseconds: RELEASE })
        .catch(notHeard);
    }
    sending = undefined;
  };
  return {
    until: (response: string) => {
      wanted = response;
      sending ??= send();
    },
    all: async () => {
      wanted = undefined;
      await sending;
      await connection
        .ask('ReleaseExecute', { operation_id: id, release_all: {} }, { milliseconds: RELEASE })
        .catch(notHeard);
    },
  };
};

/** A server that does not hear a release forgets the operation by itself some minutes later. */
const notHeard = (thrown: unknown): void => {
  if (!isServiceError(thrown)) throw thrown;
};

const open = (connection: Connection, o: Operation, id: string, attach: boolean, last: string | undefined) =>
  attach
    ? connection.stream('ReattachExecute', {
        operation_id: id,
        ...(last === undefined ? {} : { last_response_id: last }),
      })
    : connection.stream('ExecutePlan', {
        plan: o.plan,
        operation_id: id,
        tags: o.tags,
        request_options: [{ reattach_options: { reattachable: true } }],
      });

/**
 * Runs a plan and gives its answers, each once, through broken connections: the server keeps an operation and its answers, and a new
 * stream goes on after the last one that arrived. It is run anew only when the server says that it never got it. Breaking off
 * or the signal stops the work in the server. Rejects with gRPC's errors, or with what `ended` gives.
 */
export async function* execute(connection: Connection, o: Operation): AsyncGenerator<ExecuteResponse> {
  const id = randomUUID();
  const retry = patience(o.patience, o.signal);
  const release = releases(connection, id);
  let stream: ClientReadableStream<ExecuteResponse> | undefined;
  let last: string | undefined;
  let complete = false;
  let over = false;
  let running = false;
  let reading = true;
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= interrupt(
      connection,
      id,
      () => over,
      () => running,
      () => reading,
    ).then(() => stream?.cancel());
    return stopping;
  };
  const onAbort = () => void stop();
  o.signal.addEventListener('abort', onAbort, { once: true });
  try {
    let attach = false;
    while (!complete) {
      const ended = o.ended();
      if (ended) throw ended;
      stream = open(connection, o, id, attach, last);
      const guard = watch(connection, stream, o.silence);
      const answers = inbox(stream, (answer) => {
        guard.heard();
        if (answer.execution_progress) running = (answer.execution_progress.num_inflight_tasks ?? 0) > 0;
      });
      try {
        for (let answer = await answers.next(); answer; answer = await answers.next()) {
          retry.reset();
          last = answer.response_id ?? last;
          if (last !== undefined) release.until(last);
          if (answer.result_complete) complete = true;
          // After the end was asked for, the stream is only read until the server says that it stopped.
          else if (!o.ended()) yield answer;
        }
        attach = true;
      } catch (thrown) {
        attach = await afterBreak(thrown, guard.gaveUp(), attach, last, () => retry.wait(thrown), o);
      } finally {
        guard.clear();
        stream.cancel();
      }
    }
    // It was complete before it could be stopped, but what came late was not given out.
    const late = o.ended();
    if (late) throw late;
  } catch (thrown) {
    // The server ended it, with an error: nothing is left to stop, unless it is we who go.
    over = isServiceError(thrown) && !isPassing(thrown) && thrown.code !== status.CANCELLED;
    throw thrown;
  } finally {
    o.signal.removeEventListener('abort', onAbort);
    reading = false;
    if (!complete && !over) await stop();
    over = true;
    await stopping;
    await release.all();
  }
}

/** What follows a stream that broke: true, it is attached again; false, the plan is sent again. Else it throws. */
const afterBreak = async (
  thrown: unknown,
  gaveUp: boolean,
  attached: boolean,
  last: string | undefined,
  wait: () => Promise<void>,
  o: Operation,
): Promise<boolean> => {
  if (o.ended()) throw thrown;
  const condition = conditionOf(thrown);
  // It was never run: the request had not arrived.
  if (attached && last === undefined && condition === 'INVALID_HANDLE.OPERATION_NOT_FOUND') return false;
  if (!attached && condition === 'INVALID_HANDLE.OPERATION_ALREADY_EXISTS') return true;
  if (!gaveUp && !isPassing(thrown)) throw thrown;
  await wait();
  o.reattached();
  return true;
};
