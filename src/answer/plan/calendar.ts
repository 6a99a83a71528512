import { offsetMicros, type TimeUnit } from '../../query/index.js';
import { localToInstant } from './instant.js';

/**
 * Arithmetic of one zone's calendar, for whatever is decided about time before any row is read: which buckets a range has, and which
 * bucket lies a shift earlier. A moment is an instant (microseconds since 1970 UTC); a clock is what the zone's clocks show then, in
 * microseconds as if it were UTC.
 */

const SECOND = 1_000_000n;
export const DAY = 86_400n * SECOND;
/** Units of fixed length; a day and more are counted on the calendar instead. */
const EXACT: Readonly<Record<string, bigint>> = { second: SECOND, minute: 60n * SECOND, hour: 3_600n * SECOND };
const DAYS: Readonly<Record<string, number>> = { day: 1, week: 7 };
const MONTHS: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 };

/** A length of time: so many units, or so many microseconds. */
export interface Span {
  readonly count: number;
  readonly unit: TimeUnit | 'microsecond';
}

export const floorDiv = (a: bigint, b: bigint): bigint => {
  const q = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
};

export const clockOf = (moment: bigint, zone: string): bigint => moment + offsetMicros(zone, moment);

/** Calendar day of a clock, as year, month from 0, day. */
const dayOf = (clock: bigint) => {
  const date = new Date(Number(floorDiv(clock, DAY)) * 86_400_000);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
};
const clockOfDay = (year: number, month: number, day: number): bigint => {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return BigInt(date.getTime()) * 1000n;
};
/** Monday 1970-01-05 was four days after the first. */
const mondayOf = (clock: bigint): bigint => floorDiv(clock - 4n * DAY, 7n * DAY) * 7n * DAY + 4n * DAY;

/** The clock at which the bucket begins that a clock lies in; undefined for granularities of the model's own. */
export const bucketClock = (clock: bigint, granularity: string): bigint | undefined => {
  const exact = EXACT[granularity];
  if (exact !== undefined) return floorDiv(clock, exact) * exact;
  const { year, month } = dayOf(clock);
  switch (granularity) {
    case 'day':
      return floorDiv(clock, DAY) * DAY;
    case 'week':
      return mondayOf(clock);
    case 'month':
      return clockOfDay(year, month, 1);
    case 'quarter':
      return clockOfDay(year, month - (month % 3), 1);
    case 'year':
      return clockOfDay(year, 0, 1);
    default:
      return undefined;
  }
};

/** A clock moved by calendar units or exact ones; a day that its month does not have becomes the month's last. */
export const movedClock = (clock: bigint, { count, unit }: Span): bigint => {
  if (unit === 'microsecond') return clock + BigInt(count);
  const exact = EXACT[unit];
  if (exact !== undefined) return clock + BigInt(count) * exact;
  const days = DAYS[unit];
  if (days !== undefined) return clock + BigInt(count * days) * DAY;
  const { year, month, day } = dayOf(clock);
  const into = clock - floorDiv(clock, DAY) * DAY;
  const moved = month + count * (MONTHS[unit] ?? 0);
  const last = dayOf(clockOfDay(year, moved + 1, 0)).day;
  return clockOfDay(year, moved, Math.min(day, last)) + into;
};

const isExact = ({ unit }: Span): boolean => unit === 'microsecond' || EXACT[unit] !== undefined;

/** A moment moved by a span: exact units as elapsed time, others on the zone's calendar. */
export const movedMoment = (moment: bigint, span: Span, zone: string): bigint =>
  isExact(span) ? movedClock(moment, span) : localToInstant(movedClock(clockOf(moment, zone), span), zone);

/** The moment at which the bucket begins that a moment lies in. An hour that clocks show twice is two buckets. */
export const bucketStart = (moment: bigint, granularity: string, zone: string): bigint | undefined => {
  const clock = clockOf(moment, zone);
  const start = bucketClock(clock, granularity);
  if (start === undefined) return undefined;
  return EXACT[granularity] === undefined ? localToInstant(start, zone) : moment - (clock - start);
};

