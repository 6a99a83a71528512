import type { LineageEdge } from '../../../store/state/index.js';
import type { ColumnEdge, Lineage } from '../meaning/meaning.js';

/** Stands for the set of rows of a table, or for every column of an input. */
export const ALL = '*';

/**
 * A statement's lineage as the ledger keeps it. An input that was not understood is a DIRECT edge from all its columns to the rows:
 * any column of the table may come from any column of it.
 */
export const edgesOf = (lineage: Lineage): LineageEdge[] => {
  const edge = (column: string, of: ColumnEdge): LineageEdge => ({
    ...{ column, inputTable: of.table, inputColumn: of.column, type: of.type, subtype: of.subtype },
  });
  const edges = [
    ...[...lineage.columns].flatMap(([column, made]) => made.map((of) => edge(column, of))),
    ...lineage.rows.map((of) => edge(ALL, { ...of, type: 'INDIRECT' })),
    ...[...lineage.opaque].map((table) => edge(ALL, { table, column: ALL, type: 'DIRECT', subtype: 'TRANSFORMATION' })),
  ];
  return [...new Map(edges.map((one) => [Object.values(one).join('\n'), one])).values()];
};

/** What lineage knows of one table. */
export interface LineageTable {
  /** Columns in their order. */
  readonly columns: readonly string[];
  /** Empty for sources and seeds. */
  readonly edges: readonly LineageEdge[];
}

/** Every table that lineage reaches, by the name that edges use; sources that nobody described may be missing. */
export type LineageGraph = ReadonlyMap<string, LineageTable>;

/** Edges of one output column, those of inputs that were not understood included: as if made from every known column of them. */
export const madeFrom = (graph: LineageGraph, table: string, column: string): LineageEdge[] =>
  (graph.get(table)?.edges ?? []).flatMap((edge) => {
    if (edge.column === column) return [edge];
    if (edge.column !== ALL || edge.inputColumn !== ALL || edge.type !== 'DIRECT') return [];
    const columns = graph.get(edge.inputTable)?.columns ?? [ALL];
    return columns.map((inputColumn) => ({ ...edge, column, inputColumn }));
  });

/** Edges that decide which rows a table has. */
export const rowsFrom = (graph: LineageGraph, table: string): LineageEdge[] =>
  (graph.get(table)?.edges ?? []).filter((edge) => edge.column === ALL && edge.type === 'INDIRECT');
