import { error } from '../../../errors/index.js';
import { type AddFile, openTable, replaceFiles, type Snapshot } from '../../../store/delta/index.js';
import type { Tx } from '../../../store/engine/index.js';
import type { PhysicalTable, TablePointer } from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';
import { parquetSession } from '../parquet-session.js';
import { isPartitioned, keyOfAdd } from '../plan/state.js';
import { WHOLE } from '../step/step.js';
import { copyRows } from './copy-rows.js';
import { type Parts, timeOf } from './parts.js';

/** A table whose rows go back to those of an earlier publication. */
export interface Restored {
  readonly transform: Transform;
  readonly table: PhysicalTable;
  readonly pointer: TablePointer;
  readonly now: Snapshot;
  readonly then: Snapshot;
  /** Keys of the partitions that differ; `*` for a whole table. */
  readonly partitions: ReadonlySet<string>;
  /** The Delta version that holds the earlier files again. */
  readonly version: number;
}

/**
 * Makes the files of an earlier publication the live ones again, as a new version: nothing is computed. Nobody sees it before the
 * environment points there. Errors: `rollback-impossible` when the files are gone.
 */
export const restoreFiles = async (
  parts: Parts,
  runId: string,
  transform: Transform,
  table: PhysicalTable,
  pointer: TablePointer,
): Promise<Restored> => {
  const gone = () => error('rollback-impossible', { table: pointer.name, why: 'its files of then are gone' });
  if (table.lakePath === undefined || pointer.lakeVersion === undefined) throw gone();
  const path = `${parts.lake}/${table.lakePath}`;
  return parts.duckdb.session(async (session) => {
    const engine = parquetSession(session, parts.signal);
    const [newest, now, then] = [
      await openTable(path, engine),
      await openTable(path, engine, table.lakeVersion),
      await openTable(path, engine, pointer.lakeVersion),
    ];
    if (!newest || !now || !then) throw gone();
    const [before, after] = [new Set(now.adds.map(pathOf)), new Set(then.adds.map(pathOf))];
    const differ = [
      ...now.adds.filter((add) => !after.has(add.path)),
      ...then.adds.filter((add) => !before.has(add.path)),
    ];
    const { version } = await replaceFiles({
      ...{ snapshot: newest, desired: then.adds, txnId: runId, operation: 'RESTORE', emit: parts.emit },
      ...{ parameters: { version: String(pointer.lakeVersion) }, now: Number(timeOf(parts) / 1000n) },
    });
    const partitions = new Set(differ.map((add) => keyOfAdd(transform, add) ?? WHOLE));
    return { transform, table, pointer, now, then, partitions, version };
  });
};

const pathOf = (add: AddFile): string => add.path;

/** Brings the copy in PostgreSQL back, too, in the publishing transaction: only the partitions that differ. */
export const copyBack = async (parts: Parts, tx: Tx, runId: string, restored: Restored): Promise<void> => {
  const { transform, table, now, then, partitions } = restored;
  if (table.postgres === undefined) return;
  await copyRows(parts, tx, runId, {
    ...{ transform, table: table.postgres, partitions: isPartitioned(transform) ? partitions : undefined },
    ...{ before: { snapshot: now, adds: now.adds }, after: { snapshot: then, adds: then.adds } },
  });
};
