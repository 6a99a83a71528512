import { type CalendarBucket, weeksBefore } from './calendar.js';

/**
 * The first day of a calendar's bucket in SQL that PostgreSQL and DuckDB read alike, from a wall-clock timestamp without zone. Plain
 * arithmetic without a table and without bounds: a year of weeks is that in which the day at most `slack` behind its week's first lies,
 * as an ISO year is that of its Thursday.
 */
export const calendarSql = (local: string, { calendar, unit }: CalendarBucket): string => {
  const { pattern, starts, weekStart, slack } = calendar;
  const moved = (sql: string, count: number, name: 'days' | 'months') =>
    count === 0 ? sql : `(${sql} ${count < 0 ? '-' : '+'} INTERVAL '${Math.abs(count)} ${name}')`;
  const week = (sql: string) => moved(`date_trunc('week', ${moved(sql, -weekStart, 'days')})`, weekStart, 'days');
  if (unit === 'week') return week(local);
  const behind = starts.month - 1;
  if (!pattern) {
    if (unit === 'month') return `date_trunc('month', ${local})`;
    return moved(`date_trunc('${unit}', ${moved(local, -behind, 'months')})`, behind, 'months');
  }
  const first = week(local);
  const reckoned = moved(moved(first, 6 - slack - (starts.day - 1), 'days'), -behind, 'months');
  const begins = moved(moved(`date_trunc('year', ${reckoned})`, behind, 'months'), starts.day - 1 + slack, 'days');
  const year = week(begins);
  if (unit === 'year') return year;
  const days = `(CAST(${first} AS DATE) - CAST(${year} AS DATE))`;
  const before = weeksBefore(pattern, unit).map((weeks) => 7 * weeks);
  return `(CAST(${year} AS DATE) + CAST((ARRAY[${before.join(', ')}])[CAST(${days} / 7 AS INTEGER) + 1] AS INTEGER))`;
};
