import { AssayError, error } from '../../errors/index.js';
import type { Tx } from '../../store/engine/index.js';
import type { Transform } from './definition.js';
import { literal, postgresType, quoted } from './sql-text.js';

const LOCK_SECONDS = 3;
const ATTEMPTS = 5;

const sqlstateOf = (thrown: unknown): unknown =>
  thrown instanceof AssayError && thrown.code === 'engine-failed' ? thrown.parameters['sqlstate'] : undefined;

const viewName = (transform: Transform): string => `${quoted(transform.layer)}.${quoted(transform.table)}`;

/**
 * Points the public views at their tables, in the publishing transaction. A view whose columns are the old ones or those and more is
 * replaced and keeps its identity; another is dropped (never with what depends on it), made anew and granted as before.
 * Errors: `view-blocked`, `view-locked`.
 */
export const swapViews = async (
  tx: Tx,
  views: readonly { readonly transform: Transform; readonly table: string }[],
): Promise<void> => {
  await tx.query(`SET LOCAL lock_timeout = '${LOCK_SECONDS}s'`);
  for (let attempt = 1; ; attempt++) {
    await tx.query('SAVEPOINT views');
    let view = '';
    try {
      for (const { transform, table } of views) {
        view = transform.name;
        await swapView(tx, transform, table);
      }
      await tx.query('RELEASE SAVEPOINT views');
      await tx.query('SET LOCAL lock_timeout = 0');
      return;
    } catch (thrown) {
      if (sqlstateOf(thrown) !== '55P03') throw thrown;
      if (attempt === ATTEMPTS) throw error('view-locked', { view, seconds: LOCK_SECONDS * ATTEMPTS }, thrown);
      await tx.query('ROLLBACK TO SAVEPOINT views');
    }
  }
};

const swapView = async (tx: Tx, transform: Transform, table: string): Promise<void> => {
  const view = viewName(transform);
  await tx.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(transform.layer)}`);
  const { rows: old } = await tx.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [view],
  );
  const columns = transform.columns.map((c) => quoted(c.name)).join(', ');
  const select = `AS SELECT ${columns} FROM ${table}`;
  const fits = old.every(({ name, type }, i) => {
    const column = transform.columns[i];
    return column !== undefined && column.name === name && postgresType(column.type) === type;
  });
  if (fits) await tx.query(`CREATE OR REPLACE VIEW ${view} ${select}`);
  else {
    const grants = await grantsOf(tx, view);
    await tx
      .query(`DROP VIEW ${view} RESTRICT`)
      .catch((thrown: unknown) =>
        Promise.reject(sqlstateOf(thrown) === '2BP01' ? dropFailure(transform.name, thrown) : thrown),
      );
    await tx.query(`CREATE VIEW ${view} ${select}`);
    for (const grant of grants) await tx.query(grant);
  }
  await tx.query(`COMMENT ON VIEW ${view} IS ${literal(transform.description)}`);
};

/** Takes away the views of tables that are made no more. Errors: `view-blocked`. */
export const dropViews = async (tx: Tx, names: readonly string[]): Promise<void> => {
  await tx.query(`SET LOCAL lock_timeout = '${LOCK_SECONDS}s'`);
  for (const name of names)
    await tx
      .query(`DROP VIEW IF EXISTS ${name.split('.').map(quoted).join('.')} RESTRICT`)
      .catch((thrown: unknown) => Promise.reject(dropFailure(name, thrown)));
  await tx.query('SET LOCAL lock_timeout = 0');
};

const dropFailure = (view: string, thrown: unknown): unknown => {
  const state = sqlstateOf(thrown);
  if (state === '2BP01') return error('view-blocked', { view, by: 'another view or function' }, thrown);
  if (state === '55P03') return error('view-locked', { view, seconds: LOCK_SECONDS }, thrown);
  return thrown;
};

/** GRANT statements that give a view's readers what they have now. */
const grantsOf = async (tx: Tx, view: string): Promise<string[]> => {
  const { rows } = await tx.query<{ grantee: string | null; privilege: string; grantable: boolean }>(
    `SELECT r.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
     FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner`,
    [view],
  );
  return rows.map(
    ({ grantee, privilege, grantable }) =>
      `GRANT ${privilege} ON ${view} TO ${grantee === null ? 'PUBLIC' : quoted(grantee)}${grantable ? ' WITH GRANT OPTION' : ''}`,
  );
};
