import { error } from '../../../errors/index.js';
import type { DryRun, StepOrder, StepParts } from './step.js';

/** What a dry run needs of an order: nothing is computed, so partitions, rows and keys are left out. */
export type DryOrder = Pick<StepOrder, 'transform' | 'inputs' | 'seeds' | 'signal'>;

/**
 * Asks each allowed engine whether it understands the transform and gives the contract's columns: names, order and types. Nothing runs.
 * Inputs that are not made yet are given as `emptyRelation`.
 */
export const dryRun = async (
  _parts: Pick<StepParts, 'engine' | 'warehouse'>,
  _order: DryOrder,
): Promise<readonly DryRun[]> => {
  throw error('internal', {});
};
