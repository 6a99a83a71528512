import fc from 'fast-check';
import type {
  Comparison,
  Filter,
  MeasureItem,
  MeasureSelection,
  MetricQuery,
  Operator,
} from '../../src/query/index.js';
import { nextOwn, ownBucket } from '../golden/evaluator/calendars.js';
import type { Count, Line } from '../golden/evaluator/lines.js';

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
/** Days where calendars are odd: leap days, weeks 53, ends of months and years; a clock change at midnight or at two. */
const ODD = [
  '2009-12-28',
  '2010-01-03',
  '2010-12-27',
  '2011-02-28',
  '2011-03-01',
  '2012-02-28',
  '2012-02-29',
  '2012-03-01',
  '2012-03-25',
  '2012-12-31',
  '2013-02-28',
  '2013-03-01',
  '2015-12-28',
  '2016-02-29',
  '2016-12-26',
  '2017-01-02',
];
const oddMicros = fc
  .tuple(fc.constantFrom(...ODD), fc.integer({ min: -3, max: 51 }))
  .map(([d, half]) => BigInt(Date.parse(`${d}T00:00:00Z`)) * 1000n + BigInt(half) * 1_800_000_000n);
const lineAt = (at: fc.Arbitrary<bigint>) =>
  fc.record({
    kind: maybe(fc.constantFrom(...TEXTS)),
    buyer: maybe(fc.constantFrom('ann', 'bob', 'cid')),
    returned: maybe(fc.boolean()),
    qty: maybe(fc.integer({ min: -5, max: 9 })),
    amount: maybe(fc.integer({ min: -99_999, max: 99_999 }).map(BigInt)),
    sold_at: maybe(at),
    of: fc.constantFrom(...shops),
  });
const line = lineAt(micros);
const numbered = (all: { of: (typeof shops)[number] }[]): Line[] =>
  all.map(({ of, ...rest }, id) => ({ id, ...rest, ...of }) as Line);
/** Lines over some years, on days where calendars are odd. */
export const oddLines = fc.array(lineAt(oddMicros), { minLength: 60, maxLength: 80, size: 'max' }).map(numbered);
/** Lines of a few shops, with nulls, returns and times round the clock changes. */
export const lines = fc
  .oneof(
    { weight: 1, arbitrary: fc.array(line, { maxLength: 5 }) },
    { weight: 9, arbitrary: fc.array(line, { minLength: 40, maxLength: 60, size: 'max' }) },
  )
  .map(numbered);

