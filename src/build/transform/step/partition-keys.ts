import { error } from '../../../errors/index.js';
import type { DataType } from '../../../query/index.js';
import type { Partition, Unit } from '../files/definition.js';

/**
 * Keys of partitions are text in UTC: `2010-12-01T08` (hour), `2010-12-01` (day), `2010-12` (month), `2010` (year), so that their order
 * as text is their order in time. Years are 0001 to 9998: what lies after a partition must have a date, too.
 */
const KEY: Readonly<Record<Unit, RegExp>> = {
  hour: /^(\d{4})-(\d{2})-(\d{2})T(\d{2})$/,
  day: /^(\d{4})-(\d{2})-(\d{2})$/,
  month: /^(\d{4})-(\d{2})$/,
  year: /^(\d{4})$/,
};
const INTEGER: Readonly<Record<Unit, RegExp>> = {
  hour: /^(\d{4})(\d{2})(\d{2})(\d{2})$/,
  day: /^(\d{4})(\d{2})(\d{2})$/,
  month: /^(\d{4})(\d{2})$/,
  year: /^(\d{4})$/,
};
const TIMESTAMP = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):00(?::00(?:\.0+)?)?(?:Z|\+00(?::?00)?)?$/;
const DEPTH: Readonly<Record<Unit, number>> = { year: 1, month: 2, day: 3, hour: 4 };
const HOUR = 3_600_000;

const pad = (n: number, width: number): string => String(n).padStart(width, '0');

/** Milliseconds since 1970 of a calendar place; undefined when there is no such place. */
const timeOf = (parts: readonly number[]): number | undefined => {
  const [year = 1, month = 1, day = 1, hour = 0] = parts;
  if (year < 1 || year > 9998 || hour > 23) return undefined;
  const date = new Date(0);
  // Date.UTC reads years 0 to 99 as 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour);
  const real = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real ? date.getTime() : undefined;
};

const numbersOf = (match: RegExpExecArray | null): number[] | undefined => match?.slice(1).map(Number);

const keyAt = (unit: Unit, time: number): string | undefined => {
  const date = new Date(time);
  const year = date.getUTCFullYear();
  if (Number.isNaN(time) || year < 1 || year > 9999) return undefined;
  const parts = [
    pad(year, 4),
    pad(date.getUTCMonth() + 1, 2),
    pad(date.getUTCDate(), 2),
    pad(date.getUTCHours(), 2),
  ].slice(0, DEPTH[unit]);
  return unit === 'hour' ? `${parts.slice(0, 3).join('-')}T${parts[3]}` : parts.join('-');
};

/** Begin of a key in milliseconds since 1970 UTC; undefined when the text is no key of the unit. */
export const keyTime = (key: string, unit: Unit): number | undefined => {
  const parts = numbersOf(KEY[unit].exec(key));
  return parts && timeOf(parts);
};

/** The same, for keys that must be right: anything else is a bug of the caller. */
const begin = (key: string, unit: Unit): number => {
  const time = keyTime(key, unit);
  if (time === undefined) throw error('internal', {}, new RangeError(`${key} is no ${unit}`));
  return time;
};

const shifted = (key: string, unit: Unit, by: number): string => {
  const date = new Date(begin(key, unit));
  if (unit === 'year') date.setUTCFullYear(date.getUTCFullYear() + by);
  else if (unit === 'month') date.setUTCMonth(date.getUTCMonth() + by);
  else if (unit === 'day') date.setUTCDate(date.getUTCDate() + by);
  else date.setTime(date.getTime() + by * HOUR);
  const found = keyAt(unit, date.getTime());
  if (found === undefined) throw error('internal', {}, new RangeError(`nothing lies before ${key}`));
  return found;
};

/** The key after this one. */
export const nextKey = (key: string, unit: Unit): string => shifted(key, unit, 1);
/** The key before this one. */
export const previousKey = (key: string, unit: Unit): string => shifted(key, unit, -1);

const UNIT_OF_LENGTH: Readonly<Record<number, Unit>> = { 4: 'year', 7: 'month', 10: 'day', 13: 'hour' };

