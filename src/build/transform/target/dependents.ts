import { error } from '../../../errors/index.js';
import type { Tx, Warehouse } from '../../../store/engine/index.js';

/** Somebody else's object that stands on one of our views or tables, and so blocks that it is dropped. */
export interface Dependent {
  /** The view or table of ours, as it was given. */
  readonly view: string;
  /** Its name as PostgreSQL writes it: `bi.sales_report`. */
  readonly dependent: string;
  /** `view`, `materialized view`, `function`, ... */
  readonly kind: string;
}

/**
 * Who stands on these relations (`gold.fact_sales`, or a quoted physical name) that is not of `ours`; default the relations themselves.
 * An absent relation has none. Errors: `engine-failed`.
 */
export const foreignDependents = async (
  _on: Pick<Tx | Warehouse, 'query'>,
  _relations: readonly string[],
  _ours?: readonly string[],
): Promise<readonly Dependent[]> => {
  throw error('internal', {});
};
