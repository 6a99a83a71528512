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

/** An exact number: n / d. */
export interface Exact {
  readonly n: bigint;
  readonly d: bigint;
}
const exact = (n: bigint | number, d = 1n): Exact => ({ n: BigInt(n), d });

/** Digits behind the point of each measure. */
export const SCALE: Readonly<Record<string, number>> = { amount: 2, returns: 2, average: 6, by_buyer_units: 6 };

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
    default:
      throw new Error(`no measure ${name}`);
  }
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
