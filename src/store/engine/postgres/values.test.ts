import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DataType, decimalText } from '../../../query/index.js';
import { fieldReader } from './values.js';

const read = (type: DataType, text: string | null) => fieldReader({ name: 'x', type, role: 'dimension' })(text);
const timestamp: DataType = { kind: 'timestamp' };

describe('fields of PostgreSQL', () => {
  it('read every decimal that fits as it is written, with and without trailing zeros', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 38n) + 1n, 10n ** 38n - 1n),
        fc.integer({ min: 0, max: 38 }),
        (unscaled, scale) => {
          const type: DataType = { kind: 'decimal', precision: 38, scale };
          const text = decimalText(unscaled, scale);
          expect(read(type, text)).toBe(unscaled);
          if (scale > 0) expect(read(type, `${text}000`)).toBe(unscaled);
        },
      ),
    );
  });

  it('read every instant of the years 1 to 9999 to the microsecond, in any offset', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-03T00:00:00Z'), max: new Date('9999-12-29T00:00:00Z'), noInvalidDate: true }),
        fc.integer({ min: 0, max: 999 }),
        fc.integer({ min: -14, max: 14 }),
        (date, micros, offset) => {
          const local = new Date(date.getTime() + offset * 3_600_000).toISOString().replace('T', ' ').slice(0, -1);
          const zone = `${offset < 0 ? '-' : '+'}${String(Math.abs(offset)).padStart(2, '0')}`;
          const expected = BigInt(date.getTime()) * 1000n + BigInt(micros);
          expect(read(timestamp, `${local}${String(micros).padStart(3, '0')}${zone}`)).toBe(expected);
        },
      ),
    );
  });

  it('read whole numbers that arrive as numeric', () => {
    expect(read({ kind: 'bigint' }, '42.000')).toBe(42n);
    expect(read({ kind: 'integer' }, '-7.0')).toBe(-7);
  });

  it.each<[DataType, string]>([
    [timestamp, '0044-03-15 12:00:00+00 BC'],
    [timestamp, '-infinity'],
    [{ kind: 'date' }, 'infinity'],
    [{ kind: 'integer' }, '2147483648'],
    [{ kind: 'integer' }, ''],
    [{ kind: 'bigint' }, '0.5'],
    [{ kind: 'boolean' }, 'maybe'],
    [{ kind: 'double' }, 'x'],
    [{ kind: 'decimal', precision: 3, scale: 1 }, '100.0'],
    [{ kind: 'decimal', precision: 3, scale: 1 }, 'Infinity'],
  ])('refuse what does not fit: %o %s', (type, text) => {
    expect(() => read(type, text)).toThrow(expect.objectContaining({ code: 'value-does-not-fit' }));
  });

  it('keep null apart from empty text', () => {
    expect([read({ kind: 'string' }, null), read({ kind: 'string' }, '')]).toEqual([null, '']);
  });
});
