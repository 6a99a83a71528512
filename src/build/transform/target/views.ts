import { setTimeout } from 'node:timers/promises';
import { AssayError, error } from '../../../errors/index.js';
import type { Tx } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';
import { literal, postgresType, quoted } from '../sql-text.js';

/**
 * A reader that locks several views in another order than ours would be in a deadlock with us, and PostgreSQL may end either of the
 * two after its deadlock_timeout (1 s). So we give up long before, let the reader go on, and try again.
 */
const LOCK_MILLISECONDS = 300;
const PAUSE_MILLISECONDS = 100;
const ATTEMPTS = 40;
const LOCK_SECONDS = (ATTEMPTS * (LOCK_MILLISECONDS + PAUSE_MILLISECONDS)) / 1000;
const LOCKED = new Set<unknown>(['55P03', '40P01']);

const sqlstateOf = (thrown: unknown): unknown =>
  thrown instanceof AssayError && thrown.code === 'engine-failed' ? thrown.parameters['sqlstate'] : undefined;

const viewName = (transform: Transform): string => `${quoted(transform.layer)}.${quoted(transform.table)}`;

/**
 * Points the public views at their tables, in the publishing transaction, and takes away those of tables that are made no more. A
 * view whose columns are the old ones or those and more is replaced and keeps its identity; another is dropped (never with what
 * depends on it), made anew and granted as before. Errors: `view-blocked`, `view-locked`.
 */
export const swapViews = async (
  tx: Tx,
  views: readonly { readonly transform: Transform; readonly table: string }[],
  gone: readonly string[],
  _environment?: string,
): Promise<void> => {
  const swaps: Swap[] = [
    ...gone.map((view) => ({ view, swap: () => dropView(tx, view) })),
    ...views.map(({ transform, table }) => ({ view: transform.name, swap: () => swapView(tx, transform, table) })),
  ];
  await tx.query(`SET LOCAL lock_timeout = '${LOCK_MILLISECONDS}ms'`);
  for (let attempt = 1; ; attempt++) {
    await tx.query('SAVEPOINT views');
    let at: Swap | undefined;
    try {
      for (at of swaps) await at.swap();
      await tx.query('RELEASE SAVEPOINT views');
      await tx.query('SET LOCAL lock_timeout = 0');
      return;
    } catch (thrown) {
      if (!at || !LOCKED.has(sqlstateOf(thrown))) throw thrown;
      if (attempt === ATTEMPTS) throw error('view-locked', { view: at.view, seconds: LOCK_SECONDS }, thrown);
      await tx.query('ROLLBACK TO SAVEPOINT views');
      // What readers lock first is asked for first next time: then the server's queue decides, and nobody waits in a circle.
      swaps.splice(swaps.indexOf(at), 1);
      swaps.unshift(at);
      await setTimeout(PAUSE_MILLISECONDS * (0.5 + Math.random()));
    }
  }
};

interface Swap {
  readonly view: string;
  readonly swap: () => Promise<unknown>;
}

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
    await dropView(tx, transform.name);
    await tx.query(`CREATE VIEW ${view} ${select}`);
    for (const grant of grants) await tx.query(grant);
  }
  await tx.query(`COMMENT ON VIEW ${view} IS ${literal(transform.description)}`);
};

/** Drops a view that nobody else stands on. */
const dropView = (tx: Tx, name: string): Promise<unknown> =>
  tx
    .query(`DROP VIEW IF EXISTS ${name.split('.').map(quoted).join('.')} RESTRICT`)
    .catch((thrown: unknown) =>
      Promise.reject(
        sqlstateOf(thrown) === '2BP01'
          ? error('view-blocked', { view: name, by: 'another view or function' }, thrown)
          : thrown,
      ),
    );

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
