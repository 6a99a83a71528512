/** Calendars of the star's model by plain walking: first days of years are looked for, those of weeks and months counted off from them. */

const DAY = 86_400_000;
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

interface Rules {
  /** Weeks of a quarter's months; none: years of months. */
  readonly weeks?: readonly number[];
  readonly month: number;
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** How far a year may begin from its day, either way. */
  readonly window?: readonly [number, number];
}
const RULES: Readonly<Record<string, Rules>> = {
  retail: { weeks: [4, 4, 5], month: 2, day: 1, weekday: 1, window: [-3, 3] },
  trade: { weeks: [5, 4, 4], month: 1, day: 1, weekday: 0, window: [0, 6] },
  fiscal: { month: 4, day: 1, weekday: 0 },
};
const [FIRST_YEAR, LAST_YEAR] = [2005, 2020];

const yearBegins = ({ month, day, weekday, window = [0, 0] }: Rules, year: number): number => {
  for (let away = window[0]; away <= window[1]; away++) {
    const at = Date.UTC(year, month - 1, day + away);
    if (new Date(at).getUTCDay() === weekday) return at;
  }
  throw new Error('no year begins');
};

const walked = (rules: Rules, unit: string): number[] => {
  const found: number[] = [];
  if (unit === 'week') {
    for (let at = Date.UTC(FIRST_YEAR, 0, 1); at < Date.UTC(LAST_YEAR + 1, 0, 1); at += DAY)
      if (new Date(at).getUTCDay() === rules.weekday) found.push(at);
    return found;
  }
  for (let year = FIRST_YEAR; year <= LAST_YEAR; year++) {
    let at = rules.weeks ? yearBegins(rules, year) : 0;
    for (let month = 0; month < 12; month++) {
      const first = rules.weeks ? at : Date.UTC(year, rules.month - 1 + month, 1);
      if (unit === 'month' || (unit === 'quarter' && month % 3 === 0) || month === 0) found.push(first);
      at += (rules.weeks?.[month % 3] ?? 0) * 7 * DAY;
    }
  }
  return found;
};

const known = new Map<string, readonly string[]>();
/** First days of a calendar's buckets, in order; undefined for granularities of no calendar. */
const firstsOf = (granularity: string): readonly string[] | undefined => {
  const [name = '', unit = ''] = granularity.split('_');
  const rules = RULES[name];
  if (!rules) return undefined;
  const firsts = known.get(granularity) ?? walked(rules, unit).map(iso);
  known.set(granularity, firsts);
  return firsts;
};
const indexIn = (firsts: readonly string[], day: string): number => {
  let found = -1;
  for (const [i, first] of firsts.entries()) if (first <= day) found = i;
  return found;
};

/** The first day of the bucket that a day lies in; undefined for granularities of no calendar. */
export const ownBucket = (day: string, granularity: string): string | undefined => {
  const firsts = firstsOf(granularity);
  return firsts?.[indexIn(firsts, day)];
};
/** The first day of the next bucket. */
export const nextOwn = (start: string, granularity: string): string | undefined => {
  const firsts = firstsOf(granularity);
  return firsts?.[indexIn(firsts, start) + 1];
};

/** A shift by years of months, or by weeks, in the words that everybody has for it. */
export const plainUnit = (unit: string): string => {
  const [name = '', of = ''] = unit.split('_');
  const rules = RULES[name];
  return rules && (!rules.weeks || of === 'week') ? of : unit;
};
/** A day as far into an earlier bucket as it is in its own; `cut` where that is shorter: then its end. */
export const earlierOwn = (day: string, count: number, unit: string): { day: string; cut: boolean } | undefined => {
  const firsts = firstsOf(unit);
  if (!firsts) return undefined;
  const at = indexIn(firsts, day);
  const ms = (text: string | undefined) => Date.parse(`${text}T00:00:00Z`);
  const moved = iso(ms(firsts[at - count]) + ms(day) - ms(firsts[at]));
  const end = firsts[at - count + 1] ?? '';
  return moved < end ? { day: moved, cut: false } : { day: end, cut: true };
};
