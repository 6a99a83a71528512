export { type AuditRow, appendAudit, verifyAudit } from './audit.js';
export { type CheckResultRow, checkHistory, type PartitionCheck, recordChecks } from './check-results.js';
export { buryDead, whileAlive } from './dead-runs.js';
export {
  createEnvironment,
  currentEnvironment,
  dropEnvironment,
  holdEnvironment,
  listEnvironments,
  publicationAt,
  publications,
} from './environments.js';
export { forgetTables, garbage, type Keep } from './garbage.js';
export { ingestLedger, type LedgerBatch, type WarehouseIngestLedger } from './ingest-ledger.js';
export {
  intervalsOf,
  NO_STEP,
  publishIntervals,
  reopenIntervals,
  stageIntervals,
} from './intervals.js';
export { lastChecks } from './last-checks.js';
export { checkLeases, holdLeases, leaseIntervals, releaseLeases, renewLeases } from './leases.js';
export type * from './ledger-types.js';
export { withLock } from './lock.js';
export { migrate } from './migrate.js';
export { isDataMoved, pinnedRelation, pinnedStatement } from './pinned.js';
export { closePlan, plannedFiles, readPlan, savePlan } from './plans.js';
export { currentRevision, moveLake, PUBLICATION_CHANNEL } from './pointers.js';
export { lockTables, publishEnvironment } from './publish-environment.js';
export type { On } from './queries.js';
export { countShapes, type ShapeRow, shapesOf } from './query-shapes.js';
export {
  driftHistory,
  expireFailingKeys,
  failingKeysOf,
  lineageOf,
  putFailingKeys,
  putLineage,
  putPartitionStats,
  putSourceMap,
  sourceMap,
} from './records.js';
export { beginRun, endRun, heartbeat, listRuns, type RunRecord, type RunRoute, routesOf } from './runs.js';
export type { BuildStatus, RunKind, RunStatus } from './tables.js';
export {
  describeVersions,
  ensureVersions,
  type NewPhysical,
  type NewVersion,
  otherVersions,
  physicalTables,
  putPhysical,
  versionsById,
} from './versions.js';
