export { type Audited, type AuditedCheck, audit } from './apply/audit.js';
export { type Collected, collect } from './apply/collect.js';
export { apply, type PlanRequest, plan, restate, run } from './apply/commands.js';
export { drop } from './apply/drop.js';
export { type Pointed, promote, rollback } from './apply/environments.js';
export type { RunResult } from './apply/execute.js';
export {
  documentedTables,
  type EnvironmentLook,
  environmentLooks,
  lineageGraph,
  type RollbackTarget,
  rollbackTargets,
  type Trouble,
  troubles,
} from './apply/look.js';
export {
  type MaintainParts,
  type ManagedTable,
  managedTable,
  optimizeManaged,
  pointedTables,
  vacuumManaged,
} from './apply/maintain.js';
export type { Parts } from './apply/parts.js';
export type { Unmade } from './apply/work.js';
export { type BuildOptions, type BuildResult, build } from './build.js';
export { readTransforms } from './files/read-transforms.js';
export { type LineageAnswer, lineageAnswer, lineageText } from './lineage/answer.js';
export { type TransformDocs, transformDocs } from './lineage/docs.js';
export { ALL, type LineageGraph } from './lineage/edges.js';
export { type LineageSink, openLineageSink } from './lineage/sink.js';
export type { LineageTarget } from './lineage/telling.js';
export { parquetSession } from './parquet-session.js';
export type { Span } from './plan/decide.js';
export { type EnginePins, readPins } from './plan/engine-pins.js';
export { type Plan, planStatus } from './plan/plan.js';
export { planText } from './plan/print-plan.js';
export { PRODUCTION } from './plan/world.js';
export * from './publication.js';
export { openPublications, type PastPublication, type Publications } from './publications.js';
export { type Spark, sparkSessions } from './step/spark-sessions.js';
export { runTransformTests, type TransformTestResult } from './unit/run-tests.js';
