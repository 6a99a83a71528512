import type { Ask } from '../../../src/answer/run/index.js';
import { error } from '../../../src/errors/index.js';
import {
  type Column,
  compareValues,
  type DataType,
  type Filter,
  type MetricQuery,
  measureColumnName,
  type Provenance,
  parseDecimal,
  type RowStream,
  type Value,
  zoneOffsetMinutes,
} from '../../../src/query/index.js';
import { MEMBERS } from './fixture-model.js';
import { SALES, type Sale } from './fixture-rows.js';

/** A stand-in for the product at the edge of these tests: plain loops over the rows, with SQL's three-valued logic. */
const DAY = 86_400_000_000n;
const floor = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;
const isoDay = (micros: bigint) => new Date(Number(floor(micros, DAY) * 86_400_000n)).toISOString().slice(0, 10);

const dimension = (s: Sale, name: string): Value => {
  const values: Record<string, Value> = {
    country: s.country,
    line_type: s.lineType,
    is_return: s.quantity < 0,
    quantity: s.quantity,
    unit_price: s.price,
    sold_at: s.soldAt,
    day: isoDay(s.soldAt),
    invoice: s.invoice,
  };
  return values[name.slice('retail.'.length)] ?? null;
};

const typeOf = (member: string): DataType => MEMBERS.find((m) => m.name === member)?.type ?? { kind: 'string' };

