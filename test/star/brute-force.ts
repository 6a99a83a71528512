import { decimalText, type Filter, type GivenValue, type MetricQuery, timestampText } from '../../src/query/index.js';

/** One line with its shop; amounts in cents, times in microseconds since 1970. */
export interface Line {
  readonly id: number;
  readonly kind: string | null;
  readonly buyer: string | null;
  readonly returned: boolean | null;
  readonly qty: number | null;
  readonly amount: bigint | null;
  readonly sold_at: bigint | null;
  readonly shop: string | null;
  readonly region: string | null;
}
type Cell = string | null;
type Truth = boolean | null;

/** Code points, as a plain list of numbers: nothing shared with what is tested. */
const points = (text: string) => [...text].map((c) => c.codePointAt(0) ?? 0);
const byPoint = (a: string, b: string): number => {
  const [x, y] = [points(a), points(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0);
  return x.length - y.length;
};

/** A zone's wall clock at an instant, as if it were UTC milliseconds. */
const clocks = new Map<string, Intl.DateTimeFormat>();
const wall = (ms: number, zone: string): number => {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    clocks.set(zone, format);
  }
  const text = format.format(new Date(Math.floor(ms / 1000) * 1000));
  return Date.parse(`${text.replace(' ', 'T')}Z`) + (((ms % 1000) + 1000) % 1000);
};
const HOUR = 3_600_000;
const dayOf = (ms: number, zone: string) => new Date(wall(ms, zone)).toISOString().slice(0, 10);

/** The first instant of a calendar day in a zone, found by looking at every quarter of an hour. */
const dayStart = (date: string, zone: string): number => {
  for (let ms = Date.parse(`${date}T00:00:00Z`) - 30 * HOUR; ; ms += HOUR / 4) if (dayOf(ms, zone) >= date) return ms;
};
const instants = new Map<string, bigint>();
const instant = (text: string, zone: string): bigint => {
  const key = `${text} ${zone}`;
  const known = instants.get(key) ?? readInstant(text, zone);
  instants.set(key, known);
  return known;
};
const readInstant = (text: string, zone: string): bigint => {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return BigInt(dayStart(text, zone)) * 1000n;
  const micros = /\.(\d{6})Z$/.exec(text)?.[1] ?? '000000';
  return BigInt(Date.parse(text.replace(/\.\d{6}Z$/, 'Z'))) * 1000n + BigInt(micros);
};

const bucket = (micros: bigint, granularity: string, zone: string): string => {
  const ms = Number(micros / 1000n);
  if (granularity === 'hour') {
    const into = ((wall(ms, zone) % HOUR) + HOUR) % HOUR;
    return timestampText(BigInt(ms - into) * 1000n);
  }
  const day = new Date(`${dayOf(ms, zone)}T00:00:00Z`);
  if (granularity === 'week') day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  if (granularity === 'month') day.setUTCDate(1);
  if (granularity === 'quarter') day.setUTCMonth(Math.floor(day.getUTCMonth() / 3) * 3, 1);
  if (granularity === 'year') day.setUTCMonth(0, 1);
  return day.toISOString().slice(0, 10);
};

const like = (text: string, pattern: string): boolean => {
  if (pattern === '') return text === '';
  const [head, tail] = [[...pattern][0] ?? '', [...pattern].slice(1).join('')];
  const rest = [...text];
  if (head === '%')
    return Array.from({ length: rest.length + 1 }, (_, i) => rest.slice(i).join('')).some((t) => like(t, tail));
  if (text === '') return false;
  if (head === '_') return like(rest.slice(1).join(''), tail);
  if (head === '\\') return rest[0] === [...tail][0] && like(rest.slice(1).join(''), [...tail].slice(1).join(''));
  return rest[0] === head && like(rest.slice(1).join(''), tail);
};

/** Compares a value with given ones; `order` gives the sign. */
const test = (
  op: string,
  known: boolean,
  order: (i: number) => number,
  count: number,
  text: string,
  given: string,
): Truth => {
  if (op === 'isNull') return !known;
  if (op === 'isNotNull') return known;
  if (!known) return null;
  const any = Array.from({ length: count }, (_, i) => order(i)).includes(0);
  switch (op) {
    case 'eq':
    case 'in':
      return any;
    case 'ne':
    case 'notIn':
      return !any;
    case 'gt':
      return order(0) > 0;
    case 'gte':
      return order(0) >= 0;
    case 'lt':
      return order(0) < 0;
    case 'lte':
      return order(0) <= 0;
    case 'between':
      return order(0) >= 0 && order(1) < 0;
    case 'contains':
      return text.includes(given);
    case 'icontains':
      return text.toLowerCase().includes(given.toLowerCase());
    case 'startsWith':
      return text.startsWith(given);
    case 'endsWith':
      return text.endsWith(given);
    default:
      return like(text, given);
  }
};

const tree = (filter: Filter, leaf: (member: string, op: string, values: readonly GivenValue[]) => Truth): Truth => {
  if ('member' in filter) return leaf(filter.member, filter.op, filter.values ?? []);
  if ('not' in filter) {
    const truth = tree(filter.not, leaf);
    return truth === null ? null : !truth;
  }
  const and = 'and' in filter;
  const truths = ('and' in filter ? filter.and : filter.or).map((f) => tree(f, leaf));
  if (truths.includes(!and)) return !and;
  return truths.includes(null) ? null : and;
};

const sign = (a: bigint | number, b: bigint | number) => (a < b ? -1 : a > b ? 1 : 0);
const passes = (line: Line, filter: Filter, zone: string): boolean =>
  tree(filter, (member, op, values) => {
    const value = line[member.replace('shop.', '') as keyof Line];
    const order = (i: number): number => {
      const given = values[i] ?? '';
      if (typeof value === 'bigint') return sign(value, instant(String(given), zone));
      if (typeof value === 'number') return sign(value, Number(given));
      return typeof value === 'boolean' ? sign(Number(value), Number(given)) : byPoint(String(value), String(given));
    };
    return test(op, value !== null, order, values.length, String(value), String(values[0] ?? ''));
  }) === true;

