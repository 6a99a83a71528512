import { describe, expect, it } from 'vitest';
import { bucketStart, bucketsOf, fits, movedMoment, movedWeek, nextBucket, partnerOf, type Span } from './calendar.js';
import type { Grain } from './grain.js';
import { instantText, parseInstant } from './instant.js';

const at = (text: string, zone = 'UTC'): bigint => parseInstant(text, zone) ?? -1n;
const texts = (moments: readonly bigint[] | undefined) => moments?.map(instantText);
const partner = (start: string, span: Span, grain: Grain, zone = 'UTC') => {
  const found = partnerOf(at(start, zone), span, grain, zone);
  return found === undefined ? undefined : instantText(found);
};
const back = (count: number, unit: Span['unit']): Span => ({ count: -count, unit });

describe('buckets', () => {
  it('begin where the zone’s clocks say so, also on days that have 23 or 25 hours', () => {
    // Berlin's clocks go from 2 to 3 on 28 March 2010, and from 3 to 2 on 31 October 2010
    const spring = { from: at('2010-03-28', 'Europe/Berlin'), to: at('2010-03-29', 'Europe/Berlin') };
    const autumn = { from: at('2010-10-31', 'Europe/Berlin'), to: at('2010-11-01', 'Europe/Berlin') };
    expect(bucketsOf(spring, 'hour', 'Europe/Berlin', 99)).toHaveLength(23);
    expect(bucketsOf(autumn, 'hour', 'Europe/Berlin', 99)).toHaveLength(25);
    expect(bucketsOf(autumn, 'day', 'Europe/Berlin', 99)).toHaveLength(1);
  });
  it('of a range that begins within one begin before it', () => {
    const range = { from: at('2010-12-15T10:30:00Z'), to: at('2011-02-01T00:00:00Z') };
    expect(texts(bucketsOf(range, 'month', 'UTC', 9))).toEqual(['2010-12-01T00:00:00Z', '2011-01-01T00:00:00Z']);
    expect(texts(bucketsOf(range, 'quarter', 'UTC', 9))).toEqual(['2010-10-01T00:00:00Z', '2011-01-01T00:00:00Z']);
    expect(texts(bucketsOf(range, 'year', 'UTC', 9))).toEqual(['2010-01-01T00:00:00Z', '2011-01-01T00:00:00Z']);
    expect(texts(bucketsOf({ ...range, to: at('2010-12-21') }, 'week', 'UTC', 9))).toEqual([
      '2010-12-13T00:00:00Z',
      '2010-12-20T00:00:00Z',
    ]);
  });
  it('are not counted beyond what is wanted', () => {
    expect(bucketsOf({ from: 0n, to: at('2020-01-01') }, 'second', 'UTC', 1000)).toBeUndefined();
  });
  it('follow each other over a midnight that clocks skip', () => {
    // São Paulo's clocks go from 0 to 1 on 17 October 2010
    const day = at('2010-10-16', 'America/Sao_Paulo');
    const next = nextBucket(day, 'day', 'America/Sao_Paulo');
    expect(instantText(next)).toBe('2010-10-17T03:00:00Z');
    expect(bucketStart(next, 'day', 'America/Sao_Paulo')).toBe(next);
    expect(instantText(nextBucket(next, 'day', 'America/Sao_Paulo'))).toBe('2010-10-18T02:00:00Z');
  });
});

