import { error } from '../../errors/index.js';
import type { Warehouse } from '../engine/index.js';

/**
 * Brings the schema `assay` of the warehouse to this version's layout: each file of `directory` (`0001_name.sql`) once, in order, under
 * a lock. Errors: `home-newer` when the layout is of a newer version, `state-changed` when an applied file was edited.
 */
export const migrate = async (
  _warehouse: Warehouse,
  _directory: string,
): Promise<{ readonly applied: readonly string[] }> => {
  throw error('internal', {});
};
