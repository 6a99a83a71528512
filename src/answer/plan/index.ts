export { bindTables } from './bind-tables.js';
export { explainPlan } from './explain.js';
export { planQuery } from './plan.js';
export * from './types.js';
