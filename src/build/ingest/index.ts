export { type DemoRows, demoRows, SYNTHETIC } from './demo-rows.js';
export { type IngestFile, type IngestInto, type IngestResult, ingestFile, recoverIngest } from './ingest-file.js';
export type { IngestBatch, IngestLedger } from './ledger.js';
export {
  bronzeColumns,
  bronzePath,
  PARTITION_COLUMNS,
  REJECTED_TABLE,
  rejectedColumns,
  SOURCES,
  type Source,
} from './sources.js';
