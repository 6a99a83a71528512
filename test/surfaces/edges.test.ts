import { describe, expect, inject, it } from 'vitest';
import type { MetricQuery } from '../../src/query/index.js';
import type { Product } from '../product.js';
import { rest } from './ask.js';

const product = inject('product') as unknown as Product;
const lake = inject('lakeProduct') as unknown as Product;

const day = (range: readonly [string, string], more: Partial<MetricQuery> = {}): MetricQuery => ({
  measures: ['retail.net_revenue', 'retail.lines', 'retail.orders', 'retail.average_order_value'],
  time: [{ dimension: 'retail.sold_at', granularity: 'day', range }],
  ...more,
});
const cases: [string, MetricQuery][] = [
  ['half a day at the start', day(['2010-12-01T10:00:00', '2010-12-03'])],
  ['half a day at the end', day(['2010-12-01', '2010-12-02T15:30:00'])],
  ['a range of one microsecond past midnight', day(['2010-12-01T00:00:00.000001Z', '2010-12-02'])],
  ['whole days', day(['2010-12-01', '2010-12-14'])],
  ['a range beyond what is built', day(['2010-11-01', '2011-02-01'])],
  ['a range with no data', day(['2012-01-01', '2012-02-01'])],
  ['days of New York', day(['2010-12-01', '2010-12-14'], { timezone: 'America/New_York' })],
  ['days of Auckland', day(['2010-12-01', '2010-12-14'], { timezone: 'Pacific/Auckland' })],
  ['days of Kathmandu', day(['2010-12-01', '2010-12-14'], { timezone: 'Asia/Kathmandu' })],
  [
    'hours',
    {
      ...day(['2010-12-01', '2010-12-03']),
      time: [{ dimension: 'retail.sold_at', granularity: 'hour', range: ['2010-12-01', '2010-12-03'] }],
    },
  ],
  [
    'weeks',
    {
      measures: ['retail.orders', 'retail.customers', 'retail.net_revenue'],
      time: [{ dimension: 'retail.sold_at', granularity: 'week' }],
    },
  ],
  [
    'the month',
    {
      measures: ['retail.orders', 'retail.active_customers'],
      time: [{ dimension: 'retail.sold_at', granularity: 'month' }],
    },
  ],
  [
    'distinct counts at a coarser grain',
    { measures: ['retail.customers', 'retail.active_customers', 'retail.invoices'], dimensions: ['retail.region'] },
  ],
  [
    'distinct counts over a filter',
    {
      measures: ['retail.orders'],
      where: { member: 'retail.country', op: 'in', values: ['Germany', 'France', 'EIRE'] },
    },
  ],
  [
    'a filter that no rollup holds',
    { measures: ['retail.net_revenue'], where: { member: 'retail.product', op: 'contains', values: ['HEART'] } },
  ],
  [
    'order by a ratio',
    {
      measures: ['retail.average_order_value'],
      dimensions: ['retail.country'],
      order: [{ by: 'retail.average_order_value', dir: 'desc' }],
      limit: 5,
      offset: 2,
    },
  ],
  [
    'having on a ratio',
    {
      measures: ['retail.return_rate', 'retail.lines'],
      dimensions: ['retail.country'],
      having: { member: 'retail.return_rate', op: 'gt', values: ['0.05'] },
    },
  ],
  [
    'nulls in conditions',
    {
      measures: ['retail.lines'],
      where: {
        not: {
          or: [
            { member: 'retail.customer_id', op: 'eq', values: ['17850'] },
            { member: 'retail.country', op: 'ne', values: ['United Kingdom'] },
          ],
        },
      },
    },
  ],
];

