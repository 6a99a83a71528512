import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricQuery } from '../../src/query/index.js';
import { assay, freshDir, type Product, type Role, startProduct } from '../product.js';
import { graphql, psql, rest, search, sql } from './ask.js';

/**
 * Rows that no real number can be mistaken for: customers, a product, a country and invoices of their own, taken in by the test on the
 * day after the sample. Every byte that a restricted role gets, on every surface, is searched for them.
 */
const CUSTOMER = 'CANARYqx';
const LINES = [
  `X900001,CANARYSKU,CANARY THING,7,12/14/10 9:00,3.5,${CUSTOMER}1,Canaryland`,
  `X900002,CANARYSKU,CANARY THING,2,12/14/10 9:05,3.5,${CUSTOMER}2,Germany`,
  `C900003,CANARYSKU,CANARY THING,-1,12/14/10 9:10,3.5,${CUSTOMER}2,Germany`,
];
let product: Product;
const seen: Record<string, string[]> = {};
const keep = (role: Role, bytes: string) => {
  seen[role] = [...(seen[role] ?? []), bytes];
};

beforeAll(async () => {
  product = await startProduct();
  const file = join(freshDir('canary'), 'canary.csv');
  writeFileSync(
    file,
    `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${LINES.join('\n')}\n`,
  );
  const taken = await assay(product.home, ['ingest', file, '--source', 'online_retail']);
  expect(taken.err + taken.out).toMatch(/3 lines read/);
  const built = await assay(product.home, ['build', '--json']);
  expect([built.code, built.err.includes('refused')]).toEqual([0, false]);
});
afterAll(() => product?.remove());

const dimensions = [
  'country',
  'region',
  'product_code',
  'product',
  'category',
  'line_type',
  'customer_id',
  'customer_segment',
  'value_tier',
  'is_return',
];
const untilCanary = async () => {
  for (;;) {
    const told = await rest(product, 'admin', {
      measures: ['retail.lines'],
      where: { member: 'retail.country', op: 'eq', values: ['Canaryland'] },
    });
    if (told.rows[0]?.[0] === '1') return;
  }
};

describe('canary rows', () => {
  it('are there for those who may see them', async () => {
    await untilCanary();
    const told = await rest(product, 'admin', {
      measures: ['retail.net_revenue'],
      dimensions: ['retail.customer_id'],
      where: { member: 'retail.product_code', op: 'eq', values: ['CANARYSKU'] },
    });
    expect(told.rows).toEqual([
      [`${CUSTOMER}1`, '24.50'],
      [`${CUSTOMER}2`, '3.50'],
    ]);
  });

  it.each(['data_analyst', 'country_manager'] as Role[])('%s: asked every way that there is', async (role) => {
    for (const d of dimensions)
      for (const source of ['auto', 'raw', 'rollup'] as const) {
        const query: MetricQuery = {
          measures: ['retail.net_revenue', 'retail.customers'],
          dimensions: [`retail.${d}`],
          source,
        };
        keep(role, (await rest(product, role, query)).bytes);
        keep(role, (await rest(product, role, query, '/api/v2/explain')).bytes);
        keep(
          role,
          (await sql(product, role, `SELECT ${d}, MEASURE(net_revenue) FROM retail GROUP BY 1`, source)).bytes,
        );
      }
    for (const d of dimensions) {
      keep(role, (await graphql(product, role, `{ retail { nodes { ${d} lines } totalCount } }`)).bytes);
      // Conditions that would tell by a hit, an error, or a cast that fails on the hidden value.
      for (const text of [
        `SELECT MEASURE(lines) FROM retail WHERE ${d}::text LIKE 'CANARY%'`,
        `SELECT ${d}, MEASURE(lines) FROM retail GROUP BY ${d} HAVING MEASURE(lines) >= 1 ORDER BY 1 DESC LIMIT 3`,
        `SELECT count(*) FROM (SELECT ${d}::int AS n, MEASURE(lines) FROM retail GROUP BY ${d}) q`,
        `SELECT max(x) FROM (SELECT ${d}::text AS x, MEASURE(lines) FROM retail GROUP BY ${d}) q`,
      ])
        keep(role, (await sql(product, role, text)).bytes);
    }
    for (const q of ['canary', 'Canaryland', 'CANARYSKU', 'customer', 'country'])
      keep(role, (await search(product, role, q)).bytes);
    const headers = { authorization: `Bearer ${product.tokens[role]}` };
    for (const path of ['/api/v1/catalog', '/openapi.json'])
      keep(role, await (await fetch(product.http + path, { headers })).text());
    const csv = await fetch(`${product.http}/api/v2/query`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'text/csv' },
      body: JSON.stringify({ measures: ['retail.lines'], dimensions: ['retail.customer_id', 'retail.country'] }),
    });
    keep(role, await csv.text());
    for (const args of [
      ['-c', '\\d'],
      ['-c', '\\d+ retail'],
      ['-c', 'SELECT * FROM pg_stat_activity'],
      ['-c', 'SELECT * FROM pg_stats'],
    ]) {
      const told = await psql(product, role, args);
      keep(role, told.out + told.err);
    }
    const bytes = (seen[role] ?? []).join('\n');
    expect(bytes.length).toBeGreaterThan(50_000);
    expect(bytes).not.toContain(CUSTOMER === 'CANARYqx' && role === 'data_analyst' ? CUSTOMER : `${CUSTOMER}1`);
    if (role === 'country_manager') expect(bytes).not.toContain('Canaryland');
    if (role === 'data_analyst') expect(bytes).not.toMatch(/X90000\d|C900003/);
  });

  it('only the analyst’s own words come back in its errors', async () => {
    const told = await rest(product, 'data_analyst', {
      measures: ['retail.lines'],
      where: { member: 'retail.customer_id', op: 'eq', values: ['CANARYqx1'] },
    });
    expect(told.rows).toEqual([['0']]);
  });
});
