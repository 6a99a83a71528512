import { describe, expect, it } from 'vitest';
import { longestRun, nestsIn, spanOf, spansBetween } from './span.js';

const micros = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;
const iso = (at: bigint): string => new Date(Number(at / 1000n)).toISOString().slice(0, 16);

describe('spans of partitions', () => {
  it.each([
    ['year', '2010-12-31T23:59:59Z', '2010', '2010-01-01T00:00', '2011-01-01T00:00'],
    ['quarter', '2010-12-31T23:59:59Z', '2010-Q4', '2010-10-01T00:00', '2011-01-01T00:00'],
    ['month', '2012-02-29T12:00:00Z', '2012-02', '2012-02-01T00:00', '2012-03-01T00:00'],
    ['week', '2010-12-05T23:00:00Z', '2010-11-29', '2010-11-29T00:00', '2010-12-06T00:00'],
    ['day', '1969-12-31T23:00:00Z', '1969-12-31', '1969-12-31T00:00', '1970-01-01T00:00'],
    ['hour', '2010-12-01T05:59:59Z', '2010-12-01T05', '2010-12-01T05:00', '2010-12-01T06:00'],
  ])('cuts a %s', (granularity, at, key, from, to) => {
    const span = spanOf(micros(at), granularity);
    expect([span.key, iso(span.from), iso(span.to)]).toEqual([key, from, to]);
  });

  it('cuts just below a boundary, to the microsecond', () => {
    expect(spanOf(micros('1970-01-01T00:00:00Z') - 1n, 'month').key).toBe('1969-12');
    expect(spanOf(micros('1970-01-01T00:00:00Z') - 1n, 'day').key).toBe('1969-12-31');
    expect(spanOf(micros('2011-01-01T00:00:00Z') - 1n, 'year').key).toBe('2010');
  });

  it('knows which buckets lie within which', () => {
    expect(nestsIn('day', 'month')).toBe(true);
    expect(nestsIn('day', 'week')).toBe(true);
    expect(nestsIn('week', 'week')).toBe(true);
    expect(nestsIn('week', 'month')).toBe(false);
    expect(nestsIn('month', 'day')).toBe(false);
    expect(nestsIn('retail_week', 'month')).toBe(false);
  });

  it('lists every span between two instants, or none when there are too many', () => {
    const all = spansBetween(micros('2010-11-30T00:00:00Z'), micros('2011-02-01T00:00:00Z'), 'month', 10);
    expect(all?.map((s) => s.key)).toEqual(['2010-11', '2010-12', '2011-01', '2011-02']);
    expect(spansBetween(0n, micros('2011-02-01T00:00:00Z'), 'month', 10)).toBeUndefined();
  });

  it('finds the longest stretch without a hole', () => {
    const span = (from: bigint, to: bigint) => ({ from, to });
    expect(longestRun([])).toBeNull();
    expect(longestRun([span(10n, 20n), span(0n, 5n), span(20n, 30n)])).toEqual(span(10n, 30n));
  });
});