const read = (type: DataType, given: string | number | boolean): Value => {
  if (type.kind === 'decimal') return parseDecimal(String(given), type.scale) ?? null;
  if (type.kind === 'bigint') return BigInt(String(given));
  if (type.kind !== 'timestamp') return given;
  const [, clock = '', fraction = '0'] = /^(.*?)(?:\.(\d+))?Z$/.exec(String(given)) ?? [];
  return BigInt(Date.parse(`${clock}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'));
};

const like = (text: string, pattern: string, flags: string) => {
  const body = pattern.replace(/\\(.)|[.*+?^${}()|[\]]|%|_/g, (m, escaped?: string) =>
    escaped !== undefined
      ? `\\u{${escaped.codePointAt(0)?.toString(16) ?? ''}}`
      : m === '%'
        ? '.*'
        : m === '_'
          ? '.'
          : `\\${m}`,
  );
  return new RegExp(`^${body}$`, `su${flags}`).test(text);
};

/** True, false, or null for unknown. */
const holds = (s: Sale, f: Filter): boolean | null => {
  if ('and' in f) {
    const all = f.and.map((x) => holds(s, x));
    return all.includes(false) ? false : all.includes(null) ? null : true;
  }
  if ('or' in f) {
    const all = f.or.map((x) => holds(s, x));
    return all.includes(true) ? true : all.includes(null) ? null : false;
  }
  if ('not' in f) {
    const inner = holds(s, f.not);
    return inner === null ? null : !inner;
  }
  const value = dimension(s, f.member);
  if (f.op === 'isNull') return value === null;
  if (f.op === 'isNotNull') return value !== null;
  if (value === null) return null;
  const given = (f.values ?? []).map((v) => read(typeOf(f.member), v));
  const [first = null] = given;
  const c = first === null ? 0 : compareValues(value, first);
  switch (f.op) {
    case 'eq':
      return c === 0;
    case 'ne':
      return c !== 0;
    case 'lt':
      return c < 0;
    case 'lte':
      return c <= 0;
    case 'gt':
      return c > 0;
    case 'gte':
      return c >= 0;
    case 'in':
      return given.some((g) => g !== null && compareValues(value, g) === 0);
    case 'notIn':
      return given.every((g) => g !== null && compareValues(value, g) !== 0);
    case 'like':
      return like(String(value), String(first), '');
    case 'ilike':
      return like(String(value), String(first), 'i');
    case 'startsWith':
      return String(value).startsWith(String(first));
    default:
      throw error('not-supported', { what: `the operator ${f.op}` });
  }
};

const bucket = (micros: bigint, granularity: string, zone: string): Value => {
  const local = micros + BigInt(zoneOffsetMinutes(zone, micros)) * 60_000_000n;
  const small: Record<string, bigint> = { second: 1_000_000n, minute: 60_000_000n, hour: 3_600_000_000n };
  const step = small[granularity];
  if (step) return floor(local, step) * step - (local - micros);
  const date = new Date(Number(floor(local, DAY) * 86_400_000n));
  if (granularity === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (['month', 'quarter', 'year'].includes(granularity)) date.setUTCDate(1);
  if (granularity === 'quarter') date.setUTCMonth(date.getUTCMonth() - (date.getUTCMonth() % 3));
  if (granularity === 'year') date.setUTCMonth(0);
  return date.toISOString().slice(0, 10);
};

const roundedRatio = (a: bigint, b: bigint): bigint | null => {
  if (b === 0n) return null;
  const twice = (2n * a * 1_000_000n) / b;
  return (twice + (twice < 0n ? -1n : 1n)) / 2n;
};

const measure = (rows: readonly Sale[], name: string): Value => {
  const sum = (of: (s: Sale) => bigint) => rows.reduce((total, s) => total + of(s), 0n);
  if (name === 'retail.lines') return BigInt(rows.length);
  if (name === 'retail.orders') return BigInt(new Set(rows.filter((s) => s.quantity >= 0).map((s) => s.invoice)).size);
  if (rows.length === 0) return null;
  if (name === 'retail.net_revenue') return sum((s) => s.pence);
  if (name === 'retail.units') return sum((s) => BigInt(s.quantity));
  const sold = rows.filter((s) => s.quantity >= 0).reduce((t, s) => t + BigInt(s.quantity), 0n);
  const returned = rows.filter((s) => s.quantity < 0).reduce((t, s) => t - BigInt(s.quantity), 0n);
  return roundedRatio(returned, sold);
};

const ordered = (a: Value, b: Value, dir: 'asc' | 'desc', nulls: 'first' | 'last'): number => {
  if (a === null || b === null) return a === b ? 0 : (a === null) === (nulls === 'first') ? -1 : 1;
  const c = compareValues(a, b);
  return dir === 'desc' ? -c : c;
};

const evaluate = (q: MetricQuery): { columns: Column[]; rows: Value[][] } => {
  const zone = q.timezone ?? 'UTC';
  const instant = (t: string) => read({ kind: 'timestamp' }, t) as bigint;
  const kept = SALES.filter(
    (s) =>
      (!q.where || holds(s, q.where) === true) &&
      (q.segments ?? []).every(() => s.quantity < 0) &&
      (q.time ?? []).every(
        ({ range }) => !Array.isArray(range) || (s.soldAt >= instant(range[0]) && s.soldAt < instant(range[1])),
      ),
  );
  const times = (q.time ?? []).flatMap((t) => (t.granularity ? [{ ...t, granularity: t.granularity }] : []));
  const columns: Column[] = [
    ...(q.dimensions ?? []).map((name): Column => ({ name, type: typeOf(name), role: 'dimension' })),
    ...times.map(
      (t): Column => ({
        name: `${t.dimension}.${t.granularity}`,
        type: { kind: ['second', 'minute', 'hour'].includes(t.granularity) ? 'timestamp' : 'date' },
        role: 'time',
      }),
    ),
    ...(q.measures ?? []).map(measureColumnName).map((name): Column => ({ name, type: typeOf(name), role: 'measure' })),
  ];
  const groups = new Map<string, { key: Value[]; rows: Sale[] }>();
  for (const s of kept) {
    const key = [
      ...(q.dimensions ?? []).map((d) => dimension(s, d)),
      ...times.map((t) => {
        const value = dimension(s, t.dimension);
        return typeof value === 'bigint'
          ? bucket(value, t.granularity, zone)
          : bucket(BigInt(Date.parse(String(value))) * 1000n, t.granularity, 'UTC');
      }),
    ];
    const id = JSON.stringify(key, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
    const group = groups.get(id) ?? { key, rows: [] };
    group.rows.push(s);
    groups.set(id, group);
  }
  const all =
    groups.size === 0 && columns.every((c) => c.role === 'measure') ? [{ key: [], rows: [] }] : [...groups.values()];
  const rows = all.map((g) => [...g.key, ...(q.measures ?? []).map((m) => measure(g.rows, measureColumnName(m)))]);
  const keys = (q.dimensions ?? []).length + times.length;
  const order = [
    ...(q.order ?? []).map((o) => ({
      at: columns.findIndex((c) => c.name === o.by),
      dir: o.dir ?? 'asc',
      nulls: o.nulls ?? 'last',
    })),
    ...Array.from({ length: keys }, (_, at) => ({ at, dir: 'asc', nulls: 'last' }) as const),
  ];
  rows.sort((a, b) => {
    for (const o of order) {
      const c = ordered(a[o.at] ?? null, b[o.at] ?? null, o.dir, o.nulls);
      if (c !== 0) return c;
    }
    return 0;
  });
  const from = q.offset ?? 0;
  return { columns, rows: rows.slice(from, q.limit === undefined ? undefined : from + q.limit) };
};

export interface AskFixture extends Ask {
  /** Questions so far, oldest first. */
  readonly asked: MetricQuery[];
  /** While set, questions wait until they are aborted; resolves when one waits. */
  hold(): Promise<void>;
  release(): void;
}

const provenance = (rows: number, requestId: string): Provenance => ({
  requestId,
  plan: 'source',
  source: 'postgres',
  rollups: [],
  tables: [{ table: 'gold.fact_sales', version: '1' }],
  modelVersion: '0123456789abcdef',
  policies: [],
  stale: [],
  rows,
  cached: false,
  timings: {},
});

export const askFixture = (): AskFixture => {
  const asked: MetricQuery[] = [];
  let held: (() => void) | undefined;
  return {
    asked,
    hold: () =>
      new Promise((resolve) => {
        held = resolve;
      }),
    release: () => {
      held = undefined;
    },
    query: async (q, _caller, { signal, requestId }) => {
      asked.push(q);
      if (held) {
        held();
        await new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(error('cancelled', {})));
        });
      }
      const { columns, rows } = evaluate(q);
      const batches = async function* () {
        for (let i = 0; i < rows.length; i += 100) {
          const part = rows.slice(i, i + 100);
          yield { length: part.length, columns: columns.map((_, c) => part.map((r) => r[c] ?? null)) };
        }
      };
      const stream: RowStream = { columns, cancel: async () => {}, [Symbol.asyncIterator]: batches };
      return {
        columns,
        timezone: q.timezone ?? 'UTC',
        rows: stream,
        provenance: () => provenance(rows.length, requestId),
        cacheKey: undefined,
      };
    },
    explain: async (q) => ({
      ...provenance(0, ''),
      columns: evaluate(q).columns,
      candidates: [{ rollup: 'sales.by_day', verdict: 'member-missing', members: ['sales.invoice'] }],
    }),
  };
};
