import { describe, expect, it } from 'vitest';
import { offsetMicros } from '../../query/index.js';
import { instantText, parseDate, parseInstant } from './instant.js';
import { zoneName } from './zone.js';

const at = (text: string, zone = 'UTC') => {
  const micros = parseInstant(text, zone);
  return micros === undefined ? undefined : instantText(micros);
};

describe('instants', () => {
  it.each([
    ['2010-12-01', 'UTC', '2010-12-01T00:00:00Z'],
    ['2010-12-01T08:26', 'UTC', '2010-12-01T08:26:00Z'],
    ['2010-12-01 08:26:01.5', 'UTC', '2010-12-01T08:26:01.500000Z'],
    ['2010-12-01T08:26:00.123456Z', 'Asia/Tokyo', '2010-12-01T08:26:00.123456Z'],
    ['2010-12-01T08:26:00-0330', 'UTC', '2010-12-01T11:56:00Z'],
    ['1969-12-31T23:59:59.999999Z', 'UTC', '1969-12-31T23:59:59.999999Z'],
    ['0001-01-01', 'UTC', '0001-01-01T00:00:00Z'],
  ])('%s in %s is %s', (text, zone, expected) => expect(at(text, zone)).toBe(expected));
  it.each([
    '',
    '2010',
    '2010-1-1',
    '2010-13-01',
    '2011-02-29',
    '2010-12-01T24:00',
    '2010-12-01T08:26:60',
    '0000-01-01',
    'now',
  ])('%j is none', (text) => expect(at(text)).toBeUndefined());
  // Berlin: forward on 27 March 2011 at 02:00, back on 30 October 2011 at 03:00
  it.each([
    ['2011-03-27T01:59:59.999999', '2011-03-27T00:59:59.999999Z', 'before the gap'],
    ['2011-03-27T02:30', '2011-03-27T01:30:00Z', 'in the gap: the offset from before it'],
    ['2011-03-27T03:00', '2011-03-27T01:00:00Z', 'after the gap'],
    ['2011-03-28', '2011-03-27T22:00:00Z', 'the day after'],
    ['2011-10-30T02:30', '2011-10-30T00:30:00Z', 'twice: the first'],
    ['2011-10-30T03:00', '2011-10-30T02:00:00Z', 'after both'],
    ['2011-10-31', '2011-10-30T23:00:00Z', 'the day after'],
  ])('%s in Berlin is %s (%s)', (text, expected) => expect(at(text, 'Europe/Berlin')).toBe(expected));
  it('begin a day without midnight at its first instant', () => {
    expect(at('2015-10-18', 'America/Sao_Paulo')).toBe('2015-10-18T03:00:00Z');
    expect(at('2013-11-03', 'America/Havana')).toBe('2013-11-03T04:00:00Z');
  });
  it('know offsets of seconds, as history has them', () => {
    expect(offsetMicros('Europe/Amsterdam', BigInt(Date.UTC(1920, 0, 1)) * 1000n) % 1_000_000n).toBe(0n);
    expect(offsetMicros('Europe/Dublin', BigInt(Date.UTC(1900, 0, 1)) * 1000n)).toBe(-1_521_000_000n);
  });
});

describe('dates', () => {
  it('are days, or midnights without offset', () => {
    expect(parseDate('2010-12-01')).toBe('2010-12-01');
    expect(parseDate('2010-12-01 00:00:00')).toBe('2010-12-01');
    expect(parseDate('2010-12-01T00:00:00Z')).toBeUndefined();
    expect(parseDate('2010-12-01T01:00')).toBeUndefined();
  });
});

describe('zones', () => {
  it('are IANA names, UTC under one name', () => {
    expect(zoneName(undefined)).toBe('UTC');
    expect(zoneName('Etc/UTC')).toBe('UTC');
    expect(zoneName('europe/berlin')).toBe('Europe/Berlin');
    expect(zoneName('Asia/Kolkata').startsWith('Asia/')).toBe(true);
  });
});
