import { type Calendar, type CalendarBucket, weeksBefore } from '../../model/catalog/index.js';
import { clockOfDay, DAY, dayOf, weekOf } from './days.js';

/** Buckets of calendars of the model's own, numbered, so that moving is adding. All times are clocks (`days.ts`). */

const WEEK = 7n * DAY;
const days = (count: number): bigint => BigInt(count) * DAY;

/** How many months a unit has. */
export const MONTHS_OF = { month: 1, quarter: 3, year: 12 } as const;

/** A bucket of a year of whole weeks that is longer than a week. */
export interface WeeksBucket extends CalendarBucket {
  readonly calendar: Calendar & { readonly pattern: NonNullable<Calendar['pattern']> };
  readonly unit: 'month' | 'quarter' | 'year';
}
export const isOfWeeks = (grain: unknown): grain is WeeksBucket => {
  if (typeof grain !== 'object' || grain === null) return false;
  const { calendar, unit } = grain as CalendarBucket;
  return calendar.pattern !== undefined && unit !== 'week';
};

/** Where a year of weeks begins. */
const yearStart = ({ starts, slack, weekStart }: Calendar, year: number): bigint =>
  weekOf(clockOfDay(year, starts.month - 1, starts.day) + days(slack), weekStart);

/** The year of weeks that a clock lies in: that of the day of its week which is the last that the year may begin on. */
const yearOf = ({ starts, slack, weekStart }: Calendar, clock: bigint): number => {
  const { year, month } = dayOf(weekOf(clock, weekStart) + days(6 - slack - (starts.day - 1)));
  return month >= starts.month - 1 ? year : year - 1;
};

/** First weeks of a year's months or quarters, from 0. */
const firstWeeks = ({ calendar: { pattern }, unit }: WeeksBucket): readonly number[] =>
  unit === 'year' ? [0] : [...new Set(weeksBefore(pattern, unit))];

/** The number of the bucket that a clock lies in. */
export const bucketNumber = (clock: bigint, bucket: CalendarBucket): number => {
  const { calendar, unit } = bucket;
  if (unit === 'week') return Number((weekOf(clock, calendar.weekStart) - weekOf(0n, calendar.weekStart)) / WEEK);
  if (!isOfWeeks(bucket)) {
    const { year, month } = dayOf(clock);
    return Math.floor((year * 12 + month - (calendar.starts.month - 1)) / MONTHS_OF[unit]);
  }
  const year = yearOf(calendar, clock);
  const week = Number((weekOf(clock, calendar.weekStart) - yearStart(calendar, year)) / WEEK);
  const firsts = firstWeeks(bucket);
  return year * firsts.length + firsts.filter((first) => first <= week).length - 1;
};

/** The clock at which the bucket of a number begins. */
export const bucketOfNumber = (number: number, bucket: CalendarBucket): bigint => {
  const { calendar, unit } = bucket;
  if (unit === 'week') return weekOf(0n, calendar.weekStart) + BigInt(number) * WEEK;
  if (!isOfWeeks(bucket)) return clockOfDay(0, number * MONTHS_OF[unit] + calendar.starts.month - 1, 1);
  const firsts = firstWeeks(bucket);
  const year = Math.floor(number / firsts.length);
  return yearStart(calendar, year) + BigInt(firsts[number - year * firsts.length] ?? 0) * WEEK;
};

/**
 * A clock moved by buckets of a year of weeks: it stays as far from its bucket's beginning. Where the other bucket is shorter (a year
 * of 52 weeks for the 53rd) it becomes that one's end.
 */
export const movedInWeeks = (clock: bigint, count: number, bucket: WeeksBucket): bigint => {
  const number = bucketNumber(clock, bucket);
  const moved = bucketOfNumber(number + count, bucket) + (clock - bucketOfNumber(number, bucket));
  const end = bucketOfNumber(number + count + 1, bucket);
  return moved < end ? moved : end;
};
