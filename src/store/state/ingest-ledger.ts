import { sql } from 'kysely';
import { timestampText } from '../../query/index.js';
import type { Warehouse } from '../engine/index.js';
import { withLock } from './lock.js';
import { stateOf } from './queries.js';
import { microsOf } from './times.js';

/** A batch that ingest took in (the shape of `IngestBatch` of build/ingest). Counts are lines, `ingestedAt` microseconds since 1970. */
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

/** The ledger over a warehouse whose state store is migrated. */
export const ingestLedger = (warehouse: Warehouse): WarehouseIngestLedger => {
  const select = () =>
    stateOf(warehouse)
      .selectFrom('assay.ingest_batch')
      .selectAll()
      .select(microsOf('ingested_at').as('ingested_micros'));
  type Row = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>;
  const batchOf = (row: Row): LedgerBatch => ({
    batchId: row.batch_id,
    source: row.source,
    file: row.file,
    contentHash: row.content_hash,
    bytes: Number(row.bytes),
    encoding: row.encoding,
    read: Number(row.lines_read),
    rows: Number(row.lines_kept),
    rejected: Number(row.lines_rejected),
    ingestedAt: BigInt(row.ingested_micros),
    rowsVersion: row.rows_version === null ? null : Number(row.rows_version),
    rejectsVersion: row.rejects_version === null ? null : Number(row.rejects_version),
  });
  return {
    exclusive: (work) => withLock(warehouse, 'ingest', work),
    find: async (batchId) => {
      const row = await select().where(sql<string>`batch_id::text`, '=', batchId).executeTakeFirst();
      return row && batchOf(row);
    },
    findByHash: async (source, contentHash) => {
      const row = await select()
        .where('source', '=', source)
        .where('content_hash', '=', contentHash)
        .executeTakeFirst();
      return row && batchOf(row);
    },
    record: async (batch) => {
      await stateOf(warehouse)
        .insertInto('assay.ingest_batch')
        .values({
          batch_id: batch.batchId,
          source: batch.source,
          file: batch.file,
          content_hash: batch.contentHash,
          bytes: String(batch.bytes),
          encoding: batch.encoding,
          lines_read: String(batch.read),
          lines_kept: String(batch.rows),
          lines_rejected: String(batch.rejected),
          ingested_at: timestampText(batch.ingestedAt),
          rows_version: batch.rowsVersion === null ? null : String(batch.rowsVersion),
          rejects_version: batch.rejectsVersion === null ? null : String(batch.rejectsVersion),
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    list: async () => (await select().orderBy('recorded_at').orderBy('batch_id').execute()).map(batchOf),
  };
};
