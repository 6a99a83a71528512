import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { ParquetEngine } from '../../store/delta/index.js';
import type { IngestBatch, IngestLedger } from './ledger.js';

/** What every ingest works with. */
export interface IngestInto {
  /** Absolute folder of the lake; bronze tables are `<lake>/bronze/<table>`. */
  readonly lake: string;
  readonly parquet: ParquetEngine;
  readonly ledger: IngestLedger;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

export interface IngestFile extends IngestInto {
  readonly file: string;
  /** A name of `SOURCES`. */
  readonly source: string;
  /** `utf-8`, `windows-1252` or `iso-8859-1`; default: found out. */
  readonly encoding?: string;
  /** Written into `source_system`; default the source's name. Generated data says `synthetic`. */
  readonly sourceSystem?: string;
  /** Microseconds since 1970 UTC; default the clock. */
  readonly now?: () => bigint;
}

export interface IngestResult extends IngestBatch {
  /** True when the same contents were there before: nothing was added; the numbers are those of the first time. */
  readonly duplicate: boolean;
}

/** Takes one file into bronze, all of it or nothing. Errors: `source-unknown`, `file-unreadable`, `file-refused`, `disk-full`, `cancelled`. */
export const ingestFile = async (_ingest: IngestFile): Promise<IngestResult> => {
  throw error('internal', {});
};

/**
 * At start: completes every batch that a stopped process left between its commits, and clears what never began to be visible.
 * Gives the batches that it completed.
 */
export const recoverIngest = async (_into: IngestInto): Promise<readonly IngestBatch[]> => {
  throw error('internal', {});
};
