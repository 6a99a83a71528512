import { error } from '../../errors/index.js';
import type { Member } from '../../model/catalog/index.js';
import { type DataType, type MetricQuery, typeText } from '../../query/index.js';
import { clockOf } from './calendar.js';
import type { CheckedFilter } from './filter.js';
import { type Calendars, grainNames, grainOf } from './grain.js';
import { instantText, parseDate, parseInstant, writtenInstant } from './instant.js';
import type { AskedGroup, AskedTime } from './question.js';

const FINE = new Set(['second', 'minute', 'hour']);

/** A bucket of a day or more is a date; a finer one an instant. */
export const bucketType = (granularity: string): DataType => ({ kind: FINE.has(granularity) ? 'timestamp' : 'date' });

/** Whether a member can be bucketed and ranged over. */
export const isTime = (member: Member): boolean =>
  member.kind === 'dimension' && (member.type.kind === 'timestamp' || member.type.kind === 'date');

/** Checks the granularity of a time entry. Errors: `query-invalid`. */
export const checkGranularity = (member: Member, granularity: string, where: string): void => {
  if (member.granularities.includes(granularity)) return;
  throw error('query-invalid', {
    where: `${where}.granularity`,
    what: `${member.name} has no granularity ${JSON.stringify(granularity)}; known: ${member.granularities.join(', ')}`,
  });
};

/** A range as a condition on `member` (the one to compile). Dates and local times are read in `zone`. Errors: `query-invalid`. */
export const rangeFilter = (
  range: readonly [string, string],
  member: string,
  type: DataType,
  zone: string,
  where: string,
): CheckedFilter => {
  if (!Array.isArray(range) || range.length !== 2)
    throw error('query-invalid', { where: `${where}.range`, what: 'two ends are wanted, [from, to)' });
  const [from, to] = range.map((end, i) => {
    const text = typeof end !== 'string' ? undefined : type.kind === 'date' ? parseDate(end) : instant(end, zone);
    if (text !== undefined) return text;
    throw error('query-invalid', {
      where: `${where}.range[${i}]`,
      what: `${JSON.stringify(end)} is no ${type.kind === 'date' ? 'date' : 'date, local time or RFC 3339 time, to the microsecond'} (${typeText(type)})`,
    });
  }) as [string, string];
  if ((parseInstant(from, 'UTC') ?? 0n) >= (parseInstant(to, 'UTC') ?? 0n))
    throw error('query-invalid', {
      where: `${where}.range`,
      what: `from ${String(range[0])} is not before to ${String(range[1])}; ranges are half-open, [from, to)`,
    });
  return { member, op: 'between', values: [from, to] };
};

const instant = (text: string, zone: string): string | undefined => {
  const micros = parseInstant(text, zone);
  return micros === undefined ? undefined : instantText(micros);
};

/**
 * The one time that a query's comparisons, windows and filled buckets are reckoned by: its only time entry, with a range, by one of
 * the calendar's own granularities if any. Errors: `query-invalid`.
 */
export const askedTime = (
  query: MetricQuery,
  groups: readonly AskedGroup[],
  ranges: readonly CheckedFilter[],
  zone: string,
  seen: (dimension: string) => Member,
  calendars: Calendars,
): AskedTime => {
  const [entry, other] = query.time ?? [];
  const [range] = ranges;
  const refuse = (what: string) => error('query-invalid', { where: 'time', what });
  if (!entry || other || !range || !('member' in range))
    throw refuse('comparisons, windows, filled buckets and measures of periods need exactly one time, with a range');
  const { granularity } = entry;
  const grain = grainOf(granularity, calendars);
  if (granularity !== undefined && grain === undefined)
    throw refuse(
      `comparisons, windows, filled buckets and measures of periods need buckets by ${grainNames(calendars)}, not ${granularity}`,
    );
  const member = seen(entry.dimension);
  const [from, to] = (range.values ?? []).map((v) => writtenInstant(String(v)));
  if (from === undefined || to === undefined) throw error('internal', {});
  return {
    member: member.name,
    type: member.type,
    range: { from, to },
    zone: member.type.kind === 'date' ? 'UTC' : zone,
    bucket: grain === undefined ? undefined : { group: groups.length - 1, grain },
  };
};

/** An end of a stretch as a time of that type tells it. */
export const endText = (moment: bigint, type: DataType, zone: string): string =>
  type.kind === 'date' ? instantText(clockOf(moment, zone)).slice(0, 10) : instantText(moment);

/** All of a time before a moment, as a condition. */
export const beforeFilter = (time: AskedTime, to: bigint): CheckedFilter => ({
  member: time.member,
  op: 'lt',
  values: [endText(to, time.type, time.zone)],
});

/** A stretch of a time as a condition; without `from` all before `to`. */
export const stretchFilter = (
  time: AskedTime,
  { from, to }: { readonly from: bigint | undefined; readonly to: bigint },
): CheckedFilter => {
  if (from === undefined) return beforeFilter(time, to);
  const { member, type } = time;
  return {
    member,
    op: 'between',
    values:
      type.kind === 'date' ? [from, to].map((m) => instantText(m).slice(0, 10)) : [instantText(from), instantText(to)],
  };
};