describe('a bucket and the one that it is compared with', () => {
  it.each([
    ['2012-02-28', back(1, 'year'), 'day', '2011-02-28T00:00:00Z'],
    ['2012-02-29', back(1, 'year'), 'day', undefined],
    ['2013-02-28', back(1, 'year'), 'day', '2012-02-28T00:00:00Z'],
    ['2012-02-29', back(4, 'year'), 'day', '2008-02-29T00:00:00Z'],
    ['2011-03-31', back(1, 'month'), 'day', undefined],
    ['2011-03-28', back(1, 'month'), 'day', '2011-02-28T00:00:00Z'],
    ['2011-03-01', back(52, 'week'), 'day', '2010-03-02T00:00:00Z'],
    ['2012-02-01', back(1, 'year'), 'month', '2011-02-01T00:00:00Z'],
    // ISO week 1 of 2011 and of 2010, week 53 of 2009 and week 53 of 2015, which 2014 has not
    ['2011-01-03', back(1, 'year'), 'week', '2010-01-04T00:00:00Z'],
    ['2009-12-28', back(1, 'year'), 'week', undefined],
    ['2015-12-28', back(6, 'year'), 'week', '2009-12-28T00:00:00Z'],
  ] as [string, Span, Grain, string | undefined][])('%s less %j by %s', (start, span, granularity, expected) => {
    expect(partner(start, span, granularity)).toBe(expected);
  });
  it('is one for one, whatever the calendar', () => {
    const days = bucketsOf({ from: at('2008-01-01'), to: at('2017-01-01') }, 'day', 'UTC', 9999) ?? [];
    for (const span of [back(1, 'year'), back(1, 'month'), back(3, 'month'), back(52, 'week')]) {
      const partners = days.flatMap((d) => partnerOf(d, span, 'day', 'UTC') ?? []);
      expect(new Set(partners).size).toBe(partners.length);
    }
  });
  it('by hours keeps the clock’s reading; an hour that is skipped has none, of two the first counts', () => {
    const zone = 'Europe/Berlin';
    const day = back(1, 'day');
    expect(partner('2010-10-31T01:00', day, 'hour', zone)).toBe('2010-10-29T23:00:00Z');
    // 2 o'clock on 31 October is shown twice: 00:00Z and 01:00Z
    expect(partner('2010-10-31T00:00:00Z', day, 'hour', zone)).toBe('2010-10-30T00:00:00Z');
    expect(partner('2010-10-31T01:00:00Z', day, 'hour', zone)).toBeUndefined();
    expect(partner('2010-11-01T02:00', day, 'hour', zone)).toBe('2010-10-31T00:00:00Z');
    // 2 o'clock on 28 March does not exist
    expect(partner('2010-03-29T02:00', day, 'hour', zone)).toBeUndefined();
    expect(partner('2010-03-29T03:00', day, 'hour', zone)).toBe('2010-03-28T01:00:00Z');
    expect(partner('2010-11-01T02:00', back(24, 'hour'), 'hour', zone)).toBe('2010-10-31T01:00:00Z');
  });
  it('is asked for only where shifts move buckets onto buckets', () => {
    expect(fits({ count: 1, unit: 'day' }, 'week')).toBe(false);
    expect(fits({ count: 14, unit: 'day' }, 'week')).toBe(true);
    expect(fits({ count: 1, unit: 'month' }, 'week')).toBe(false);
    expect(fits({ count: 1, unit: 'month' }, 'quarter')).toBe(false);
    expect(fits({ count: 6, unit: 'month' }, 'quarter')).toBe(true);
    expect(fits({ count: 52, unit: 'week' }, 'month')).toBe(false);
    expect(fits({ count: 30, unit: 'minute' }, 'hour')).toBe(false);
    expect(fits({ count: 14, unit: 'month' }, 'week')).toBe(false);
  });
});

describe('moments', () => {
  it('move by days on the calendar, by hours in time', () => {
    const noon = at('2010-10-31T12:00', 'Europe/Berlin');
    expect(instantText(movedMoment(noon, back(1, 'day'), 'Europe/Berlin'))).toBe('2010-10-30T10:00:00Z');
    expect(instantText(movedMoment(noon, back(24, 'hour'), 'Europe/Berlin'))).toBe('2010-10-30T11:00:00Z');
  });
  it('before 1970 are days like others', () => {
    expect(instantText(bucketStart(at('1969-12-31T23:59:59Z'), 'month', 'UTC') ?? 0n)).toBe('1969-12-01T00:00:00Z');
    expect(instantText(bucketStart(at('1969-12-31T23:59:59Z'), 'week', 'UTC') ?? 0n)).toBe('1969-12-29T00:00:00Z');
  });
  it('end a week 53 with the year where the other year has none', () => {
    expect(movedWeek(at('2015-12-28'), -1)).toEqual({ monday: at('2014-12-29'), exact: false });
  });
});
