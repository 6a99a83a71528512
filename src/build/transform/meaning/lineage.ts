import { error } from '../../../errors/index.js';
import { UNSTABLE } from './functions.js';
import type { ColumnEdge, Lineage, Read } from './meaning.js';
import { query } from './resolve/query.js';
import { type Edges, merge, type Relation, ROWS, type Walk } from './resolve/scope.js';
import { digest, type Statement } from './tree.js';

/** An input as it is known: its columns in order, with what decides each, and what decides its rows. */
export interface Input {
  /** What lineage calls it. */
  readonly name: string;
  readonly rows: string;
  /** Undefined: it is not known which columns it has. */
  readonly columns: ReadonlyMap<string, string> | undefined;
}

/** A statement's result before its columns are those of a contract. */
export interface Analysis {
  readonly relation: Relation;
  readonly opaque: ReadonlySet<string>;
}

/** An input as a relation whose every column comes from itself. */
export const relationOf = (input: Input): Relation => {
  const edge = (column: string): Edges => [{ table: input.name, column, type: 'DIRECT', subtype: 'IDENTITY' }];
  const column = (name: string, shown: string, hash: string) => ({
    name,
    hash: digest(['column', hash]),
    edges: edge(shown),
  });
  const edges: Edges = [{ table: input.name, column: ROWS, type: 'INDIRECT', subtype: 'FILTER' }];
  return {
    columns: [...(input.columns ?? [])].map(([name, hash]) => column(name.toLowerCase(), name, hash)),
    open: input.columns ? undefined : (name) => column(name, name, digest([input.rows, name])),
    rows: digest(['table', input.rows]),
    edges,
  };
};

/**
 * Works out what a statement's columns and rows are made from. `base` gives the relation that a placeholder stands for.
 * Errors: `transform-invalid` for a clock without brackets (CURRENT_DATE).
 */
export const analyse = (file: string, statement: Statement, base: Walk['base']): Analysis => {
  const opaque = new Set<string>();
  const walk: Walk = {
    base,
    opaque,
    query: (node, outer, ctes) => query(node, outer, ctes, walk, false),
    unknown: (parts, node) => {
      if (parts.length === 1 && UNSTABLE.has(parts[0] ?? ''))
        throw error('transform-invalid', {
          file,
          line: statement.lineOf(node),
          what: `${parts[0]} gives another result each time; {{run.ts}} is the build's time`,
        });
    },
  };
  const relation = query(statement.root, undefined, () => undefined, walk, true);
  return { relation, opaque };
};

const order = (a: ColumnEdge, b: ColumnEdge): number => {
  const key = (e: ColumnEdge) => [e.type, e.table, e.column, e.subtype].join('\u0000');
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
};
/** Edges in a fixed order, without those that stand for rows. */
const shown = (edges: Edges): ColumnEdge[] => edges.filter((edge) => edge.column !== ROWS).sort(order);

/** Lineage of the columns that a table has in the end. */
export const lineageOf = (columns: ReadonlyMap<string, Edges>, rows: Edges, opaque: ReadonlySet<string>): Lineage => ({
  columns: new Map([...columns].map(([name, edges]) => [name, shown(edges)])),
  rows: shown(rows),
  opaque: new Set([...opaque].sort()),
});

/** Of each input, what the edges say is used; all of it where the statement was not understood. */
export const readsOf = (
  columns: ReadonlyMap<string, Edges>,
  rows: Edges,
  opaque: ReadonlySet<string>,
  inputs: ReadonlyMap<string, Input>,
): Map<string, Read> => {
  const used = new Map<string, Set<string>>();
  for (const { table, column } of merge(rows, ...columns.values()))
    used.set(table, (used.get(table) ?? new Set()).add(column));
  for (const table of opaque) used.set(table, new Set(inputs.get(table)?.columns?.keys() ?? []));
  return new Map(
    [...used]
      .filter(([table]) => inputs.has(table))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([table, names]) => {
        const input = inputs.get(table);
        const hashes = [...names]
          .filter((name) => name !== ROWS)
          .sort()
          .map((name) => [name, input?.columns?.get(name) ?? ''] as const);
        return [table, { rowset: input?.rows ?? '', columns: new Map(hashes) }];
      }),
  );
};
