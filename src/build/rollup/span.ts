/** Partitions as spans of UTC time. All instants are microseconds since 1970. */
export interface Span {
  readonly key: string;
  readonly from: bigint;
  readonly to: bigint;
}

const DAY = 86_400_000_000n;
const HOUR = 3_600_000_000n;
const MONTHS: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 };
const FIXED: Readonly<Record<string, bigint>> = {
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: HOUR,
  day: DAY,
  week: 7n * DAY,
};
const ORDER = ['second', 'minute', 'hour', 'day', 'month', 'quarter', 'year'];

/** True when every bucket of the finer granularity lies within one bucket of the coarser. Calendars of one's own are never known to. */
export const nestsIn = (finer: string, coarser: string): boolean => {
  if (coarser === 'week') return ['second', 'minute', 'hour', 'day', 'week'].includes(finer);
  if (finer === 'week') return false;
  const a = ORDER.indexOf(finer);
  const b = ORDER.indexOf(coarser);
  return a >= 0 && b >= 0 && a <= b;
};

/** True for granularities whose buckets this file can cut. */
export const isCalendar = (granularity: string): boolean => granularity in MONTHS || granularity in FIXED;

const floor = (a: bigint, b: bigint): bigint => (a >= 0n || a % b === 0n ? a / b : a / b - 1n);
const millis = (micros: bigint): number => Number(floor(micros, 1000n));
const startOfMonth = (year: number, month: number): bigint => {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 1);
  return BigInt(date.getTime()) * 1000n;
};

/** The bucket that holds an instant; weeks begin on Monday. */
export const spanOf = (micros: bigint, granularity: string): Span => {
  const months = MONTHS[granularity];
  if (months !== undefined) {
    const date = new Date(millis(micros));
    const first = Math.floor(date.getUTCMonth() / months) * months;
    const from = startOfMonth(date.getUTCFullYear(), first);
    return { key: keyOf(from, granularity), from, to: startOfMonth(date.getUTCFullYear(), first + months) };
  }
  const length = FIXED[granularity] ?? DAY;
  // 1970-01-05 was a Monday
  const origin = granularity === 'week' ? 4n * DAY : 0n;
  const from = floor(micros - origin, length) * length + origin;
  return { key: keyOf(from, granularity), from, to: from + length };
};

/** `2010`, `2010-Q4`, `2010-12`, `2010-12-01`, `2010-12-01T05`: what a person calls the span that begins there. */
const keyOf = (from: bigint, granularity: string): string => {
  const iso = new Date(millis(from)).toISOString();
  const at = iso.indexOf('T');
  const date = iso.slice(0, at);
  switch (granularity) {
    case 'year':
      return date.slice(0, -6);
    case 'quarter':
      return `${date.slice(0, -6)}-Q${Math.floor(new Date(millis(from)).getUTCMonth() / 3) + 1}`;
    case 'month':
      return date.slice(0, -3);
    case 'day':
    case 'week':
      return date;
    case 'hour':
      return iso.slice(0, at + 3);
    default:
      return iso.slice(0, at + 9);
  }
};

/** All buckets from the first to the last instant, or undefined when there are more than `most`. */
export const spansBetween = (first: bigint, last: bigint, granularity: string, most: number): Span[] | undefined => {
  const spans: Span[] = [];
  for (let span = spanOf(first, granularity); span.from <= last; span = spanOf(span.to, granularity)) {
    if (spans.length === most) return undefined;
    spans.push(span);
  }
  return spans;
};

/** The longest run of spans that touch each other; of equals the latest. Null for no spans. */
export const longestRun = (
  spans: readonly { readonly from: bigint; readonly to: bigint }[],
): { readonly from: bigint; readonly to: bigint } | null => {
  const sorted = [...spans].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  let best: { from: bigint; to: bigint } | null = null;
  let run: { from: bigint; to: bigint } | null = null;
  for (const span of sorted) {
    run = run !== null && span.from === run.to ? { from: run.from, to: span.to } : { from: span.from, to: span.to };
    if (best === null || run.to - run.from >= best.to - best.from) best = run;
  }
  return best;
};
