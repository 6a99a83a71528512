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

/** The schema that an environment's views of a layer are in: `gold` for prod, `gold__pr_17` for others. */
export const viewSchema = (layer: string, environment: string): string =>
  environment === 'prod' ? layer : `${layer}__${environment}`;

/** Where a public view is and what it shows. */
interface View {
  readonly schema: string;
  readonly name: string;
  readonly transform: Transform;
  /** What stands after FROM; of a view as transforms have them a statement in brackets. */
  readonly table: string;
}

/** A physical table, or the statement of a transform of kind view over them. */
const tableUnder = ({ transform, table }: Pick<View, 'transform' | 'table'>): string =>
  transform.kind === 'view' ? '' : table;

const plainName = ({ schema, name }: Pick<View, 'schema' | 'name'>): string => `${schema}.${name}`;
const sqlName = ({ schema, name }: Pick<View, 'schema' | 'name'>): string => `${quoted(schema)}.${quoted(name)}`;

/** Names of a model version's views: by its number, and by the table's name alone too for the newest version. */
const namesOf = (transform: Named, environment: string): readonly Pick<View, 'schema' | 'name'>[] => {
  const schema = viewSchema(transform.layer, environment);
  const numbered = { schema, name: `${transform.table}_v${transform.version}` };
  return transform.id === transform.name ? [{ schema, name: transform.table }, numbered] : [numbered];
};
type Named = Pick<Transform, 'id' | 'name' | 'layer' | 'table' | 'version'>;

/** The views that an environment shows a model version in, quoted: `"gold"."fact_sales"`, `"gold"."fact_sales_v2"`. */
export const publicViews = (transform: Named, environment: string): readonly string[] =>
  namesOf(transform, environment).map(sqlName);

/** The view by number of the version that a view shows now. */
const numberedView = (
  { schema, name }: Pick<View, 'schema' | 'name'>,
  shown: Shown | undefined,
): Pick<View, 'schema' | 'name'>[] => {
  const [, table, version] = /^(.+)__v(\d+)__[0-9a-f]{8}$/.exec(shown?.base ?? '') ?? [];
  const ofTable = table !== undefined && name.startsWith(table) ? [`${name}_v${version}`] : [];
  return [...new Set([...ofTable, ...(shown?.twins ?? [])])].map((one) => ({ schema, name: one }));
};

const viewsOf = (transform: Transform, table: string, environment: string): readonly View[] =>
  namesOf(transform, environment).map((name) => ({ ...name, transform, table }));

/** A public name (`gold.fact_sales_v1`) in an environment. */
const goneView = (name: string, environment: string): Pick<View, 'schema' | 'name'> => {
  const [layer = '', view = ''] = name.split('.');
  return { schema: viewSchema(layer, environment), name: view };
};

/**
 * Points the public views at their tables, in the publishing transaction, and takes away those of tables that are made no more. A
 * view that shows the right table already is not touched, so its readers feel nothing. One whose columns are the old ones or those
 * and more is replaced and keeps its identity; another is dropped (never with what depends on it), made anew and granted as before.
 * `gone` and `served` are public names (`gold.fact_sales`, `gold.fact_sales_v1`): those that go, and all that there are afterwards.
 * Errors: `view-blocked`, `view-locked`.
 */
