import type { ColumnEdge, Subtype } from '../meaning.js';
import { digest, fold, type Json, type Node } from '../tree.js';

/** Stands for the rows of a table among edges; it is taken out before anyone sees them. */
export const ROWS = '*';

export type Edges = readonly ColumnEdge[];

/** A column of a relation. `hash`: what decides its value, given the relation's rows. */
export interface Column {
  /** Small letters; '' when it has no name that a reference could use. */
  readonly name: string;
  readonly hash: string;
  readonly edges: Edges;
}

/** A table, a subquery, a common table expression. */
export interface Relation {
  readonly columns: readonly Column[];
  /** Gives the columns that are not listed, when it is not known which there are. */
  readonly open: ((name: string) => Column) | undefined;
  /** What decides its rows. */
  readonly rows: string;
  readonly edges: Edges;
}

/** An expression with its columns put in: equal forms in equal scopes give equal values. */
export interface Resolved {
  readonly form: Json;
  readonly edges: Edges;
}

/** One relation of a FROM. */
export interface Item {
  readonly alias: string;
  readonly index: number;
  readonly relation: Relation;
  /** Set once a SEMI or ANTI join has used it up. */
  hidden: boolean;
}

/** What `*` gives, in order; an item stands for itself when its columns are not all known. */
export type Visible = { readonly name: string; readonly value: Resolved } | { readonly item: Item };

export interface Scope {
  readonly items: readonly Item[];
  /** Columns of USING, which belong to both sides. */
  readonly merged: ReadonlyMap<string, Resolved>;
  readonly outer: Scope | undefined;
  readonly ctes: Ctes;
  /** The SELECT's own names: `SELECT a + 1 AS b, b * 2`. */
  readonly alias: (name: string) => Resolved | undefined;
  /** HAVING: a name may be the SELECT's or the FROM's. */
  readonly both: boolean;
  readonly parameters: ReadonlySet<string>;
  /** Told when an aggregate in a subquery is over this scope's rows. */
  readonly aggregated: () => void;
}

/** A scope in which nothing is yet. */
export const emptyScope = (outer: Scope | undefined, ctes: Ctes): Scope => ({
  ...{ items: [], merged: new Map(), outer, ctes, both: false, parameters: new Set<string>() },
  alias: () => undefined,
  aggregated: () => undefined,
});

/** Common table expressions, inner ones first. Each is worked out when it is first read. */
export type Ctes = (name: string) => Relation | undefined;

/** What the walk through one statement shares. */
export interface Walk {
  /** The input that a name of ours stands for. */
  base(kind: string, name: string): Relation | undefined;
  /** A query inside of another. */
  query(node: Node, outer: Scope | undefined, ctes: Ctes): Relation;
  /** Inputs that were not understood. */
  readonly opaque: Set<string>;
  /** A name that nothing in scope has. Errors: `transform-invalid` when it is a clock. */
  unknown(parts: readonly string[], node: Node): void;
}

/** Each edge once, in the order of first appearance. */
export const merge = (...lists: readonly Edges[]): Edges => {
  const seen = new Map<string, ColumnEdge>();
  for (const list of lists)
    for (const edge of list) {
      const key = `${edge.type}\u0000${edge.subtype}\u0000${edge.table}\u0000${edge.column}`;
      if (!seen.has(key)) seen.set(key, edge);
    }
  return [...seen.values()];
};

/** The edges of what only decides, not gives. What was indirect already stays what it was. */
export const indirect = (edges: Edges, subtype: Subtype): Edges =>
  merge(edges.map((edge) => (edge.type === 'INDIRECT' ? edge : { ...edge, type: 'INDIRECT', subtype })));

/** The edges of a value that is worked out from others. */
export const through = (edges: Edges, subtype: 'TRANSFORMATION' | 'AGGREGATION'): Edges =>
  merge(
    edges.map((edge) =>
      edge.type === 'INDIRECT' || edge.subtype === 'AGGREGATION' || edge.subtype === subtype
        ? edge
        : { ...edge, subtype },
    ),
  );

export const tablesOf = (relation: Relation): ReadonlySet<string> =>
  new Set([...relation.edges, ...relation.columns.flatMap((column) => column.edges)].map((edge) => edge.table));

/** Everything of a relation that is known. */
export const whole = (relation: Relation): Json => [
  relation.rows,
  ...relation.columns.map(({ name, hash }) => [name, hash]),
  relation.open ? 'open' : '',
];

/** A column as an expression of the scope that holds its relation. */
export const bound = (item: Item, column: Column): Resolved => ({
  form: { '#': [0, item.index, column.hash] },
  edges: column.edges,
});

/** A column of a relation by its name; the first, when several have it. */
export const columnOf = (relation: Relation, name: string): Column | undefined =>
  relation.columns.find((column) => column.name === name) ?? relation.open?.(name);

/** Names as a subquery gives them: a later column of the same name is called `id_1`. */
export const named = (relation: Relation, alias: readonly string[] = []): Relation => {
  const taken = new Set<string>();
  const columns = relation.columns.map((column, i) => {
    const wanted = fold(alias[i] ?? column.name);
    let name = wanted;
    for (let n = 1; name !== '' && taken.has(name); n += 1) name = `${wanted}_${n}`;
    taken.add(name);
    return { ...column, name };
  });
  return { ...relation, columns };
};

/** A relation whose columns are not known, over others of which all counts. */
export const wild = (walk: Pick<Walk, 'opaque'>, form: Json, over: readonly Relation[]): Relation => {
  for (const relation of over) for (const table of tablesOf(relation)) walk.opaque.add(table);
  const rows = digest(['wild', form, over.map(whole)]);
  return {
    columns: [],
    open: (name) => ({ name, hash: digest(['wild', rows, name]), edges: [] }),
    rows,
    edges: merge(...over.map(({ edges }) => edges)),
  };
};
