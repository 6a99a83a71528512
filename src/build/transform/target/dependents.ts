import type { Tx, Warehouse } from '../../../store/engine/index.js';

/** Somebody else's object that stands on one of our views or tables, and so blocks that it is dropped. */
export interface Dependent {
  /** The view or table of ours, as it was given. */
  readonly view: string;
  /** Its name as PostgreSQL writes it: `bi.sales_report`. */
  readonly dependent: string;
  /** `view`, `materialized view`, `function`, ... */
  readonly kind: string;
}

/**
 * Who stands on these relations (`gold.fact_sales`, or a quoted physical name) that is not of `ours`; default the relations themselves.
 * Keys that we declare, indexes and leaves are ours. An absent relation has none. Errors: `engine-failed`.
 */
export const foreignDependents = async (
  on: Pick<Tx | Warehouse, 'query'>,
  relations: readonly string[],
  ours: readonly string[] = relations,
): Promise<readonly Dependent[]> => {
  // A view hangs on its columns' relation through its rewrite rule; a table, column or function on the relation's row type.
  const { rows } = await on.query<{ view: string; dependent: string; kind: string }>(
    `WITH wanted AS (SELECT name, to_regclass(name) AS oid FROM unnest($1::text[]) name),
     own AS (SELECT to_regclass(name) AS oid FROM unnest($2::text[]) name),
     found AS (
       SELECT w.name, CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass::oid END AS class,
         coalesce(r.ev_class, d.objid) AS object
       FROM wanted w
       JOIN pg_class c ON c.oid = w.oid
       JOIN pg_depend d ON d.deptype = 'n' AND ((d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)
         OR (d.refclassid = 'pg_type'::regclass AND c.reltype <> 0 AND d.refobjid = c.reltype))
       LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
       WHERE d.classid <> 'pg_constraint'::regclass AND coalesce(r.ev_class, 0) <> c.oid)
     SELECT DISTINCT f.name AS view, o.identity AS dependent, o.type AS kind
     FROM found f CROSS JOIN LATERAL pg_identify_object(f.class, f.object, 0) o
     WHERE NOT (f.class = 'pg_class'::regclass AND EXISTS (SELECT FROM own WHERE own.oid = f.object))
     ORDER BY 1, 2`,
    [relations, ours],
  );
  return rows;
};
