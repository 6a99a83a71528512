import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAsk } from '../../src/answer/run/index.js';
import type { MetricQuery } from '../../src/query/index.js';
import { cellsOf, openWorld } from '../star/world.js';
import type { Line } from './evaluator/lines.js';
import { openSources, type Sources } from './evaluator/sources.js';

/** A line each five days of three years, one of them of 53 weeks, but for August 2012; buyers come and go. */
const FIRST = Date.UTC(2010, 11, 30, 22, 30);
const BUYERS = ['ann', 'bob', 'ann', null, 'cid', 'bob', 'dan'];
const lines: Line[] = Array.from({ length: 260 }, (_, i) => FIRST + i * 5 * 86_400_000)
  .filter((ms) => !new Date(ms).toISOString().startsWith('2012-08'))
  .map((ms, id) => ({
    id,
    kind: id % 3 === 0 ? 'a' : 'b',
    buyer: BUYERS[(id + Math.floor(id / 40)) % (id < 100 ? 4 : 7)] ?? null,
    returned: id % 4 === 0,
    qty: (id % 7) + 1,
    amount: BigInt(1000 + 37 * id),
    sold_at: BigInt(ms) * 1000n,
    shop: id % 2 === 0 ? 'north' : 'south',
    region: null,
  }));

/**
 * Years of whole weeks as a retailer's calendar prints them: each begins on the Monday nearest to 1 February; that of 2012 has 53 weeks.
 * `month` are the weeks that months begin with, in 4-4-5.
 */
const CALENDAR = `years(n, begins) AS (VALUES (2010, DATE '2010-02-01'), (2011, DATE '2011-01-31'), (2012, DATE '2012-01-30'),
    (2013, DATE '2013-02-04'), (2014, DATE '2014-02-03'), (2015, DATE '2015-02-02')),
  months(m, week) AS (VALUES (1, 0), (2, 4), (3, 8), (4, 13), (5, 17), (6, 21), (7, 26), (8, 30), (9, 34), (10, 39), (11, 43), (12, 47)),
  s AS (SELECT sales.*, (sold_at AT TIME ZONE 'UTC')::date AS day FROM star.sales),
  r AS (SELECT s.*, y.n AS year, y.begins, (s.day - y.begins) / 7 AS week,
      (SELECT max(m) FROM months WHERE week <= (s.day - y.begins) / 7) AS month
    FROM s JOIN years y ON y.begins = (SELECT max(begins) FROM years WHERE begins <= s.day))`;
const MONTH = `(r.begins + 7 * (SELECT week FROM months WHERE m = r.month))::text`;
const sold_at = 'shop.sold_at';

