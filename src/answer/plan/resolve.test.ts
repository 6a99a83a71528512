import { describe, expect, it } from 'vitest';
import { access, catalogue } from '../../../test/star/shop.js';
import { AssayError } from '../../errors/index.js';
import type { Filter, MetricQuery } from '../../query/index.js';
import { resolveQuery } from './resolve.js';

const resolve = (query: MetricQuery) => resolveQuery(query, catalogue(), access());
const failure = (query: MetricQuery) => {
  try {
    resolve(query);
  } catch (thrown) {
    if (thrown instanceof AssayError) return { code: thrown.code, message: thrown.message, hint: thrown.hint };
    throw thrown;
  }
  return undefined;
};
const where = (filter: unknown): MetricQuery => ({ measures: ['shop.revenue'], where: filter as Filter });

describe('names', () => {
  it('are refused alike whether they are hidden or do not exist', () => {
    const hidden = failure({ dimensions: ['shop.secret'] });
    const wrong = failure({ dimensions: ['shop.sceret'] });
    expect(hidden).toEqual({ code: 'unknown-member', message: 'unknown member shop.secret', hint: wrong?.hint });
    expect(wrong?.code).toBe('unknown-member');
    expect(failure({ measures: ['sales.revenue'] })?.code).toBe('unknown-member');
    expect(failure({ measures: ['shop.revenu'] })?.hint).toContain('shop.revenue');
  });
  it('are of one owner', () => {
    expect(failure({ measures: ['shop.revenue'], dimensions: ['other.thing'] })?.code).toBe('not-supported');
  });
  it.each([
    [{ measures: ['shop.country'] }, 'measures[0]'],
    [{ dimensions: ['shop.revenue'] }, 'dimensions[0]'],
    [{ measures: ['shop.revenue', 'shop.revenue'] }, 'measures[1]'],
    [{ dimensions: ['shop.country', 'shop.kind', 'shop.country'] }, 'dimensions[2]'],
    [{ measures: ['shop.revenue'], segments: ['shop.kind'] }, 'segments[0]'],
    [{}, 'measures'],
    [{ time: [{ dimension: 'shop.sold_at', range: ['2010-12-01', '2010-12-02'] }] }, 'measures'],
  ] as [MetricQuery, string][])('%j is refused at %s', (query, place) => {
    expect(failure(query)).toMatchObject({ code: 'query-invalid' });
    expect(failure(query)?.message.startsWith(`${place}:`)).toBe(true);
  });
});

describe('time', () => {
  const time = (entry: object): MetricQuery => ({
    measures: ['shop.revenue'],
    time: [{ dimension: 'shop.sold_at', ...entry }],
  });
  it.each([
    [time({}), 'time[0]'],
    [time({ granularity: 'fortnight' }), 'time[0].granularity'],
    [time({ range: ['2010-12-02', '2010-12-02'] }), 'time[0].range'],
    [time({ range: ['2010-12-02', '2010-12-01'] }), 'time[0].range'],
    [time({ range: ['2010-02-30', '2010-12-01'] }), 'time[0].range[0]'],
    [time({ range: ['2010-12-01', 'tomorrow'] }), 'time[0].range[1]'],
    [time({ range: ['2010-12-01T00:00:00.0000001Z', '2010-12-02'] }), 'time[0].range[0]'],
    [{ measures: ['shop.revenue'], time: [{ dimension: 'shop.kind', granularity: 'day' }] }, 'time[0].dimension'],
    [{ ...time({ granularity: 'day' }), timezone: 'Mars/Olympus' }, 'timezone'],
    [{ ...time({ granularity: 'day' }), timezone: '+02:00' }, 'timezone'],
  ] as [MetricQuery, string][])('%j is refused at %s', (query, place) => {
    expect(failure(query)?.message.startsWith(`${place}:`)).toBe(true);
  });
  it('gives half-open ranges as instants', () => {
    const q = resolve({ ...time({ range: ['2010-12-01', '2010-12-02T10:00'] }), timezone: 'Europe/Berlin' });
    expect(q.ranges).toEqual([
      { member: 'shop.sold_at', op: 'between', values: ['2010-11-30T23:00:00Z', '2010-12-02T09:00:00Z'] },
    ]);
  });
  it('types buckets of a day or more as dates', () => {
    const kinds = ['hour', 'day', 'month'].map((granularity) => resolve(time({ granularity })).groups[0]?.type.kind);
    expect(kinds).toEqual(['timestamp', 'date', 'date']);
  });
});

