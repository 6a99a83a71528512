/** Where the first right answer stood: 1 is first, undefined: nowhere. */
export const rankOf = (found: readonly string[], right: readonly string[]): number | undefined => {
  const at = found.findIndex((id) => right.includes(id));
  return at < 0 ? undefined : at + 1;
};

/** Gain of the right answers among the first `k`, each the less the later it stands, against the best order that there could be. */
export const ndcg = (found: readonly string[], right: readonly string[], k: number): number => {
  const gain = (i: number) => 1 / Math.log2(i + 2);
  const got = found.slice(0, k).reduce((sum, id, i) => sum + (right.includes(id) ? gain(i) : 0), 0);
  const most = right.slice(0, k).reduce((sum, _id, i) => sum + gain(i), 0);
  return most === 0 ? 0 : got / most;
};

/** A share with Wilson's interval of 95 %. */
export interface Share {
  readonly hits: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

const Z = 1.959964;

/** Wilson's score interval: honest for few questions and for shares near 0 and 1. */
export const wilson = (hits: number, of: number): Share => {
  if (of === 0) return { hits, of, share: 0, low: 0, high: 1 };
  const p = hits / of;
  const middle = (p + Z ** 2 / (2 * of)) / (1 + Z ** 2 / of);
  const half = (Z / (1 + Z ** 2 / of)) * Math.sqrt((p * (1 - p)) / of + Z ** 2 / (4 * of ** 2));
  return { hits, of, share: p, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
};
