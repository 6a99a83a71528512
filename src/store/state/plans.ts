import { error } from '../../errors/index.js';
import type { SavedPlan } from './ledger-types.js';
import type { On } from './queries.js';

/** Keeps a plan; the same id again changes nothing. */
export const savePlan = async (
  _on: On,
  _plan: Pick<SavedPlan, 'id' | 'environment' | 'baseRevision' | 'body'>,
): Promise<void> => {
  throw error('internal', {});
};

/** Errors: `plan-unknown`. */
export const readPlan = async (_on: On, _id: string): Promise<SavedPlan> => {
  throw error('internal', {});
};

/** Ends an open plan. Errors: `plan-unknown`, `plan-stale` when it was ended before. */
export const closePlan = async (_on: On, _id: string, _status: 'applied' | 'superseded'): Promise<void> => {
  throw error('internal', {});
};
