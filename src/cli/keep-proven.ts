import { randomUUID } from 'node:crypto';
import type { CanaryResult } from '../build/rollup/index.js';
import { AssayError } from '../errors/index.js';
import type { Emit } from '../query/index.js';

/**
 * While a process serves: now and then one published partition is compared with raw again; nodes take turns. One that is withdrawn is
 * built again. A store or source that is away is waited for until the next turn.
 */
export const keepProven = (parts: {
  readonly seconds: number;
  readonly look: (seed: string, everyMilliseconds: number) => Promise<CanaryResult | undefined>;
  readonly rebuild: (emit: Emit) => void;
  readonly emit: Emit;
}): { close(): Promise<void> } => {
  const { seconds, look, rebuild, emit } = parts;
  if (seconds === 0) return { close: async () => {} };
  let looking: Promise<void> | undefined;
  const turn = async () => {
    const found = await look(randomUUID(), seconds * 1_000);
    if (found?.outcome === 'unequal' || found?.outcome === 'damaged') rebuild(emit);
  };
  const timer = setInterval(() => {
    looking ??= turn()
      .catch((thrown: unknown) => {
        if (!(thrown instanceof AssayError)) emit('bug', { where: 'canary of rollups', error: thrown });
      })
      .finally(() => {
        looking = undefined;
      });
  }, seconds * 1_000);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
};
