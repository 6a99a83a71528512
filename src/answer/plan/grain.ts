import { type Calendar, type CalendarBucket, calendarBucket } from '../../model/catalog/index.js';
import { TIME_UNITS, type TimeUnit } from '../../query/index.js';

/** A kind of bucket that can be reckoned with: one that everybody has, or one of a calendar of the model's. */
export type Grain = TimeUnit | CalendarBucket;

export type Calendars = ReadonlyMap<string, Calendar>;

export const grainName = (grain: Grain): string => (typeof grain === 'string' ? grain : grain.name);

/** A calendar's bucket as the common one that it is, where it is one: a month of a year of months, a week that begins on Monday. */
const simplest = (own: CalendarBucket): Grain => {
  const { calendar, unit } = own;
  if (unit === 'week') return calendar.weekStart === 0 ? unit : own;
  if (calendar.pattern) return own;
  const behind = calendar.starts.month - 1;
  return behind % { month: 1, quarter: 3, year: 12 }[unit] === 0 ? unit : own;
};

/** What a granularity's name stands for; undefined for one that is reckoned by no calendar. */
export const grainOf = (name: unknown, calendars: Calendars): Grain | undefined => {
  const unit = TIME_UNITS.find((u) => u === name);
  if (unit !== undefined) return unit;
  const own = typeof name === 'string' ? calendarBucket(name, calendars) : undefined;
  return own && simplest(own);
};

/** Every name that `grainOf` knows, in words. */
export const grainNames = (calendars: Calendars): string =>
  [...TIME_UNITS, ...[...calendars.keys()].map((name) => `${name}_week to ${name}_year`)].join(', ');
