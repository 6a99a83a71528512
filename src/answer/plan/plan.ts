import { error } from '../../errors/index.js';
import type { MetricQuery } from '../../query/index.js';
import type { Plan, PlanModel, PlanOptions, PlanState } from './types.js';

/**
 * Decides how a query is answered: resolves names, applies policies, compiles the leg, chooses a rollup or the source. Pure.
 * Errors: `unknown-member`, `query-invalid`, `not-supported`, `filter-on-mask`, `no-rollup`.
 */
export const planQuery = (_query: MetricQuery, _model: PlanModel, _state: PlanState, _options: PlanOptions): Plan => {
  throw error('internal', {});
};
