import { basename, resolve } from 'node:path';
import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import { isAddress, type ParquetEngine, writeParquet } from '../../store/delta/index.js';
import { batchIdOf, bronzeFiles, type Manifest, openTables, publishBatch, STAGING, writeManifest } from './batch.js';
import { type Audit, rejectsSelect, rowsSelect } from './bronze-select.js';
import { type OpenFile, openFile } from './byte-source.js';
import { SYNTHETIC } from './demo-rows.js';
import { encodingNamed, type Inspection, inspect } from './encoding.js';
import type { IngestBatch, IngestLedger } from './ledger.js';
import { recoverPending } from './recover.js';
import { SOURCES, type Source } from './sources.js';
import { type StagedRecords, stageRecords } from './stage.js';

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
  /** Written into `source_system`; default the source's name, and `synthetic` for generated data. */
  readonly sourceSystem?: string;
  /** Microseconds since 1970 UTC; default the clock. */
  readonly now?: () => bigint;
}

export interface IngestResult extends IngestBatch {
  /** True when the same contents were there before: nothing was added; the numbers are those of the first time. */
  readonly duplicate: boolean;
}

const absolute = (lake: string): string => (isAddress(lake) ? lake : resolve(lake));

const report = (emit: Emit, file: string, result: IngestResult): IngestResult => {
  if (result.encoding === 'windows-1252' && !result.duplicate)
    emit('notice', { message: `${file} is read as Windows-1252; --encoding says otherwise where that is wrong` });
  const { source, read, rows, rejected, duplicate } = result;
  emit('ingest.batch', { source, file, read, rows, rejected, duplicate });
  return result;
};

/** Writes the batch's files: durable, not yet visible. */
const stageBatch = async (
  ingest: IngestFile,
  source: Source,
  open: OpenFile,
  inspection: Inspection,
  check: () => void,
): Promise<Manifest> => {
  const { lake, parquet } = ingest;
  const files = bronzeFiles(lake, parquet);
  const batchId = batchIdOf(source.name, inspection.contentHash);
  const folder = `${STAGING}/${batchId}`;
  const staged: StagedRecords = await stageRecords({
    file: ingest.file,
    bytes: open,
    source,
    inspection,
    folder: files.location(folder),
    makeFolder: async () => {
      await files.removeFolder(folder);
      await files.makeFolder(folder);
    },
    check,
  });
  await open.unchanged();
  const ingestedAt = ingest.now?.() ?? BigInt(Date.now()) * 1000n;
  const { synthetic } = source;
  const generated = staged.first?.[source.columns.indexOf(synthetic.column)]?.endsWith(synthetic.suffix) === true;
  const audit: Audit = {
    file: basename(ingest.file),
    batchId,
    ingestedAt,
    sourceSystem: ingest.sourceSystem ?? (generated ? SYNTHETIC : source.name),
  };
  const tables = await openTables(lake, parquet, source.name);
  const write = async (snapshot: (typeof tables)['rows'], select: string, count: number) => {
    const base = snapshot.version;
    if (count === 0) return { adds: [], rows: 0, base };
    const signal = ingest.signal ? { signal: ingest.signal } : {};
    const written = await writeParquet({ snapshot, select, sortBy: ['_row_number'], stepId: batchId, ...signal });
    if (written.rows !== count)
      throw error('engine-failed', { engine: 'Parquet' }, `${written.rows} rows were written of ${count}`);
    return { adds: written.adds, rows: written.rows, base };
  };
  const rejects = await write(tables.rejects, rejectsSelect(source, staged, audit), staged.rejected);
  const rows = await write(tables.rows, rowsSelect(source, staged, audit), staged.rows);
  const batch: IngestBatch = {
    batchId,
    source: source.name,
    file: audit.file,
    contentHash: inspection.contentHash,
    bytes: open.size,
    encoding: inspection.encoding,
    read: staged.rows + staged.rejected,
    rows: staged.rows,
    rejected: staged.rejected,
    ingestedAt,
    rowsVersion: null,
    rejectsVersion: null,
  };
  return { batch, rows, rejects };
};

/**
 * Takes one file into bronze, all of it or nothing. The same contents twice add nothing. A record that is no row goes to
 * `bronze.rejected_lines`; always `read = rows + rejected`.
 * Errors: `source-unknown`, `file-unreadable`, `file-refused`, `usage` (encoding), `disk-full`, `cancelled`, `engine-failed`.
 */
export const ingestFile = async (ingest: IngestFile): Promise<IngestResult> => {
  const { parquet, ledger, emit } = ingest;
  const lake = absolute(ingest.lake);
  const source = SOURCES.get(ingest.source);
  if (!source) throw error('source-unknown', { name: ingest.source, known: [...SOURCES.keys()] });
  const encoding = ingest.encoding === undefined ? undefined : encodingNamed(ingest.encoding);
  const check = () => {
    if (ingest.signal?.aborted) throw error('cancelled', {});
  };
  const open = await openFile(ingest.file);
  try {
    const inspection = await inspect(ingest.file, open, encoding, check);
    return await ledger.exclusive(async () => {
      await recoverPending(lake, parquet, ledger, emit);
      const before = await ledger.findByHash(source.name, inspection.contentHash);
      if (before) return report(emit, ingest.file, { ...before, duplicate: true });
      let manifest: Manifest;
      try {
        manifest = await stageBatch(ingest, source, open, inspection, check);
        check();
        await writeManifest(bronzeFiles(lake, parquet), manifest);
      } catch (thrown) {
        // Nothing is visible yet: what was staged is cleared as after a crash.
        await recoverPending(lake, parquet, ledger, emit).catch((failure: unknown) => {
          emit('bug', { where: 'clearing what an ingest left behind', error: failure });
        });
        throw thrown;
      }
      const batch = await publishBatch(lake, parquet, ledger, emit, manifest);
      return report(emit, ingest.file, { ...batch, duplicate: false });
    });
  } finally {
    await open.close();
  }
};

/**
 * At start: completes every batch that a stopped process left between its commits, and clears what never began to be visible.
 * Gives the batches that it completed.
 */
export const recoverIngest = async (into: IngestInto): Promise<readonly IngestBatch[]> =>
  into.ledger.exclusive(async () => {
    const completed = await recoverPending(absolute(into.lake), into.parquet, into.ledger, into.emit);
    for (const { source, file, read, rows, rejected } of completed)
      into.emit('ingest.batch', { source, file, read, rows, rejected, duplicate: false });
    return completed;
  });
