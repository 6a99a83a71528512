import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricQuery } from '../../src/query/index.js';
import { assay, freshDir, type Product, type Role, startProduct } from '../product.js';
import { graphql, mcpClient, psql, rest, search, sql } from './ask.js';

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

/** Words that would find what is hidden, none of which is a hidden text itself: an answer may repeat the asker's own words. */
const PROBES = [
  'canary',
  'canariland',
  'Canaryla',
  'canarysk thing',
  'CANARYq',
  'X90000',
  'customer',
  'country',
  'failed checks',
];
const QUESTIONS = [
  'net revenue in canary land',
  'orders per country without canariland',
  'which customers bought the canary thing',
  'lines of invoice X90000',
  'net revenue by customer id',
];
const KINDS = ['', '&kind=member', '&kind=value', '&kind=value&similar=true'];

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

  it.each(['admin', 'data_engineer'] as Role[])('are found by %s, in search and in questions', async (role) => {
    // the index of the data before answers until the new one is complete
    for (;;) {
      const told = await search(product, role, 'canariland', 'value');
      if (told.hits[0]?.value === 'Canaryland') break;
    }
    const found = await search(product, role, 'canary thing', 'value');
    expect(found.hits[0]?.value).toBe('CANARY THING');
    const headers = { authorization: `Bearer ${product.tokens[role]}` };
    const asked = await fetch(`${product.http}/api/v2/ask?q=net%20revenue%20in%20Canaryland`, { headers });
    const { proposals } = (await asked.json()) as { proposals: { query: MetricQuery }[] };
    expect(JSON.stringify(proposals[0]?.query)).toContain('Canaryland');
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
    const get = async (path: string) => keep(role, await (await fetch(product.http + path, { headers })).text());
    const mcp = await mcpClient(product, role);
    const tool = async (name: string, given: Record<string, unknown>) =>
      keep(role, JSON.stringify(await mcp.callTool({ name, arguments: given })));
    for (const q of PROBES) {
      for (const kind of KINDS) await get(`/api/v2/search?q=${encodeURIComponent(q)}&limit=100${kind}`);
      const asked = `{ search(q: ${JSON.stringify(q)}, limit: 100) { total hits { name kind value title description why query filter } } }`;
      keep(role, (await graphql(product, role, asked)).bytes);
      for (const kind of [undefined, 'member', 'value'])
        await tool('find_members', { q, limit: 100, ...(kind ? { kind } : {}) });
    }
    for (const q of QUESTIONS) {
      await get(`/api/v2/ask?q=${encodeURIComponent(q)}&today=2010-12-15`);
      await tool('find_members', { q });
    }
    for (const d of dimensions) {
      const query = { measures: ['retail.lines'], dimensions: [`retail.${d}`], limit: 1000 };
      await tool('values', { dimension: `retail.${d}`, contains: 'canary', limit: 1000 });
      await tool('query', query);
      await tool('explain', query);
      await tool('describe', { name: `retail.${d}` });
    }
    const features = async (path: string, body: object) => {
      const sent = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } };
      const told = await fetch(`${product.http}/api/v2/features${path}`, { ...sent, body: JSON.stringify(body) });
      keep(role, Buffer.from(await told.arrayBuffer()).toString('latin1'));
    };
    const customers = {
      measures: ['retail.lines'],
      dimensions: ['retail.customer_id'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day' }],
    };
    for (const source of ['lake', 'postgres'])
      for (const format of ['json', 'jsonl', 'csv', 'arrow'])
        await features('/historical', { service: 'churn_v1', spine: { query: customers }, source, format });
    await features('/online', { service: 'churn_v1', entities: [{ customer_id: '17850' }], include: ['status'] });
    for (const path of ['', '/freshness', '/services/churn_v1', '/services/churn_v1/statistics'])
      await get(`/api/v2/features${path}`);
    await tool('describe', {});
    await tool('describe', { name: 'retail' });
    await mcp.close();
    for (const words of [
      ['search', 'find', 'canary', '--limit', '100'],
      ['ask', 'net revenue in canary land', '--json'],
    ]) {
      const told = await assay(product.home, [...words, '--role', role]);
      keep(role, told.out + told.err);
    }
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
    expect(bytes).toContain('"total"');
    expect(bytes).toContain('proposals');
    expect(bytes).toContain('customer_orders.spend_7d');
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

  it('of an entity that a row rule hides every feature is that of one that never was', async () => {
    const headers = {
      authorization: `Bearer ${product.tokens.country_manager}`,
      'content-type': 'application/json',
    };
    const rows = async (path: string, more: (customer_id: string) => object) => {
      const ids = [`${CUSTOMER}1`, 'nobody', `${CUSTOMER}2`];
      const body = JSON.stringify({
        service: 'churn_v1',
        [path === '/online' ? 'entities' : 'spine']: ids.map((id) => more(id)),
      });
      const told = await fetch(`${product.http}/api/v2/features${path}`, { method: 'POST', headers, body });
      return ((await told.json()) as { rows: (string | null)[][] }).rows.map((row) =>
        row.slice(path === '/online' ? 1 : 2),
      );
    };
    for (const [path, more] of [
      ['/historical', (customer_id: string) => ({ customer_id, event_time: '2010-12-15' })],
      ['/online', (customer_id: string) => ({ customer_id })],
    ] as const) {
      const [hidden, nobody, german] = await rows(path, more);
      expect(hidden).toEqual(nobody);
      expect(nobody?.every((value) => value === null)).toBe(true);
      expect(german).toContain('Germany');
    }
  });
});
