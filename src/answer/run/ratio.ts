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
): bigint | null => {
  if (numerator === null || denominator === null) return null;
  const n = BigInt(numerator as number | bigint);
  const d = BigInt(denominator as number | bigint);
  if (d === 0n) return null;
  const shift = scale + scaleOf(denominatorType) - scaleOf(numeratorType);
  return shift >= 0 ? roundedQuotient(n * 10n ** BigInt(shift), d) : roundedQuotient(n, d * 10n ** BigInt(-shift));
};
