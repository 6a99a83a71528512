import { join } from 'node:path';
import { type AddFile, relationOf, type Snapshot, scratchFolder } from '../../../store/delta/index.js';
import type { Tx } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';
import { parquetSession } from '../parquet-session.js';
import { keyOfAdd } from '../plan/state.js';
import { applyChange } from '../target/apply-change.js';
import type { PostgresMoved } from '../target/target.js';
import type { Parts } from './parts.js';

/** Files of a table at one of its states. */
interface Files {
  readonly snapshot: Snapshot;
  readonly adds: readonly AddFile[];
}

/**
 * Brings a table's copy in PostgreSQL from the rows of some files to those of others, in the publishing transaction: the partitions
 * given, or all of it. `before` undefined: the copy holds nothing. Errors: those of `applyChange`.
 */
export const copyRows = (
  parts: Parts,
  tx: Tx,
  runId: string,
  copy: {
    readonly transform: Transform;
    readonly table: string;
    readonly partitions: ReadonlySet<string> | undefined;
    readonly before: Files | undefined;
    readonly after: Files;
  },
): Promise<PostgresMoved> => {
  const { transform, table, partitions, before, after } = copy;
  const rowsOf = ({ snapshot, adds }: Files): string =>
    relationOf(snapshot, partitions ? adds.filter((add) => partitions.has(keyOfAdd(transform, add) ?? '')) : adds);
  return parts.duckdb.session((session) =>
    applyChange(
      {
        ...{ tx, warehouse: parts.warehouse, engine: parquetSession(session, parts.signal), signal: parts.signal },
        tmp: join(scratchFolder(parts.lake), runId),
      },
      {
        ...{ transform, table, partitions: partitions && [...partitions] },
        ...{ before: before && rowsOf(before), after: rowsOf(after) },
      },
    ),
  );
};
