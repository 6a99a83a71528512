import { AssayError } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';
import { quoted } from '../sql-text.js';

/** A table whose keys are declared, and what other tables' keys point at. */
export interface KeyedTable {
  readonly transform: Transform;
  /** Physical, quoted. */
  readonly table: string;
}

/** PostgreSQL 18 knows keys that are declared and not enforced; an enforced one would stop a dimension from being made anew. */
const NOT_ENFORCED = 180_000;

interface Key {
  readonly name: string;
  readonly columns: readonly string[];
  readonly target: string;
  readonly field: string;
}

/** Keys of a table to dimensions with one unique column: a partitioned one has none. */
const keysOf = (transform: Transform, byId: ReadonlyMap<string, KeyedTable>): readonly Key[] =>
  transform.checks.flatMap(({ question, columns }) => {
    if (question.type !== 'relationship' || columns.length !== 1) return [];
    const target = byId.get(question.to);
    if (!target || target.transform.partition || target.transform.surrogate !== question.field) return [];
    return [{ name: `${columns[0]}_fkey`, columns, target: target.table, field: question.field }];
  });

const declare = async (warehouse: Warehouse, table: string, keys: readonly Key[]): Promise<number> => {
  // What is there already takes no lock at all.
  const { rows } = await warehouse.query<{ name: string; target: string }>(
    `SELECT k.name, k.target FROM unnest($2::text[], $3::text[]) k(name, target)
     WHERE to_regclass($1) IS NOT NULL AND to_regclass(k.target) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_constraint c
       WHERE c.conrelid = to_regclass($1) AND c.conname = k.name AND c.confrelid = to_regclass(k.target))`,
    [table, keys.map((k) => k.name), keys.map((k) => k.target)],
  );
  const missing = keys.filter((key) => rows.some(({ name, target }) => name === key.name && target === key.target));
  if (missing.length === 0) return 0;
  await warehouse.transaction(async (tx) => {
    await tx.query("SET LOCAL lock_timeout = '300ms'");
    for (const { name, columns, target, field } of missing) {
      await tx.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${quoted(name)}`);
      await tx.query(
        `ALTER TABLE ${table} ADD CONSTRAINT ${quoted(name)} FOREIGN KEY (${columns.map(quoted).join(', ')}) REFERENCES ${target} (${quoted(field)}) NOT ENFORCED`,
      );
    }
  });
  return missing.length;
};

/**
 * Declares the keys that relationship checks have proven (NOT ENFORCED, server 18 and later), so that tools see the star; those that
 * are there stay. For after a publication: each table in a short transaction of its own that gives way to others, so a key that
 * could not be declared now is declared next time. Gives how many were declared. Errors: `postgres-unavailable`.
 */
export const declareForeignKeys = async (
  warehouse: Warehouse,
  tables: readonly KeyedTable[],
  emit: Emit,
): Promise<number> => {
  if (warehouse.version < NOT_ENFORCED) return 0;
  const byId = new Map(tables.map((table) => [table.transform.id, table]));
  let declared = 0;
  for (const { transform, table } of tables) {
    try {
      declared += await declare(warehouse, table, keysOf(transform, byId));
    } catch (thrown) {
      if (!(thrown instanceof AssayError) || thrown.code !== 'engine-failed') throw thrown;
      const state = String(thrown.parameters['sqlstate']);
      emit('notice', {
        message: `keys of ${transform.id} could not be declared now (${state}); the next publication tries again`,
      });
    }
  }
  return declared;
};