describe('raw and rollup agree, or the rollup is not used', () => {
  it.each(cases)('%s', async (_name, query) => {
    const [raw, fromLake, auto, rollup] = await Promise.all([
      rest(product, 'admin', { ...query, source: 'raw' }),
      rest(lake, 'admin', { ...query, source: 'raw' }),
      rest(product, 'admin', query),
      rest(product, 'admin', { ...query, source: 'rollup' }),
    ]);
    expect(raw.error).toBeUndefined();
    expect(fromLake.rows).toEqual(raw.rows);
    expect(auto.rows).toEqual(raw.rows);
    if (rollup.error) expect(rollup.error.code).toBe('no-rollup');
    else expect(rollup.rows).toEqual(raw.rows);
  });
  it('half days, other zones and hours are never served from day rollups', async () => {
    for (const name of ['half a day at the start', 'half a day at the end', 'days of New York', 'hours']) {
      const query = cases.find(([n]) => n === name)?.[1] ?? {};
      expect([name, (await rest(product, 'admin', { ...query, source: 'rollup' })).error?.code]).toEqual([
        name,
        'no-rollup',
      ]);
    }
  });
});

describe('answers', () => {
  it('keep exact types: decimals with their scale, 64-bit integers as text, dates, zones with offset', async () => {
    const told = await fetch(`${product.http}/api/v2/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${product.tokens.admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        measures: ['retail.net_revenue', 'retail.lines', 'retail.return_rate'],
        dimensions: ['retail.is_return'],
        time: [
          { dimension: 'retail.sold_at', granularity: 'hour', range: ['2010-12-01T09:00:00', '2010-12-01T10:00:00'] },
        ],
        timezone: 'Asia/Kolkata',
        order: [{ by: 'retail.is_return' }],
      }),
    });
    const body = (await told.json()) as { columns: { name: string; type: string }[]; rows: unknown[][] };
    expect(body.columns.map((c) => [c.name, c.type])).toEqual([
      ['retail.is_return', 'boolean'],
      ['retail.sold_at.hour', 'timestamp'],
      ['retail.net_revenue', 'decimal(18,2)'],
      ['retail.lines', 'bigint'],
      ['retail.return_rate', 'decimal(18,6)'],
    ]);
    expect(body.rows).toEqual([]); // 03:30 to 04:30 UTC: the shop sleeps
  });
  it.each([
    [{ measures: ['retail.net_revenu'] }, /unknown member retail\.net_revenu/],
    [{ measures: [] }, /measures/],
    [{ measures: ['retail.lines'], time: [{ dimension: 'retail.sold_at', granularity: 'fortnight' }] }, /fortnight/],
    [{ measures: ['retail.lines'], time: [{ dimension: 'retail.sold_at' }] }, /granularity|range/],
    [
      { measures: ['retail.lines'], time: [{ dimension: 'retail.sold_at', range: ['2010-12-02', '2010-12-01'] }] },
      /range/,
    ],
    [
      { measures: ['retail.lines'], time: [{ dimension: 'retail.sold_at', range: ['2010-12-05', '2010-12-05'] }] },
      /range/,
    ],
    [{ measures: ['retail.lines'], timezone: 'Mars/Olympus' }, /Mars\/Olympus/],
    [{ measures: ['retail.lines'], limit: -1 }, /limit/],
    [{ measures: ['retail.lines'], where: { member: 'retail.is_return', op: 'eq', values: ['maybe'] } }, /where/],
    [{ measures: ['retail.lines'], where: { or: [] } }, /where/],
    [{ measures: ['retail.lines'], where: { member: 'retail.country', op: 'regex', values: ['x'] } }, /op|operator/],
    [{ measures: ['retail.lines'], source: 'rollups' }, /source/],
    [{ measures: ['retail.lines'], totals: 'grand' }, /totals/],
    [{ measure: ['retail.lines'] }, /measure/],
    [{ measures: ['retail.lines', 'inventory.on_hand'] }, /retail|inventory/],
  ])('%j is refused with its place', async (query, message) => {
    const told = await rest(product, 'admin', query as unknown as MetricQuery);
    expect(told.error).toBeDefined();
    expect(told.error?.message).toMatch(message);
    expect(told.error?.code).not.toBe('internal');
  });
});
