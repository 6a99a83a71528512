import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenEngine, openEngine } from '../../../../test/fixtures/transforms.js';
import { type GraphNode, orderTransforms } from '../files/graph.js';
import { readTransforms } from '../files/read-transforms.js';
import { readSeeds } from '../files/seeds.js';
import type { Meaning } from './meaning.js';
import { meaningsOf } from './meaning-of.js';

const dir = join(import.meta.dirname, '../../../../transforms');
const BRONZE =
  'InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country _source_file _row_number _ingested_at _batch_id ingestion_date source_system'.split(
    ' ',
  );
/** Columns that no column of an input goes into: a count of rows, the id of the key. */
const FROM_NOTHING = ['silver.customers.customer_pseudonym_key', 'silver.invoices.lines'];

let engine: OpenEngine;
let nodes: readonly GraphNode[];
let meanings: ReadonlyMap<string, Meaning>;
beforeAll(async () => {
  engine = await openEngine();
  const [transforms, seeds] = await Promise.all([readTransforms(dir, '2026-11-23'), readSeeds(dir)]);
  nodes = orderTransforms(transforms, new Set(seeds.map(({ name }) => name)));
  const sources = new Map([['bronze.online_retail', BRONZE]]);
  meanings = await meaningsOf(engine, nodes, { seeds, sources, pseudonymKeyId: 'k' });
});
afterAll(() => engine.close());

const inputsOf = (id: string, column: string): string[] => [
  ...new Set((meanings.get(id)?.lineage.columns.get(column) ?? []).map((edge) => `${edge.table}.${edge.column}`)),
];

describe('the transforms that ship', () => {
  it('are understood to the last column', () => {
    expect(meanings.size).toBeGreaterThanOrEqual(14);
    for (const [id, { lineage, warnings }] of meanings) {
      expect([id, [...lineage.opaque], warnings]).toEqual([id, [], []]);
      const empty = [...lineage.columns].flatMap(([column, edges]) => (edges.length === 0 ? [`${id}.${column}`] : []));
      expect(empty.filter((column) => !FROM_NOTHING.includes(column))).toEqual([]);
    }
  });
  it('name only columns that their inputs have', () => {
    const columns = new Map<string, readonly string[]>([
      ['bronze.online_retail', BRONZE],
      ...nodes.map(({ transform }) => [transform.id, transform.columns.map(({ name }) => name)] as const),
    ]);
    for (const { lineage } of meanings.values())
      for (const { table, column } of [...lineage.columns.values(), lineage.rows].flat())
        if (columns.has(table)) expect(columns.get(table)).toContain(column);
  });
  it('come from where the domain says', () => {
    expect(inputsOf('gold.fact_sales', 'total_amount')).toEqual(['silver.order_lines.amount']);
    expect(inputsOf('gold.fact_sales', 'customer_key')).toContain('gold.dim_customers.customer_key');
    expect(inputsOf('silver.order_lines', 'amount').sort()).toEqual([
      'bronze.online_retail.Quantity',
      'bronze.online_retail.UnitPrice',
    ]);
    expect(inputsOf('gold.dim_products', 'category').sort()).toEqual([
      'product_category_rules.category',
      'product_category_rules.priority',
      'silver.products.line_type',
    ]);
    expect(inputsOf('silver.customers', 'customer_pseudonym')).toEqual(['silver.order_lines.customer_id']);
  });
  it('take part in no hash that order, time or chance decides', async () => {
    const seeds = await readSeeds(dir);
    const sources = new Map([['bronze.online_retail', BRONZE]]);
    const again = await meaningsOf(engine, nodes, { seeds: [...seeds].reverse(), sources, pseudonymKeyId: 'k' });
    const hashes = (of: ReadonlyMap<string, Meaning>) => [...of].map(([id, { dataHash }]) => [id, dataHash]);
    expect(hashes(again)).toEqual(hashes(meanings));
    expect(new Set([...meanings.values()].map(({ fingerprint }) => fingerprint)).size).toBe(meanings.size);
  });
  it('hang on the key of the pseudonyms only where it is used', async () => {
    const seeds = await readSeeds(dir);
    const sources = new Map([['bronze.online_retail', BRONZE]]);
    const other = await meaningsOf(engine, nodes, { seeds, sources, pseudonymKeyId: 'another' });
    const changed = [...other].flatMap(([id, { dataHash }]) => (meanings.get(id)?.dataHash === dataHash ? [] : [id]));
    expect(changed).toContain('silver.customers');
    expect(changed).not.toContain('silver.order_lines');
    expect(changed).not.toContain('gold.dim_products');
  });
});
