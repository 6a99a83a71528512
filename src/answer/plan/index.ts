export { bindTables } from './bind-tables.js';
export { explainPlan } from './explain.js';
export { instantText, parseInstant } from './instant.js';
export { planQuery } from './plan.js';
export { partitionsRelation } from './rollup-sql.js';
export * from './types.js';
export { plainNumber } from './value.js';
export { zoneName } from './zone.js';
