import { error } from '../../errors/index.js';
import type { Column, Value } from '../../query/index.js';
import { valueText } from '../../query/index.js';
import { asNumber } from './statistics.js';

/** How what was served differs from what training would see, for one feature. */
export interface FeatureSkew {
  readonly feature: string;
  readonly rows: number;
  readonly equal: number;
  /** Both have a value, another one. */
  readonly mismatch: number;
  /** Training has a value, serving had none. */
  readonly missing: number;
  /** Serving had a value, training has none. */
  readonly extra: number;
  /** Symmetric mean absolute percentage error, 0 to 2; null where no pair of numbers is there. */
  readonly smape: number | null;
  /** Population stability index over ten bins of training's quantiles. */
  readonly psi: number | null;
  /** Kolmogorov-Smirnov distance of both distributions. */
  readonly ks: number | null;
}

/** A served value in the form of its column; JSON, CSV and other clients write numbers their own way. */
const servedText = (column: Column, value: unknown, row: number): string | null => {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'object')
    throw error('query-invalid', { where: `rows[${row}].${column.name}`, what: 'a single value is wanted' });
  const text = String(value);
  if (column.type.kind !== 'decimal') return text;
  const [whole = '', fraction = ''] = text.split('.');
  const kept = fraction.replace(/0+$/, '');
  return kept.length > column.type.scale
    ? text
    : `${whole}${column.type.scale > 0 ? `.${kept.padEnd(column.type.scale, '0')}` : ''}`;
};

/** Share of a sorted list that is at most `x`. */
const shareUpTo = (sorted: readonly number[], x: number): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= x) low = middle + 1;
    else high = middle;
  }
  return low / sorted.length;
};

const ksOf = (a: readonly number[], b: readonly number[]): number =>
  [...a, ...b].reduce((most, x) => Math.max(most, Math.abs(shareUpTo(a, x) - shareUpTo(b, x))), 0);

const BINS = 10;
/** A bin that is empty on one side would make the index infinite. */
const LEAST_SHARE = 1e-4;
const psiOf = (training: readonly number[], serving: readonly number[]): number => {
  const edges = Array.from(
    { length: BINS - 1 },
    (_, i) => training[Math.floor(((i + 1) * training.length) / BINS)] ?? 0,
  );
  const ends = [...new Set(edges)];
  const shares = (of: readonly number[]) =>
    [...ends, Number.POSITIVE_INFINITY].map((end, i) =>
      Math.max(LEAST_SHARE, shareUpTo(of, end) - (i === 0 ? 0 : shareUpTo(of, ends[i - 1] ?? 0))),
    );
  const [t, s] = [shares(training), shares(serving)];
  return t.reduce(
    (sum, share, i) => sum + ((s[i] ?? LEAST_SHARE) - share) * Math.log((s[i] ?? LEAST_SHARE) / share),
    0,
  );
};

/** Compares one feature's values, row by row and as distributions. */
export const skewOf = (column: Column, training: readonly Value[], served: readonly unknown[]): FeatureSkew => {
  let [equal, mismatch, missing, extra, errors, pairs] = [0, 0, 0, 0, 0, 0];
  const [a, b]: [number[], number[]] = [[], []];
  training.forEach((value, row) => {
    const text = valueText(column.type, value);
    const other = servedText(column, served[row], row);
    if (text === other) equal += 1;
    else if (other === null) missing += 1;
    else if (text === null) extra += 1;
    else mismatch += 1;
    const x = asNumber(column, value);
    const y = other === null || x === null ? Number.NaN : Number(other === 'true' ? 1 : other === 'false' ? 0 : other);
    if (x !== null) a.push(x);
    const alone = other === null ? Number.NaN : Number(other);
    if (column.type.kind !== 'string' && Number.isFinite(alone)) b.push(alone);
    if (x === null || !Number.isFinite(y)) return;
    pairs += 1;
    errors += x === y ? 0 : (2 * Math.abs(x - y)) / (Math.abs(x) + Math.abs(y));
  });
  a.sort((x, y) => x - y);
  b.sort((x, y) => x - y);
  const both = a.length > 0 && b.length > 0;
  return {
    feature: column.name,
    rows: training.length,
    ...{ equal, mismatch, missing, extra },
    smape: pairs === 0 ? null : errors / pairs,
    psi: both ? psiOf(a, b) : null,
    ks: both ? ksOf(a, b) : null,
  };
};
