import fc from 'fast-check';
import type { Filter, MetricQuery, Operator } from '../../src/query/index.js';
import type { Line } from './brute-force.js';

/** Clocks go back in Berlin on 31 October and in New York on 7 November 2010. */
const FIRST = Date.UTC(2010, 9, 29) * 1000;
const HALF_HOURS = 11 * 48;
const TEXTS = ['a', 'B', 'b', 'ä', '', '😀', '\uff21', '50%', 'a_b'];
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null, freq: 5 });
const shops = [
  { shop: 'north', region: 'up' },
  { shop: 'south', region: null },
  { shop: 'Ålborg', region: 'up' },
  { shop: null, region: null },
] as const;
const micros = fc
  .tuple(fc.integer({ min: 0, max: HALF_HOURS }), fc.constantFrom(0, 0, 0, 1, -1, 999_999))
  .map(([half, odd]) => BigInt(FIRST) + BigInt(half) * 1_800_000_000n + BigInt(odd));
const line = fc.record({
  kind: maybe(fc.constantFrom(...TEXTS)),
  buyer: maybe(fc.constantFrom('ann', 'bob', 'cid')),
  returned: maybe(fc.boolean()),
  qty: maybe(fc.integer({ min: -5, max: 9 })),
  amount: maybe(fc.integer({ min: -99_999, max: 99_999 }).map(BigInt)),
  sold_at: maybe(micros),
  of: fc.constantFrom(...shops),
});
/** Lines of a few shops, with nulls, returns and times round the clock changes. */
export const lines = fc
  .oneof(
    { weight: 1, arbitrary: fc.array(line, { maxLength: 5 }) },
    { weight: 9, arbitrary: fc.array(line, { minLength: 40, maxLength: 60, size: 'max' }) },
  )
  .map((all): Line[] => all.map(({ of, ...rest }, id) => ({ id, ...rest, ...of })));

const day = fc.integer({ min: 28, max: 42 }).map((d) => new Date(Date.UTC(2010, 9, d)).toISOString().slice(0, 10));
const moment = fc.oneof(
  { weight: 3, arbitrary: day },
  micros.map((m) => {
    const iso = new Date(Number(m / 1000n)).toISOString().slice(0, 19);
    return `${iso}.${(m % 1_000_000n).toString().padStart(6, '0')}Z`;
  }),
);
const leaf = (
  member: string,
  ops: readonly Operator[],
  value: fc.Arbitrary<string | number | boolean>,
): fc.Arbitrary<Filter> =>
  fc.constantFrom(...ops).chain((op): fc.Arbitrary<Filter> => {
    if (op === 'isNull' || op === 'isNotNull') return fc.constant({ member, op });
    const [minLength, maxLength] = op === 'in' || op === 'notIn' ? [1, 3] : op === 'between' ? [2, 2] : [1, 1];
    return fc.array(value, { minLength, maxLength }).map((values) => ({ member, op, values }));
  });
