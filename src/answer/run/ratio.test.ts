import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DataType } from '../../query/index.js';
import { ratio, roundedQuotient } from './ratio.js';

const money: DataType = { kind: 'decimal', precision: 18, scale: 2 };
const count: DataType = { kind: 'bigint' };
const small: DataType = { kind: 'integer' };

describe('a ratio', () => {
  it.each([
    // the sample's control totals: gross revenue by order, units returned by units sold
    [53_872_928n, money, 994n, count, 541_981_167n],
    [12_787n, count, 223_270n, count, 57_271n],
    [1, small, 3n, count, 333_333n],
    [2n, count, 3n, count, 666_667n],
    [-2n, count, 3n, count, -666_667n],
    [5n, { kind: 'decimal', precision: 18, scale: 7 } as const, 1n, count, 1n],
    [-5n, { kind: 'decimal', precision: 18, scale: 7 } as const, 1n, count, -1n],
    [4n, { kind: 'decimal', precision: 18, scale: 7 } as const, 1n, count, 0n],
    [1n, count, 4n, money, 25_000_000n],
  ])('of %s (%o) and %s (%o) is %s millionths', (n, nt, d, dt, expected) => {
    expect(ratio(n, d, nt as DataType, dt as DataType, 6)).toBe(expected);
  });
  it('is null over nothing and over null', () => {
    expect(ratio(1n, 0n, count, count, 6)).toBeNull();
    expect(ratio(null, 1n, count, count, 6)).toBeNull();
    expect(ratio(1n, null, count, count, 6)).toBeNull();
  });
  it('is the nearest one, and of two the one away from zero', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        fc.bigInt({ min: 1n, max: 10n ** 12n }),
        (n, d) => {
          const q = roundedQuotient(n, d);
          const error = n - q * d;
          const distance = error < 0n ? -error : error;
          expect(distance * 2n <= d).toBe(true);
          if (distance * 2n === d) expect((q < 0n ? -q : q) * d > (n < 0n ? -n : n)).toBe(true);
          expect(roundedQuotient(-n, d)).toBe(q === 0n ? 0n : -q);
        },
      ),
    );
  });
});
