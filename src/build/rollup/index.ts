export { buildRollups } from './build.js';
export type { RollupDuckDb } from './duckdb.js';
export * from './inventory.js';
export { type OpenRollupsOptions, openRollups, type Rollups } from './open.js';
export type { BuildRollupsOptions, PublishedTables, RollupBuildResult } from './options.js';
export type { RollupSource } from './raw.js';
export { type RollupStatus, type RollupStatusOptions, rollupStatus } from './status.js';
export { type SweepOptions, sweepRollups } from './sweep.js';