/** Counts on days of some lines, of shops that may have none; seeded. */
export const countsOf = (all: readonly Line[], seed: number): Count[] => {
  const dates = [
    ...new Set(
      all.flatMap((l) => (l.sold_at === null ? [] : [new Date(Number(l.sold_at / 1000n)).toISOString().slice(0, 10)])),
    ),
  ];
  const of = fc.record({
    day: maybe(fc.constantFrom(...(dates.length === 0 ? ['2010-11-01'] : dates))),
    on_hand: maybe(fc.integer({ min: 0, max: 900 })),
    of: fc.constantFrom(...shops),
  });
  const [found = []] = fc.sample(fc.array(of, { minLength: 10, maxLength: 30, size: 'max' }), { seed, numRuns: 1 });
  return found.map(({ of: shop, ...rest }, id) => ({ id, ...rest, ...shop }));
};

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
  'shops',
  'space',
  'per_buyer',
  'best_buyer',
  'of_kind',
  'share',
  'average_by_unit',
  'big_buyers',
  'good_buyer',
].map((m) => `shop.${m}`);
const measure = fc.constantFrom(...MEASURES);
const having = leaf(
  '',
  ['gt', 'gte', 'lt', 'lte', 'eq', 'ne', 'isNull', 'isNotNull', 'between', 'in'],
  fc.constantFrom(0, 1, 2, 3, 10.5, -100),
).chain((f) =>
  measure.map((member): Filter => {
    if (!('member' in f)) return f;
    const whole = !/amount|returns|average|buyer|of_kind|share|avg/.test(member);
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
const queryOf = (palette: Palette, named: fc.Arbitrary<string> = measure): fc.Arbitrary<MetricQuery> =>
  fc
    .record({
      measures: fc.uniqueArray(named, { minLength: 1, maxLength: 4 }),
      dimensions: fc.uniqueArray(
        fc.constantFrom(...palette.dimensions).map((d) => `shop.${d}`),
        { maxLength: 2 },
      ),
      time: fc.option(
        timeOf(palette.granularities).filter((t) => t.granularity !== undefined || t.range !== undefined),
        { nil: undefined },
      ),
      where: fc.option(treeOf(treeOf(palette.where)), { nil: undefined, freq: 2 }),
      having: fc.option(treeOf(having), { nil: undefined, freq: 2 }),
      by: fc.array(
        fc.tuple(
          fc.nat(),
          fc.constantFrom('asc' as const, 'desc' as const),
          fc.constantFrom('first' as const, 'last' as const),
        ),
        { maxLength: 2 },
      ),
      limit: fc.option(fc.nat({ max: 6 }), { nil: undefined, freq: 2 }),
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

/** Buckets of the model's calendars. */
const OWN = [
  ...['retail_week', 'retail_month', 'retail_quarter', 'retail_year', 'trade_week', 'trade_month', 'trade_quarter'],
  ...['trade_year', 'fiscal_week', 'fiscal_quarter', 'fiscal_year'],
];
/** Anything that may be asked. */
export const anything = queryOf({
  dimensions: ['kind', 'shop', 'region', 'returned', 'buyer', 'qty'],
  where: condition,
  granularities: ['hour', 'day', 'week', 'month', 'quarter', 'year', ...OWN],
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
  granularities: ['day', 'week', 'month', 'quarter', 'year', 'retail_month', 'fiscal_quarter'],
  zones: ['UTC'],
});

const oddDay = fc.tuple(fc.constantFrom(...ODD), fc.integer({ min: -2, max: 3 })).map(([d, n]) => {
  const at = new Date(`${d}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + n);
  return at.toISOString().slice(0, 10);
});
/** Ranges of some days to some months, whole weeks and months among them. */
const oddRange = fc
  .tuple(oddDay, fc.constantFrom(1, 2, 3, 7, 14, 31), fc.constantFrom('day', 'week', 'month'))
  .map(([from, length, whole]): readonly [string, string] => {
    const start = new Date(`${from}T00:00:00Z`);
    if (whole === 'week') start.setUTCDate(start.getUTCDate() - ((start.getUTCDay() + 6) % 7));
    if (whole === 'month') start.setUTCDate(1);
    const end = new Date(start);
    if (whole === 'month') end.setUTCMonth(end.getUTCMonth() + Math.min(length, 3));
    else end.setUTCDate(end.getUTCDate() + (whole === 'week' ? Math.ceil(length / 7) * 7 : length));
    return [start.toISOString().slice(0, 10), end.toISOString().slice(0, 10)];
  });
const shortRange = fc.tuple(day, day).filter(([a, b]) => a < b);

/** Shifts that move buckets onto buckets; some that do not are among them, which is refused. */
const SHIFTS: Readonly<Record<string, readonly string[]>> = {
  none: ['previous', '1 day', '7 days', '1 month', '1 year', '3 hours'],
  hour: ['previous', '1 day', '2 days', '1 week', '1 month', '1 year', '3 hours'],
  day: [
    'previous',
    'retail',
    '1 trade_month',
    '1 day',
    '2 days',
    '7 days',
    '52 weeks',
    '1 month',
    '3 months',
    '1 year',
  ],
  week: ['previous', 'retail', '7 days', '1 week', '52 weeks', '1 year', '2 years', '1 year', '1 month'],
  month: ['previous', '1 month', '3 months', '1 quarter', '1 year', '2 days'],
  quarter: ['previous', '3 months', '1 quarter', '1 year'],
  year: ['previous', '12 months', '1 year', 'fiscal'],
  retail_week: ['previous', 'retail', '2 retail_years', '1 retail_month'],
  retail_month: ['previous', 'retail', '3 retail_months', '1 retail_quarter', '1 year'],
  retail_quarter: ['previous', 'retail'],
  retail_year: ['previous', 'retail'],
  trade_week: ['previous', 'trade', '52 weeks', '1 year'],
  trade_month: ['previous', 'trade', '1 trade_month'],
  trade_quarter: ['previous', '1 trade_quarter'],
  trade_year: ['previous', 'trade'],
  fiscal_week: ['previous', '2 fiscal_weeks'],
  fiscal_quarter: ['previous', 'fiscal', '3 months'],
  fiscal_year: ['previous', 'fiscal', '1 year'],
};
/** Measures of periods: they need a time with a range. */
const PERIODS = ['amount_then', 'change', 'growth', 'so_far', 'new_buyers', 'buyers_then', 'lost', 'churn'];
/** A range made of whole buckets. */
const wholeRange = ([from, to]: readonly [string, string], granularity: string): readonly [string, string] => {
  const start = (text: string, forth: boolean): string => {
    const at = new Date(`${text}T00:00:00Z`);
    const aligned = () =>
      granularity === 'week'
        ? at.getUTCDay() === 1
        : granularity === 'month' || granularity === 'quarter' || granularity === 'year'
          ? at.getUTCDate() === 1 &&
            at.getUTCMonth() % (granularity === 'month' ? 1 : granularity === 'quarter' ? 3 : 12) === 0
          : true;
    if (granularity.includes('_')) {
      const first = ownBucket(text, granularity) ?? text;
      return first === text || !forth ? first : (nextOwn(text, granularity) ?? text);
    }
    while (!aligned()) at.setUTCDate(at.getUTCDate() + (forth ? 1 : -1));
    return at.toISOString().slice(0, 10);
  };
  return [start(from, false), start(to, true)];
};
const WINDOWS: NonNullable<MeasureSelection['window']>[] = [
  { trailing: '3 days' },
  { trailing: '7 days' },
  { trailing: '2 weeks' },
  { trailing: '1 month' },
  { trailing: '5 hours' },
  { toDate: 'month' },
  { toDate: 'week' },
  { toDate: 'quarter' },
  { toDate: 'day' },
  { toDate: 'retail_month' },
  { toDate: 'fiscal_year' },
];
interface Extras {
  readonly filtered: readonly { readonly measure: string; readonly where: Filter }[];
  readonly totals: 'grand' | 'rollup' | 'cube' | 'sets' | undefined;
  readonly compare:
    | readonly { readonly nth: number; readonly show: readonly ('value' | 'difference' | 'ratio')[] }[]
    | undefined;
  readonly fill: boolean;
  readonly window: { readonly measure: string; readonly window: NonNullable<MeasureSelection['window']> } | undefined;
  readonly period: string | undefined;
  readonly range: readonly [string, string];
  readonly by: number;
}
const often = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 2 });
const extrasOf = (
  condition: fc.Arbitrary<Filter>,
  range: fc.Arbitrary<readonly [string, string]>,
  named: fc.Arbitrary<string> = measure,
): fc.Arbitrary<Extras> =>
  fc.record({
    filtered: fc.array(fc.record({ measure: named, where: treeOf(condition) }), { maxLength: 2 }),
    totals: often(fc.constantFrom('grand' as const, 'rollup' as const, 'cube' as const, 'sets' as const)),
    compare: often(
      fc.array(
        fc.record({
          nth: fc.nat({ max: 99 }),
          show: fc.uniqueArray(fc.constantFrom('value' as const, 'difference' as const, 'ratio' as const), {
            minLength: 1,
          }),
        }),
        { minLength: 1, maxLength: 2 },
      ),
    ),
    fill: fc.boolean(),
    window: often(fc.record({ measure: named, window: fc.constantFrom(...WINDOWS) })),
    period: fc.option(fc.constantFrom(...PERIODS), { nil: undefined, freq: 1 }),
    range,
    by: fc.nat(),
  });

const names = (filter: Filter): string[] =>
  'member' in filter
    ? [filter.member]
    : 'not' in filter
      ? names(filter.not)
      : ('and' in filter ? filter.and : filter.or).flatMap(names);

/** A query with totals, filtered measures, comparisons, windows or filled buckets beside what it asks. */
const enriched = (query: MetricQuery, extras: Extras): MetricQuery => {
  const { period } = extras;
  const moving = extras.compare !== undefined || extras.fill || extras.window !== undefined || period !== undefined;
  const [first] = query.time ?? [];
  const granularity = first?.granularity ?? (extras.fill || extras.by % 2 === 0 ? 'day' : undefined);
  const range =
    granularity && (extras.window || period || extras.by % 4 > 0)
      ? wholeRange(extras.range, granularity)
      : extras.range;
  const shifts = SHIFTS[granularity ?? 'none'] ?? [];
  const time = moving
    ? [
        {
          dimension: 'shop.sold_at',
          ...(granularity ? { granularity } : {}),
          range,
          ...(extras.fill ? { fill: true } : {}),
        },
      ]
    : query.time;
  const still = (filter: Filter | undefined) =>
    !moving || filter === undefined || !names(filter).includes('shop.sold_at');
  const filtered = extras.filtered.filter((f) => still(f.where)).map((f, i): MeasureItem => ({ ...f, as: `f${i}` }));
  const measures: MeasureItem[] = [
    ...(query.measures ?? []).slice(extras.by % 3 === 0 ? 1 : 0),
    ...filtered,
    // windows of what cannot be added up are not compared
    ...(extras.window ? [{ ...extras.window, ...(extras.compare ? { measure: 'shop.amount' } : {}), as: 'w' }] : []),
  ];
  // what reads all of the past is not compared
  if (period)
    measures.push(extras.compare && !/then|change|growth/.test(period) ? 'shop.buyers_then' : `shop.${period}`);
  if (measures.length === 0) measures.push('shop.lines');
  const groups = [
    ...(query.dimensions ?? []),
    ...(time ?? []).flatMap((t) => (t.granularity ? [`${t.dimension}.${t.granularity}`] : [])),
  ];
  const totals =
    groups.length === 0
      ? undefined
      : extras.totals === 'sets'
        ? [groups, groups.slice(0, 1), groups.slice(1)]
        : extras.totals;
  const compare = extras.compare?.map(
    ({ nth, show }, i): Comparison => ({
      as: i === 0 ? 'before' : 'long_before',
      shift: shifts[nth % shifts.length] ?? '',
      show,
    }),
  );
  const more = [...filtered.map((_, i) => `f${i}`), ...(totals && groups[0] ? [`${groups[0]}.is_total`] : [])];
  const order = [
    ...(query.order ?? []).filter((o) => !o.by.startsWith('shop.sold_at')),
    ...(more.length > 0 && extras.by % 5 === 0
      ? [{ by: more[extras.by % more.length] ?? '', dir: 'desc' as const }]
      : []),
  ];
  const { where, time: _time, order: _order, ...rest } = query;
  return {
    ...rest,
    measures,
    ...(time ? { time } : {}),
    ...(where && still(where) ? { where } : {}),
    order,
    ...(totals ? { totals } : {}),
    ...(compare ? { compare } : {}),
  };
};
const anywhere = fc.oneof(condition, condition);
/** Anything that may be asked, with totals, filtered measures, comparisons, windows and filled buckets. */
export const everything = fc.tuple(anything, extrasOf(anywhere, shortRange)).map(([q, e]) => enriched(q, e));
export const summableEverything = fc
  .tuple(summable, extrasOf(leaf('shop.kind', SET, text), shortRange))
  .map(([q, e]) => enriched(q, e));
/** The same over years with odd days. */
export const oddEverything = fc.tuple(anything, extrasOf(anywhere, oddRange)).map(([q, e]) => enriched(q, e));

const levels = fc.constantFrom(
  ...['counted', 'stock', 'opening', 'stock_avg', 'stock_low', 'carried'].map((m) => `shop.${m}`),
);
const ofShops = fc.oneof(
  leaf('shop.shop', ORDER, fc.constantFrom('north', 'south', 'x')),
  leaf('shop.region', SET, fc.constant('up')),
);
/** Levels, and beside them measures of the other fact, by what both know: shops and days. */
export const severalFacts = (odd: boolean): fc.Arbitrary<MetricQuery> => {
  const named = fc.oneof({ weight: 3, arbitrary: levels }, { weight: 1, arbitrary: measure });
  const palette = {
    dimensions: ['shop', 'region'],
    where: ofShops,
    granularities: ['day', 'week', 'month', 'quarter', 'year'],
    zones: ['UTC', 'UTC', 'Europe/Berlin', 'America/New_York'],
  };
  return fc
    .tuple(queryOf(palette, named), extrasOf(ofShops, odd ? oddRange : shortRange, named))
    .map(([q, e]) => enriched(q, e));
};
