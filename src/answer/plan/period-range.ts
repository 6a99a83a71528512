import { error } from '../../errors/index.js';
import type { DataType, PeriodRange } from '../../query/index.js';
import { bucketStart, clockOf, movedMoment, spanOf } from './calendar.js';
import { type Calendars, grainNames, grainOf } from './grain.js';
import { instantText, parseInstant } from './instant.js';

/** More periods than any calendar is asked for. */
const MOST = 10_000;

/**
 * The two ends of a range of whole periods, as dates or as instants in UTC. `now` (microseconds since 1970) is what `of: now` means;
 * it is read once for a query, so an answer is kept by the range that it had. Errors: `query-invalid`.
 */
export const periodRange = (
  { period, of = 'now', before = 0, count = 1, ...more }: PeriodRange,
  type: DataType,
  zone: string,
  calendars: Calendars,
  now: bigint,
  where: string,
): readonly [string, string] => {
  const bad = (key: string, what: string) => error('query-invalid', { where: `${where}${key}`, what });
  const [odd] = Object.keys(more);
  if (odd !== undefined) throw bad(`.${odd}`, 'is not known here; {period, of, before, count} is wanted');
  const grain = grainOf(period, calendars);
  const isDate = type.kind === 'date';
  if (grain === undefined || (isDate && ['second', 'minute', 'hour'].includes(period)))
    throw bad('.period', `${JSON.stringify(period)} is none of ${grainNames(calendars)}`);
  for (const [key, number, least] of [
    ['.before', before, 0],
    ['.count', count, 1],
  ] as const)
    if (!Number.isSafeInteger(number) || number < least || number > MOST)
      throw bad(key, `a whole number from ${least} to ${MOST} is wanted`);
  const given = of === 'now' ? now : typeof of === 'string' ? parseInstant(of, zone) : undefined;
  if (given === undefined) throw bad('.of', `${JSON.stringify(of)} is no date, local time, RFC 3339 time, nor now`);
  // a date has no zone: it is that which clocks show
  const [at, own] = isDate ? [clockOf(given, zone), 'UTC'] : [given, zone];
  const start = bucketStart(at, grain, own);
  const [from, to] = [1 - before - count, 1 - before].map((n) => {
    const text = instantText(n === 0 ? start : movedMoment(start, spanOf(n, grain), own));
    return isDate ? text.slice(0, 10) : text;
  });
  if (from === undefined || to === undefined) throw error('internal', {});
  return [from, to];
};
