import { calendarBucket } from '../../model/catalog/index.js';
import type { Calendars } from './grain.js';

/** Which coarser buckets are made of whole finer ones. Weeks do not fit months; other names are only themselves. */
const WITHIN: Readonly<Record<string, readonly string[]>> = {
  second: ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'],
  minute: ['hour', 'day', 'week', 'month', 'quarter', 'year'],
  hour: ['day', 'week', 'month', 'quarter', 'year'],
  day: ['week', 'month', 'quarter', 'year'],
  week: [],
  month: ['quarter', 'year'],
  quarter: ['year'],
  year: [],
};

const NONE: Calendars = new Map();
/** Whether buckets of `fine`, a common granularity, add up to buckets of `coarse`, which may be one of a calendar of the model's. */
export const addsUpTo = (fine: string, coarse: string, calendars: Calendars = NONE): boolean => {
  if (fine === coarse || (WITHIN[fine]?.includes(coarse) ?? false)) return true;
  const own = calendarBucket(coarse, calendars);
  if (!own) return false;
  if (addsUpTo(fine, 'day', calendars)) return true;
  const { calendar, unit } = own;
  if (fine === 'week') return calendar.weekStart === 0 && (unit === 'week' || calendar.pattern !== undefined);
  if (calendar.pattern || unit === 'week') return false;
  const behind = calendar.starts.month - 1;
  return (
    addsUpTo(fine, unit, calendars) && (fine === 'month' || (fine === 'quarter' && behind % 3 === 0) || behind === 0)
  );
};

const MICROS: Readonly<Record<string, bigint>> = {
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
  day: 86_400_000_000n,
};
const DAY = 86_400_000_000n;
const floorMod = (a: bigint, b: bigint): bigint => ((a % b) + b) % b;

/** Whether an instant is the start of a bucket of that granularity, in UTC. Unknown granularities align with nothing. */
export const isAligned = (micros: bigint, granularity: string): boolean => {
  const size = MICROS[granularity];
  if (size !== undefined) return floorMod(micros, size) === 0n;
  if (floorMod(micros, DAY) !== 0n) return false;
  const date = new Date(Number(micros / 1000n));
  switch (granularity) {
    case 'week':
      return date.getUTCDay() === 1;
    case 'month':
      return date.getUTCDate() === 1;
    case 'quarter':
      return date.getUTCDate() === 1 && date.getUTCMonth() % 3 === 0;
    case 'year':
      return date.getUTCDate() === 1 && date.getUTCMonth() === 0;
    default:
      return false;
  }
};

/** Whether buckets of this granularity are kept as dates. */
export const isDateBucket = (granularity: string): boolean => !['second', 'minute', 'hour'].includes(granularity);
