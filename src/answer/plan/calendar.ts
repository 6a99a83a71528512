import { offsetMicros, type TimeUnit } from '../../query/index.js';
import { clockOfDay, DAY, dayOf, floorDiv, weekOf } from './days.js';
import type { Grain } from './grain.js';
import { localToInstant } from './instant.js';
import { bucketNumber, bucketOfNumber, isOfWeeks, MONTHS_OF, movedInWeeks, type WeeksBucket } from './own-buckets.js';

/**
 * Arithmetic of one zone's calendar, for whatever is decided about time before any row is read: which buckets a range has, and which
 * bucket lies a shift earlier. A moment is an instant (microseconds since 1970 UTC); a clock is what the zone's clocks show then, in
 * microseconds as if it were UTC.
 */

const SECOND = 1_000_000n;
/** Units of fixed length; a day and more are counted on the calendar instead. */
const EXACT: Readonly<Record<string, bigint>> = { second: SECOND, minute: 60n * SECOND, hour: 3_600n * SECOND };
const DAYS: Readonly<Record<string, number>> = { day: 1, week: 7 };
const MONTHS: Readonly<Record<string, number>> = MONTHS_OF;

/** A length of time: so many buckets of a kind, or so many microseconds. */
export interface Span {
  readonly count: number;
  readonly unit: Grain | 'microsecond';
}
/** A span in what everybody counts in: quarters of a year that begins in April are as long as others. */
interface PlainSpan {
  readonly count: number;
  readonly unit: TimeUnit | 'microsecond';
}
const plainSpan = ({ count, unit }: Span): PlainSpan => ({ count, unit: typeof unit === 'string' ? unit : unit.unit });

/** A span by the name that everybody has for it; only buckets of years of weeks have none. */
export const spanOf = (count: number, unit: Grain): Span =>
  isOfWeeks(unit) ? { count, unit } : plainSpan({ count, unit });

const exactOf = (unit: Span['unit']): bigint | undefined => (typeof unit === 'string' ? EXACT[unit] : undefined);

export const clockOf = (moment: bigint, zone: string): bigint => moment + offsetMicros(zone, moment);

/** The clock at which the bucket begins that a clock lies in. */
export const bucketClock = (clock: bigint, grain: Grain): bigint => {
  if (typeof grain === 'object') return bucketOfNumber(bucketNumber(clock, grain), grain);
  const { year, month } = dayOf(clock);
  switch (grain) {
    case 'day':
      return floorDiv(clock, DAY) * DAY;
    case 'week':
      return weekOf(clock);
    case 'month':
      return clockOfDay(year, month, 1);
    case 'quarter':
      return clockOfDay(year, month - (month % 3), 1);
    case 'year':
      return clockOfDay(year, 0, 1);
    default: {
      const exact = EXACT[grain] ?? SECOND;
      return floorDiv(clock, exact) * exact;
    }
  }
};

