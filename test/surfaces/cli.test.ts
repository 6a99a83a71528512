import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { assay, freshDir, type Product } from '../product.js';
import { plain } from './ask.js';
import { TOTALS } from './totals.js';

const product = inject('product') as unknown as Product;

describe('the command line beside a running server', () => {
  it('asks the server', async () => {
    const told = await assay(product.home, [
      'query',
      '--measures',
      'retail.net_revenue,retail.orders',
      '--format',
      'csv',
    ]);
    expect(told.out).toBe('retail.net_revenue,retail.orders\r\n475412.72,994\r\n');
    const table = await assay(product.home, [
      'query',
      '--measures',
      'retail.net_revenue',
      '--dimensions',
      'retail.country',
      '--order',
      'retail.net_revenue:desc',
      '--limit',
      '2',
    ]);
    expect(table.out).toMatch(/^country\s+net_revenue\n-+\s+-+\nUnited Kingdom\s+432570\.00\nGermany\s+7795\.74\n$/);
    const json = JSON.parse((await assay(product.home, ['query', '{"measures":["retail.lines"]}', '--json'])).out) as {
      rows: string[][];
    };
    expect(plain(json.rows[0]?.[0] ?? null)).toBe(TOTALS['lines']);
  });
  it('asks as a role, and is refused as that role would be', async () => {
    const told = await assay(product.home, [
      'query',
      '--measures',
      'retail.lines',
      '--dimensions',
      'retail.invoice',
      '--role',
      'data_analyst',
    ]);
    expect(told.code).toBe(1);
    expect(told.err).toMatch(/^assay: unknown member retail\.invoice\n/);
  });
  it('explains', async () => {
    const told = await assay(product.home, [
      'explain',
      '--measures',
      'retail.net_revenue',
      '--dimensions',
      'retail.product',
    ]);
    expect(told.out).toMatch(/member-missing/);
  });
  it('says what is loaded: the control totals of the load', async () => {
    const told = JSON.parse((await assay(product.home, ['status', '--json'])).out) as {
      server: { pid: number } | null;
      sources: { read: number; rows: number; rejected: number }[];
      tables: { table: string; rows: number }[];
      rollups: { state: string }[];
      failed_checks: { status: string }[];
    };
    expect(told.server?.pid).toBe(product.pid);
    expect(told.sources).toEqual([expect.objectContaining({ read: 28492, rows: 28492, rejected: 0 })]);
    const rows = Object.fromEntries(told.tables.map((t) => [t.table, t.rows]));
    expect(rows).toMatchObject({
      'silver.order_lines': 27896,
      'silver.order_line_rejects': 184,
      'gold.fact_sales': 27896,
      'gold.dim_customers': 1379,
    });
    expect(told.rollups.length).toBeGreaterThanOrEqual(2);
    expect(told.rollups.every((r) => r.state === 'current')).toBe(true);
    expect(told.failed_checks.filter((c) => c.status === 'FAIL')).toEqual([]);
    expect((told as { duplicates?: number }).duplicates).toBe(412); // 28,492 lines, 28,080 distinct
    const text = await assay(product.home, ['status']);
    expect(text.out).toMatch(/online-retail-sample\.csv\s+28492\s+28492\s+0/);
  });
  it('takes the same file once', async () => {
    const told = await assay(product.home, [
      'ingest',
      join(import.meta.dirname, '../../data/online-retail-sample.csv'),
      '--source',
      'online_retail',
    ]);
    expect(told.code).toBe(0);
    expect(told.out).toMatch(/taken in before \(28492 rows/);
    const built = await assay(product.home, ['build', '--json']);
    expect((JSON.parse(built.out) as { published: boolean }).published).toBe(false);
  });
  it('refuses a file that is not what it says, and writes nothing', async () => {
    const dir = freshDir('bad');
    const file = join(dir, 'bad.csv');
    writeFileSync(
      file,
      'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Country\n1,2,3,4,12/1/10 8:26,1.00,France\n',
    );
    const told = await assay(product.home, ['ingest', file, '--source', 'online_retail']);
    expect(told.code).toBe(1);
    expect(told.err).toMatch(/CustomerID/);
    const unknown = await assay(product.home, ['ingest', file, '--source', 'online_detail']);
    expect(unknown.err).toMatch(/no source online_detail/);
  });
  it('works with the transforms of the server, and refuses others', async () => {
    const told = await assay(product.home, ['build'], { ASSAY_TRANSFORMS: freshDir('other') });
    expect(told.code).toBe(2);
    expect(told.err).toMatch(/server of this home works with the transforms in/);
  });
  it('does not start a second server on one home', async () => {
    const told = await assay(product.home, ['start']);
    expect(told.code).toBe(1);
    expect(told.err).toMatch(new RegExp(`in use by process ${product.pid}`));
  });
  it('mints tokens that the server takes', async () => {
    const token = (
      await assay(product.home, [
        'token',
        '--role',
        'country_manager',
        '--attributes',
        '{"countries":["Norway"]}',
        '--expires',
        '5m',
      ])
    ).out.trim();
    const response = await fetch(`${product.http}/api/v2/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"measures":["retail.net_revenue"],"dimensions":["retail.country"]}',
    });
    expect(((await response.json()) as { rows: unknown }).rows).toEqual([['Norway', '3787.12']]);
  });
});
