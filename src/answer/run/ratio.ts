import type { DataType, Value } from '../../query/index.js';

const scaleOf = (type: DataType): number => (type.kind === 'decimal' ? type.scale : 0);

/** Divides exactly and rounds half away from zero. */
export const roundedQuotient = (numerator: bigint, denominator: bigint): bigint => {
  const negative = numerator < 0n !== denominator < 0n;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  const rounded = (2n * n + d) / (2n * d);
  return negative ? -rounded : rounded;
};

/** An exact number: numerator and denominator, which is not zero. */
export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

/** A value as a fraction; null stays null. */
export const fractionOf = (value: Value, type: DataType): Fraction | null =>
  value === null ? null : { n: BigInt(value as number | bigint), d: 10n ** BigInt(scaleOf(type)) };

/** One fraction by another. Null when either is null or the second is zero. */
export const quotient = (a: Fraction | null, b: Fraction | null): Fraction | null =>
  a === null || b === null || b.n === 0n ? null : { n: a.n * b.d, d: a.d * b.n };

export const difference = (a: Fraction | null, b: Fraction | null): Fraction | null =>
  a === null || b === null ? null : { n: a.n * b.d - b.n * a.d, d: a.d * b.d };

/** A fraction's value, unscaled at `scale`, rounded half away from zero. */
export const rounded = (fraction: Fraction | null, scale: number): bigint | null =>
  fraction === null ? null : roundedQuotient(fraction.n * 10n ** BigInt(scale), fraction.d);

/**
 * The exact ratio of two values, unscaled at `scale`. Null when a part is null or the denominator is zero.
 * (53872928n, 2 digits) / (994n) at scale 6 is 541981167n.
 */
export const ratio = (
  numerator: Value,
  denominator: Value,
  numeratorType: DataType,
  denominatorType: DataType,
  scale: number,
): bigint | null =>
  rounded(quotient(fractionOf(numerator, numeratorType), fractionOf(denominator, denominatorType)), scale);