/** A clock moved by calendar units or exact ones; a day that its month does not have becomes the month's last. */
export const movedClock = (clock: bigint, span: Span): bigint => {
  if (isOfWeeks(span.unit)) return movedInWeeks(clock, span.count, span.unit);
  const { count, unit } = plainSpan(span);
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

const isExact = ({ unit }: Span): boolean => unit === 'microsecond' || exactOf(unit) !== undefined;

/** A moment moved by a span: exact units as elapsed time, others on the zone's calendar. */
export const movedMoment = (moment: bigint, span: Span, zone: string): bigint =>
  isExact(span) ? movedClock(moment, span) : localToInstant(movedClock(clockOf(moment, zone), span), zone);

/** The moment at which the bucket begins that a moment lies in. An hour that clocks show twice is two buckets. */
export const bucketStart = (moment: bigint, grain: Grain, zone: string): bigint => {
  const clock = clockOf(moment, zone);
  const start = bucketClock(clock, grain);
  return exactOf(grain) === undefined ? localToInstant(start, zone) : moment - (clock - start);
};

/** The clock at which the bucket behind a bucket begins. */
const nextClock = (clock: bigint, grain: Grain): bigint =>
  typeof grain === 'object'
    ? bucketOfNumber(bucketNumber(clock, grain) + 1, grain)
    : movedClock(bucketClock(clock, grain), { count: 1, unit: grain });

/** The moment at which the next bucket begins. */
export const nextBucket = (start: bigint, grain: Grain, zone: string): bigint => {
  const exact = exactOf(grain);
  if (exact === undefined) return localToInstant(nextClock(clockOf(start, zone), grain), zone);
  // clocks may change within the bucket's time: the next one begins where its reading is whole again
  return bucketStart(start + exact, grain, zone);
};

/** Buckets that a half-open range touches, by their first moments. Undefined when there are more than `most`. */
export const bucketsOf = (
  range: { readonly from: bigint; readonly to: bigint },
  grain: Grain,
  zone: string,
  most: number,
): readonly bigint[] | undefined => {
  const found: bigint[] = [];
  let at = bucketStart(range.from, grain, zone);
  while (at < range.to) {
    if (found.push(at) > most) return undefined;
    const next = nextBucket(at, grain, zone);
    at = next > at ? next : at + (exactOf(grain) ?? DAY);
  }
  return found;
};

/** First day (a Monday) of an ISO year's first week: the one with 4 January. */
const isoYearStart = (year: number): bigint => weekOf(clockOfDay(year, 0, 4));
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

/** Whether moving by buckets of a year of weeks moves other buckets onto buckets. */
const fitsWeeks = (count: number, own: WeeksBucket, grain: Grain): boolean => {
  if (typeof grain === 'string') return grain === 'week' ? own.calendar.weekStart === 0 : MONTHS[grain] === undefined;
  if (grain.calendar.name !== own.calendar.name) return false;
  return grain.unit === 'week' || (count * MONTHS_OF[own.unit]) % MONTHS_OF[grain.unit] === 0;
};

/** Whether a shift moves buckets of a kind onto buckets. */
export const fits = (span: Span, grain: Grain): boolean => {
  if (isOfWeeks(span.unit)) return fitsWeeks(span.count, span.unit, grain);
  if (isOfWeeks(grain)) return false;
  const { count, unit } = plainSpan(span);
  const kind = typeof grain === 'string' ? grain : grain.unit;
  const months = MONTHS[kind];
  if (months !== undefined) return MONTHS[unit] !== undefined && (count * (MONTHS[unit] ?? 0)) % months === 0;
  if (kind === 'week') {
    if (unit === 'year') return typeof grain === 'string';
    return DAYS[unit] !== undefined && (count * (DAYS[unit] ?? 0)) % 7 === 0;
  }
  if (kind === 'day') return DAYS[unit] !== undefined || MONTHS[unit] !== undefined;
  if (!isExact(span)) return true;
  return (BigInt(count) * (EXACT[unit] ?? 1n)) % (EXACT[kind] ?? 1n) === 0n;
};

/**
 * The bucket that lies a span from another one, one for one: undefined where there is none. 29 February has no partner in a year
 * without one, and is nobody's; ISO week 53 likewise; an hour that clocks skip likewise; of an hour that they show twice only the
 * first has and is a partner. Needs `fits`.
 */
export const partnerOf = (start: bigint, span: Span, grain: Grain, zone: string): bigint | undefined => {
  if (isExact(span)) {
    const moved = movedMoment(start, span, zone);
    return bucketStart(moved, grain, zone) === moved ? moved : undefined;
  }
  const clock = clockOf(start, zone);
  const back = { ...span, count: -span.count };
  if (exactOf(grain) === undefined) {
    // a day whose midnight clocks skip begins later; its calendar day counts
    const own = bucketClock(clock, grain);
    if (grain === 'week' && plainSpan(span).unit === 'year' && !isOfWeeks(span.unit)) {
      const { monday, exact } = movedWeek(own, span.count);
      return exact ? localToInstant(monday, zone) : undefined;
    }
    const moved = movedClock(own, span);
    return movedClock(moved, back) === own ? localToInstant(moved, zone) : undefined;
  }
  if (localToInstant(clock, zone) !== start) return undefined;
  const moved = movedClock(clock, span);
  if (movedClock(moved, back) !== clock) return undefined;
  const found = localToInstant(moved, zone);
  return clockOf(found, zone) === moved ? found : undefined;
};