/** The moment at which the next bucket begins. */
export const nextBucket = (start: bigint, granularity: string, zone: string): bigint => {
  const exact = EXACT[granularity];
  if (exact === undefined) {
    const clock = bucketClock(clockOf(start, zone), granularity) ?? 0n;
    return localToInstant(movedClock(clock, { count: 1, unit: granularity as TimeUnit }), zone);
  }
  // clocks may change within the bucket's time: the next one begins where its reading is whole again
  const next = start + exact;
  return bucketStart(next, granularity, zone) ?? next;
};

/** Buckets that a half-open range touches, by their first moments. Undefined when there are more than `most`. */
export const bucketsOf = (
  range: { readonly from: bigint; readonly to: bigint },
  granularity: string,
  zone: string,
  most: number,
): readonly bigint[] | undefined => {
  const found: bigint[] = [];
  let at = bucketStart(range.from, granularity, zone);
  while (at !== undefined && at < range.to) {
    if (found.push(at) > most) return undefined;
    const next = nextBucket(at, granularity, zone);
    at = next > at ? next : at + (EXACT[granularity] ?? DAY);
  }
  return found;
};

/** First day (a Monday) of an ISO year's first week: the one with 4 January. */
const isoYearStart = (year: number): bigint => mondayOf(clockOfDay(year, 0, 4));
/** ISO year and week, from 1, of a Monday. */
const isoWeek = (monday: bigint): { year: number; week: number } => {
  const year = dayOf(monday + 3n * DAY).year;
  return { year, week: Number((monday - isoYearStart(year)) / (7n * DAY)) + 1 };
};
/** The Monday of the same ISO week, years away; week 53 of a year that has none is the next year's first Monday, `exact` false. */
export const movedWeek = (monday: bigint, years: number): { readonly monday: bigint; readonly exact: boolean } => {
  const { year, week } = isoWeek(monday);
  const moved = isoYearStart(year + years) + BigInt(week - 1) * 7n * DAY;
  return { monday: moved, exact: moved < isoYearStart(year + years + 1) };
};

/** Whether a shift moves buckets of a granularity onto buckets. */
export const fits = ({ count, unit }: Span, granularity: string): boolean => {
  const months = MONTHS[granularity];
  if (months !== undefined) return (count * (MONTHS[unit] ?? 0)) % months === 0 && MONTHS[unit] !== undefined;
  if (granularity === 'week') return unit === 'year' || (count * (DAYS[unit] ?? 0.5)) % 7 === 0;
  if (granularity === 'day') return DAYS[unit] !== undefined || MONTHS[unit] !== undefined;
  const exact = EXACT[granularity];
  if (exact === undefined) return false;
  if (!isExact({ count, unit })) return true;
  return (BigInt(count) * (EXACT[unit] ?? 1n)) % exact === 0n;
};

/**
 * The bucket that lies a span from another one, one for one: undefined where there is none. 29 February has no partner in a year
 * without one, and is nobody's; ISO week 53 likewise; an hour that clocks skip likewise; of an hour that they show twice only the
 * first has and is a partner. Needs `fits`.
 */
export const partnerOf = (start: bigint, span: Span, granularity: string, zone: string): bigint | undefined => {
  if (isExact(span)) {
    const moved = movedMoment(start, span, zone);
    return bucketStart(moved, granularity, zone) === moved ? moved : undefined;
  }
  const clock = clockOf(start, zone);
  if (EXACT[granularity] === undefined) {
    // a day whose midnight clocks skip begins later; its calendar day counts
    const own = bucketClock(clock, granularity) ?? clock;
    if (granularity === 'week' && span.unit === 'year') {
      const { monday, exact } = movedWeek(own, span.count);
      return exact ? localToInstant(monday, zone) : undefined;
    }
    const moved = movedClock(own, span);
    const back = movedClock(moved, { ...span, count: -span.count });
    return back === own ? localToInstant(moved, zone) : undefined;
  }
  if (localToInstant(clock, zone) !== start) return undefined;
  const moved = movedClock(clock, span);
  if (movedClock(moved, { ...span, count: -span.count }) !== clock) return undefined;
  const found = localToInstant(moved, zone);
  return clockOf(found, zone) === moved ? found : undefined;
};
