export { type AuditRow, appendAudit, verifyAudit } from './audit.js';
export { abandonBuilds, type BuildRecord, beginBuild, endBuild, listBuilds } from './builds.js';
export { type CheckResultRow, checkHistory, recordChecks } from './check-results.js';
export { ingestLedger, type LedgerBatch, type WarehouseIngestLedger } from './ingest-ledger.js';
export { withLock } from './lock.js';
export { migrate } from './migrate.js';
export {
  currentPointers,
  currentRevision,
  moveLake,
  type Pointer,
  type PointerSet,
  PUBLICATION_CHANNEL,
  publishPointers,
  tablesSince,
} from './pointers.js';
export type { On } from './queries.js';
export type { BuildStatus } from './tables.js';
