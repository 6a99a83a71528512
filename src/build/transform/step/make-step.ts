import { error } from '../../../errors/index.js';
import type { StagedStep, StepOrder, StepParts } from './step.js';

/**
 * Computes an order's rows on its engine, writes them as Parquet files below `d/<stepId>/` of the table, and audits them before anyone
 * can see them. The verdict on unique keys, relationships, `sql` checks and the least score is `auditTable`'s, after all steps of a table.
 * Errors: `transform-invalid` (the SELECT does not fit), `contract-broken` (rows outside of the partitions, a null that may not be,
 * a key twice), `engine-failed`, `disk-full`, `cancelled`.
 */
export const makeStep = async (_parts: StepParts, _order: StepOrder): Promise<StagedStep> => {
  throw error('internal', {});
};
