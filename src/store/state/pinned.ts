import { AssayError } from '../../errors/index.js';

/**
 * A published table as readers put it after FROM. Its guard makes a statement fail with SQLSTATE AS001 when a later publication has
 * changed the rows: readers then take the new publication and ask again. `table` is quoted by the caller.
 */
export const pinnedRelation = (table: string, versionId: number, changedAt: number): string =>
  `(SELECT * FROM ${table} WHERE (SELECT assay.pinned(${versionId}, ${changedAt})))`;

/** A table with its guard, or a view (a statement in brackets) with those of all tables that it reads. */
const PINNED =
  /^\(SELECT \* FROM (.+?)(?: AS pinned)? WHERE (\(SELECT assay\.pinned\(\d+, \d+\)\)(?: AND \(SELECT assay\.pinned\(\d+, \d+\)\))*)\)$/s;
const GUARD = /\(SELECT assay\.pinned\(\d+, \d+\)\)/g;

/** SQLSTATE of a guard's failure. */
const DATA_MOVED = 'AS001';

/** True for what a statement fails with when a table was changed after its publication was taken. */
export const isDataMoved = (thrown: unknown): boolean =>
  thrown instanceof AssayError && thrown.code === 'engine-failed' && thrown.parameters['sqlstate'] === DATA_MOVED;

/**
 * Puts relations into a SELECT of PostgreSQL (`place` gives the text with all of them in their places). Guards of pinned ones are taken
 * out and asked once, before the first row of anything is read: under an outer join a guard in its place is asked only where rows
 * meet, and one in a later branch of a union only after rows have been handed out. The order of rows is the SELECT's.
 */
export const pinnedStatement = (
  relations: ReadonlyMap<string, string>,
  place: (relationOf: (name: string) => string) => string,
): string => {
  const guards = new Set<string>();
  const plain = new Map<string, string>();
  for (const [name, relation] of relations) {
    const [, table, guarded = ''] = PINNED.exec(relation) ?? [];
    for (const [guard] of guarded.matchAll(GUARD)) guards.add(guard);
    plain.set(name, table ?? relation);
  }
  const sql = place((name) => plain.get(name) ?? name);
  return guards.size === 0 ? sql : `SELECT * FROM (${sql}) AS pinned WHERE ${[...guards].join(' AND ')}`;
};
