import { error } from '../../../errors/index.js';
import type { LineageEdge } from '../../../store/state/index.js';
import { ALL, type LineageGraph, madeFrom, rowsFrom } from './edges.js';

/** A column in a tree of lineage. */
export interface LineageNode {
  readonly table: string;
  readonly column: string;
  /** How it goes into (or comes from) the column above it. */
  readonly via: readonly string[];
  /** Its own children stand elsewhere in the tree, where it was met first. */
  readonly repeated: boolean;
  readonly children: readonly LineageNode[];
}

export interface ColumnLineage {
  readonly table: string;
  readonly column: string;
  /** Columns that its value is made from, down to the sources. */
  readonly upstream: readonly LineageNode[];
  /** Columns that decide which value it has or which rows there are, one step up. */
  readonly decidedBy: readonly LineageNode[];
  /** Columns that are made from it, up to the last tables. */
  readonly downstream: readonly LineageNode[];
  /** Columns and row sets (`*`) that it decides, one step down. */
  readonly decides: readonly LineageNode[];
}

/** What `lineageAnswer` says: of one column, or of every column of a table. */
export interface LineageAnswer {
  readonly question: string;
  readonly columns: readonly ColumnLineage[];
}

interface Step {
  readonly table: string;
  readonly column: string;
  readonly via: string;
}

const keyOf = (of: { readonly table: string; readonly column: string }): string => `${of.table}\n${of.column}`;

/** Steps to the same column become one, in the order of table and column. */
const merged = (
  steps: readonly Step[],
): { readonly table: string; readonly column: string; readonly via: string[] }[] => {
  const by = new Map<string, { table: string; column: string; via: Set<string> }>();
  for (const { table, column, via } of steps) {
    const one = by.get(keyOf({ table, column })) ?? { table, column, via: new Set<string>() };
    by.set(keyOf(one), one);
    one.via.add(via);
  }
  return [...by.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => ({ table: one.table, column: one.column, via: [...one.via].sort() }));
};

const leaves = (steps: readonly Step[]): LineageNode[] =>
  merged(steps).map((one) => ({ ...one, repeated: false, children: [] }));

const up = (edge: LineageEdge): Step => ({ table: edge.inputTable, column: edge.inputColumn, via: edge.subtype });

/** Follows steps until there are none; a column is opened once, so the tree stays as small as the graph. */
const treeOf = (
  start: { readonly table: string; readonly column: string },
  next: (of: { readonly table: string; readonly column: string }) => readonly Step[],
): LineageNode[] => {
  const met = new Set([keyOf(start)]);
  const open = (of: { readonly table: string; readonly column: string }): LineageNode[] =>
    merged(next(of)).map((one) => {
      const repeated = met.has(keyOf(one));
      met.add(keyOf(one));
      return { ...one, repeated, children: repeated ? [] : open(one) };
    });
  return open(start);
};

/** For every column, what it goes into. */
const usesOf = (graph: LineageGraph): Map<string, (Step & { readonly type: LineageEdge['type'] })[]> => {
  const uses = new Map<string, (Step & { readonly type: LineageEdge['type'] })[]>();
  for (const [table, { columns }] of graph) {
    const edges = [...columns.flatMap((column) => madeFrom(graph, table, column)), ...rowsFrom(graph, table)];
    for (const edge of edges) {
      const key = keyOf({ table: edge.inputTable, column: edge.inputColumn });
      const list = uses.get(key) ?? [];
      uses.set(key, list);
      list.push({ table, column: edge.column, via: edge.subtype, type: edge.type });
    }
  }
  return uses;
};

/** Columns of a table: those that are declared, and those of a source that somebody reads. */
const columnsOf = (graph: LineageGraph, table: string): string[] => {
  const known = graph.get(table);
  if (known !== undefined && known.columns.length > 0) return [...known.columns];
  const read = [...graph.values()].flatMap(({ edges }) =>
    edges.flatMap((edge) => (edge.inputTable === table ? [edge.inputColumn] : [])),
  );
  return [...new Set(read)].sort();
};

const tablesOf = (graph: LineageGraph): Set<string> =>
  new Set([...graph].flatMap(([name, { edges }]) => [name, ...edges.map((edge) => edge.inputTable)]));

/**
 * Where a column comes from and what it goes into: `gold.fact_sales.total_amount`, or `gold.fact_sales` for all its columns. A column
 * of a source is asked for in the same way. Errors: `lineage-unknown`.
 */
export const lineageAnswer = (question: string, graph: LineageGraph): LineageAnswer => {
  const tables = tablesOf(graph);
  const cut = question.lastIndexOf('.');
  const table = tables.has(question) ? question : question.slice(0, Math.max(cut, 0));
  if (!tables.has(table)) throw error('lineage-unknown', { name: question, known: [...tables].sort() });
  const all = columnsOf(graph, table);
  const asked = tables.has(question) ? all : [question.slice(cut + 1)];
  const unknown = asked.find((column) => !all.includes(column));
  if (unknown !== undefined) throw error('lineage-unknown', { name: question, known: all });
  const uses = usesOf(graph);
  return {
    question,
    columns: asked.map((column) => {
      const from = (of: { table: string; column: string }) => madeFrom(graph, of.table, of.column);
      const to = (of: { table: string; column: string }) => uses.get(keyOf(of)) ?? [];
      const here = { table, column };
      return {
        ...here,
        upstream: treeOf(here, (of) =>
          from(of)
            .filter(({ type }) => type === 'DIRECT')
            .map(up),
        ),
        decidedBy: leaves([
          ...from(here)
            .filter(({ type }) => type === 'INDIRECT')
            .map(up),
          ...rowsFrom(graph, table).map(up),
        ]),
        downstream: treeOf(here, (of) => to(of).filter(({ type }) => type === 'DIRECT')),
        decides: leaves(to(here).filter(({ type }) => type === 'INDIRECT')),
      };
    }),
  };
};

/** `all`: what `*` stands for, every column of an input or the rows of a table that is made. */
const label = (node: LineageNode, all: string): string =>
  `${node.column === ALL ? `${all} of ${node.table}` : `${node.table}.${node.column}`}  ${node.via
    .map((via) => via.toLowerCase().replaceAll('_', ' '))
    .join(', ')}${node.repeated ? '  (see above)' : ''}`;

const branch = (nodes: readonly LineageNode[], all: string, indent: string): string[] =>
  nodes.flatMap((node, at) => {
    const last = at === nodes.length - 1;
    return [
      `${indent}${last ? '└─ ' : '├─ '}${label(node, all)}`,
      ...branch(node.children, all, `${indent}${last ? '   ' : '│  '}`),
    ];
  });

/** An answer as lines of text. */
export const lineageText = (answer: LineageAnswer): string =>
  answer.columns
    .map((one) => {
      const part = (title: string, nodes: readonly LineageNode[], all: string) =>
        nodes.length === 0 ? [] : [`  ${title}`, ...branch(nodes, all, '    ')];
      const lines = [
        ...part('made from', one.upstream, 'every column'),
        ...part('decided by', one.decidedBy, 'every column'),
        ...part('goes into', one.downstream, 'rows'),
        ...part('decides', one.decides, 'rows'),
      ];
      return [
        `${one.table}.${one.column}`,
        ...(lines.length === 0 ? ['  nothing is known before or after it'] : lines),
      ];
    })
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
