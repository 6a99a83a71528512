import { earlierOwn, nextOwn, ownBucket, plainUnit } from './calendars.js';

/** A zone's calendar by plain looking: nothing here reckons, every answer is found by asking the runtime what clocks show. */

const HOUR = 3_600_000;
const QUARTER = HOUR / 4;

const clocks = new Map<string, Intl.DateTimeFormat>();
const shown = new Map<string, number>();
/** What clocks show at an instant, both in milliseconds since 1970, the reading as if it were UTC. */
export const wall = (ms: number, zone: string): number => {
  if (zone === 'UTC') return ms;
  const quarter = Math.floor(ms / QUARTER) * QUARTER;
  const key = `${quarter} ${zone}`;
  let reading = shown.get(key);
  if (reading === undefined) {
    let format = clocks.get(zone);
    if (!format) {
      format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
      clocks.set(zone, format);
    }
    reading = Date.parse(`${format.format(new Date(quarter)).replace(' ', 'T')}Z`);
    shown.set(key, reading);
  }
  return reading + (ms - quarter);
};

const iso = (ms: number): string => new Date(ms).toISOString();
export const dayOf = (ms: number, zone: string): string => iso(wall(ms, zone)).slice(0, 10);

/** The first instant at which clocks show at least a reading, found by looking at every quarter of an hour. */
export const firstShowing = (reading: number, zone: string): number => {
  if (zone === 'UTC') return reading;
  for (let ms = Math.floor(reading / QUARTER) * QUARTER - 30 * HOUR; ; ms += QUARTER) {
    const here = wall(ms, zone);
    if (here >= reading) return ms;
    if (here + QUARTER > reading && wall(ms + QUARTER - 1, zone) >= reading) return ms + (reading - here);
  }
};

const instants = new Map<string, bigint>();
/** Microseconds of a day's first instant in a zone, or of an RFC 3339 text in UTC. */
export const instant = (text: string, zone: string): bigint => {
  const key = `${text} ${zone}`;
  let known = instants.get(key);
  if (known === undefined) {
    if (/^\d{4}-\d\d-\d\d$/.test(text)) known = BigInt(firstShowing(Date.parse(`${text}T00:00:00Z`), zone)) * 1000n;
    else {
      const micros = /\.(\d{6})Z$/.exec(text)?.[1] ?? '000000';
      known = BigInt(Date.parse(text.replace(/\.\d{6}Z$/, 'Z'))) * 1000n + BigInt(micros);
    }
    instants.set(key, known);
  }
  return known;
};

const milliseconds = (micros: bigint): number =>
  Number(micros >= 0n || micros % 1000n === 0n ? micros / 1000n : micros / 1000n - 1n);

const buckets = new Map<string, Map<bigint, string>>();
/** The bucket of an instant: a date, or for hours an instant in UTC. */
export const bucket = (micros: bigint, granularity: string, zone: string): string => {
  const kind = `${granularity} ${zone}`;
  const mine = buckets.get(kind) ?? new Map<bigint, string>();
  buckets.set(kind, mine);
  const known = mine.get(micros) ?? lookedUp(micros, granularity, zone);
  mine.set(micros, known);
  return known;
};
const lookedUp = (micros: bigint, granularity: string, zone: string): string => {
  const ms = milliseconds(micros);
  if (granularity === 'hour') {
    const into = ((wall(ms, zone) % HOUR) + HOUR) % HOUR;
    return `${iso(ms - into).slice(0, 19)}Z`;
  }
  const own = ownBucket(dayOf(ms, zone), granularity);
  if (own !== undefined) return own;
  const day = new Date(`${dayOf(ms, zone)}T00:00:00Z`);
  if (granularity === 'week') day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  if (granularity === 'month') day.setUTCDate(1);
  if (granularity === 'quarter') day.setUTCMonth(Math.floor(day.getUTCMonth() / 3) * 3, 1);
  if (granularity === 'year') day.setUTCMonth(0, 1);
  return iso(day.getTime()).slice(0, 10);
};

/** All buckets of a range, by looking at every quarter of an hour in it, or every quarter of a day. */
export const bucketsIn = (from: bigint, to: bigint, granularity: string, zone: string): string[] => {
  const found = new Set<string>();
  const step = BigInt(granularity === 'hour' ? QUARTER : 6 * HOUR) * 1000n;
  for (let at = from; at < to; at += step) found.add(bucket(at, granularity, zone));
  return [...found];
};

