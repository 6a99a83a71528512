import { words } from './tokens.js';

/** Values by their folded text: `germany` gives `retail.country` = `Germany`. */
export type KnownValues = ReadonlyMap<string, readonly KnownValue[]>;
export interface KnownValue {
  readonly dimension: string;
  readonly value: string;
}

/** Case, accents, signs and plurals do not tell values apart when they are looked up. */
export const foldedValue = (text: string): string => words(text.toLowerCase()).join(' ');

/** A dimension of more values than these has no short forms: letters would stand for too much. */
const MOST_SHORTENED = 500;

/** Looks values up, also by the first letters of their words (`uk`) where no other value is meant. */
export const knownValues = (values: readonly KnownValue[]): KnownValues => {
  const known = new Map<string, KnownValue[]>();
  const counts = new Map<string, number>();
  const add = (key: string, at: KnownValue) => {
    if (key === '') return;
    const list = known.get(key);
    if (list) list.push(at);
    else known.set(key, [at]);
  };
  for (const at of values) {
    add(foldedValue(at.value), at);
    counts.set(at.dimension, (counts.get(at.dimension) ?? 0) + 1);
  }
  const short = new Map<string, KnownValue[]>();
  for (const at of values) {
    const parts = at.value.split(/\s+/).filter((w) => /^\p{Lu}/u.test(w));
    if ((counts.get(at.dimension) ?? 0) > MOST_SHORTENED || parts.length < 2 || parts.length > 4) continue;
    const key = parts.map((w) => w.charAt(0).toLowerCase()).join('');
    short.set(key, [...(short.get(key) ?? []), at]);
  }
  for (const [key, list] of short)
    if (!known.has(key) && new Set(list.map((at) => at.value)).size === 1) known.set(key, list);
  return known;
};
