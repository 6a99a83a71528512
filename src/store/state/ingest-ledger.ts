import { error } from '../../errors/index.js';
import type { Warehouse } from '../engine/index.js';

/** A batch that ingest took in (the shape of `IngestBatch` of build/ingest). */
export interface LedgerBatch {
  readonly batchId: string;
  readonly source: string;
  readonly file: string;
  readonly contentHash: string;
  readonly bytes: number;
  readonly encoding: string;
  readonly read: number;
  readonly rows: number;
  readonly rejected: number;
  readonly ingestedAt: bigint;
  readonly rowsVersion: number | null;
  readonly rejectsVersion: number | null;
}

/** The ledger of ingested files in the warehouse; fits `IngestLedger` of build/ingest. */
export interface WarehouseIngestLedger {
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  find(batchId: string): Promise<LedgerBatch | undefined>;
  findByHash(source: string, contentHash: string): Promise<LedgerBatch | undefined>;
  record(batch: LedgerBatch): Promise<void>;
  /** All batches, oldest first. */
  list(): Promise<LedgerBatch[]>;
}

export const ingestLedger = (_warehouse: Warehouse): WarehouseIngestLedger => {
  throw error('internal', {});
};
