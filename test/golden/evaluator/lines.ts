/** One line with its shop; amounts in cents, times in microseconds since 1970. */
export interface Line {
  readonly id: number;
  readonly kind: string | null;
  readonly buyer: string | null;
  readonly returned: boolean | null;
  readonly qty: number | null;
  readonly amount: bigint | null;
  readonly sold_at: bigint | null;
  readonly shop: string | null;
  readonly region: string | null;
}

/** What was on hand in a shop on a day. */
export interface Count {
  readonly id: number;
  readonly day: string | null;
  readonly on_hand: number | null;
  readonly shop: string | null;
  readonly region: string | null;
}

/** Room of each shop. */
export const SPACE: Readonly<Record<string, number>> = { north: 10, south: 25, Ålborg: 40 };

/** An exact number: n / d. */
export interface Exact {
  readonly n: bigint;
  readonly d: bigint;
}
const exact = (n: bigint | number, d = 1n): Exact => ({ n: BigInt(n), d });

/** Digits behind the point of each measure. */
export const SCALE: Readonly<Record<string, number>> = {
  amount: 2,
  returns: 2,
  average: 6,
  by_buyer_units: 6,
  per_buyer: 6,
  best_buyer: 2,
  of_kind: 2,
  share: 6,
  average_by_unit: 6,
  stock_avg: 6,
  good_buyer: 6,
  amount_then: 2,
  change: 2,
  growth: 6,
  churn: 6,
};
/** Measures of what was counted; all others are of lines. */
export const OF_COUNTS = ['counted', 'stock', 'opening', 'stock_avg', 'stock_low', 'carried'];
/** Groups that a measure keeps, whatever else a row is grouped by. */
export const LEVELS: Readonly<Record<string, readonly string[]>> = { of_kind: ['kind'], of_all: [] };

/** Measures over another stretch than the row's own: of which measure, and of which stretch. */
export const OF_PERIODS: Readonly<Record<string, readonly [string, 'previous' | 'both' | 'before' | 'until']>> = {
  amount_then: ['amount', 'previous'],
  so_far: ['buyers', 'until'],
  up_to: ['buyers', 'before'],
  buyers_then: ['buyers', 'previous'],
  both: ['buyers', 'both'],
};
/** One measure less another. */
export const DIFFERENCES: Readonly<Record<string, readonly [string, string]>> = {
  change: ['amount', 'amount_then'],
  new_buyers: ['so_far', 'up_to'],
  lost: ['both', 'buyers'],
};
/** One measure by another, of which some is over other lines than the row's. */
export const QUOTIENTS: Readonly<Record<string, readonly [string, string]>> = {
  share: ['lines', 'of_all'],
  growth: ['change', 'amount_then'],
  churn: ['lost', 'buyers_then'],
};

const present = <T>(values: readonly (T | null)[]): T[] => values.flatMap((v) => (v === null ? [] : [v]));
const sum = (values: readonly (bigint | null)[], d: bigint): Exact | null => {
  const all = present(values);
  return all.length === 0
    ? null
    : exact(
        all.reduce((a, b) => a + b, 0n),
        d,
      );
};
export const over = (a: Exact | null, b: Exact | null): Exact | null =>
  a === null || b === null || b.n === 0n ? null : { n: a.n * b.d, d: a.d * b.n };

