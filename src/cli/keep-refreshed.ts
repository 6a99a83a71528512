import { AssayError } from '../errors/index.js';
import type { RollupDefinition } from '../model/catalog/index.js';
import type { Emit } from '../query/index.js';

/** How often it is looked which refresh keys are due. */
const TICK = 1_000;

/**
 * While a process serves: rollups over tables that no transform builds are brought up as their refresh keys say. What moved is
 * decided by the build; nodes that look at the same time find the work done.
 */
export const keepRefreshed = (parts: {
  readonly rollups: () => readonly RollupDefinition[];
  readonly build: (only: readonly string[]) => Promise<unknown>;
  readonly emit: Emit;
}): { close(): Promise<void> } => {
  const looked = new Map<string, number>();
  let building: Promise<void> | undefined;
  const due = (): readonly string[] => {
    const now = performance.now();
    return parts.rollups().flatMap(({ id, refresh }) => {
      if (!refresh) return [];
      const last = looked.get(id) ?? now; // the start has brought all of them up
      looked.set(id, last);
      return now - last >= refresh.seconds * 1_000 ? [id] : [];
    });
  };
  const timer = setInterval(() => {
    if (building) return;
    const only = due();
    if (only.length === 0) return;
    for (const id of only) looked.set(id, performance.now());
    building = parts
      .build(only)
      .then(
        () => {},
        (thrown: unknown) => {
          // a store or source that is away is tried again at the next turn
          if (!(thrown instanceof AssayError)) parts.emit('bug', { where: 'refresh keys', error: thrown });
        },
      )
      .finally(() => {
        building = undefined;
      });
  }, TICK);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      await building;
    },
  };
};
