import { setTimeout as pause } from 'node:timers/promises';

const FIRST = 50;
const LONGEST = 2_000;

/** How long one goes on asking a server that does not answer: tries at growing distances, until the time is over. */
export interface Patience {
  /** Waits before the next try. Throws what it was given when the time is over, or the signal aborted. */
  wait(thrown: unknown): Promise<void>;
  /** An answer came: the next failure has the whole time again. */
  reset(): void;
}

export const patience = (milliseconds: number, signal?: AbortSignal): Patience => {
  let since: number | undefined;
  let step = FIRST;
  return {
    wait: async (thrown) => {
      since ??= Date.now();
      if (signal?.aborted || Date.now() - since >= milliseconds) throw thrown;
      // Not all sessions of a server that comes back at the same moment.
      const distance = step * (0.5 + Math.random() / 2);
      step = Math.min(step * 2, LONGEST);
      await pause(distance, undefined, signal ? { signal } : {}).catch(() => Promise.reject(thrown));
    },
    reset: () => {
      since = undefined;
      step = FIRST;
    },
  };
};
