import type { ClientReadableStream } from '@grpc/grpc-js';
import type { Connection } from './connection.js';
import { isServiceError } from './failures.js';
import type { ExecuteResponse } from './messages.js';

const ANSWER = 10_000;

/** Watches a stream for a connection that hangs: a cut cable gives no error, and a long statement may have nothing to say. */
export interface Watch {
  /** Something came. */
  readonly heard: () => void;
  /** True when the stream was given up, for the server did not answer on its connection. */
  gaveUp(): boolean;
  clear(): void;
}

/** After `silence` milliseconds without a word the server is asked for one; when it gives none the connection is made anew. */
export const watch = (
  connection: Connection,
  stream: ClientReadableStream<ExecuteResponse>,
  silence: number,
): Watch => {
  let lost = false;
  let cleared = false;
  const ask = async (): Promise<void> => {
    try {
      await connection.ask('AnalyzePlan', { spark_version: {} }, { milliseconds: Math.min(ANSWER, silence) });
      heard();
    } catch (thrown) {
      if (!isServiceError(thrown)) throw thrown;
      if (cleared) return;
      // An error of the statement comes on its stream as well; attaching again does it no harm.
      lost = true;
      connection.renew();
      stream.cancel();
    }
  };
  const start = () => setTimeout(() => void ask(), silence).unref();
  let timer = start();
  const heard = (): void => {
    clearTimeout(timer);
    if (!cleared && !lost) timer = start();
  };
  return {
    heard,
    gaveUp: () => lost,
    clear: () => {
      cleared = true;
      clearTimeout(timer);
    },
  };
};
