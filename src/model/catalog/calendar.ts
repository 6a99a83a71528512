import type { Place } from './place.js';

/** Buckets that a calendar of the model's has; `retail` names them `retail_week`, `retail_month`, `retail_quarter` and `retail_year`. */
export const CALENDAR_UNITS = ['week', 'month', 'quarter', 'year'] as const;
export type CalendarUnit = (typeof CALENDAR_UNITS)[number];

/** Days of a week in their order; a calendar's `weekStart` is a position here. */
export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

/** Which first day of a week a year of weeks begins with, as the days that it may lie behind `starts` at most. */
export const YEAR_BEGINS = { on_or_before: 0, nearest: 3, on_or_after: 6 } as const;

/**
 * A calendar that the model names. Years of whole weeks have a `pattern`: three numbers of weeks, those of a quarter's months; their 53rd
 * week belongs to the last month. Without a pattern months are those that everybody has, and a year begins with another of them.
 */
export interface Calendar {
  readonly name: string;
  readonly pattern: readonly [number, number, number] | undefined;
  /** Where a year begins, or what it begins near; month 1 to 12, day 1 to 28. */
  readonly starts: { readonly month: number; readonly day: number };
  /** The first day of its weeks, as days behind Monday. */
  readonly weekStart: number;
  /** A year of weeks begins with the last first day of a week that is at most so many days behind `starts`. */
  readonly slack: number;
  /** Where the model declares it. */
  readonly place: Place;
}

/** One kind of bucket of a calendar. */
export interface CalendarBucket {
  /** As queries name it: `retail_month`. */
  readonly name: string;
  readonly calendar: Calendar;
  readonly unit: CalendarUnit;
}

/** The bucket that a granularity names; undefined when it is of no calendar. */
export const calendarBucket = (
  granularity: string,
  calendars: ReadonlyMap<string, Calendar>,
): CalendarBucket | undefined => {
  const at = granularity.lastIndexOf('_');
  const calendar = at < 0 ? undefined : calendars.get(granularity.slice(0, at));
  const unit = CALENDAR_UNITS.find((u) => u === granularity.slice(at + 1));
  return calendar && unit ? { name: granularity, calendar, unit } : undefined;
};

/** The granularities that a calendar gives to a time, finest first. */
export const calendarGranularities = ({ name }: Pick<Calendar, 'name'>): readonly string[] =>
  CALENDAR_UNITS.map((unit) => `${name}_${unit}`);

/** For each week of a year of weeks, from 0: how many weeks lie between the year's first and that of the week's month. */
export const weeksBefore = (pattern: readonly [number, number, number], unit: 'month' | 'quarter'): readonly number[] =>
  Array.from({ length: 53 }, (_, week) => {
    const quarter = Math.min(Math.floor(week / 13), 3);
    if (unit === 'quarter') return quarter * 13;
    const within = week - quarter * 13;
    const [first, second] = pattern;
    return quarter * 13 + (within < first ? 0 : within < first + second ? first : first + second);
  });
