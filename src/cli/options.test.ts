import { describe, expect, it } from 'vitest';
import { queryOf, seconds } from './options.js';

describe('query flags', () => {
  it('become a metric query', () => {
    expect(
      queryOf({
        measures: 'retail.net_revenue, retail.orders',
        dimensions: 'retail.country',
        time: 'retail.sold_at:day',
        range: '2010-12-01,2010-12-14',
        order: 'retail.orders:desc',
        limit: '5',
        where: '{"member":"retail.country","op":"isNotNull"}',
      }),
    ).toEqual({
      measures: ['retail.net_revenue', 'retail.orders'],
      dimensions: ['retail.country'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-14'] }],
      where: { member: 'retail.country', op: 'isNotNull' },
      order: [{ by: 'retail.orders', dir: 'desc' }],
      limit: 5,
    });
  });
  it.each([
    [{ range: '2010-12-01' }, /two ends/],
    [{ range: '2010-12-01,2010-12-02' }, /needs --time/],
    [{ order: 'retail.orders:up' }, /asc or/],
    [{ limit: '-1' }, /whole number/],
    [{ where: '{' }, /no JSON/],
  ])('%j is refused', (flags, message) => {
    expect(() => queryOf(flags)).toThrow(message);
  });
  it('read times', () => {
    expect([seconds('90s'), seconds('15m'), seconds('30d')]).toEqual([90, 900, 2_592_000]);
    expect(() => seconds('soon')).toThrow(/15m/);
  });
});