describe('conditions', () => {
  it.each([
    [
      where({
        and: [
          { member: 'shop.kind', op: 'eq', values: ['a'] },
          { member: 'shop.quantity', op: 'eq', values: ['x'] },
        ],
      }),
      'where.and[1].values[0]',
    ],
    [where({ or: [{ not: { member: 'shop.quantity', op: 'in', values: [1, 2.5] } }] }), 'where.or[0].not.values[1]'],
    [where({ member: 'shop.kind', op: 'eq', values: [1] }), 'where.values[0]'],
    [where({ member: 'shop.kind', op: 'eq', values: ['a', 'b'] }), 'where.values'],
    [where({ member: 'shop.kind', op: 'in', values: [] }), 'where.values'],
    [where({ member: 'shop.kind', op: 'between', values: ['a'] }), 'where.values'],
    [where({ member: 'shop.kind', op: 'isNull', values: ['a'] }), 'where.values'],
    [where({ member: 'shop.kind', op: 'sounds', values: ['a'] }), 'where.op'],
    [where({ member: 'shop.quantity', op: 'contains', values: ['1'] }), 'where.op'],
    [where({ member: 'shop.returned', op: 'gt', values: [true] }), 'where.op'],
    [where({ member: 'shop.returned', op: 'eq', values: ['yes'] }), 'where.values[0]'],
    [where({ member: 'shop.quantity', op: 'eq', values: [2 ** 53] }), 'where.values[0]'],
    [where({ member: 'shop.sold_at', op: 'gt', values: ['soon'] }), 'where.values[0]'],
    [where({ and: [] }), 'where.and'],
    [where({ member: 'shop.revenue', op: 'gt', values: [1] }), 'where.member'],
    [{ measures: ['shop.revenue'], having: { member: 'shop.country', op: 'eq', values: ['x'] } }, 'having.member'],
    [{ measures: ['shop.revenue'], having: { member: 'shop.revenue', op: 'eq', values: ['x'] } }, 'having.values[0]'],
    [{ measures: ['shop.revenue'], order: [{ by: 'shop.country' }] }, 'order[0].by'],
    [{ measures: ['shop.revenue'], limit: -1 }, 'limit'],
    [{ measures: ['shop.revenue'], limit: 1.5 }, 'limit'],
    [{ measures: ['shop.revenue'], offset: Number.NaN }, 'offset'],
  ] as [MetricQuery, string][])('%j is refused at %s', (query, place) => {
    expect(failure(query)?.code).toBe('query-invalid');
    expect(failure(query)?.message.startsWith(`${place}:`)).toBe(true);
  });
  it('brings values into the form of their types', () => {
    const values = (member: string, op: string, ...given: unknown[]) => {
      const [f] = resolve(where({ member, op, values: given })).where;
      return f && 'member' in f ? [f.op, ...(f.values ?? [])] : [];
    };
    expect(values('shop.quantity', 'eq', 7)).toEqual(['eq', '7']);
    expect(values('shop.quantity', 'eq', '9007199254740993')).toEqual(['eq', '9007199254740993']);
    expect(values('shop.price', 'in', '1.50', 2e-3, '1e2')).toEqual(['in', '1.5', '0.002', '100']);
    expect(values('shop.returned', 'eq', 'true')).toEqual(['eq', true]);
    expect(values('shop.sold_at', 'gt', '2010-12-01')).toEqual(['gte', '2010-12-01T00:00:00.000001Z']);
    expect(values('shop.sold_at', 'lte', '2010-12-01T00:00+01:00')).toEqual(['lt', '2010-11-30T23:00:00.000001Z']);
  });
  it('is refused at a nesting that no question has', () => {
    let filter: unknown = { member: 'shop.kind', op: 'isNull' };
    for (let i = 0; i < 100; i++) filter = { not: filter };
    expect(failure(where(filter))?.code).toBe('query-invalid');
  });
});

describe('masks', () => {
  it('put the pseudonym in the place of the member, under the name that was asked', () => {
    const q = resolve({ dimensions: ['shop.customer'], where: { member: 'shop.customer', op: 'eq', values: ['ghk'] } });
    expect(q.groups).toMatchObject([{ name: 'shop.customer', member: 'shop.customer_pseudonym' }]);
    expect(q.where).toEqual([{ member: 'shop.customer_pseudonym', op: 'eq', values: ['ghk'] }]);
    expect(q.named).toEqual(['shop.customer']);
  });
  it('other than pseudonyms are shown as null and refused in conditions', () => {
    expect(resolve({ dimensions: ['shop.note', 'shop.kind'] }).groups[0]?.member).toBeUndefined();
    expect(failure(where({ not: { member: 'shop.note', op: 'eq', values: ['x'] } }))?.code).toBe('filter-on-mask');
  });
});
