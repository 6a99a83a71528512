import { parseType } from '../../../query/index.js';
import type { DeltaType } from '../types.js';

/** A value that compares with others of its type: numbers and times as integers, text and floating-point numbers as they are. */
export type Comparable = bigint | number | string;

const INTEGERS = new Set(['byte', 'short', 'integer', 'long']);

/** A decimal's digits with this many behind the point; undefined where it has more, or is no number. */
const scaled = (text: string, scale: number): bigint | undefined => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  const digits = `${match?.[2] ?? ''}${match?.[3] ?? ''}`;
  if (!match || digits === '') return undefined;
  const shift = scale - (match[3] ?? '').length + Number(match[4] ?? 0);
  const kept = shift >= 0 ? digits + '0'.repeat(shift) : digits.slice(0, shift);
  if (shift < 0 && /[1-9]/.test(digits.slice(shift))) return undefined;
  const value = BigInt(kept === '' ? '0' : kept);
  return match[1] === '-' ? -value : value;
};

/** Days since 1970 of `YYYY-MM-DD`. */
const days = (text: string): number | undefined => {
  const [, year, month, day] = (/^(\d{4,6})-(\d\d)-(\d\d)$/.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined || month < 1 || month > 12) return undefined;
  // Date takes years below 100 for those of the last century.
  const time = new Date(0).setUTCFullYear(year, month - 1, day);
  return day >= 1 && day <= 31 ? time / 86_400_000 : undefined;
};

const TIME =
  /^(\d{4,6}-\d\d-\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/** Microseconds since 1970. A time without a zone is one in UTC. More digits than microseconds are cut. */
const micros = (text: string): bigint | undefined => {
  const match = TIME.exec(text);
  const day = days(match?.[1] ?? '');
  if (!match || day === undefined) return undefined;
  const at = (i: number) => BigInt(match[i] ?? 0);
  const seconds = BigInt(day) * 86_400n + at(2) * 3600n + at(3) * 60n + at(4);
  const zone = (at(8) * 60n + at(9)) * 60n * (match[7] === '-' ? -1n : 1n);
  return (seconds - zone) * 1_000_000n + BigInt((match[5] ?? '').padEnd(6, '0').slice(0, 6));
};

/**
 * A value from its text, as partition values, statistics and conditions have it. Undefined where the type has no order that we know, or
 * the text is none of its values: then nothing may be concluded.
 */
export const comparable = (type: DeltaType, text: string): Comparable | undefined => {
  if (typeof type !== 'string') return undefined;
  if (type === 'string') return text;
  if (INTEGERS.has(type)) return /^[+-]?\d{1,20}$/.test(text) ? BigInt(text.replace('+', '')) : undefined;
  if (type === 'boolean') return /^true$/i.test(text) ? 1 : /^false$/i.test(text) ? 0 : undefined;
  if (type === 'date') return days(text);
  if (type === 'timestamp' || type === 'timestamp_ntz') return micros(text);
  if (type === 'float' || type === 'double') {
    const value = /^[+-]?(\d|\.\d)/.test(text) ? Number(text) : Number.NaN;
    // Beyond the largest number, and NaN, which engines order differently.
    return Number.isFinite(value) ? value : undefined;
  }
  const decimal = parseType(type);
  return decimal?.kind === 'decimal' ? scaled(text, decimal.scale) : undefined;
};

/** By code points, as UTF-8 bytes compare: UTF-16 puts what lies beyond U+FFFF before U+E000. */
const textOrder = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const high = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    if (high(x) !== high(y)) return high(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
};

/** Negative, zero or positive. Both come from `comparable` of one type. */
export const order = (a: Comparable, b: Comparable): number =>
  typeof a === 'string' && typeof b === 'string' ? textOrder(a, b) : a < b ? -1 : a > b ? 1 : 0;