/** Where a bucket begins and ends, in microseconds. */
export const extent = (start: string, granularity: string, zone: string): [bigint, bigint] => {
  if (granularity === 'hour') {
    const from = BigInt(Date.parse(start)) * 1000n;
    let to = from;
    while (bucket(to, 'hour', zone) === start) to += BigInt(QUARTER) * 1000n;
    return [from, to];
  }
  const next = nextOwn(start, granularity);
  if (next !== undefined) return [instant(start, zone), instant(next, zone)];
  const end = new Date(`${start}T00:00:00Z`);
  if (granularity === 'day') end.setUTCDate(end.getUTCDate() + 1);
  if (granularity === 'week') end.setUTCDate(end.getUTCDate() + 7);
  if (granularity === 'month') end.setUTCMonth(end.getUTCMonth() + 1);
  if (granularity === 'quarter') end.setUTCMonth(end.getUTCMonth() + 3);
  if (granularity === 'year') end.setUTCFullYear(end.getUTCFullYear() + 1);
  return [instant(start, zone), instant(iso(end.getTime()).slice(0, 10), zone)];
};

export interface Shift {
  readonly count: number;
  readonly unit: string;
}

const MONTHS: Record<string, number> = { month: 1, quarter: 3, year: 12 };
const DAYS: Record<string, number> = { day: 1, week: 7 };
/** A reading of clocks earlier by a shift; `cut` when the day does not exist there and its month's last is taken. */
export const earlierReading = (reading: number, { count, unit: named }: Shift): { reading: number; cut: boolean } => {
  const unit = plainUnit(named);
  const own = earlierOwn(iso(reading).slice(0, 10), count, unit);
  if (own) {
    const midnight = Date.parse(`${own.day}T00:00:00Z`);
    const into = ((reading % (24 * HOUR)) + 24 * HOUR) % (24 * HOUR);
    return { reading: midnight + (own.cut ? 0 : into), cut: own.cut };
  }
  const days = DAYS[unit];
  if (days !== undefined) return { reading: reading - count * days * 24 * HOUR, cut: false };
  const date = new Date(reading);
  const [year, month, day] = [
    date.getUTCFullYear(),
    date.getUTCMonth() - count * (MONTHS[unit] ?? 0),
    date.getUTCDate(),
  ];
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const into = ((reading % (24 * HOUR)) + 24 * HOUR) % (24 * HOUR);
  return { reading: Date.UTC(year, month, Math.min(day, last)) + into, cut: day > last };
};
const isElapsed = (unit: string): boolean => unit === 'hour' || unit === 'millisecond' || unit === 'minute';
const elapsed = ({ count, unit }: Shift): bigint => BigInt(count * ({ hour: HOUR, millisecond: 1 }[unit] ?? 0)) * 1000n;

/** An instant that lies a shift earlier. */
export const earlier = (micros: bigint, shift: Shift, zone: string): bigint => {
  if (isElapsed(shift.unit)) return micros - elapsed(shift);
  return BigInt(firstShowing(earlierReading(wall(milliseconds(micros), zone), shift).reading, zone)) * 1000n;
};

/** Mondays of an ISO year: the weeks whose Thursday lies in it. */
const mondays = (year: number): number[] => {
  const found: number[] = [];
  for (let day = Date.UTC(year - 1, 11, 20); day < Date.UTC(year + 1, 0, 10); day += 24 * HOUR) {
    const thursday = new Date(day + 3 * 24 * HOUR);
    if (new Date(day).getUTCDay() === 1 && thursday.getUTCFullYear() === year) found.push(day);
  }
  return found;
};
/** The Monday of the same ISO week some years earlier; `none` where that year has no such week: then the Monday after its last. */
export const earlierWeek = (monday: string, years: number): { monday: string; none: boolean } => {
  const start = Date.parse(`${monday}T00:00:00Z`);
  const year = new Date(start + 3 * 24 * HOUR).getUTCFullYear();
  const week = mondays(year).indexOf(start);
  const then = mondays(year - years);
  const found = then[week];
  const text = (ms: number) => iso(ms).slice(0, 10);
  return found === undefined
    ? { monday: text((then.at(-1) ?? 0) + 7 * 24 * HOUR), none: true }
    : { monday: text(found), none: false };
};

/** The bucket that a bucket is compared with; undefined where there is none. */
export const partner = (start: string, granularity: string, shift: Shift, zone: string): string | undefined => {
  if (granularity === 'hour') {
    const ms = Date.parse(start);
    if (isElapsed(shift.unit)) {
      const at = BigInt(ms) * 1000n - elapsed(shift);
      const found = bucket(at, 'hour', zone);
      return BigInt(Date.parse(found)) * 1000n === at ? found : undefined;
    }
    // of an hour that is shown twice, the first
    if (firstShowing(wall(ms, zone), zone) !== ms) return undefined;
    const { reading, cut } = earlierReading(wall(ms, zone), shift);
    const then = firstShowing(reading, zone);
    return cut || wall(then, zone) !== reading ? undefined : `${iso(then).slice(0, 19)}Z`;
  }
  if (granularity === 'week' && plainUnit(shift.unit) === 'year') {
    const { monday, none } = earlierWeek(start, shift.count);
    return none ? undefined : monday;
  }
  const { reading, cut } = earlierReading(Date.parse(`${start}T00:00:00Z`), shift);
  return cut ? undefined : iso(reading).slice(0, 10);
};