const SCALE: Record<string, number> = { amount: 2, returns: 2, average: 6, by_buyer_units: 6 };
/** A measure over lines, in millionths. */
const measure = (name: string, lines: readonly Line[]): bigint | null => {
  const present = <T>(values: readonly (T | null)[]): T[] => values.flatMap((v) => (v === null ? [] : [v]));
  const sum = (values: readonly (bigint | null)[]): bigint | null => {
    const all = present(values);
    return all.length === 0 ? null : all.reduce((a, b) => a + b, 0n);
  };
  const quantities = present(lines.map((l) => l.qty));
  const whole = (n: bigint | number) => BigInt(n) * 1_000_000n;
  const cents = (of: readonly Line[]) => {
    const total = sum(of.map((l) => l.amount));
    return total === null ? null : total * 10_000n;
  };
  const units = sum(lines.map((l) => (l.qty === null ? null : BigInt(l.qty))));
  const buyers = new Set(present(lines.map((l) => l.buyer))).size;
  const ratio = (n: bigint | null, d: bigint): bigint | null => {
    if (n === null || d === 0n) return null;
    const [a, b] = [n < 0n ? -n : n, d];
    const floor = a / b;
    const up = (a - floor * b) * 2n >= b ? floor + 1n : floor;
    return n < 0n ? -up : up;
  };
  switch (name) {
    case 'amount':
      return cents(lines);
    case 'returns':
      return cents(lines.filter((l) => l.returned === true));
    case 'units':
      return units === null ? null : whole(units);
    case 'lines':
      return whole(lines.length);
    case 'most':
      return quantities.length === 0 ? null : whole(Math.max(...quantities));
    case 'least':
      return quantities.length === 0 ? null : whole(Math.min(...quantities));
    case 'buyers':
      return whole(buyers);
    case 'keepers':
      return whole(new Set(present(lines.filter((l) => l.returned === false).map((l) => l.buyer))).size);
    case 'average':
      return ratio(cents(lines), BigInt(lines.length));
    default:
      return ratio(units === null ? null : whole(units), BigInt(buyers));
  }
};

/** Answers a query by plain loops. Cells are texts in exact form; instants in UTC. */
export const bruteForce = (query: MetricQuery, lines: readonly Line[]): Cell[][] => {
  const zone = query.timezone ?? 'UTC';
  const times = query.time ?? [];
  const short = (name: string) => name.replace('shop.', '');
  const kept = lines.filter(
    (l) =>
      (!query.where || passes(l, query.where, zone)) &&
      times.every(
        ({ range }) =>
          !range || (l.sold_at !== null && l.sold_at >= instant(range[0], zone) && l.sold_at < instant(range[1], zone)),
      ),
  );
  const groupNames = [
    ...(query.dimensions ?? []),
    ...times.flatMap((t) => (t.granularity ? [`${t.dimension}.${t.granularity}`] : [])),
  ];
  const cell = (line: Line, name: string): Cell => {
    const granularity = /^shop\.sold_at\.(\w+)$/.exec(name)?.[1];
    if (granularity) return line.sold_at === null ? null : bucket(line.sold_at, granularity, zone);
    const value = line[short(name) as keyof Line];
    return value === null ? null : String(value);
  };
  const groups = new Map<string, { key: Cell[]; lines: Line[] }>();
  if (groupNames.length === 0) groups.set('[]', { key: [], lines: [] });
  for (const line of kept) {
    const key = groupNames.map((n) => cell(line, n));
    const id = JSON.stringify(key);
    const group = groups.get(id) ?? { key, lines: [] };
    groups.set(id, group);
    group.lines.push(line);
  }
  const value = (group: { key: Cell[]; lines: Line[] }, name: string): Cell | bigint => {
    const at = groupNames.indexOf(name);
    return at >= 0 ? (group.key[at] ?? null) : measure(short(name), group.lines);
  };
  const having = [...groups.values()].filter(
    (g) =>
      !query.having ||
      tree(query.having, (member, op, values) => {
        const mine = value(g, member);
        const order = (i: number) => sign(mine as bigint, BigInt(Math.round(Number(values[i]) * 1e6)));
        return test(op, mine !== null, order, values.length, '', '');
      }) === true,
  );
  const order = [
    ...(query.order ?? []),
    ...groupNames.map((by) => ({ by, dir: 'asc' as const, nulls: 'last' as const })),
  ];
  const quantity = (name: string) => name === 'shop.qty';
  having.sort((a, b) => {
    for (const { by, dir = 'asc', nulls = 'last' } of order) {
      const [x, y] = [value(a, by), value(b, by)];
      if (x === y) continue;
      if (x === null) return nulls === 'first' ? -1 : 1;
      if (y === null) return nulls === 'first' ? 1 : -1;
      const compared =
        typeof x === 'bigint' ? sign(x, y as bigint) : quantity(by) ? Number(x) - Number(y) : byPoint(x, y as string);
      if (compared !== 0) return dir === 'asc' ? compared : -compared;
    }
    return 0;
  });
  const from = query.offset ?? 0;
  return having.slice(from, query.limit === undefined ? undefined : from + query.limit).map((g) => [
    ...g.key,
    ...(query.measures ?? []).map((name) => {
      const millionths = measure(short(name), g.lines);
      const scale = SCALE[short(name)] ?? 0;
      return millionths === null ? null : decimalText(millionths / 10n ** BigInt(6 - scale), scale);
    }),
  ]);
};