export const swapViews = async (
  tx: Tx,
  views: readonly { readonly transform: Transform; readonly table: string }[],
  gone: readonly string[],
  environment: string,
  served: readonly string[] = [],
): Promise<void> => {
  const wanted = views.flatMap(({ transform, table }) => viewsOf(transform, table, environment));
  const named = new Set([...wanted, ...served.map((name) => goneView(name, environment))].map(sqlName));
  const leaving = gone.map((name) => goneView(name, environment)).filter((view) => !named.has(sqlName(view)));
  const shown = await shownViews(tx, [
    ...wanted.map((view) => ({ ...view, under: tableUnder(view) })),
    ...leaving.map((view) => ({ ...view, under: '' })),
  ]);
  const moving = wanted.filter((view) => !isShown(view, shown.get(sqlName(view))));
  // A newest version had a view by its number too: that one goes with it, unless its version is still served.
  const numbered = [...leaving, ...moving]
    .flatMap((view) => numberedView(view, shown.get(sqlName(view))))
    .filter((view) => !named.has(sqlName(view)));
  const swaps: Swap[] = [
    ...[...leaving, ...numbered].map((view) => ({ view: plainName(view), swap: () => dropView(tx, view) })),
    ...moving.map((view) => ({ view: plainName(view), swap: () => swapView(tx, view, shown.get(sqlName(view))) })),
  ];
  if (swaps.length === 0) return;
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

/** A view as it is now. */
interface Shown {
  readonly view: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** True when it stands on the wanted table and on nothing else. */
  readonly right: boolean;
  /** Name of a table that it stands on. */
  readonly base: string | null;
  /** Views by number beside it that show just the same. */
  readonly twins: readonly string[] | null;
  readonly comment: string | null;
}

const shownViews = async (
  tx: Tx,
  views: readonly (Pick<View, 'schema' | 'name'> & { readonly under: string })[],
): Promise<ReadonlyMap<string, Shown>> => {
  const { rows } = await tx.query<Shown>(
    `SELECT w.view, d.comment,
       (SELECT json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
       coalesce(b.oids = array[to_regclass(nullif(w.tbl, ''))::oid], false) AS right,
       (SELECT relname FROM pg_class WHERE oid = b.oids[1]) AS base,
       (SELECT json_agg(n.relname) FROM pg_class n WHERE n.relnamespace = c.relnamespace AND n.relkind = 'v'
         AND n.relname ~ ('^' || c.relname || '_v[0-9]+$') AND pg_get_viewdef(n.oid) = pg_get_viewdef(c.oid)) AS twins
     FROM unnest($1::text[], $2::text[]) w(view, tbl) JOIN pg_class c ON c.oid = to_regclass(w.view)
     CROSS JOIN LATERAL (SELECT obj_description(c.oid, 'pg_class') AS comment) d
     CROSS JOIN LATERAL (SELECT array_agg(DISTINCT p.refobjid) AS oids FROM pg_rewrite r
       JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = r.oid
       WHERE r.ev_class = c.oid AND p.refclassid = 'pg_class'::regclass AND p.refobjid <> c.oid) b`,
    [views.map(sqlName), views.map(({ under }) => under)],
  );
  return new Map(rows.map((row) => [row.view, row]));
};

/** True when the old columns are the first of the wanted ones: only then PostgreSQL replaces a view in place. */
const fits = ({ transform }: View, old: Shown['columns']): boolean =>
  old.every(({ name, type }, i) => {
    const column = transform.columns[i];
    return column !== undefined && column.name === name && postgresType(column.type) === type;
  });

const isShown = (view: View, shown: Shown | undefined): boolean =>
  shown?.right === true &&
  shown.columns.length === view.transform.columns.length &&
  fits(view, shown.columns) &&
  shown.comment === view.transform.description;

const swapView = async (tx: Tx, view: View, shown: Shown | undefined): Promise<void> => {
  const { transform, table, schema } = view;
  const name = sqlName(view);
  await tx.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`);
  const columns = transform.columns.map((c) => quoted(c.name)).join(', ');
  const select = `AS SELECT ${columns} FROM ${table}${transform.kind === 'view' ? ' AS shown' : ''}`;
  if (!shown || fits(view, shown.columns)) await tx.query(`CREATE OR REPLACE VIEW ${name} ${select}`);
  else {
    const grants = await grantsOf(tx, view);
    await dropView(tx, view);
    await tx.query(`CREATE VIEW ${name} ${select}`);
    for (const grant of grants) await tx.query(grant);
  }
  await tx.query(`COMMENT ON VIEW ${name} IS ${literal(transform.description)}`);
};

/** Drops a view that nobody else stands on. */
const dropView = (tx: Tx, view: Pick<View, 'schema' | 'name'>): Promise<unknown> =>
  tx
    .query(`DROP VIEW IF EXISTS ${sqlName(view)} RESTRICT`)
    .catch((thrown: unknown) =>
      Promise.reject(
        sqlstateOf(thrown) === '2BP01'
          ? error('view-blocked', { view: plainName(view), by: 'another view or function' }, thrown)
          : thrown,
      ),
    );

/** GRANT statements that give a view's readers what they have now; rights on columns that go are gone with them. */
const grantsOf = async (tx: Tx, view: View): Promise<string[]> => {
  const name = sqlName(view);
  const { rows } = await tx.query<{
    grantee: string | null;
    privilege: string;
    grantable: boolean;
    column: string | null;
  }>(
    `SELECT r.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable, g.column
     FROM pg_class c CROSS JOIN LATERAL (SELECT c.relacl AS acl, NULL::text AS column UNION ALL
         SELECT attacl, attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) g
       CROSS JOIN LATERAL aclexplode(g.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner`,
    [name],
  );
  const kept = new Set(view.transform.columns.map((c) => c.name));
  return rows
    .filter(({ column }) => column === null || kept.has(column))
    .map(({ grantee, privilege, grantable, column }) => {
      const of = column === null ? '' : ` (${quoted(column)})`;
      const to = grantee === null ? 'PUBLIC' : quoted(grantee);
      return `GRANT ${privilege}${of} ON ${name} TO ${to}${grantable ? ' WITH GRANT OPTION' : ''}`;
    });
};
