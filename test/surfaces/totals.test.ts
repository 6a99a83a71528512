import { describe, expect, inject, it } from 'vitest';
import type { Filter, MetricQuery, SourceChoice } from '../../src/query/index.js';
import type { Product } from '../product.js';
import { graphql, plain, rest, sql } from './ask.js';
import * as T from './totals.js';

const postgres = inject('product') as unknown as Product;
const lake = inject('lakeProduct') as unknown as Product;

/** One question, as REST asks it and as SQL does; expected rows are of the control totals. */
interface Case {
  readonly name: string;
  readonly query: MetricQuery;
  readonly sql: string;
  readonly rows: readonly (readonly string[])[];
}
const eq = (member: string, value: string | boolean): Filter => ({
  member: `retail.${member}`,
  op: 'eq',
  values: [value],
});
const measures = Object.keys(T.TOTALS);

const cases: Case[] = [
  ...measures.map((m) => ({
    name: `total of ${m}`,
    query: { measures: [`retail.${m}`] },
    sql: `SELECT MEASURE(${m}) FROM retail`,
    rows: [[T.TOTALS[m] ?? '']],
  })),
  {
    name: 'all totals at once',
    query: { measures: measures.map((m) => `retail.${m}`) },
    sql: `SELECT ${measures.map((m) => `MEASURE(${m})`).join(', ')} FROM retail`,
    rows: [measures.map((m) => T.TOTALS[m] ?? '')],
  },
  ...T.NET_BY_COUNTRY.map(([country, net], i) => ({
    name: `net revenue and invoices of ${country}`,
    query: { measures: ['retail.net_revenue', 'retail.invoices'], where: eq('country', country) },
    sql: `SELECT SUM(net_revenue), SUM(invoices) FROM retail WHERE country = '${country}'`,
    rows: [[net, T.INVOICES_BY_COUNTRY[i]?.[1] ?? '']],
  })),
  {
    name: 'net revenue by country, the first three',
    query: {
      measures: ['retail.net_revenue'],
      dimensions: ['retail.country'],
      order: [{ by: 'retail.net_revenue', dir: 'desc' }],
      limit: 3,
    },
    sql: 'SELECT country, MEASURE(net_revenue) FROM retail GROUP BY 1 ORDER BY 2 DESC LIMIT 3',
    rows: T.NET_BY_COUNTRY.slice(0, 3).map((r) => [...r]),
  },
  {
    // the retail year began on Monday, 1 February 2010; its eleventh month 43 weeks later
    name: 'net revenue by month of the 4-4-5 calendar',
    query: {
      measures: ['retail.net_revenue'],
      time: [{ dimension: 'retail.sold_at', granularity: 'retail_month', range: ['2010-12-01', '2010-12-14'] }],
    },
    sql: `SELECT date_trunc('retail_month', sold_at)::date, MEASURE(net_revenue) FROM retail WHERE sold_at >= '2010-12-01' AND sold_at < '2010-12-14' GROUP BY date_trunc('retail_month', sold_at)`,
    rows: [['2010-11-29', T.TOTALS['net_revenue'] ?? '']],
  },
  {
    // counted from the CSV file as sets of customers, by a program apart from this project
    name: 'who is new, lost and kept from week to week, retention, churn and growth',
    query: {
      measures: [
        'new_customers',
        'lost_customers',
        'retained_customers',
        'retention_rate',
        'churn_rate',
        'revenue_growth',
      ].map((m) => `retail.${m}`),
      time: [{ dimension: 'retail.sold_at', granularity: 'week', range: ['2010-12-06', '2010-12-20'] }],
    },
    sql: `SELECT date_trunc('week', sold_at)::date, MEASURE(new_customers), MEASURE(lost_customers), MEASURE(retained_customers),
        MEASURE(retention_rate), MEASURE(churn_rate), MEASURE(revenue_growth)
      FROM retail WHERE sold_at >= '2010-12-06' AND sold_at < '2010-12-20' GROUP BY date_trunc('week', sold_at) ORDER BY 1`,
    rows: [
      ['2010-12-06', '341', '238', '65', '0.214521', '0.785479', '0.488321'],
      ['2010-12-13', '22', '399', '7', '0.017241', '0.982759', '-0.907964'],
    ],
  },
  {
    name: 'net revenue and orders by day',
    query: {
      measures: ['retail.net_revenue', 'retail.orders'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-14'] }],
    },
    sql: `SELECT date_trunc('day', sold_at)::date, MEASURE(net_revenue), MEASURE(orders) FROM retail WHERE sold_at >= '2010-12-01' AND sold_at < '2010-12-14' GROUP BY date_trunc('day', sold_at) ORDER BY 1`,
    rows: T.DAYS.map((d, i) => [d, T.NET_BY_DAY[i] ?? '', T.ORDERS_BY_DAY[i] ?? '']),
  },
  {
    name: 'top products',
    query: {
      measures: ['retail.net_revenue'],
      dimensions: ['retail.product_code'],
      where: eq('line_type', 'product'),
      order: [{ by: 'retail.net_revenue', dir: 'desc' }],
      limit: 5,
    },
    sql: `SELECT product_code, MEASURE(net_revenue) FROM retail WHERE line_type = 'product' GROUP BY 1 ORDER BY 2 DESC LIMIT 5`,
    rows: T.TOP_PRODUCTS.map((r) => [...r]),
  },
  {
    name: 'product revenue is net revenue of product lines',
    query: { measures: ['retail.product_revenue'] },
    sql: 'SELECT SUM(product_revenue) FROM retail',
    rows: [['496720.27']], // 475,412.72 less -21,307.55 of service lines
  },
  {
    name: 'by segment at the sale',
    query: {
      measures: ['retail.net_revenue', 'retail.lines'],
      dimensions: ['retail.customer_segment'],
      order: [{ by: 'retail.customer_segment' }],
    },
    sql: 'SELECT customer_segment, MEASURE(net_revenue), MEASURE(lines) FROM retail GROUP BY 1 ORDER BY 1',
    rows: [...T.BY_SEGMENT].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map((r) => [...r]),
  },
  {
    name: 'by tier at the sale',
    query: {
      measures: ['retail.net_revenue', 'retail.lines'],
      dimensions: ['retail.value_tier'],
      order: [{ by: 'retail.value_tier' }],
    },
    sql: 'SELECT value_tier, MEASURE(net_revenue), MEASURE(lines) FROM retail GROUP BY 1 ORDER BY 1',
    rows: [...T.BY_TIER].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map((r) => [...r]),
  },
  {
    name: 'lines without a customer',
    query: { measures: ['retail.lines', 'retail.net_revenue'], where: { member: 'retail.customer_id', op: 'isNull' } },
    sql: 'SELECT MEASURE(lines), MEASURE(net_revenue) FROM retail WHERE customer_id IS NULL',
    rows: [[T.NO_CUSTOMER.lines, T.NO_CUSTOMER.net_revenue]],
  },
  {
    name: 'service lines',
    query: { measures: ['retail.lines', 'retail.net_revenue'], where: eq('line_type', 'service') },
    sql: `SELECT MEASURE(lines), MEASURE(net_revenue) FROM retail WHERE line_type = 'service'`,
    rows: [[T.SERVICE.lines, T.SERVICE.net_revenue]],
  },
  {
    name: 'product lines only',
    query: { measures: ['retail.gross_revenue', 'retail.orders'], where: eq('line_type', 'product') },
    sql: `SELECT MEASURE(gross_revenue), MEASURE(orders) FROM retail WHERE line_type = 'product'`,
    rows: [[T.PRODUCT_LINES.gross_revenue, T.PRODUCT_LINES.orders]],
  },
  {
    name: 'sale lines and return lines',
    query: { measures: ['retail.lines'], dimensions: ['retail.is_return'], order: [{ by: 'retail.is_return' }] },
    sql: 'SELECT is_return, MEASURE(lines) FROM retail GROUP BY 1 ORDER BY 1',
    rows: [
      ['false', '27487'],
      ['true', '409'],
    ],
  },
];

const values = (rows: readonly (readonly (string | null)[])[]) =>
  rows.map((row) => row.map((v) => plain(v === 't' ? 'true' : v === 'f' ? 'false' : v)));
const expected = (c: Case) => values(c.rows);

describe.each([
  ['PostgreSQL', postgres, 'raw'],
  ['the lake', lake, 'raw'],
  ['whatever serves', postgres, 'auto'],
] as [string, Product, SourceChoice][])('control totals from %s', (_name, product, source) => {
  it.each(cases.map((c) => [c.name, c] as const))('REST: %s', async (_case, c) => {
    const told = await rest(product, 'admin', { ...c.query, source });
    expect(told.error).toBeUndefined();
    expect(values(told.rows)).toEqual(expected(c));
    if (source === 'raw') expect(told.provenance?.['source']).toBe(product === lake ? 'lake' : 'postgres');
  });
  it.each(cases.map((c) => [c.name, c] as const))('SQL: %s', async (_case, c) => {
    const told = await sql(product, 'admin', c.sql, source);
    expect(told.error).toBeUndefined();
    expect(values(told.rows)).toEqual(expected(c));
  });
  it('GraphQL: all totals at once', async () => {
    const { data, errors } = await graphql(
      product,
      'admin',
      `{ retail(source: ${source}) { nodes { ${measures.join(' ')} } } }`,
    );
    expect(errors).toEqual([]);
    const node = (data as { retail: { nodes: Record<string, string>[] } }).retail.nodes[0] ?? {};
    expect(Object.fromEntries(Object.entries(node).map(([k, v]) => [k, plain(String(v))]))).toEqual(
      Object.fromEntries(Object.entries(T.TOTALS).map(([k, v]) => [k, plain(v)])),
    );
  });
  it('GraphQL: net revenue by country', async () => {
    const { data, errors } = await graphql(
      product,
      'admin',
      `{ retail(source: ${source}, orderBy: [{by: net_revenue, dir: desc}], first: 3) { nodes { country net_revenue } } }`,
    );
    expect(errors).toEqual([]);
    expect((data as { retail: { nodes: unknown[] } }).retail.nodes).toEqual(
      T.NET_BY_COUNTRY.slice(0, 3).map(([country, net_revenue]) => ({ country, net_revenue })),
    );
  });
});

describe('control totals from rollups', () => {
  /** What the shipped rollups hold; everything else has to give a reason. */
  it.each(cases.map((c) => [c.name, c] as const))(
    '%s: served with the same rows, or the one reason why not',
    async (_case, c) => {
      const told = await rest(postgres, 'admin', { ...c.query, source: 'rollup' });
      const why = await rest(postgres, 'admin', c.query, '/api/v2/explain');
      const candidates = why.provenance?.['candidates'] as { rollup: string; verdict: string }[];
      expect(candidates.length).toBeGreaterThanOrEqual(2);
      if (told.error) {
        expect(told.error.code).toBe('no-rollup');
        expect(candidates.every((x) => x.verdict !== 'used')).toBe(true);
      } else {
        expect(values(told.rows)).toEqual(expected(c));
        expect(told.provenance?.['source']).toBe('rollup');
        expect(told.provenance?.['rollups']).not.toEqual([]);
      }
    },
  );
  it('serve every total of the view', async () => {
    for (const m of measures) {
      const told = await rest(postgres, 'admin', { measures: [`retail.${m}`], source: 'rollup' });
      expect([m, told.error]).toEqual([m, undefined]);
      expect(plain(told.rows[0]?.[0] ?? null)).toBe(plain(T.TOTALS[m] ?? ''));
    }
  });
  it('do not serve what they do not keep, and say which member it is', async () => {
    const query = { measures: ['retail.orders'], dimensions: ['retail.product_code'] };
    const told = await rest(postgres, 'admin', { ...query, source: 'rollup' });
    expect(told.error?.code).toBe('no-rollup');
    expect(told.error?.message).toMatch(/member-missing/);
    expect((await rest(postgres, 'admin', query)).provenance?.['source']).toBe('postgres');
  });
});
