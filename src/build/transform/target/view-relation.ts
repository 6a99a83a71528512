import type { DataType } from '../../../query/index.js';
import { pinnedStatement } from '../../../store/state/index.js';
import { idOfRef, referencesOf, render } from '../files/template.js';
import { postgresType, quoted, viewOf } from '../sql-text.js';

/** The engines that a view can be read on: DuckDB over the lake, and PostgreSQL. */
export type ViewEngine = 'duckdb' | 'postgres';

/** The SELECT of a view as it is kept with its version: its file may say something else by now. */
export interface ViewText {
  readonly file: string;
  /** Columns of the contract, in order. */
  readonly columns: readonly { readonly name: string; readonly type: DataType }[];
  /** The SELECT for each engine that the view is in, references unresolved. */
  readonly bodies: Readonly<Partial<Record<ViewEngine, string>>>;
}

/** Ids of the tables that a view's SELECT reads. `has` tells which ids there are. */
export const readsOfView = (view: ViewText, has: (id: string) => boolean): readonly string[] => {
  const text = view.bodies.duckdb ?? view.bodies.postgres ?? '';
  const ids = referencesOf(view.file, text, 1).flatMap(({ reference }) =>
    reference.kind === 'ref' ? [idOfRef(reference, has)] : [],
  );
  return [...new Set(ids)].sort();
};

/** As tables have it: a statement in PostgreSQL may give varchar, and text of another collation. */
const shownAs = ({ name, type }: ViewText['columns'][number], engine: ViewEngine): string => {
  const column = quoted(name);
  if (engine === 'duckdb') return column;
  const collation = type.kind === 'string' ? ' COLLATE "C"' : '';
  return `CAST(${column} AS ${postgresType(type)})${collation} AS ${column}`;
};

/** The SELECT over the relations of what it reads. A subquery with a name of its own for each: a view of a view is written into it. */
const selectOf = (
  view: ViewText,
  engine: ViewEngine,
  ids: readonly string[],
  relationOf: (id: string) => string,
): string => {
  const known = new Set(ids);
  const given = ids.map((id) => `${viewOf(id)} AS NOT MATERIALIZED (SELECT * FROM ${relationOf(id)})`);
  const body = render(
    view.file,
    view.bodies[engine] ?? '',
    1,
    (of) => (of.kind === 'ref' ? viewOf(idOfRef(of, (id) => known.has(id))) : 'NULL'),
    engine,
  );
  return `${given.length === 0 ? '' : `WITH ${given.join(', ')} `}SELECT ${view.columns.map((column) => shownAs(column, engine)).join(', ')} FROM (\n${body}\n) AS body`;
};

/**
 * A view as a relation to be put after FROM, over the relations of the tables that it reads (by id). Guards of pinned relations are
 * taken out of them and stand around the whole. Undefined: the view is not in this engine, or one of its tables is not.
 */
export const viewRelation = (
  view: ViewText,
  engine: ViewEngine,
  relations: ReadonlyMap<string, string | undefined>,
): string | undefined => {
  if (view.bodies[engine] === undefined) return undefined;
  const ids = readsOfView(view, (id) => relations.has(id));
  const given = new Map<string, string>();
  for (const id of ids) {
    const relation = relations.get(id);
    if (relation === undefined) return undefined;
    given.set(id, relation);
  }
  return engine === 'duckdb'
    ? `(${selectOf(view, engine, ids, (id) => given.get(id) ?? '')})`
    : `(${pinnedStatement(given, (relationOf) => selectOf(view, engine, ids, relationOf))})`;
};
