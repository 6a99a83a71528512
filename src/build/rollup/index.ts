export {
  type BuildRollupsOptions,
  buildRollups,
  type RollupBuildResult,
  type RollupSource,
} from './build.js';
export type { RollupDuckDb } from './duckdb.js';
export * from './inventory.js';
export { type OpenRollupsOptions, openRollups, type Rollups } from './open.js';
export { type RollupStatus, type RollupStatusOptions, rollupStatus } from './status.js';
