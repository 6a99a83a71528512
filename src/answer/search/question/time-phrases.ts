import { type DayRange, dayOf, daysIn, plus, startOf, type Unit, wholeUnit } from './days.js';
import { cut, NUMBER, numberOf } from './text.js';

/** What a question says of time. */
export interface TimeAsked {
  readonly rest: string;
  readonly range?: DayRange;
  /** One-sided: on or after, before. */
  readonly from?: string;
  readonly until?: string;
  readonly granularity?: string;
  readonly reasons: readonly string[];
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const MONTH = `${MONTHS.join('|')}|${MONTHS.map((m) => m.slice(0, 3)).join('|')}|sept`;
const YEAR = '(?:19|20)\\d\\d';
const UNIT = 'day|week|month|quarter|year';
const DATE = [
  `(?<iso>${YEAR}-\\d\\d-\\d\\d)`,
  `(?:the )?(?<d1>\\d{1,2})(?:st|nd|rd|th)?(?: of)? (?<m1>${MONTH})(?: (?<y1>${YEAR}))?`,
  `(?<m2>${MONTH}) (?:the )?(?<d2>\\d{1,2})(?:st|nd|rd|th)?(?! ?\\d)(?: (?<y2>${YEAR}))?`,
  `(?<m3>${MONTH})(?: of)?(?: (?<y3>${YEAR}))?`,
  `q(?<q>[1-4])(?: (?<qy>${YEAR}))?`,
  `(?<y>${YEAR})`,
].join('|');
/** Group names may stand once in a pattern: the second date of a pair is read by itself. */
const PLAIN_DATE = DATE.replace(/\?<\w+>/g, '?:');

/** A date as the whole day, month, quarter or year that it names. Without a year it is the last one that has begun. */
const dateOf = (text: string, today: string): DayRange | undefined => {
  const g = new RegExp(`^(?:${DATE})$`).exec(text.trim())?.groups;
  if (!g) return undefined;
  const { iso, q, qy, y } = g;
  if (iso !== undefined) {
    const [year, month, day] = iso.split('-').map(Number);
    const known = dayOf(year ?? 0, month ?? 0, day ?? 0);
    return known === undefined ? undefined : wholeUnit(known, 'day');
  }
  if (y !== undefined) return wholeUnit(`${y}-01-01`, 'year');
  const yearFor = (given: string | undefined, at: (year: number) => string | undefined): string | undefined => {
    if (given !== undefined) return at(Number(given));
    const now = Number(today.slice(0, 4));
    const here = at(now);
    return here !== undefined && here <= today ? here : at(now - 1);
  };
  if (q !== undefined) {
    const known = yearFor(qy, (year) => dayOf(year, 3 * Number(q) - 2, 1));
    return known === undefined ? undefined : wholeUnit(known, 'quarter');
  }
  const name = g['m1'] ?? g['m2'] ?? g['m3'] ?? '';
  const month = MONTHS.findIndex((m) => m.startsWith(name.slice(0, 3))) + 1;
  const day = g['d1'] ?? g['d2'];
  const known = yearFor(g['y1'] ?? g['y2'] ?? g['y3'], (year) => dayOf(year, month, Number(day ?? 1)));
  return known === undefined ? undefined : wholeUnit(known, day === undefined ? 'month' : 'day');
};

interface Found {
  readonly range?: DayRange;
  readonly from?: string;
  readonly until?: string;
}
type Rule = readonly [RegExp, (m: RegExpExecArray, today: string) => Found | undefined];

const inYearOf = (text: string, other: string): string => {
  // "1 to 5 December 2010": the first date has the month and year of the second
  const year = new RegExp(YEAR).exec(other)?.[0];
  const month = new RegExp(`\\b(?:${MONTH})\\b`).exec(other)?.[0];
  const withMonth = /^\s*(?:the )?\d{1,2}(?:st|nd|rd|th)?\s*$/.test(text) && month ? `${text.trim()} ${month}` : text;
  return year !== undefined && !new RegExp(YEAR).test(withMonth) ? `${withMonth} ${year}` : withMonth;
};

const RULES: readonly Rule[] = [
  [
    new RegExp(
      ` (?:between|from|in the (?:time|period) from)? ?((?:the )?\\d{1,2}(?:st|nd|rd|th)?|${PLAIN_DATE}) (?:and|to|until|till|through|-) (${PLAIN_DATE}) `,
    ),
    (m, today) => {
      const end = dateOf(m[2] ?? '', today);
      const start = end && dateOf(inYearOf(m[1] ?? '', m[2] ?? ''), today);
      return start && end && start.from < end.to ? { range: { from: start.from, to: end.to } } : undefined;
    },
  ],
  [
    new RegExp(` (?:since|starting|from) (${PLAIN_DATE})(?: on(?:wards)?)? `),
    (m, today) => oneSided(m[1], today, 'since'),
  ],
  [new RegExp(` (?:after) (${PLAIN_DATE}) `), (m, today) => oneSided(m[1], today, 'after')],
  [new RegExp(` (?:before|prior to) (${PLAIN_DATE}) `), (m, today) => oneSided(m[1], today, 'before')],
  [new RegExp(` (?:until|up to|till) (${PLAIN_DATE}) `), (m, today) => oneSided(m[1], today, 'until')],
  [
    new RegExp(` (?:in |over |during |for |within )?(?:the )?(?:last|past|previous) (${NUMBER}) (${UNIT})s? `),
    (m, today) => ({ range: { from: plus(today, -numberOf(m[1] ?? ''), m[2] as Unit), to: today } }),
  ],
  [
    new RegExp(` (?:in |over |during |for |of )?(?:the )?(?:last|past|previous) (${UNIT}) `),
    (m, today) => ({ range: wholeUnit(plus(startOf(today, m[1] as Unit), -1, m[1] as Unit), m[1] as Unit) }),
  ],
  [
    new RegExp(` (?:in |over |during |for |of )?(?:the )?(?:this|current) (${UNIT})(?: so far)? `),
    (m, today) => ({ range: wholeUnit(today, m[1] as Unit) }),
  ],
  [
    new RegExp(` (?:(${UNIT}) to date|(ytd|mtd|qtd)) `),
    (m, today) => {
      const unit = (m[1] ?? { ytd: 'year', mtd: 'month', qtd: 'quarter' }[m[2] ?? 'ytd']) as Unit;
      return { range: { from: startOf(today, unit), to: plus(today, 1, 'day') } };
    },
  ],
  [/ (?:of |for )?yesterday /, (_m, today) => ({ range: wholeUnit(plus(today, -1, 'day'), 'day') })],
  [/ (?:of |for )?today /, (_m, today) => ({ range: wholeUnit(today, 'day') })],
  [
    new RegExp(` (?:on |in |during |for |of |at )(${PLAIN_DATE}) `),
    (m, today) => {
      const range = dateOf(m[1] ?? '', today);
      return range && { range };
    },
  ],
  [
    // without a word before it, a date must say more than "may" or a bare number
    new RegExp(` (${PLAIN_DATE}) `),
    (m, today) => {
      const range = /^(?:may|mar|dec|jan|jun|sep|oct|nov|feb|apr|jul|aug)$/.test(m[1] ?? '')
        ? undefined
        : dateOf(m[1] ?? '', today);
      return range && { range };
    },
  ],
];

const oneSided = (
  text: string | undefined,
  today: string,
  how: 'since' | 'after' | 'before' | 'until',
): Found | undefined => {
  const day = dateOf(text ?? '', today);
  if (!day) return undefined;
  return { since: { from: day.from }, after: { from: day.to }, before: { until: day.from }, until: { until: day.to } }[
    how
  ];
};

const ADVERBS: Readonly<Record<string, string>> = {
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  quarterly: 'quarter',
  yearly: 'year',
  annual: 'year',
  annually: 'year',
};

/** Cuts out what a question says of time: at most one stretch, and the size of buckets. `today` decides what "last month" is. */
export const timePhrases = (question: string, today: string): TimeAsked => {
  let rest = question;
  const reasons: string[] = [];
  let granularity: string | undefined;
  const bucket =
    cut(
      rest,
      / (?:per|by|for each|for every|each|every|a|split by|broken down by|grouped by) (hour|day|week|month|quarter|year) /,
    ) ??
    cut(rest, / (?:hour|day|week|month|quarter|year) by (hour|day|week|month|quarter|year) /) ??
    cut(rest, / (?:which|what) (hour|day|week|month|quarter|year)(?: (?:had|has|was|is|did|saw|brought))? /) ??
    cut(rest, / and (?:by |per )?(hour|day|week|month|quarter|year) /);
  const adverb = cut(rest, / (hourly|daily|weekly|monthly|quarterly|yearly|annual|annually) /);
  if (bucket) {
    granularity = bucket.match[1];
    rest = bucket.rest;
  } else if (adverb) {
    granularity = ADVERBS[adverb.match[1] ?? ''];
    rest = adverb.rest;
  }
  let found: Found = {};
  for (const [pattern, read] of RULES) {
    const next = cut(rest, pattern);
    const meant = next && read(next.match, today);
    if (!next || !meant) continue;
    found = meant;
    rest = next.rest;
    reasons.push(`${next.match[0].trim()}: ${said(meant)}`);
    break;
  }
  const trend = cut(rest, / (?:(?:the )?trend(?: of| in)?|over time|(?:the )?development(?: of)?|evolution of) /);
  if (trend) {
    rest = trend.rest;
    granularity ??= found.range && daysIn(found.range) > 92 ? 'month' : 'day';
  }
  if (granularity !== undefined) reasons.push(`by ${granularity}`);
  return { rest, ...found, ...(granularity === undefined ? {} : { granularity }), reasons };
};

const said = ({ range, from, until }: Found): string =>
  range ? `${range.from} to ${plus(range.to, -1, 'day')}` : from !== undefined ? `from ${from} on` : `before ${until}`;
