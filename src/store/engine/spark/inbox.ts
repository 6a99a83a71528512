import type { ClientReadableStream } from '@grpc/grpc-js';
import type { ExecuteResponse } from './messages.js';

/** Bytes that wait for the reader before no more are taken from the connection. */
const HELD = 4 << 20;

/** The answers of one stream in their order. Whatever arrived before it broke is given out before the break is told. */
export interface Inbox {
  /** The next answer; undefined at the end of the stream. Rejects with gRPC's error. */
  next(): Promise<ExecuteResponse | undefined>;
  /** True while nothing is asked of the server because the reader is slow. */
  readonly full: boolean;
}

export const inbox = (
  stream: ClientReadableStream<ExecuteResponse>,
  heard: (response: ExecuteResponse) => void,
): Inbox => {
  const queue: ExecuteResponse[] = [];
  let bytes = 0;
  let over: { readonly thrown?: unknown } | undefined;
  let wake: () => void = () => {};
  stream.on('data', (response: ExecuteResponse) => {
    heard(response);
    queue.push(response);
    bytes += response.arrow_batch?.data?.length ?? 0;
    if (bytes > HELD) stream.pause();
    wake();
  });
  stream.on('error', (thrown: unknown) => {
    // What the stream still holds comes through the listener above, so that a reattached stream goes on behind it.
    while (stream.read() !== null);
    over ??= { thrown };
    wake();
  });
  stream.on('end', () => {
    over ??= {};
    wake();
  });
  return {
    get full() {
      return bytes > HELD;
    },
    next: async () => {
      for (;;) {
        const response = queue.shift();
        if (response) {
          const before = bytes;
          bytes -= response.arrow_batch?.data?.length ?? 0;
          if (before > HELD && bytes <= HELD) stream.resume();
          return response;
        }
        if (over && 'thrown' in over) throw over.thrown;
        if (over) return undefined;
        await new Promise<void>((done) => {
          wake = done;
        });
      }
    },
  };
};
