import { error } from '../../errors/index.js';
import type { RunOptions } from './engine.js';

/** The one signal that ends a run: the caller's abort, or the time limit. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The error that says why it ended; undefined while it has not. */
  reason(): ReturnType<typeof error> | undefined;
  /** Ends the watch when the run is over. */
  clear(): void;
}

export const deadline = (options: RunOptions = {}): Deadline => {
  const { signal, milliseconds } = options;
  const controller = new AbortController();
  let why: ReturnType<typeof error> | undefined;
  const end = (e: ReturnType<typeof error>) => {
    why ??= e;
    controller.abort(why);
  };
  const abort = () => end(error('cancelled', {}));
  const timer =
    milliseconds === undefined ? undefined : setTimeout(() => end(error('time-limit', { milliseconds })), milliseconds);
  timer?.unref();
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    reason: () => why,
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
};
