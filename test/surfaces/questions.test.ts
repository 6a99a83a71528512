import { describe, expect, inject, it } from 'vitest';
import type { MetricQuery } from '../../src/query/index.js';
import type { Product } from '../product.js';
import { graphql, plain, rest } from './ask.js';
import * as T from './totals.js';

const postgres = inject('product') as unknown as Product;
const lake = inject('lakeProduct') as unknown as Product;

/** Net revenue of 1 to 13 December by day, of the control totals; two days had no sale. */
const cents = new Map(T.DAYS.map((day, i) => [day, BigInt((T.NET_BY_DAY[i] ?? '').replace('.', ''))]));
const days = Array.from({ length: 13 }, (_, i) => `2010-12-${String(i + 1).padStart(2, '0')}`);
const sum = (from: number, to: number): string => {
  const total = days.slice(from, to).reduce((n, day) => n + (cents.get(day) ?? 0n), 0n);
  return `${total / 100n}.${String(total % 100n).padStart(2, '0')}`;
};
const decimals = (a: string, b: string): string => {
  const [n, d] = [a, b].map((t) => BigInt(t.replace('.', ''))) as [bigint, bigint];
  const millionths = (2n * n * 1_000_000n + d) / (2n * d);
  return `${millionths / 1_000_000n}.${String(millionths % 1_000_000n).padStart(6, '0')}`;
};

const range = ['2010-12-01', '2010-12-14'] as const;
const cases: { name: string; query: MetricQuery; rows: (string | null)[][] }[] = [
  {
    name: 'goods beside everything',
    query: {
      measures: [
        'retail.net_revenue',
        {
          measure: 'retail.net_revenue',
          where: { member: 'retail.line_type', op: 'eq', values: ['product'] },
          as: 'goods',
        },
        { measure: 'retail.lines', where: { member: 'retail.customer_id', op: 'isNull' }, as: 'unknown_customer' },
      ],
    },
    rows: [['475412.72', '496720.27', T.NO_CUSTOMER.lines]],
  },
  {
    name: 'every day, also those without a sale',
    query: {
      measures: ['retail.net_revenue', 'retail.orders'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day', range, fill: true }],
    },
    rows: days.map((day) => {
      const at = T.DAYS.indexOf(day);
      return at < 0 ? [day, null, '0'] : [day, T.NET_BY_DAY[at] ?? '', T.ORDERS_BY_DAY[at] ?? ''];
    }),
  },
  {
    name: 'kinds of lines and all of them: orders are counted anew for the total',
    query: { measures: ['retail.lines', 'retail.orders'], dimensions: ['retail.is_return'], totals: 'grand' },
    rows: [
      ['false', '27487', '994', 'false'],
      ['true', '409', '0', 'false'],
      [null, '27896', '994', 'true'],
    ],
  },
  {
    name: 'three days and the three before',
    query: {
      measures: ['retail.net_revenue'],
      time: [{ dimension: 'retail.sold_at', range: ['2010-12-08', '2010-12-11'] }],
      compare: [{ as: 'before', shift: 'previous', show: ['value', 'ratio'] }],
    },
    rows: [[sum(7, 10), sum(4, 7), decimals(sum(7, 10), sum(4, 7))]],
  },
  {
    name: 'three days up to each day, and the month so far',
    query: {
      measures: [
        { measure: 'retail.net_revenue', window: { trailing: '3 days' }, as: 'three_days' },
        { measure: 'retail.net_revenue', window: { toDate: 'month' }, as: 'month' },
      ],
      time: [{ dimension: 'retail.sold_at', granularity: 'day', range, fill: true }],
    },
    rows: days.map((day, i) => [day, sum(Math.max(0, i - 2), i + 1), sum(0, i + 1)]),
  },
];

describe.each([
  ['PostgreSQL', postgres, 'raw'],
  ['the lake', lake, 'raw'],
  ['whatever serves', postgres, 'auto'],
] as [string, Product, 'raw' | 'auto'][])('questions about the sample, from %s', (_name, product, source) => {
  it.each(cases.map((c) => [c.name, c] as const))('%s', async (_case, { query, rows }) => {
    const told = await rest(product, 'admin', { ...query, source });
    expect(told.error).toBeUndefined();
    expect(told.rows).toEqual(rows);
    expect(told.provenance?.['plan']).toBe('composed');
  });
  it('GraphQL: the same columns by the same names', async () => {
    const { data, errors } = await graphql(
      product,
      'admin',
      `{ retail(source: ${source}, where: {sold_at: {between: ["2010-12-08", "2010-12-11"]}}, totals: grand,
          measures: [{measure: net_revenue, where: {line_type: {eq: "product"}}, as: "goods"}],
          compare: [{as: "before", shift: "previous", show: [value, ratio]}]) {
          nodes { is_return total: isTotal(column: is_return) net_revenue before: columnValue(name: "net_revenue.before")
            times: columnValue(name: "net_revenue.before.ratio") goods: columnValue(name: "goods") } } }`,
    );
    expect(errors).toEqual([]);
    const nodes = (data as { retail: { nodes: Record<string, string | boolean | null>[] } }).retail.nodes;
    expect(nodes.map((n) => [n['is_return'], n['total']])).toEqual([
      [false, false],
      [true, false],
      [null, true],
    ]);
    const total = nodes[2] ?? {};
    expect([total['net_revenue'], total['before'], total['times']]).toEqual([
      sum(7, 10),
      sum(4, 7),
      decimals(sum(7, 10), sum(4, 7)),
    ]);
    const goods = nodes.map((n) => BigInt(String(n['goods']).replace('.', '')));
    expect((goods[0] ?? 0n) + (goods[1] ?? 0n)).toBe(goods[2]);
  });
});

describe('questions', () => {
  it('hide from an analyst what the analyst may not see, in every part', async () => {
    const query = (where: MetricQuery['where']): MetricQuery => ({
      measures: [{ measure: 'retail.lines', ...(where ? { where } : {}), as: 'some' }],
    });
    const told = await rest(
      postgres,
      'data_analyst',
      query({ member: 'retail.invoice', op: 'eq', values: ['536365'] }),
    );
    expect(told.error?.code).toBe('unknown-member');
  });
  it('keep a country manager to the own rows in totals, comparisons and filtered measures', async () => {
    const ask = (measures: MetricQuery['measures'], more: Partial<MetricQuery> = {}) =>
      rest(postgres, 'country_manager', { ...more, measures: measures ?? [] });
    const alone = await ask(['retail.lines']);
    const own = alone.rows[0]?.[0] ?? '';
    expect(Number(own)).toBeLessThan(27_896);
    const all = await ask(['retail.lines', { measure: 'retail.lines', as: 'again' }], {
      dimensions: ['retail.country'],
      time: [{ dimension: 'retail.sold_at', range }],
      totals: 'grand',
      compare: [{ as: 'before', shift: '1 day' }],
    });
    expect(all.error).toBeUndefined();
    const total = all.rows.at(-1) ?? [];
    expect([total[0], total[1], total[2], total.at(-1)]).toEqual([null, own, own, 'true']);
    expect(Number(total[3])).toBeLessThanOrEqual(Number(own));
    expect(plain(own)).toBe(own);
  });
});