/** The partition of a unit that another partition, of the same or a finer unit, lies in. */
export const truncateKey = (key: string, unit: Unit): string => {
  const own = UNIT_OF_LENGTH[key.length] ?? 'hour';
  const time = begin(key, own);
  if (DEPTH[own] < DEPTH[unit]) throw error('internal', {}, new RangeError(`${key} is longer than one ${unit}`));
  return keyAt(unit, time) ?? key;
};

/** The key that an instant (microseconds since 1970 UTC) lies in; undefined outside of the years 1 to 9999. */
export const keyOfInstant = (micros: bigint, unit: Unit): string | undefined => {
  const rest = ((micros % 1000n) + 1000n) % 1000n;
  return keyAt(unit, Number((micros - rest) / 1000n));
};

/**
 * The key of a value of the partition column, as its exact text (`2010-12-01`, `20101201`, `2010-12-01 08:00:00+00`). Undefined when the
 * value stands for no partition: null, a day within a month, five digits of a year, 30 February.
 */
export const keyOfValue = (text: string | null, type: DataType, unit: Unit): string | undefined => {
  if (text === null) return undefined;
  const parts =
    type.kind === 'integer' || type.kind === 'bigint'
      ? numbersOf(INTEGER[unit].exec(text))
      : type.kind === 'timestamp'
        ? numbersOf(TIMESTAMP.exec(text))
        : type.kind === 'date'
          ? numbersOf(KEY.day.exec(text))
          : undefined;
  const time = parts && timeOf(parts);
  const key = time === undefined ? undefined : keyAt(unit, time);
  return key !== undefined && begin(key, unit) === time ? key : undefined;
};

/** The value of the partition column that a key stands for, as exact text. */
export const valueOfKey = (key: string, type: DataType, unit: Unit): string => {
  const iso = new Date(begin(key, unit)).toISOString();
  if (type.kind === 'integer' || type.kind === 'bigint') return key.replaceAll(/[-T]/g, '');
  return type.kind === 'timestamp' ? `${iso.slice(0, 10)} ${iso.slice(11, 19)}+00` : iso.slice(0, 10);
};

/** Keys in order, each once, cut wherever one is missing between two, and after `most` at the latest. */
export const runsOf = (keys: Iterable<string>, unit: Unit, most = Number.POSITIVE_INFINITY): readonly string[][] => {
  const runs: string[][] = [];
  for (const key of [...new Set(keys)].sort()) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last !== undefined && run.length < most && nextKey(last, unit) === key) run.push(key);
    else runs.push([key]);
  }
  return runs;
};

/** Every key from the first to the last, both included. */
export const keysBetween = (first: string, last: string, unit: Unit): string[] => {
  const keys: string[] = [];
  for (let key = first; key <= last; key = nextKey(key, unit)) keys.push(key);
  return keys;
};

/** The half-open span of some keys as typed literals that DuckDB and PostgreSQL read alike: DATE, for hours TIMESTAMPTZ. */
export const boundsOf = (keys: readonly string[], unit: Unit): { readonly start: string; readonly end: string } => {
  const sorted = [...keys].sort();
  const start = new Date(begin(sorted[0] ?? '', unit)).toISOString();
  const last = new Date(begin(sorted.at(-1) ?? '', unit));
  if (unit === 'year') last.setUTCFullYear(last.getUTCFullYear() + 1);
  else if (unit === 'month') last.setUTCMonth(last.getUTCMonth() + 1);
  else last.setTime(last.getTime() + (unit === 'day' ? 24 : 1) * HOUR);
  const text = (iso: string) =>
    unit === 'hour' ? `TIMESTAMPTZ '${iso.slice(0, 10)} ${iso.slice(11, 19)}+00'` : `DATE '${iso.slice(0, 10)}'`;
  return { start: text(start), end: text(last.toISOString()) };
};

/** A partition's column with its type. */
export const partitionType = (
  partition: Partition,
  columns: readonly { readonly name: string; readonly type: DataType }[],
): DataType => columns.find((column) => column.name === partition.column)?.type ?? { kind: 'date' };
