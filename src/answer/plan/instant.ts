import { offsetMicros, timestampText } from '../../query/index.js';

const DAY = 86_400_000_000n;
const FORM =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s?(Z|z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Midnight UTC of a calendar day in microseconds; undefined for a day that is not in the calendar. */
const dayMicros = (year: number, month: number, day: number): bigint | undefined => {
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  if (year < 1 || at.getUTCMonth() !== month - 1 || at.getUTCDate() !== day) return undefined;
  return BigInt(at.getTime()) * 1000n;
};

/** A time as written: its clock reading in microseconds since 1970, and its offset if it has one. */
interface Written {
  readonly clock: bigint;
  readonly offset: bigint | undefined;
  readonly dateOnly: boolean;
}

const read = (text: string): Written | undefined => {
  const m = FORM.exec(text);
  if (!m) return undefined;
  const day = dayMicros(Number(m[1]), Number(m[2]), Number(m[3]));
  if (day === undefined) return undefined;
  if (m[4] === undefined) return { clock: day, offset: undefined, dateOnly: true };
  const [hour, minute, second] = [Number(m[4]), Number(m[5]), Number(m[6] ?? '0')];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = (m[7] ?? '').padEnd(9, '0');
  if (!fraction.endsWith('000')) return undefined;
  const clock = day + BigInt((hour * 60 + minute) * 60 + second) * 1_000_000n + BigInt(fraction.slice(0, 6));
  const zone = m[8];
  if (zone === undefined) return { clock, offset: undefined, dateOnly: false };
  if (zone === 'Z' || zone === 'z') return { clock, offset: 0n, dateOnly: false };
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || '0');
  if (hours > 15 || minutes > 59) return undefined;
  const offset = BigInt(hours * 60 + minutes) * 60_000_000n;
  return { clock, offset: zone.startsWith('-') ? -offset : offset, dateOnly: false };
};

/**
 * The instant of a zone's clock reading, by the rules of RFC 5545 and ISO calendars: where clocks went forward over the reading, the
 * offset from before the change holds (02:30 means 03:30, a missing midnight the day's first instant); where they went back over
 * it, the first of both.
 */
export const localToInstant = (clock: bigint, zone: string): bigint => {
  if (zone === 'UTC') return clock;
  const before = offsetMicros(zone, clock - DAY);
  const after = offsetMicros(zone, clock + DAY);
  const first = clock - before;
  if (before === after || offsetMicros(zone, first) === before) return first;
  const second = clock - after;
  return offsetMicros(zone, second) === after ? second : first;
};

/**
 * Microseconds since 1970 UTC of a date, a local time of `zone` or an RFC 3339 time. Undefined when the text is none of these, is
 * not in the calendar, or is finer than a microsecond.
 */
export const parseInstant = (text: string, zone: string): bigint | undefined => {
  const written = read(text);
  if (!written) return undefined;
  return written.offset === undefined ? localToInstant(written.clock, zone) : written.clock - written.offset;
};

/** A calendar date as text, from a date or from a midnight without offset; undefined otherwise. */
export const parseDate = (text: string): string | undefined => {
  const written = read(text);
  if (!written || written.offset !== undefined || written.clock % DAY !== 0n) return undefined;
  return timestampText(written.clock).slice(0, 10);
};

/** An instant in the one form that statements carry: RFC 3339 in UTC. */
export const instantText = (micros: bigint): string => timestampText(micros);

/** Microseconds of a text that this planner wrote itself: a date or RFC 3339 in UTC. */
export const writtenInstant = (text: string): bigint | undefined => parseInstant(text, 'UTC');
