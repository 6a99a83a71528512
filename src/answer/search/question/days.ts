/** Calendar arithmetic on days as `YYYY-MM-DD`, in no zone: a question's days are those of the query's zone. */
export type Unit = 'day' | 'week' | 'month' | 'quarter' | 'year';

/** Half-open: [from, to). */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

const at = (day: string): Date => new Date(`${day}T00:00:00Z`);
const text = (date: Date): string => date.toISOString().slice(0, 10);

/** A day of the calendar, or undefined for 31 February and the like. */
export const dayOf = (year: number, month: number, day: number): string | undefined => {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && year >= 1000 ? text(date) : undefined;
};

/** `count` units later; a month later than the 31st is the last day of that month. */
export const plus = (day: string, count: number, unit: Unit): string => {
  const date = at(day);
  if (unit === 'day' || unit === 'week') date.setUTCDate(date.getUTCDate() + count * (unit === 'week' ? 7 : 1));
  else {
    const months = count * { month: 1, quarter: 3, year: 12 }[unit];
    const of = date.getUTCDate();
    date.setUTCDate(1);
    date.setUTCMonth(date.getUTCMonth() + months);
    const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    date.setUTCDate(Math.min(of, last));
  }
  return text(date);
};

/** First day of the unit that holds a day; weeks begin on Monday. */
export const startOf = (day: string, unit: Unit): string => {
  const date = at(day);
  if (unit === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (unit === 'quarter') date.setUTCMonth(date.getUTCMonth() - (date.getUTCMonth() % 3), 1);
  if (unit === 'month') date.setUTCDate(1);
  if (unit === 'year') date.setUTCMonth(0, 1);
  return text(date);
};

/** The whole unit that holds a day. */
export const wholeUnit = (day: string, unit: Unit): DayRange => {
  const from = startOf(day, unit);
  return { from, to: plus(from, 1, unit) };
};

export const daysIn = ({ from, to }: DayRange): number => (at(to).getTime() - at(from).getTime()) / 86_400_000;