interface Case {
  readonly name: string;
  readonly query: MetricQuery;
  readonly sql: string;
}
const cases: Case[] = [
  {
    name: 'months of a 4-4-5 calendar hold their weeks, the last of 53 too',
    query: { measures: ['shop.amount', 'shop.buyers'], time: [{ dimension: sold_at, granularity: 'retail_month' }] },
    sql: `WITH ${CALENDAR} SELECT ${MONTH}, sum(amount), count(DISTINCT buyer) FROM r GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'quarters and years of 52 and 53 weeks, in the zone of the query',
    query: {
      measures: ['shop.lines'],
      time: [
        { dimension: sold_at, granularity: 'retail_quarter' },
        { dimension: sold_at, granularity: 'retail_year' },
      ],
      timezone: 'Europe/Berlin',
    },
    sql: `WITH ${CALENDAR.replace("'UTC'", "'Europe/Berlin'")}
      SELECT (begins + 91 * least(week / 13, 3))::text, begins::text, count(*) FROM r GROUP BY 1, 2 ORDER BY 1`,
  },
  {
    name: 'a 53-week year beside one of 52: weeks by their number, the 53rd has no partner',
    query: {
      measures: ['shop.units'],
      time: [{ dimension: sold_at, granularity: 'retail_week', range: ['2012-12-03', '2013-02-04'] }],
      compare: [{ as: 'before', shift: 'retail' }],
    },
    sql: `WITH ${CALENDAR}, w AS (SELECT year, week, min(begins + 7 * week) AS first, sum(qty) AS n FROM r GROUP BY 1, 2)
      SELECT now.first::text, now.n, ago.n FROM w AS now LEFT JOIN w AS ago ON ago.week = now.week AND ago.year = now.year - 1
      WHERE now.first >= '2012-12-03' AND now.first < '2013-02-04' ORDER BY 1`,
  },
  {
    name: 'years, months and the day of the same weekday a retail year before; whole buckets compare whatever they hold',
    query: {
      measures: ['shop.amount'],
      time: [{ dimension: sold_at, granularity: 'retail_year', range: ['2012-01-30', '2014-02-03'] }],
      compare: [{ as: 'before', shift: 'retail', show: ['value', 'difference', 'ratio'] }],
      totals: 'grand',
    },
    sql: `WITH ${CALENDAR}, y AS (SELECT year, min(begins)::text AS first, sum(amount) AS n FROM r GROUP BY 1)
      SELECT * FROM (SELECT now.first, now.n, ago.n AS b, now.n - ago.n, round(now.n / ago.n, 6), 'false'
        FROM y AS now JOIN y AS ago ON ago.year = now.year - 1 WHERE now.year IN (2012, 2013)
      UNION ALL SELECT NULL, sum(n) FILTER (WHERE year IN (2012, 2013)), sum(n) FILTER (WHERE year IN (2011, 2012)),
        sum(n) FILTER (WHERE year IN (2012, 2013)) - sum(n) FILTER (WHERE year IN (2011, 2012)),
        round(sum(n) FILTER (WHERE year IN (2012, 2013)) / sum(n) FILTER (WHERE year IN (2011, 2012)), 6), 'true' FROM y) AS t
      ORDER BY 1 NULLS LAST`,
  },
  {
    name: 'days of a retail month beside the days as far into the same month a year before; none for week 53',
    query: {
      measures: ['shop.amount'],
      time: [{ dimension: sold_at, granularity: 'day', range: ['2012-12-24', '2013-02-04'] }],
      compare: [{ as: 'before', shift: '1 retail_year' }],
    },
    sql: `WITH ${CALENDAR}, d AS (SELECT day, year, day - begins AS nth, sum(amount) AS n FROM r GROUP BY 1, 2, 3)
      SELECT now.day::text, now.n, ago.n FROM d AS now LEFT JOIN d AS ago ON ago.nth = now.nth AND ago.year = now.year - 1
      WHERE now.day >= '2012-12-24' AND now.day < '2013-02-04' ORDER BY 1`,
  },
  {
    name: 'a month with no data is filled with zero and null, and is null beside the year after',
    query: {
      measures: ['shop.lines', 'shop.amount'],
      time: [{ dimension: sold_at, granularity: 'month', range: ['2012-07-01', '2012-10-01'], fill: true }],
      compare: [{ as: 'before', shift: '1 month' }],
    },
    sql: `WITH s AS (SELECT date_trunc('month', sold_at AT TIME ZONE 'UTC')::date AS month, count(*) AS n, sum(amount) AS a FROM star.sales GROUP BY 1),
      d(month) AS (VALUES (DATE '2012-07-01'), ('2012-08-01'), ('2012-09-01'))
      SELECT d.month::text, coalesce(now.n, 0), now.a, ago.n, ago.a FROM d LEFT JOIN s AS now USING (month)
      LEFT JOIN s AS ago ON ago.month = d.month - interval '1 month' ORDER BY 1`,
  },
  {
    name: 'a fiscal year that begins in April, its quarters filled, beside the fiscal year before',
    query: {
      measures: ['shop.units', { measure: 'shop.amount', window: { toDate: 'fiscal_year' }, as: 'so_far' }],
      time: [{ dimension: sold_at, granularity: 'fiscal_quarter', range: ['2012-04-01', '2013-04-01'], fill: true }],
      compare: [{ as: 'before', shift: 'fiscal' }],
    },
    sql: `WITH s AS (SELECT (sold_at AT TIME ZONE 'UTC')::date AS day, qty, amount FROM star.sales),
      d(q) AS (VALUES (DATE '2012-04-01'), ('2012-07-01'), ('2012-10-01'), ('2013-01-01'))
      SELECT q::text, (SELECT sum(qty) FROM s WHERE day >= q AND day < q + interval '3 months'),
        (SELECT sum(amount) FROM s WHERE day >= '2012-04-01' AND day < q + interval '3 months'),
        (SELECT sum(qty) FROM s WHERE day >= q - interval '1 year' AND day < q - interval '9 months'),
        (SELECT sum(amount) FROM s WHERE day >= '2011-04-01' AND day < q - interval '9 months') FROM d ORDER BY 1`,
  },
  {
    name: 'weeks that begin on Sunday',
    query: {
      measures: ['shop.lines'],
      time: [{ dimension: sold_at, granularity: 'fiscal_week', range: ['2012-01-01', '2012-03-01'] }],
    },
    sql: `SELECT (day - extract(dow FROM day)::int)::text, count(*) FROM (SELECT (sold_at AT TIME ZONE 'UTC')::date AS day FROM star.sales) AS s
      WHERE day >= '2012-01-01' AND day < '2012-03-01' GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'to date in a retail month, and so many retail months up to each',
    query: {
      measures: [
        { measure: 'shop.amount', window: { toDate: 'retail_month' }, as: 'month' },
        { measure: 'shop.buyers', window: { trailing: '2 retail_months' }, as: 'two' },
      ],
      time: [{ dimension: sold_at, granularity: 'retail_week', range: ['2012-12-31', '2013-03-04'], fill: true }],
    },
    sql: `WITH ${CALENDAR}, w(first, month, two) AS (VALUES (DATE '2012-12-31', DATE '2012-12-24', DATE '2012-11-05'), ('2013-01-07', '2012-12-24', '2012-11-12'),
        ('2013-01-14', '2012-12-24', '2012-11-19'), ('2013-01-21', '2012-12-24', '2012-11-26'), ('2013-01-28', '2012-12-24', '2012-11-26'),
        ('2013-02-04', '2013-02-04', '2012-12-03'), ('2013-02-11', '2013-02-04', '2012-12-10'), ('2013-02-18', '2013-02-04', '2012-12-17'),
        ('2013-02-25', '2013-02-04', '2012-12-24'))
      SELECT first::text, (SELECT sum(amount) FROM s WHERE day >= w.month AND day < first + 7),
        (SELECT count(DISTINCT buyer) FROM s WHERE day >= w.two AND day < first + 7) FROM w ORDER BY 1`,
  },
  {
    name: 'a range of whole periods: the quarter before that of a day, and two months that end with the one of a day',
    query: {
      measures: ['shop.amount'],
      dimensions: ['shop.kind'],
      time: [{ dimension: sold_at, range: { period: 'retail_quarter', of: '2013-02-10', before: 1 } }],
    },
    sql: `SELECT kind, sum(amount) FROM star.sales WHERE sold_at >= '2012-10-29Z' AND sold_at < '2013-02-04Z' GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'new and lost buyers of a quarter, their churn, and growth of what they paid; the total is of the whole range',
    query: {
      measures: ['shop.new_buyers', 'shop.lost', 'shop.churn', 'shop.growth'],
      time: [{ dimension: sold_at, granularity: 'retail_quarter', range: ['2012-01-30', '2013-02-04'] }],
      totals: 'grand',
    },
    sql: `WITH s AS (SELECT (sold_at AT TIME ZONE 'UTC')::date AS day, buyer, amount FROM star.sales),
      q(first, past, next, f) AS (VALUES (DATE '2012-01-30', DATE '2011-10-31', DATE '2012-04-30', 'false'), ('2012-04-30', '2012-01-30', '2012-07-30', 'false'),
        ('2012-07-30', '2012-04-30', '2012-10-29', 'false'), ('2012-10-29', '2012-07-30', '2013-02-04', 'false'), ('2012-01-30', '2011-01-31', '2013-02-04', 'true')),
      p AS (SELECT q.*, (SELECT count(*) FROM (SELECT buyer FROM s WHERE buyer IS NOT NULL GROUP BY 1 HAVING min(day) >= q.first AND min(day) < q.next) AS b) AS new,
        (SELECT count(DISTINCT buyer) FROM s WHERE day >= past AND day < first AND buyer NOT IN (SELECT buyer FROM s WHERE buyer IS NOT NULL AND day >= q.first AND day < q.next)) AS lost,
        (SELECT count(DISTINCT buyer) FROM s WHERE day >= past AND day < first) AS ago,
        (SELECT sum(amount) FROM s WHERE day >= first AND day < next) AS now, (SELECT sum(amount) FROM s WHERE day >= past AND day < first) AS was FROM q)
      SELECT CASE f WHEN 'false' THEN first::text END, new, lost, round(lost::numeric / nullif(ago, 0), 6), round((now - was) / was, 6), f FROM p ORDER BY f, first`,
  },
  {
    name: 'buyers of several lines, and what good ones paid: conditions of a stage, unknown buyers apart',
    query: {
      measures: ['shop.big_buyers', 'shop.good_buyer'],
      dimensions: ['shop.shop'],
      time: [{ dimension: sold_at, range: ['2012-03-01', '2012-04-01'] }],
    },
    sql: `WITH b AS (SELECT shops.name AS shop, buyer, count(*) AS n, sum(amount) AS a FROM star.sales JOIN star.shops ON shop_id = shops.id
        WHERE sold_at >= '2012-03-01Z' AND sold_at < '2012-04-01Z' GROUP BY 1, 2)
      SELECT shop, count(*) FILTER (WHERE n > 1 AND buyer IS NOT NULL), round(avg(a) FILTER (WHERE a >= 0 AND a < 500.50), 6) FROM b GROUP BY 1 ORDER BY 1`,
  },
];

describe('calendars and periods, by hand-written SQL', () => {
  let sources: Sources;
  beforeAll(async () => {
    sources = await openSources();
    await sources.load(lines);
  });
  afterAll(() => sources.close());
  it.each(cases.map((c) => [c.name, c] as const))('%s', async (_name, { query, sql }) => {
    const answer = await cellsOf(sources.postgres, query);
    const expected = await sources.sql(sql, answer.names.length);
    expect(expected.length).toBeGreaterThan(0);
    expect(answer.rows).toEqual(expected);
    expect((await cellsOf(sources.lake, { ...query, source: 'raw' })).rows).toEqual(expected);
    expect((await cellsOf(sources.lake, query)).rows).toEqual(expected);
  });

  it('are read from rollups by the day, and by no rollup in another zone', async () => {
    const query: MetricQuery = {
      measures: ['shop.amount', { measure: 'shop.amount', window: { toDate: 'retail_quarter' }, as: 'so_far' }],
      dimensions: ['shop.kind'],
      time: [{ dimension: sold_at, granularity: 'retail_month', range: ['2012-01-30', '2013-02-04'], fill: true }],
      compare: [{ as: 'before', shift: 'retail' }],
      source: 'rollup',
    };
    const { source, rows } = await cellsOf(sources.lake, query);
    expect(source).toBe('rollup');
    expect(rows).toEqual((await cellsOf(sources.postgres, { ...query, source: 'raw' })).rows);
    await expect(cellsOf(sources.lake, { ...query, timezone: 'Europe/Berlin' })).rejects.toMatchObject({
      code: 'no-rollup',
      message: expect.stringContaining('time-zone-differs'),
    });
  });

  it.each<[string, Partial<MetricQuery>, string]>([
    [
      'months by a retail year',
      { compare: [{ as: 'b', shift: 'retail' }] },
      'compare[0].shift: 1 retail_year earlier no month begins',
    ],
    [
      'an unknown calendar',
      { compare: [{ as: 'b', shift: '1 lunar_year' }] },
      'units are second, minute, hour, day, week, month, quarter, year, retail_week to retail_year',
    ],
    [
      'a period of no length',
      { time: [{ dimension: sold_at, range: { period: 'month', count: 0 } }] },
      'time[0].range.count',
    ],
    ['growth without a range', { measures: ['shop.growth'], time: [] }, 'need exactly one time, with a range'],
    [
      'a window over periods',
      { measures: [{ measure: 'shop.growth', window: { trailing: '2 days' }, as: 'g' }] },
      'measures[0].window: shop.growth is over periods of its own',
    ],
  ])('refuse %s', async (_what, change, message) => {
    const query: MetricQuery = {
      measures: ['shop.amount'],
      time: [{ dimension: sold_at, granularity: 'month', range: ['2012-01-01', '2012-03-01'] }],
    };
    await expect(cellsOf(sources.lake, { ...query, ...change })).rejects.toMatchObject({
      code: 'query-invalid',
      message: expect.stringContaining(message),
    });
  });

  it('takes this period from the clock that it is given', async () => {
    const world = await openWorld((parts) => ({ ...parts, now: () => BigInt(Date.UTC(2013, 0, 30)) * 1000n }));
    try {
      await world.load(lines);
      const ask = makeAsk({ ...world.parts });
      const range = (of: object): MetricQuery => ({
        measures: ['shop.amount'],
        time: [{ dimension: sold_at, range: of as { period: string } }],
      });
      const whole = await cellsOf(ask, {
        measures: ['shop.amount'],
        time: [{ dimension: sold_at, range: ['2012-11-26', '2013-02-04'] }],
      });
      expect((await cellsOf(ask, range({ period: 'retail_month', count: 2 }))).rows).toEqual(whole.rows);
      expect((await cellsOf(ask, range({ period: 'retail_month', count: 2, of: 'now' }))).rows).toEqual(whole.rows);
    } finally {
      await world.close();
    }
  });
});