/** A measure of a set of lines. */
export const measure = (name: string, lines: readonly Line[]): Exact | null => {
  const quantities = present(lines.map((l) => l.qty));
  const units = sum(
    lines.map((l) => (l.qty === null ? null : BigInt(l.qty))),
    1n,
  );
  const amount = (of: readonly Line[]) =>
    sum(
      of.map((l) => l.amount),
      100n,
    );
  const buyers = (of: readonly Line[]) => exact(new Set(present(of.map((l) => l.buyer))).size);
  switch (name) {
    case 'amount':
      return amount(lines);
    case 'returns':
      return amount(lines.filter((l) => l.returned === true));
    case 'units':
      return units;
    case 'lines':
      return exact(lines.length);
    case 'most':
      return quantities.length === 0 ? null : exact(Math.max(...quantities));
    case 'least':
      return quantities.length === 0 ? null : exact(Math.min(...quantities));
    case 'buyers':
      return buyers(lines);
    case 'keepers':
      return buyers(lines.filter((l) => l.returned === false));
    case 'average':
      return over(amount(lines), exact(lines.length));
    case 'by_buyer_units':
      return over(units, buyers(lines));
    case 'shops':
      return exact(new Set(present(lines.map((l) => l.shop))).size);
    case 'space': {
      const shops = new Set(present(lines.map((l) => l.shop)));
      const spaces = [...shops].flatMap((s) => SPACE[s] ?? []);
      return spaces.length === 0 ? null : exact(spaces.reduce((a, b) => a + b, 0));
    }
    case 'per_buyer':
    case 'best_buyer': {
      const each = present(
        [...new Set(lines.map((l) => l.buyer))].map((b) => amount(lines.filter((l) => l.buyer === b))),
      );
      const all = each.map((e) => e.n);
      if (all.length === 0) return null;
      if (name === 'best_buyer')
        return exact(
          all.reduce((a, b) => (a > b ? a : b)),
          100n,
        );
      return exact(
        all.reduce((a, b) => a + b, 0n),
        100n * BigInt(all.length),
      );
    }
    case 'big_buyers': {
      const known = present(lines.map((l) => l.buyer));
      return exact([...new Set(known)].filter((b) => known.filter((k) => k === b).length > 1).length);
    }
    case 'good_buyer': {
      const each = present(
        [...new Set(lines.map((l) => l.buyer))].map((b) => amount(lines.filter((l) => l.buyer === b))),
      );
      const good = each.map((e) => e.n).filter((cents) => cents >= 0n && cents < 50_050n);
      return good.length === 0
        ? null
        : exact(
            good.reduce((a, b) => a + b, 0n),
            100n * BigInt(good.length),
          );
    }
    case 'of_kind':
      return amount(lines);
    case 'of_all':
      return exact(lines.length);
    case 'average_by_unit':
      return over(over(amount(lines), exact(lines.length)), units);
    default:
      throw new Error(`no measure ${name}`);
  }
};

/** A measure of a set of counts. */
export const countMeasure = (name: string, counts: readonly Count[]): Exact | null => {
  if (name === 'counted') return exact(counts.length);
  const days = [...new Set(present(counts.map((c) => c.day)))].sort();
  const on = (day: string | undefined): Exact | null =>
    sum(
      counts.filter((c) => c.day === day).map((c) => (c.on_hand === null ? null : BigInt(c.on_hand))),
      1n,
    );
  if (days.length === 0) return null;
  if (name === 'stock' || name === 'carried') return on(days.at(-1));
  if (name === 'opening') return on(days[0]);
  const levels = present(days.map(on)).map((e) => e.n);
  if (levels.length === 0) return null;
  if (name === 'stock_low') return exact(levels.reduce((a, b) => (a < b ? a : b)));
  return exact(
    levels.reduce((a, b) => a + b, 0n),
    BigInt(levels.length),
  );
};

/** Rounded half away from zero, as text with all its digits. */
export const text = (value: Exact | null, scale: number): string | null => {
  if (value === null) return null;
  const negative = value.n < 0n !== value.d < 0n;
  const [n, d] = [value.n < 0n ? -value.n : value.n, value.d < 0n ? -value.d : value.d];
  const scaled = n * 10n ** BigInt(scale);
  const whole = scaled / d;
  const digits = (whole + ((scaled - whole * d) * 2n >= d ? 1n : 0n)).toString().padStart(scale + 1, '0');
  const plain = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return negative && /[1-9]/.test(plain) ? `-${plain}` : plain;
};
