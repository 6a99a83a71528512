import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenEngine, openEngine } from '../../../../test/fixtures/transforms.js';
import { orderTransforms } from '../files/graph.js';
import { readTransforms } from '../files/read-transforms.js';
import { readSeeds } from '../files/seeds.js';
import { meaningsOf } from '../meaning/meaning-of.js';
import { type LineageNode, lineageAnswer, lineageText } from './answer.js';
import { transformDocs } from './docs.js';
import { edgesOf, type LineageGraph } from './edges.js';

const dir = join(import.meta.dirname, '../../../../transforms');
const BRONZE =
  'InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country _source_file _row_number _ingested_at _batch_id ingestion_date source_system'.split(
    ' ',
  );

let engine: OpenEngine;
let graph: LineageGraph;
let markdown: ReadonlyMap<string, string>;
beforeAll(async () => {
  engine = await openEngine();
  const [transforms, seeds] = await Promise.all([readTransforms(dir), readSeeds(dir)]);
  const nodes = orderTransforms(transforms, new Set(seeds.map(({ name }) => name)));
  const sources = new Map([['bronze.online_retail', BRONZE]]);
  const meanings = await meaningsOf(engine, nodes, { seeds, sources, pseudonymKeyId: 'k' });
  graph = new Map(
    transforms.map(({ id, columns }) => {
      const lineage = meanings.get(id)?.lineage;
      return [id, { columns: columns.map(({ name }) => name), edges: lineage === undefined ? [] : edgesOf(lineage) }];
    }),
  );
  const tables = transforms.map((transform) => ({
    ...{ transform, fingerprint: meanings.get(transform.id)?.fingerprint, results: [], state: undefined },
  }));
  markdown = transformDocs({ tables, graph }).markdown;
});
afterAll(() => engine.close());

const columnsOf = (nodes: readonly LineageNode[]): string[] =>
  nodes.flatMap((node) => [`${node.table}.${node.column}`, ...columnsOf(node.children)]);

describe('lineage of the tables that ship', () => {
  it('leads from a figure of the star to the lines that came', () => {
    const answer = lineageAnswer('gold.fact_sales.total_amount', graph);
    expect(columnsOf(answer.columns[0]?.upstream ?? [])).toEqual([
      'silver.order_lines.amount',
      'bronze.online_retail.Quantity',
      'bronze.online_retail.UnitPrice',
    ]);
    expect(lineageText(answer)).toContain(
      `gold.fact_sales.total_amount
  made from
    └─ silver.order_lines.amount  identity
       ├─ bronze.online_retail.Quantity  transformation
       └─ bronze.online_retail.UnitPrice  transformation
`,
    );
  });
  it('leads from what came to all that is made of it', () => {
    const [price] = lineageAnswer('bronze.online_retail.UnitPrice', graph).columns;
    const all = columnsOf(price?.downstream ?? []);
    for (const column of ['silver.order_lines.amount', 'gold.fact_sales.total_amount', 'gold.fact_sales.unit_price'])
      expect(all).toContain(column);
    expect(all).not.toContain('gold.dim_date.date_key');
  });
  it('answers for every column, each tree no larger than the graph', () => {
    const edges = [...graph.values()].reduce((sum, table) => sum + table.edges.length, 0);
    for (const [table, { columns }] of graph)
      for (const column of columns) {
        const [answer] = lineageAnswer(`${table}.${column}`, graph).columns;
        expect(columnsOf([...(answer?.upstream ?? []), ...(answer?.downstream ?? [])]).length).toBeLessThanOrEqual(
          edges,
        );
      }
  });
  it('stands in their documentation', () => {
    expect(markdown.size).toBe(graph.size + 1);
    expect(markdown.get('gold.fact_sales.md')).toContain(
      '| `total_amount` | [`silver.order_lines.amount`](silver.order_lines.md) (identity) |',
    );
  });
});
