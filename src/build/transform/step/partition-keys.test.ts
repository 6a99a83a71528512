import { describe, expect, it } from 'vitest';
import type { DataType } from '../../../query/index.js';
import {
  boundsOf,
  keyOfInstant,
  keyOfValue,
  keysBetween,
  nextKey,
  previousKey,
  runsOf,
  truncateKey,
  valueOfKey,
} from './partition-keys.js';

const DATE: DataType = { kind: 'date' };
const INTEGER: DataType = { kind: 'integer' };
const TIMESTAMP: DataType = { kind: 'timestamp' };

describe('keys of partitions', () => {
  it.each([
    ['2011-12-31T23', 'hour', '2012-01-01T00'],
    ['2012-02-28', 'day', '2012-02-29'],
    ['2011-02-28', 'day', '2011-03-01'],
    ['1900-02-28', 'day', '1900-03-01'],
    ['2000-02-28', 'day', '2000-02-29'],
    ['2010-12-31', 'day', '2011-01-01'],
    ['0099-12', 'month', '0100-01'],
    ['0009', 'year', '0010'],
  ] as const)('after %s (%s) comes %s', (key, unit, next) => {
    expect(nextKey(key, unit)).toBe(next);
    expect(previousKey(next, unit)).toBe(key);
  });
  it.each([
    ['2010-12-01', DATE, 'day', '2010-12-01'],
    ['2010-12-01', DATE, 'month', '2010-12'],
    ['2010-12-02', DATE, 'month', undefined],
    ['2010-01-01', DATE, 'year', '2010'],
    ['20101201', INTEGER, 'day', '2010-12-01'],
    ['20100229', INTEGER, 'day', undefined],
    ['20120229', INTEGER, 'day', '2012-02-29'],
    ['201012', INTEGER, 'month', '2010-12'],
    ['201013', INTEGER, 'month', undefined],
    ['2010', INTEGER, 'year', '2010'],
    ['10000', INTEGER, 'year', undefined],
    ['10000-01-01', DATE, 'day', undefined],
    ['9999-12-31', DATE, 'day', undefined],
    ['0044-03-15 (BC)', DATE, 'day', undefined],
    ['2010-12-01 08:00:00+00', TIMESTAMP, 'hour', '2010-12-01T08'],
    ['2010-12-01T08:00:00.000000Z', TIMESTAMP, 'hour', '2010-12-01T08'],
    ['2010-12-01 08:00:01+00', TIMESTAMP, 'hour', undefined],
    ['2010-12-01 08:30:00+00', TIMESTAMP, 'hour', undefined],
    ['2010-12-01 00:00:00+00', TIMESTAMP, 'day', '2010-12-01'],
    [null, DATE, 'day', undefined],
  ] as const)('%s is the partition %#', (text, type, unit, key) => {
    expect(keyOfValue(text, type, unit)).toBe(key);
    if (key !== undefined) expect(keyOfValue(valueOfKey(key, type, unit), type, unit)).toBe(key);
  });
  it('writes the value that a partition’s column holds', () => {
    expect(valueOfKey('2010-12', DATE, 'month')).toBe('2010-12-01');
    expect(valueOfKey('2010-12-01T08', INTEGER, 'hour')).toBe('2010120108');
    expect(valueOfKey('2010-12-01T08', TIMESTAMP, 'hour')).toBe('2010-12-01 08:00:00+00');
  });
  it('finds the partition of an instant, before 1970 too', () => {
    expect(keyOfInstant(-1n, 'hour')).toBe('1969-12-31T23');
    expect(keyOfInstant(0n, 'day')).toBe('1970-01-01');
    expect(keyOfInstant(253_402_300_800_000_000n, 'year')).toBeUndefined();
  });
  it('gathers finer partitions into coarser ones', () => {
    expect(truncateKey('2010-12-01T08', 'day')).toBe('2010-12-01');
    expect(truncateKey('2010-12-01', 'month')).toBe('2010-12');
    expect(truncateKey('2010-12', 'month')).toBe('2010-12');
    expect(() => truncateKey('2010', 'day')).toThrow();
  });
  it('cuts keys into runs without gaps', () => {
    const keys = ['2011-01-01', '2010-12-31', '2010-12-29', '2010-12-31'];
    expect(runsOf(keys, 'day')).toEqual([['2010-12-29'], ['2010-12-31', '2011-01-01']]);
    expect(runsOf(keysBetween('2010-01', '2010-05', 'month'), 'month', 2)).toEqual([
      ['2010-01', '2010-02'],
      ['2010-03', '2010-04'],
      ['2010-05'],
    ]);
    expect(runsOf([], 'day')).toEqual([]);
  });
  it('bounds keys half open, as typed literals', () => {
    expect(boundsOf(['2012-02-28', '2012-02-29'], 'day')).toEqual({
      start: `DATE '2012-02-28'`,
      end: `DATE '2012-03-01'`,
    });
    expect(boundsOf(['2010-12'], 'month')).toEqual({ start: `DATE '2010-12-01'`, end: `DATE '2011-01-01'` });
    expect(boundsOf(['9998'], 'year')).toEqual({ start: `DATE '9998-01-01'`, end: `DATE '9999-01-01'` });
    expect(boundsOf(['2010-12-31T23'], 'hour')).toEqual({
      start: `TIMESTAMPTZ '2010-12-31 23:00:00+00'`,
      end: `TIMESTAMPTZ '2011-01-01 00:00:00+00'`,
    });
  });
});
