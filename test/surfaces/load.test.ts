import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { assay, type Product } from '../product.js';

const product = inject('product') as unknown as Product;
let warehouse: pg.Client;
let status: {
  sources: { read: number; rows: number; rejected: number }[];
  tables: { table: string; rows: number }[];
  duplicates: number;
};

beforeAll(async () => {
  const run = JSON.parse(readFileSync(join(product.home, 'run.json'), 'utf8')) as { warehouse: string };
  warehouse = new pg.Client({ connectionString: run.warehouse });
  await warehouse.connect();
  status = JSON.parse((await assay(product.home, ['status', '--json'])).out) as typeof status;
});
afterAll(() => warehouse?.end());

const one = async (sql: string) => String(Object.values((await warehouse.query(sql)).rows[0] as object)[0]);
const told = (table: string) => String(status.tables.find((t) => t.table === table)?.rows);
const ledger = (column: string) => `SELECT sum(${column}) FROM assay.ingest_batch`;
const published = (table: string) =>
  `SELECT t.row_count FROM assay.environment e JOIN assay.publication_table t USING (revision) WHERE t.name = '${table}'`;

/** What was loaded, by the control totals; as the ledger has it, as the tables have it, as the command line tells it. */
const COUNTS: readonly (readonly [string, string, readonly (() => string | Promise<string>)[]])[] = [
  ['lines read', '28492', [() => one(ledger('lines_read')), () => String(status.sources[0]?.read)]],
  ['bronze rows', '28492', [() => one(ledger('lines_kept')), () => String(status.sources[0]?.rows)]],
  ['rejected lines', '0', [() => one(ledger('lines_rejected')), () => String(status.sources[0]?.rejected)]],
  ['exact duplicates', '412', [() => String(status.duplicates)]],
  ...(
    [
      ['silver order lines', '27896', 'silver.order_lines'],
      ['silver rejects', '184', 'silver.order_line_rejects'],
      ['customers', '713', 'silver.customers'],
      ['product codes', '2577', 'silver.products'],
      ['invoices', '1150', 'silver.invoices'],
      ['sales', '27896', 'gold.fact_sales'],
      ['versions of customers and the unknown one', '1379', 'gold.dim_customers'],
    ] as const
  ).map(
    ([name, count, table]) =>
      [
        name,
        count,
        [() => one(published(table)), () => one(`SELECT count(*) FROM ${table}`), () => told(table)],
      ] as const,
  ),
  [
    'rejects for their price',
    '184',
    [() => one(`SELECT count(*) FROM silver.order_line_rejects WHERE reason = 'non_positive_price'`)],
  ],
  [
    'rejects for price and quantity',
    '67',
    [
      () =>
        one(`SELECT count(*) FROM silver.order_line_rejects WHERE quantity::numeric <= 0 AND invoice_no NOT LIKE 'C%'`),
    ],
  ],
];

describe('load counts', () => {
  it.each(COUNTS)('%s: %s everywhere', async (_name, count, sources) => {
    for (const source of sources) expect(await source()).toBe(count);
  });
});