const SET: Operator[] = ['eq', 'ne', 'in', 'notIn', 'isNull', 'isNotNull'];
const ORDER: Operator[] = [...SET, 'gt', 'gte', 'lt', 'lte', 'between'];
const text = fc.constantFrom(...TEXTS);
const condition = fc.oneof(
  leaf('shop.kind', [...ORDER, 'contains', 'icontains', 'startsWith', 'endsWith', 'like'], text),
  leaf('shop.shop', ORDER, fc.constantFrom('north', 'south', 'x')),
  leaf('shop.region', SET, fc.constant('up')),
  leaf('shop.returned', SET, fc.boolean()),
  leaf('shop.buyer', SET, fc.constantFrom('ann', 'bob')),
  leaf('shop.qty', ORDER, fc.integer({ min: -3, max: 5 })),
  leaf('shop.sold_at', ORDER, moment),
);
const treeOf = (inner: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> =>
  fc.oneof(
    { weight: 3, arbitrary: inner },
    fc.array(inner, { minLength: 1, maxLength: 3 }).map((and): Filter => ({ and })),
    fc.array(inner, { minLength: 1, maxLength: 2 }).map((or): Filter => ({ or })),
    inner.map((not): Filter => ({ not })),
  );
const MEASURES = [
  'amount',
  'units',
  'lines',
  'most',
  'least',
  'buyers',
  'keepers',
  'returns',
  'average',
  'by_buyer_units',
].map((m) => `shop.${m}`);
const measure = fc.constantFrom(...MEASURES);
const having = leaf(
  '',
  ['gt', 'gte', 'lt', 'lte', 'eq', 'ne', 'isNull', 'isNotNull', 'between', 'in'],
  fc.constantFrom(0, 1, 2, 3, 10.5, -100),
).chain((f) =>
  measure.map((member): Filter => {
    if (!('member' in f)) return f;
    const whole = !/amount|returns|average|by_buyer/.test(member);
    return { ...f, member, ...(f.values ? { values: f.values.map((v) => (whole ? Math.trunc(Number(v)) : v)) } : {}) };
  }),
);
const timeOf = (granularities: readonly string[]) =>
  fc.record(
    {
      dimension: fc.constant('shop.sold_at'),
      granularity: fc.constantFrom(...granularities),
      range: fc.tuple(day, day).filter(([a, b]) => a < b),
    },
    { requiredKeys: ['dimension'] },
  );
interface Palette {
  readonly dimensions: readonly string[];
  readonly where: fc.Arbitrary<Filter>;
  readonly granularities: readonly string[];
  readonly zones: readonly string[];
}
const queryOf = (palette: Palette): fc.Arbitrary<MetricQuery> =>
  fc
    .record({
      measures: fc.uniqueArray(measure, { minLength: 1, maxLength: 4 }),
      dimensions: fc.uniqueArray(
        fc.constantFrom(...palette.dimensions).map((d) => `shop.${d}`),
        { maxLength: 2 },
      ),
      time: fc.option(
        timeOf(palette.granularities).filter((t) => t.granularity !== undefined || t.range !== undefined),
        { nil: undefined },
      ),
      where: fc.option(treeOf(treeOf(palette.where)), { nil: undefined, freq: 1 }),
      having: fc.option(treeOf(having), { nil: undefined, freq: 1 }),
      by: fc.array(
        fc.tuple(
          fc.nat(),
          fc.constantFrom('asc' as const, 'desc' as const),
          fc.constantFrom('first' as const, 'last' as const),
        ),
        { maxLength: 2 },
      ),
      limit: fc.option(fc.nat({ max: 6 }), { nil: undefined, freq: 1 }),
      offset: fc.constantFrom(0, 0, 0, 1, 2),
      timezone: fc.constantFrom(...palette.zones),
    })
    .map(({ time: t, by, where, having: h, limit, ...rest }): MetricQuery => {
      const columns = [...rest.dimensions, ...(t?.granularity ? [`${t.dimension}.${t.granularity}`] : []), ...MEASURES];
      return {
        ...rest,
        ...(t ? { time: [t as NonNullable<MetricQuery['time']>[number]] } : {}),
        ...(where ? { where } : {}),
        ...(h ? { having: h } : {}),
        ...(limit === undefined ? {} : { limit }),
        order: by.map(([n, dir, nulls]) => ({ by: columns[n % columns.length] ?? '', dir, nulls })),
      };
    });

/** Anything that may be asked. */
export const anything = queryOf({
  dimensions: ['kind', 'shop', 'region', 'returned', 'buyer', 'qty'],
  where: condition,
  granularities: ['hour', 'day', 'week', 'month', 'quarter', 'year'],
  zones: ['UTC', 'UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'],
});
/** What rollups often serve. */
export const summable = queryOf({
  dimensions: ['kind', 'shop', 'returned'],
  where: fc.oneof(
    leaf('shop.kind', [...ORDER, 'contains', 'icontains', 'startsWith', 'endsWith', 'like'], text),
    leaf('shop.returned', SET, fc.boolean()),
    leaf('shop.sold_at', ['gte', 'lt', 'between', 'isNull', 'isNotNull'], day),
  ),
  granularities: ['day', 'week', 'month', 'quarter', 'year'],
  zones: ['UTC'],
});
