import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableVersion } from '../../src/query/index.js';
import { assay, freshDir, type Product, startProduct } from '../product.js';
import { graphql, rest, sql } from './ask.js';

/** A second file on the next day: 100.00 more gross revenue, 40.00 of it returned, one new order, one new customer. */
const FILE = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
600001,22423,REGENCY CAKESTAND 3 TIER,10,12/14/10 9:00,10,99001,Norway
C600002,22423,REGENCY CAKESTAND 3 TIER,-4,12/14/10 15:00,10,99001,Norway
600003,22423,REGENCY CAKESTAND 3 TIER,0,12/14/10 15:00,10,99001,Norway
`;
let product: Product;
/** What the provenance of the first state told, and a moment of its time. */
let seen: { readonly tables: readonly TableVersion[]; readonly at: string };
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product?.remove());
const BEFORE = ['475412.72', '538729.28', '994', '713'];
const AFTER = ['475472.72', '538829.28', '995', '714'];
const measures = ['retail.net_revenue', 'retail.gross_revenue', 'retail.orders', 'retail.customers'];

describe('the next day’s file', () => {
  it('is brought forward by one command; every reader sees the old state or the new one, whole', async () => {
    const dir = freshDir('day');
    writeFileSync(join(dir, 'day.csv'), FILE);
    const told = await assay(product.home, ['ingest', join(dir, 'day.csv'), '--source', 'online_retail']);
    expect(told.out).toMatch(/3 lines read as utf-8, 3 in bronze, 0 rejected/);
    const before = await rest(product, 'admin', { measures, source: 'raw' });
    expect(before.rows).toEqual([BEFORE]);
    seen = { tables: before.provenance?.['tables'] as readonly TableVersion[], at: new Date().toISOString() };

    let building = true;
    const built = assay(product.home, ['build', '--json']).finally(() => {
      building = false;
    });
    const states = new Set<string>();
    const readers = (['raw', 'auto'] as const).map(async (source) => {
      while (building) {
        const answer = await rest(product, 'admin', { measures, source });
        states.add(JSON.stringify(answer.error ?? answer.rows[0]));
      }
    });
    const done = await built;
    await Promise.all(readers);
    expect(done.code).toBe(0);
    expect((JSON.parse(done.out) as { published: boolean; rollups: number }).published).toBe(true);
    for (const state of states) expect([JSON.stringify(BEFORE), JSON.stringify(AFTER)]).toContain(state);

    for (;;) {
      // The server hears of the publication and of the rollups; both must come, without a restart.
      const raw = await rest(product, 'admin', { measures, source: 'raw' });
      const rollup = await rest(product, 'admin', { measures, source: 'rollup' });
      if (
        JSON.stringify(raw.rows[0]) === JSON.stringify(AFTER) &&
        JSON.stringify(rollup.rows[0]) === JSON.stringify(AFTER)
      )
        break;
    }
    expect(
      (
        await sql(
          product,
          'admin',
          `SELECT MEASURE(orders), MEASURE(return_invoices) FROM retail WHERE sold_at >= '2010-12-14'`,
        )
      ).rows,
    ).toEqual([['1', '1']]);
    const rejects = await assay(product.home, ['status', '--json']);
    const rows = Object.fromEntries(
      (JSON.parse(rejects.out) as { tables: { table: string; rows: number }[] }).tables.map((t) => [t.table, t.rows]),
    );
    expect([rows['silver.order_lines'], rows['silver.order_line_rejects']]).toEqual([27898, 185]);
  });
  it('leaves the state before to whoever asks as of then, by the versions of its provenance or by the time', async () => {
    expect(seen.tables.map((t) => t.table)).toContain('gold.fact_sales');
    const { tables, at } = seen;
    for (const query of [{ asOf: tables }, { asOf: at }, { asOf: at, source: 'raw' as const }]) {
      const answer = await rest(product, 'admin', { measures, ...query });
      expect({ query, rows: answer.rows }).toEqual({ query, rows: [BEFORE] });
    }
    const raw = await rest(product, 'admin', { measures, asOf: tables, source: 'raw' });
    expect(raw.provenance).toMatchObject({ source: 'lake', tables });
    const now = await rest(product, 'admin', { measures, asOf: new Date().toISOString() });
    expect(now.rows).toEqual([AFTER]);
    const { data } = await graphql(
      product,
      'admin',
      `{ retail(asOf: {at: ${JSON.stringify(at)}}) { nodes { net_revenue orders } } }`,
    );
    expect(data).toEqual({ retail: { nodes: [{ net_revenue: BEFORE[0], orders: BEFORE[2] }] } });
    for (const asOf of ['2001-01-01', [{ table: 'gold.fact_sales', version: 'never' }]])
      expect((await rest(product, 'admin', { measures, asOf })).error?.code).toBe('as-of-gone');
  });
  it('once more does nothing', async () => {
    const again = JSON.parse((await assay(product.home, ['build', '--json'])).out) as {
      published: boolean;
      results: { outcome: string }[];
    };
    expect(again.published).toBe(false);
    expect(again.results.map((r) => r.outcome)).toEqual(again.results.map(() => 'current'));
  });
});
