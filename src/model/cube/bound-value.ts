import { error } from '../../errors/index.js';
import type { DataType, GivenValue } from '../../query/index.js';
import type { Member } from '../catalog/index.js';

/** What an engine is given for one place. Exact numbers travel as text. */
export type Bound = string | number | boolean | null;

const DAY = 86_400_000_000n;
const INTEGER = /^[+-]?\d{1,19}$/;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;
const MICROSECONDS = /^-?\d{9,19}$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?$/;

const invalid = (member: Member, value: GivenValue, wanted: string) =>
  error('query-invalid', { where: member.name, what: `${JSON.stringify(value)} is not ${wanted}` });

/** Days since 1970 of a date's text, or undefined when there is no such day. */
const dayOf = (text: string): bigint | undefined => {
  if (!DATE.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined;
  return BigInt(ms / 86_400_000);
};

/** Microseconds since 1970 of a date, a time (UTC unless it has an offset) or digits that already are microseconds. */
const instantOf = (value: GivenValue): bigint | undefined => {
  const text = String(value).trim();
  if (MICROSECONDS.test(text)) return BigInt(text);
  const day = dayOf(text);
  if (day !== undefined) return day * DAY;
  const match = TIME.exec(text);
  const date = match && dayOf(match[1] ?? '');
  if (!match || date === undefined || date === null) return undefined;
  const [hour, minute, second] = [match[2], match[3], match[4] ?? '0'].map(Number);
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = BigInt((match[5] ?? '').padEnd(6, '0'));
  const zone = /^([+-])(\d{2}):?(\d{2})?$/.exec(match[6] ?? '');
  const offset = zone ? (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3] ?? '0')) : 0;
  const seconds = BigInt((hour * 60 + minute - offset) * 60 + second);
  return date * DAY + seconds * 1_000_000n + fraction;
};

const floorDay = (micros: bigint) => (micros >= 0n ? micros / DAY : -((-micros + DAY - 1n) / DAY));
const dateText = (day: bigint) => new Date(Number(day) * 86_400_000).toISOString().slice(0, 10);
/** RFC 3339 in UTC, microseconds when there are any. */
const instantText = (micros: bigint) => {
  const day = floorDay(micros);
  const rest = micros - day * DAY;
  const iso = new Date(Number(day) * 86_400_000 + Number(rest / 1000n)).toISOString().slice(0, 19);
  const fraction = rest % 1_000_000n;
  return `${iso}${fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0')}`}Z`;
};

const instant = (member: Member, value: GivenValue): bigint => {
  const micros = typeof value === 'boolean' ? undefined : instantOf(value);
  if (micros === undefined || micros < -62_135_596_800_000_000n || micros > 253_402_300_799_999_999n)
    throw invalid(member, value, 'a date or time such as 2010-12-01 or 2010-12-01T08:26:00Z');
  return micros;
};

/**
 * A comparison of a date with an instant inside a day is a comparison with a whole day: `d < noon` is `d < the next day`,
 * `d > noon` is `d > that day`. Equality with such an instant cannot hold and is refused.
 */
const date = (member: Member, value: GivenValue, op: string): string => {
  const micros = instant(member, value);
  const floor = floorDay(micros);
  if (floor * DAY === micros) return dateText(floor);
  if (op === 'gt' || op === 'lte') return dateText(floor);
  if (op === 'gte' || op === 'lt' || op === 'between') return dateText(floor + 1n);
  throw invalid(member, value, 'a date');
};

/** An exact number as plain text, and how many digits it holds before and behind the point. */
const number = (member: Member, value: GivenValue): { text: string; whole: number; scale: number } => {
  const match = typeof value === 'boolean' ? null : DECIMAL.exec(String(value).trim());
  const whole = match?.[2] ?? '';
  const behind = match?.[3] ?? '';
  if (!match || whole + behind === '') throw invalid(member, value, 'a number');
  const exponent = Number(match[4] ?? '0');
  const digits = whole + behind;
  const point = whole.length + exponent;
  const before = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0');
  const after = (point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)).replace(/0+$/, '');
  const head = before.replace(/^0+(?=\d)/, '');
  if (head.length + after.length > 38) throw invalid(member, value, 'a number of at most 38 digits');
  const sign = match[1] === '-' ? '-' : '';
  return { text: `${sign}${head}${after === '' ? '' : `.${after}`}`, whole: head.length, scale: after.length };
};

const fitsBigint = (text: string) => {
  if (!INTEGER.test(text)) return false;
  const n = BigInt(text);
  return n >= -(1n << 63n) && n < 1n << 63n;
};

/** Values of one condition in the form that engines bind, and the one type that all their places are cast to. */
const all = (given: readonly GivenValue[], member: Member, op: string): { values: Bound[]; cast: DataType } => {
  const { type } = member;
  switch (type.kind) {
    case 'string':
      return {
        cast: type,
        values: given.map((v) => {
          if (typeof v === 'string' && v.includes('\u0000')) throw invalid(member, v, 'text without NUL');
          return String(v);
        }),
      };
    case 'boolean':
      return {
        cast: type,
        values: given.map((v) => {
          const text = String(v).trim().toLowerCase();
          if (text !== 'true' && text !== 'false') throw invalid(member, v, 'true or false');
          return text === 'true';
        }),
      };
    case 'date':
      return { cast: type, values: given.map((v) => date(member, v, op)) };
    case 'timestamp':
      return { cast: type, values: given.map((v) => instantText(instant(member, v))) };
    case 'double':
      return { cast: type, values: given.map((v) => number(member, v).text) };
    default: {
      const numbers = given.map((v) => number(member, v));
      if (type.kind !== 'decimal' && numbers.every((n) => fitsBigint(n.text)))
        return { cast: { kind: 'bigint' }, values: numbers.map((n) => n.text) };
      // as many digits behind the point as the column or a value has: nothing is rounded before it is compared
      const scale = Math.max(type.kind === 'decimal' ? type.scale : 0, ...numbers.map((n) => n.scale));
      const whole = Math.max(...numbers.map((n) => n.whole));
      if (whole + scale > 38) throw invalid(member, given[0] ?? '', 'a number of at most 38 digits');
      return { cast: { kind: 'decimal', precision: 38, scale }, values: numbers.map((n) => n.text) };
    }
  }
};

export const boundValue = { all };
