import { setTimeout as pause } from 'node:timers/promises';
import type { Publication } from '../../build/transform/index.js';
import { error } from '../../errors/index.js';
import type { Plan } from '../plan/index.js';
import type { Publications } from './parts.js';

/** How long the publication is awaited that has changed a table: it was committed before a reader can have noticed. */
const MOST_MILLISECONDS = 5_000;
const LONGEST_PAUSE = 100;

/** One of the plan's tables is another one, or in another state. */
const differs = (plan: Plan, before: Publication, after: Publication): boolean =>
  after.revision !== before.revision ||
  plan.leg.tables.some((table) => after.tables.get(table)?.postgres !== before.tables.get(table)?.postgres);

/**
 * The publication that follows one of whose tables a reader has found changed. Telling may be slower than committing, so it is looked
 * up until it is there. Errors: `data-moved` when it does not come, `cancelled`, those of `refresh`.
 */
export const nextPublication = async (
  publications: Publications,
  before: Publication,
  plan: Plan,
  /** `performance.now()` after which it is not awaited. */
  end: number,
  signal: AbortSignal | undefined,
): Promise<Publication> => {
  const late = Math.min(end, performance.now() + MOST_MILLISECONDS);
  for (let wait = 1; ; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
    const fresh = await publications.refresh(signal);
    if (differs(plan, before, fresh)) return fresh;
    if (signal?.aborted) throw error('cancelled', {});
    if (performance.now() > late) throw error('data-moved', {});
    await pause(wait);
  }
};
