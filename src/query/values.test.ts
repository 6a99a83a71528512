import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseType, typeText } from './types.js';
import { compareText, decimalText, parseDecimal, timestampText, valueText, zoneOffsetMinutes } from './values.js';

describe('decimals', () => {
  it('print and read back at every scale', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 37n), 10n ** 37n), fc.integer({ min: 0, max: 20 }), (n, scale) => {
        expect(parseDecimal(decimalText(n, scale), scale)).toBe(n);
      }),
    );
  });
  it('keep their full scale and their sign', () => {
    expect(decimalText(47541272n, 2)).toBe('475412.72');
    expect(decimalText(-5n, 2)).toBe('-0.05');
    expect(decimalText(0n, 2)).toBe('0.00');
  });
  it('are never rounded when read', () => {
    expect(parseDecimal('1.230', 2)).toBe(123n);
    expect(parseDecimal('1.234', 2)).toBeUndefined();
    expect(parseDecimal('1e3', 2)).toBe(100000n);
    expect(parseDecimal('12e-1', 2)).toBe(120n);
    for (const text of ['', '.', 'x', '1,2', 'NaN', '0x10', '1.2.3']) expect(parseDecimal(text, 2)).toBeUndefined();
  });
});

describe('timestamps', () => {
  it('print microseconds only when there are some, also before 1970', () => {
    expect(timestampText(1291191960000000n)).toBe('2010-12-01T08:26:00Z');
    expect(timestampText(1n)).toBe('1970-01-01T00:00:00.000001Z');
    expect(timestampText(-1n)).toBe('1969-12-31T23:59:59.999999Z');
  });
  it('agree with the runtime on whole milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: -60_000_000_000_000, max: 250_000_000_000_000 }), (ms) => {
        expect(new Date(timestampText(BigInt(ms) * 1000n)).getTime()).toBe(ms);
      }),
    );
  });
  it('carry the offset of their zone at that instant', () => {
    expect(zoneOffsetMinutes('Europe/Berlin', 1291191960000000n)).toBe(60);
    expect(zoneOffsetMinutes('Asia/Kolkata', 1291191960000000n)).toBe(330);
    expect(valueText({ kind: 'timestamp' }, 1301187600000000n, 'Europe/Berlin')).toBe('2011-03-27T03:00:00+02:00');
    expect(valueText({ kind: 'timestamp' }, 1301187599000000n, 'Europe/Berlin')).toBe('2011-03-27T01:59:59+01:00');
    expect(valueText({ kind: 'timestamp' }, 1291191960000000n, 'America/St_Johns')).toBe('2010-12-01T04:56:00-03:30');
  });
});

describe('text', () => {
  it('orders by code point', () => {
    const point = (s: string) => [...s].map((c) => (c.codePointAt(0) ?? 0).toString(16).padStart(6, '0')).join('');
    const unit = fc.constantFrom('a', 'Z', 'é', '\u{10000}', '\u{1F600}', '\uE000', '\uFFFD', '\uD7FF');
    fc.assert(
      fc.property(fc.string({ unit }), fc.string({ unit }), (a, b) => {
        const [x, y] = [point(a), point(b)];
        expect(Math.sign(compareText(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });
});

describe('types', () => {
  it('read what they print, and nothing else', () => {
    for (const text of ['string', 'bigint', 'decimal(18,2)', 'timestamp', 'date']) {
      const type = parseType(text);
      expect(type && typeText(type)).toBe(text);
    }
    for (const text of ['number', 'decimal', 'decimal(39,2)', 'decimal(5,6)', ''])
      expect(parseType(text)).toBeUndefined();
  });
});
