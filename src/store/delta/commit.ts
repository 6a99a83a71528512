import { error } from '../../errors/index.js';
import { conflictOf, type Reads } from './conflict.js';
import { latestVersion, listLog, readPresent, txnIdOf } from './log.js';
import { commitName, LOG } from './paths.js';
import type { AddFile, DeltaTable, Metadata, Protocol, RemoveFile } from './types.js';

/** One commit to be. */
export interface Change {
  /** The version that the change was made from; -1 makes the table. */
  readonly readVersion: number;
  readonly adds: readonly AddFile[];
  readonly removes: readonly AddFile[];
  readonly reads: Reads;
  /** Our step or batch id; `findCommit` finds the commit by it after a crash. */
  readonly txnId: string;
  /** `WRITE`, `CREATE TABLE`, `OPTIMIZE`, ... and its parameters, for the table's history. */
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly metrics?: Readonly<Record<string, string>>;
  /** A new schema or configuration; conflicts with every other writer. */
  readonly metadata?: Metadata;
  readonly protocol?: Protocol;
  /** False for work that moves rows without changing them. Default true. */
  readonly dataChange?: boolean;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
}

/** The version that holds the change. `already`: it was there before, committed under the same `txnId`. */
export interface Committed {
  readonly version: number;
  readonly already: boolean;
}

const ENGINE = 'Assay/0.1 DuckDB/1.5.5';

const removeOf = (file: AddFile, now: number, dataChange: boolean): RemoveFile => ({
  path: file.path,
  deletionTimestamp: now,
  dataChange,
  extendedFileMetadata: true,
  partitionValues: file.partitionValues,
  size: file.size,
});

/** A commit's text: one action a line, `commitInfo` first. */
const commitText = (change: Change, now: number, readVersion: number): string => {
  const dataChange = change.dataChange ?? true;
  const blind = change.reads === 'nothing' && change.removes.length === 0 && !change.metadata && !change.protocol;
  const commitInfo = {
    timestamp: now,
    operation: change.operation,
    operationParameters: change.parameters ?? {},
    ...(readVersion < 0 ? {} : { readVersion }),
    isolationLevel: 'Serializable',
    isBlindAppend: blind,
    operationMetrics: change.metrics ?? {},
    engineInfo: ENGINE,
    txnId: change.txnId,
  };
  const actions: object[] = [{ commitInfo }];
  if (change.protocol) actions.push({ protocol: change.protocol });
  if (change.metadata) actions.push({ metaData: change.metadata });
  for (const file of change.removes) actions.push({ remove: removeOf(file, now, dataChange) });
  for (const add of change.adds) actions.push({ add: { ...add, dataChange } });
  return `${actions.map((action) => JSON.stringify(action)).join('\n')}\n`;
};

/**
 * Writes one version, put-if-absent. Where other writers were faster, their commits are checked against `reads` and `removes` and
 * the next version is tried. Errors: `delta-conflict`, `delta-corrupt`, `disk-full`, `lake-unusable`.
 */
export const commit = async (table: DeltaTable, change: Change): Promise<Committed> => {
  const now = change.now ?? Date.now();
  let checked = change.readVersion;
  for (;;) {
    // The listing comes first: where the log was cleaned, the next name could be free though the table has moved on.
    const latest = latestVersion(await listLog(table));
    for (let version = checked + 1; version <= latest; version++) {
      const winner = await readPresent(table, version);
      if (txnIdOf(winner) === change.txnId) return { version, already: true };
      const kind = conflictOf(winner, change.reads, change.removes);
      if (kind) throw error('delta-conflict', { table: table.path, version, kind });
    }
    checked = Math.max(checked, latest);
    const version = checked + 1;
    const name = `${LOG}/${commitName(version)}`;
    if (await table.files.putIfAbsent(name, commitText(change, now, change.readVersion)))
      return { version, already: false };
  }
};
