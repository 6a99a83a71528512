import { decimalText, timestampText, typeText } from '../../../query/index.js';
import type { CheckResultRow, LineageEdge } from '../../../store/state/index.js';
import type { Check } from '../files/definition.js';
import { driftChecks } from '../step/drift.js';
import { indexPage, tablePage } from './docs-markdown.js';
import type { ColumnLink, DocumentedTable, TableDocument, TransformDocs } from './docs-types.js';
import { type LineageGraph, madeFrom, rowsFrom } from './edges.js';

const linkUp = (edge: LineageEdge): ColumnLink => ({
  ...{ table: edge.inputTable, column: edge.inputColumn, type: edge.type, how: edge.subtype },
});

/** For every input column, what it goes into. */
const usesOf = (graph: LineageGraph): Map<string, ColumnLink[]> => {
  const uses = new Map<string, ColumnLink[]>();
  for (const [table, { columns }] of graph)
    for (const edge of [...columns.flatMap((column) => madeFrom(graph, table, column)), ...rowsFrom(graph, table)]) {
      const key = `${edge.inputTable}.${edge.inputColumn}`;
      uses.set(key, [...(uses.get(key) ?? []), { table, column: edge.column, type: edge.type, how: edge.subtype }]);
    }
  return uses;
};

const checkOf = (check: Check, results: readonly CheckResultRow[]): TableDocument['checks'][number] => {
  const result = results.findLast((one) => one.metric_id.endsWith(`/${check.name}`));
  return {
    ...{ name: check.name, type: check.question.type, columns: check.columns, severity: check.severity },
    ...{ dimension: check.metric, tolerance: decimalText(check.toleranceMillionths, 6) },
    ...{ status: result?.status, passed: result?.metric_value, checkedAt: result?.check_timestamp },
  };
};

const publishedOf = (state: DocumentedTable['state']): TableDocument['published'] =>
  state && {
    ...{ rows: state.rows, revision: state.revision, at: timestampText(state.publishedAt) },
    partitions: state.partitions.length,
    firstPartition: state.partitions[0],
    lastPartition: state.partitions.at(-1),
    score: state.scoreMillionths === undefined ? undefined : decimalText(state.scoreMillionths, 6),
    coverage: state.coverageMillionths === undefined ? undefined : decimalText(state.coverageMillionths, 6),
    quarantined: state.quarantined,
  };

const versionsOf = (name: string, all: readonly DocumentedTable[]): TableDocument['versions'] => {
  const of = all.map(({ transform }) => transform).filter((transform) => transform.name === name);
  return of
    .map(({ id, version }) => ({
      ...{ id, version, servedUntil: of.find((newer) => newer.deprecates === version)?.sunset },
    }))
    .sort((a, b) => b.version - a.version);
};

const documentOf = (
  table: DocumentedTable,
  all: readonly DocumentedTable[],
  graph: LineageGraph,
  uses: ReadonlyMap<string, readonly ColumnLink[]>,
): TableDocument => {
  const { transform } = table;
  const { id, partition } = transform;
  const edges = graph.get(id)?.edges ?? [];
  const readBy = [...graph].flatMap(([name, { edges: of }]) =>
    of.some((edge) => edge.inputTable === id) ? [name] : [],
  );
  return {
    ...{ id, name: transform.name, version: transform.version, fingerprint: table.fingerprint, file: transform.file },
    ...{ description: transform.description, owner: transform.owner, kind: transform.kind, role: transform.role },
    ...{ synthetic: transform.synthetic, targets: [...transform.targets].sort(), naturalKey: transform.natural },
    surrogateKey: transform.surrogate,
    partition: partition && { column: partition.column, unit: partition.unit, lookback: partition.lookback },
    freshnessHours: transform.freshnessHours,
    versions: versionsOf(transform.name, all),
    columns: transform.columns.map((column) => ({
      ...{
        name: column.name,
        type: typeText(column.type),
        nullable: column.nullable,
        unit: column.unit,
        pii: column.pii,
      },
      description: column.description,
      upstream: madeFrom(graph, id, column.name).map(linkUp),
      downstream: uses.get(`${id}.${column.name}`) ?? [],
    })),
    rowsDecidedBy: rowsFrom(graph, id).map(linkUp),
    readsFrom: [...new Set(edges.map((edge) => edge.inputTable))].sort(),
    readBy: readBy.filter((name) => name !== id).sort(),
    minimumScore: transform.minScoreMillionths === undefined ? undefined : decimalText(transform.minScoreMillionths, 6),
    checks: [...transform.checks, ...driftChecks(transform)].map((check) => checkOf(check, table.results)),
    published: publishedOf(table.state),
  };
};

/**
 * The documentation of all transforms: contract, lineage, checks and what is published, as JSON and as Markdown, one page for each
 * table and an index with the graph. The same records give the same text.
 */
export const transformDocs = (of: {
  readonly tables: readonly DocumentedTable[];
  readonly graph: LineageGraph;
}): TransformDocs => {
  const uses = usesOf(of.graph);
  const tables = of.tables
    .map((table) => documentOf(table, of.tables, of.graph, uses))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const known = new Set(tables.map(({ id }) => id));
  return {
    json: { tables },
    markdown: new Map([
      ['index.md', indexPage(tables)],
      ...tables.map((table): [string, string] => [`${table.id}.md`, tablePage(table, known)]),
    ]),
  };
};

export type { ColumnLink, DocumentedTable, TableDocument, TransformDocs } from './docs-types.js';
