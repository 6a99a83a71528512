import { error } from '../../../errors/index.js';
import type { Readable, StagedPartition, StepOrder, StepParts, TableAudit } from './step.js';

/**
 * Checks of a whole table, after all its steps: keys that occur once (those of changed rows, in the whole table), relationships and
 * `sql` checks, then the gate of the least score. `overlay` is the table as it will be published; `changed` are the staged partitions
 * (or `*`) that no check has refused so far. `order` is that of any of its steps; `order.inputs` must hold what the checks read.
 */
export const auditTable = async (
  _parts: Pick<StepParts, 'engine'>,
  _order: StepOrder,
  _overlay: Readable,
  _changed: ReadonlyMap<string, StagedPartition>,
): Promise<TableAudit> => {
  throw error('internal', {});
};
