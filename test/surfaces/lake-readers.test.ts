import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { NO_READER, python, readForeign } from '../engines/delta-rs.js';
import { assay, type Product } from '../product.js';

const product = inject('product') as unknown as Product;
let warehouse: pg.Client;
let lakeOf: Map<string, string>;

/** The tables of the product's lake as delta-rs reads them, held against the other copy of gold and the file that they came from. */
beforeAll(async () => {
  const run = JSON.parse(readFileSync(join(product.home, 'run.json'), 'utf8')) as { warehouse: string };
  warehouse = new pg.Client({ connectionString: run.warehouse });
  await warehouse.connect();
  await warehouse.query("SET TimeZone = 'UTC'");
  const { rows } = await warehouse.query<{ name: string; path: string }>(
    `SELECT t.name, e.lake || '/' || t.lake_path AS path FROM assay.environment e JOIN assay.publication_table t ON t.revision = e.revision WHERE t.lake_path IS NOT NULL`,
  );
  lakeOf = new Map(rows.map((r) => [r.name, r.path]));
});
afterAll(() => warehouse?.end());

const TABLES: readonly [string, string][] = [
  ['silver.order_lines', ''],
  ['silver.customers', ''],
  ['gold.fact_sales', 'sale_key'],
  ['gold.dim_customers', 'customer_key'],
  ['gold.dim_products', 'product_key'],
  ['gold.dim_date', 'date_key'],
  ['gold.dim_country', 'country_key'],
  ['gold.dim_invoice', 'invoice_key'],
  ['gold.fact_stock', 'stock_key'],
  ['gold.data_quality_metrics', 'metric_id'],
];

describe.skipIf(!python)(`the lake of the product, read by delta-rs${python ? '' : ` (skipped: ${NO_READER})`}`, () => {
  it.each(TABLES)('%s has the rows of its PostgreSQL copy', async (name, key) => {
    const path = lakeOf.get(name);
    expect(path).toBeDefined();
    const columns = (
      await warehouse.query<{ column: string; type: string }>(
        `SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 ORDER BY a.attnum`,
        [name],
      )
    ).rows;
    const text = columns.map(({ column, type }) =>
      type.startsWith('timestamp')
        ? `to_char("${column}", 'YYYY-MM-DD HH24:MI:SS.US')`
        : type === 'boolean'
          ? `CASE WHEN "${column}" THEN 'true' WHEN NOT "${column}" THEN 'false' END`
          : `"${column}"::text`,
    );
    const ours = (await warehouse.query({ text: `SELECT ${text.join(', ')} FROM ${name}`, rowMode: 'array' })).rows as (
      | string
      | null
    )[][];
    const read = readForeign(path ?? '', [key === '' ? (columns[0]?.column ?? '') : key]);
    const at = columns.map(({ column }) => read.columns.findIndex(([c]) => c === column));
    const sorted = (rows: readonly (readonly (string | null)[])[]) => rows.map((r) => JSON.stringify(r)).sort();
    expect(read.columns).toHaveLength(columns.length);
    expect(sorted(read.rows.map((r) => at.map((i) => r[i] ?? null)))).toEqual(sorted(ours));
  });
  it('bronze has every line of the file, as it came', async () => {
    const read = readForeign(join(product.home, 'lake/bronze/online_retail'), ['_row_number']);
    const at = [
      'InvoiceNo',
      'StockCode',
      'Description',
      'Quantity',
      'InvoiceDate',
      'UnitPrice',
      'CustomerID',
      'Country',
    ].map((c) => read.columns.findIndex(([n]) => n === c));
    const file = readFileSync(join(import.meta.dirname, '../../data/online-retail-sample.csv'), 'utf8')
      .trimEnd()
      .split(/\r?\n/)
      .slice(1);
    expect(read.rows).toHaveLength(file.length);
    // the sample has no quoted line breaks; its quotes are undone here as RFC 4180 says
    const fields = (line: string) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) =>
        m[1] === undefined ? (m[2] ?? '') : m[1].replaceAll('""', '"'),
      );
    expect(read.rows.map((r) => JSON.stringify(at.map((i) => r[i]))).sort()).toEqual(
      file.map((l) => JSON.stringify(fields(l))).sort(),
    );
  });
  it('status names the same versions', async () => {
    const told = JSON.parse((await assay(product.home, ['status', '--json'])).out) as {
      tables: { table: string; lake: number | null }[];
    };
    const checked = new Map(TABLES);
    for (const { table, lake } of told.tables.filter((t) => checked.get(t.table)))
      expect([table, readForeign(lakeOf.get(table) ?? '', [checked.get(table) ?? '']).version]).toEqual([table, lake]);
  });
});
