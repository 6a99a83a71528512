export { type AuditRow, appendAudit, verifyAudit } from './audit.js';
export { ingestLedger, type LedgerBatch, type WarehouseIngestLedger } from './ingest-ledger.js';
export { withLock } from './lock.js';
export { migrate } from './migrate.js';
