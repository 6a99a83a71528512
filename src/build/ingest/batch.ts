import { createHash } from 'node:crypto';
import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import {
  type AddFile,
  appendFiles,
  createTable,
  type DeltaFiles,
  type ParquetEngine,
  type Snapshot,
  tableAt,
} from '../../store/delta/index.js';
import type { IngestBatch, IngestLedger } from './ledger.js';
import { bronzeColumns, bronzePath, PARTITION_COLUMNS, REJECTED_TABLE, rejectedColumns, SOURCES } from './sources.js';

/**
 * What is needed to finish a batch once its files are durable. It is written before the first commit and removed after the ledger
 * has the batch, so a start that finds one knows exactly what a stopped process meant to do.
 */
export interface Manifest {
  readonly batch: IngestBatch;
  readonly rows: StagedFiles;
  readonly rejects: StagedFiles;
}
interface StagedFiles {
  readonly adds: readonly AddFile[];
  readonly rows: number;
  /** The table's version before the batch. */
  readonly base: number;
}

export const MANIFESTS = '_batches';
export const STAGING = '_staging';
export const manifestPath = (batchId: string): string => `${MANIFESTS}/${batchId}.json`;

/** Files of the bronze folder itself, beside its tables. */
export const bronzeFiles = (lake: string, engine: ParquetEngine): DeltaFiles => tableAt(`${lake}/bronze`, engine).files;

/** The same source and contents give the same id: a UUID of version 8. */
export const batchIdOf = (source: string, contentHash: string): string => {
  const hex = createHash('sha256').update(`${source}\n${contentHash}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

const sourceNamed = (name: string) => {
  const source = SOURCES.get(name);
  if (!source) throw error('source-unknown', { name, known: [...SOURCES.keys()] });
  return source;
};

/** The two tables of a source, made where they are missing. */
export const openTables = async (
  lake: string,
  engine: ParquetEngine,
  sourceName: string,
): Promise<{ readonly rows: Snapshot; readonly rejects: Snapshot }> => {
  const source = sourceNamed(sourceName);
  const partitionColumns = PARTITION_COLUMNS;
  return {
    rows: await createTable(bronzePath(lake, source.table), engine, {
      columns: bronzeColumns(source),
      partitionColumns,
      configuration: { 'delta.appendOnly': 'true' },
      description: `${source.name} exactly as it came`,
    }),
    rejects: await createTable(bronzePath(lake, REJECTED_TABLE), engine, {
      columns: rejectedColumns,
      partitionColumns,
      configuration: { 'delta.appendOnly': 'true' },
      description: 'records that could not be read, with the reason',
    }),
  };
};

export const writeManifest = (files: DeltaFiles, manifest: Manifest): Promise<void> =>
  files.put(
    manifestPath(manifest.batch.batchId),
    JSON.stringify({ ...manifest, batch: { ...manifest.batch, ingestedAt: manifest.batch.ingestedAt.toString() } }),
  );

/** Errors: `delta-corrupt` when it is none (it is written whole or not at all). */
export const readManifest = async (files: DeltaFiles, batchId: string): Promise<Manifest | undefined> => {
  const path = manifestPath(batchId);
  const bytes = await files.read(path);
  if (!bytes) return undefined;
  try {
    const read = JSON.parse(bytes.toString('utf8')) as Manifest & { batch: { ingestedAt: string } };
    return { ...read, batch: { ...read.batch, ingestedAt: BigInt(read.batch.ingestedAt) } };
  } catch (thrown) {
    throw error('delta-corrupt', { file: files.location(path), why: 'it is no record of a batch' }, thrown);
  }
};

/**
 * The order of commits: rejects, rows, ledger, each under the batch's id, so that doing it again after a stop at any point changes
 * nothing that is done.
 */
export const publishBatch = async (
  lake: string,
  engine: ParquetEngine,
  ledger: IngestLedger,
  emit: Emit,
  manifest: Manifest,
): Promise<IngestBatch> => {
  const files = bronzeFiles(lake, engine);
  const { batchId, source } = manifest.batch;
  const tables = await openTables(lake, engine, source);
  const append = async (snapshot: Snapshot, staged: StagedFiles): Promise<number | null> => {
    if (staged.adds.length === 0) return null;
    // From the version that the batch was made from on: a commit of this id behind it is this batch.
    const done = await appendFiles({ snapshot: { ...snapshot, version: staged.base }, staged, txnId: batchId, emit });
    return done.version;
  };
  const rejectsVersion = await append(tables.rejects, manifest.rejects);
  const rowsVersion = await append(tables.rows, manifest.rows);
  const batch = { ...manifest.batch, rejectsVersion, rowsVersion };
  await ledger.record(batch);
  await files.removeFolder(`${STAGING}/${batchId}`);
  await files.removeFile(manifestPath(batchId));
  return batch;
};
