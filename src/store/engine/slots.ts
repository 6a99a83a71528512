import { error } from '../../errors/index.js';

/** A counted right to work: at most `count` are held at once, further takers wait in order. */
export interface Slots {
  /** Resolves to the function that gives the slot back (calling it twice is the same as once). Rejects with `cancelled` on abort. */
  take(signal?: AbortSignal): Promise<() => void>;
}

export const slots = (count: number): Slots => {
  let free = count;
  const waiting: (() => void)[] = [];
  const handOut = () => {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    };
  };
  return {
    take(signal) {
      if (signal?.aborted) return Promise.reject(error('cancelled', {}));
      if (free > 0) {
        free -= 1;
        return Promise.resolve(handOut());
      }
      return new Promise((resolve, reject) => {
        const turn = () => {
          signal?.removeEventListener('abort', abort);
          resolve(handOut());
        };
        const abort = () => {
          waiting.splice(waiting.indexOf(turn), 1);
          reject(error('cancelled', {}));
        };
        signal?.addEventListener('abort', abort, { once: true });
        waiting.push(turn);
      });
    },
  };
};
