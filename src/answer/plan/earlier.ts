import { error } from '../../errors/index.js';
import { type Comparison, SHOWN, type Shown } from '../../query/index.js';
import {
  bucketClock,
  bucketStart,
  clockOf,
  fits,
  movedMoment,
  movedWeek,
  nextBucket,
  type Span,
  spanOf,
} from './calendar.js';
import { DAY, floorDiv } from './days.js';
import { type Calendars, type Grain, grainName, grainOf } from './grain.js';
import { localToInstant } from './instant.js';
import type { AskedComparison, AskedTime, AskedWindow, Range } from './question.js';
import { parseSpan, parseUnit, spanText } from './span.js';

const bad = (where: string, what: string) => error('query-invalid', { where, what });
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
const MOST_COMPARISONS = 8;
/** Buckets of a range that is shifted, filled or looked through by windows. */
export const MOST_BUCKETS = 20_000;

/** A name that a query gives to a column of its own. Errors: `query-invalid`. */
export const checkGivenName = (name: unknown, where: string): string => {
  if (typeof name !== 'string' || !NAME.test(name))
    throw bad(where, 'a name of letters, digits and underscores is wanted, at most 63 of them');
  return name;
};

/** Whether both ends of a range are beginnings of buckets. */
export const isWhole = ({ range, zone }: AskedTime, grain: Grain): boolean =>
  [range.from, range.to].every((end) => bucketStart(end, grain, zone) === end);

const back = (span: Span): Span => ({ ...span, count: -span.count });

/** As long as the range and just before it: counted in its buckets where it is made of whole ones, else in days, else as it is. */
const previous = (time: AskedTime): Span => {
  const { range, zone, bucket } = time;
  if (bucket && isWhole(time, bucket.grain)) {
    let count = 0;
    for (let at = range.from; at < range.to; at = nextBucket(at, bucket.grain, zone)) {
      count += 1;
      if (count > MOST_BUCKETS) throw tooMany();
    }
    return spanOf(count, bucket.grain);
  }
  if (isWhole(time, 'day'))
    return {
      count: Number(floorDiv(clockOf(range.to, zone) - clockOf(range.from, zone) + DAY / 2n, DAY)),
      unit: 'day',
    };
  return { count: Number(range.to - range.from), unit: 'microsecond' };
};
const tooMany = () =>
  bad('time[0].range', `more than ${MOST_BUCKETS} buckets; ask for a shorter range or coarser ones`);

/** The range that lies a span away. Whole weeks move by years as ISO weeks do; other ends as dates. */
const movedRange = (time: AskedTime, span: Span, where: string): Range => {
  const { range, zone, bucket } = time;
  if (bucket?.grain !== 'week' || span.unit !== 'year')
    return { from: movedMoment(range.from, span, zone), to: movedMoment(range.to, span, zone) };
  if (!isWhole(time, 'week'))
    throw bad(where, 'weeks compare by the year over whole weeks only: let the range begin and end on a Monday');
  const move = (end: bigint) => {
    const monday = bucketClock(clockOf(end, zone), 'week');
    return localToInstant(movedWeek(monday, span.count).monday, zone);
  };
  return { from: move(range.from), to: move(range.to) };
};

/** The stretch as long as a time's range and just before it. */
export const previousRange = (time: AskedTime): Range => movedRange(time, back(previous(time)), 'time[0].range');

/** How far back a shift goes: `previous`, a length of time, or a calendar's name for a year of it. */
const aheadOf = (shift: string, time: AskedTime, calendars: Calendars, where: string): Span => {
  if (shift === 'previous') return previous(time);
  const year = calendars.has(shift) ? grainOf(`${shift}_year`, calendars) : undefined;
  return year === undefined ? parseSpan(shift, where, calendars) : spanOf(1, year);
};

/** Checks one comparison. Errors: `query-invalid`. */
export const checkComparison = (
  given: Comparison,
  time: AskedTime,
  calendars: Calendars,
  where: string,
): AskedComparison => {
  const as = checkGivenName(given.as, `${where}.as`);
  const show: readonly Shown[] = given.show ?? ['value'];
  if (!Array.isArray(show) || show.length === 0 || !show.every((s) => SHOWN.includes(s)))
    throw bad(`${where}.show`, `a list of ${SHOWN.join(', ')} is wanted`);
  const ahead = aheadOf(given.shift, time, calendars, `${where}.shift`);
  const { bucket } = time;
  if (bucket && !fits(ahead, bucket.grain))
    throw bad(
      `${where}.shift`,
      given.shift === 'previous'
        ? `the range is not made of whole buckets by ${grainName(bucket.grain)}: let it begin and end with one`
        : `${spanText(ahead)} earlier no ${grainName(bucket.grain)} begins; shift by whole buckets`,
    );
  const span = back(ahead);
  return { as, span, range: movedRange(time, span, `${where}.shift`), show: [...new Set(show)] };
};

/** Checks a list of comparisons: few, each with a name of its own. Errors: `query-invalid`. */
export const checkComparisons = (
  given: readonly Comparison[],
  time: () => AskedTime,
  calendars: Calendars,
): readonly AskedComparison[] => {
  if (given.length > MOST_COMPARISONS) throw bad('compare', `at most ${MOST_COMPARISONS} comparisons`);
  const checked = given.map((c, i) => checkComparison(c, time(), calendars, `compare[${i}]`));
  const twice = checked.findIndex((c, i) => checked.findIndex((d) => d.as === c.as) !== i);
  if (twice >= 0) throw bad(`compare[${twice}].as`, `${checked[twice]?.as} is named twice`);
  return checked;
};

/** Checks a window. Errors: `query-invalid`. */
export const checkWindow = (given: unknown, calendars: Calendars, where: string): AskedWindow => {
  const { trailing, toDate, ...more } = (typeof given === 'object' && given !== null ? given : {}) as Record<
    string,
    unknown
  >;
  if ((trailing === undefined) === (toDate === undefined) || Object.keys(more).length > 0)
    throw bad(where, '{trailing: "7 days"} or {toDate: "month"} is wanted');
  return trailing === undefined
    ? { kind: 'toDate', unit: parseUnit(toDate, `${where}.toDate`, calendars) }
    : { kind: 'trailing', span: parseSpan(trailing, `${where}.trailing`, calendars) };
};
