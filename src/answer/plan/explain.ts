import type { ExplainedStatement, Explanation } from '../../query/index.js';
import type { Plan } from './types.js';

/** What a plan tells about itself. Statements are given by the caller of this function, for roles that may see them. */
export const explainPlan = (plan: Plan, statements?: readonly ExplainedStatement[]): Explanation => ({
  plan: plan.kind,
  source: plan.source,
  columns: plan.columns,
  candidates: plan.candidates,
  tables: plan.tables,
  policies: plan.policies,
  modelVersion: plan.modelVersion,
  ...(statements ? { statements } : {}),
});
