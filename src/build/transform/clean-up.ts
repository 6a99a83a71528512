import { rm } from 'node:fs/promises';
import { AssayError } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import { findCommit, openTable, type ParquetEngine } from '../../store/delta/index.js';
import type { Warehouse } from '../../store/engine/index.js';
import { abandonBuilds, tablesSince } from '../../store/state/index.js';
import type { Transform } from './files/definition.js';
import { stagingDir } from './publish.js';
import { quoted } from './sql-text.js';
import { lakePath } from './step/stage.js';
import { PHYSICAL, physicalSchema } from './target/postgres-table.js';

/** Revisions whose tables stay for readers that are still at work: the current one and the one before. */
const KEPT_REVISIONS = 2;

/** Clears what builds left whose process ended: their staged files, unless a commit names them. Call under the builder's lock. */
export const clearAbandoned = async (options: {
  readonly warehouse: Warehouse;
  readonly engine: ParquetEngine;
  readonly lake: string;
  readonly transforms: readonly Transform[];
  readonly at: bigint;
}): Promise<readonly string[]> => {
  await rm(stagingDir(options.lake), { recursive: true, force: true });
  const dead = await abandonBuilds(options.warehouse, options.at);
  if (dead.length === 0) return dead;
  for (const transform of options.transforms) {
    const snapshot = await openTable(`${options.lake}/${lakePath(transform)}`, options.engine);
    if (!snapshot) continue;
    for (const buildId of dead)
      if ((await findCommit(snapshot.table, buildId, 0)) === undefined)
        await snapshot.table.files.removeFolder(`d/${buildId}`);
  }
  return dead;
};

/** Drops physical tables that no kept revision names. One that is still read stays until next time. */
export const dropOldTables = async (
  warehouse: Warehouse,
  revision: number,
  layers: readonly string[],
  emit: Emit,
): Promise<void> => {
  const kept = await tablesSince(warehouse, revision - KEPT_REVISIONS + 1);
  const { rows } = await warehouse.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname = ANY($1) ORDER BY c.oid DESC`,
    [layers.map(physicalSchema)],
  );
  for (const { schema, name } of rows) {
    const table = `${quoted(schema)}.${quoted(name)}`;
    if (kept.has(table) || !PHYSICAL.test(name)) continue;
    try {
      await dropTable(warehouse, table);
    } catch (thrown) {
      const state =
        thrown instanceof AssayError && thrown.code === 'engine-failed' ? thrown.parameters['sqlstate'] : '';
      // 55P03: somebody reads it; 2BP01: a view of somebody else stands on it.
      if (state !== '55P03' && state !== '2BP01') throw thrown;
      emit('notice', { message: `${table} of an older revision is still used; it stays until the next build` });
    }
  }
};

/** Foreign keys of kept tables may still name it: they are declarations only, and go first. */
const dropTable = (warehouse: Warehouse, table: string): Promise<void> =>
  warehouse.transaction(async (tx) => {
    await tx.query("SET LOCAL lock_timeout = '1s'");
    const { rows } = await tx.query<{ owner: string; name: string }>(
      `SELECT conrelid::regclass::text AS owner, conname AS name FROM pg_constraint
       WHERE contype = 'f' AND confrelid = to_regclass($1) AND conrelid <> confrelid`,
      [table],
    );
    for (const { owner, name } of rows) await tx.query(`ALTER TABLE ${owner} DROP CONSTRAINT ${quoted(name)}`);
    await tx.query(`DROP TABLE ${table} RESTRICT`);
  });
