import type { HoldFiles } from './types.js';

/** Files that the statements of a session read, kept readable until the session ends: a view outlives the statement that named them. */
export interface HeldFiles {
  /** Before a statement runs. Errors: those of the place that keeps the files, `cancelled`. */
  take(texts: readonly unknown[], signal?: AbortSignal): Promise<void>;
  release(): void;
}

export const heldFiles = (hold: HoldFiles | undefined): HeldFiles => {
  const held: { release(): void }[] = [];
  return {
    take: async (texts, signal) => {
      if (!hold) return;
      const taken = hold(
        texts.filter((text) => typeof text === 'string'),
        signal,
      );
      if (taken) held.push(await taken);
    },
    release: () => {
      for (const one of held.splice(0)) one.release();
    },
  };
};
