import type { Emit } from '../../query/index.js';
import { findCommit, openTable, type ParquetEngine, type Snapshot } from '../../store/delta/index.js';
import { bronzeFiles, MANIFESTS, manifestPath, publishBatch, readManifest, STAGING } from './batch.js';
import type { IngestBatch, IngestLedger } from './ledger.js';
import { bronzePath, REJECTED_TABLE, SOURCES } from './sources.js';

const bronzeTables = async (lake: string, engine: ParquetEngine): Promise<readonly Snapshot[]> => {
  const names = [REJECTED_TABLE, ...[...SOURCES.values()].map((s) => s.table)];
  const found = await Promise.all(names.map((name) => openTable(bronzePath(lake, name), engine)));
  return found.filter((snapshot) => snapshot !== undefined);
};

/** Removes a batch's files from every table that does not name them. */
const discard = async (lake: string, engine: ParquetEngine, batchId: string): Promise<void> => {
  const folder = `d/${batchId}`;
  for (const snapshot of await bronzeTables(lake, engine))
    if (!snapshot.adds.some((add) => add.path.startsWith(`${folder}/`)))
      await snapshot.table.files.removeFolder(folder);
  const files = bronzeFiles(lake, engine);
  await files.removeFolder(`${STAGING}/${batchId}`);
  await files.removeFile(manifestPath(batchId));
};

/**
 * Completes batches that are in one log and not in the ledger, and clears those that never began to be visible. The caller holds the
 * ledger's lock, so what stands here was left by a process that is gone.
 */
export const recoverPending = async (
  lake: string,
  engine: ParquetEngine,
  ledger: IngestLedger,
  emit: Emit,
): Promise<readonly IngestBatch[]> => {
  const files = bronzeFiles(lake, engine);
  const completed: IngestBatch[] = [];
  for (const name of await files.list(MANIFESTS)) {
    const batchId = /^([0-9a-f-]{36})\.json$/.exec(name)?.[1];
    const manifest = batchId === undefined ? undefined : await readManifest(files, batchId);
    if (batchId === undefined || !manifest) {
      await files.removeFile(`${MANIFESTS}/${name}`);
      continue;
    }
    if (await ledger.find(batchId)) {
      await files.removeFolder(`${STAGING}/${batchId}`);
      await files.removeFile(manifestPath(batchId));
      continue;
    }
    const source = SOURCES.get(manifest.batch.source);
    const begun = await Promise.all(
      [
        { table: REJECTED_TABLE, base: manifest.rejects.base },
        ...(source ? [{ table: source.table, base: manifest.rows.base }] : []),
      ].map(async ({ table, base }) => {
        const snapshot = await openTable(bronzePath(lake, table), engine);
        return snapshot ? await findCommit(snapshot.table, batchId, base) : undefined;
      }),
    );
    if (begun.some((version) => version !== undefined))
      completed.push(await publishBatch(lake, engine, ledger, emit, manifest));
    else await discard(lake, engine, batchId);
  }
  for (const batchId of await files.list(STAGING)) await discard(lake, engine, batchId);
  return completed;
};
