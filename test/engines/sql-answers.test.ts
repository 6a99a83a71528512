import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoom, type Room, rowsOf } from './sql/room.js';

/** Statements over the model against the same question written by hand on the raw rows. */
const NET = 'sum(amount)';
const ORDERS = 'count(DISTINCT invoice) FILTER (WHERE quantity >= 0)';
const RATE = `round(-coalesce(sum(quantity) FILTER (WHERE quantity < 0), 0)::numeric / nullif(sum(quantity) FILTER (WHERE quantity >= 0), 0), 6)`;

interface Case {
  readonly name: string;
  readonly sql: string;
  readonly raw: string;
  readonly values?: readonly unknown[];
}
const where = (name: string, condition: string, values: readonly unknown[] = []): Case => ({
  name: `WHERE ${name}`,
  sql: `SELECT country, MEASURE(orders), SUM(net_revenue) FROM retail WHERE ${condition} GROUP BY country ORDER BY 1`,
  raw: `SELECT country, ${ORDERS}, ${NET} FROM raw_sales WHERE ${condition} GROUP BY country ORDER BY 1`,
  values,
});

const CASES: readonly Case[] = [
  {
    name: 'groups with every aggregate that means the measure',
    sql: `SELECT country, MEASURE(net_revenue), AGG(orders), SUM(orders), AVG(orders), MIN(net_revenue), MAX(orders),
      ANY_VALUE(return_rate), COUNT(orders), COUNT(DISTINCT orders) FROM retail GROUP BY 1 ORDER BY 1`,
    raw: `SELECT country, ${NET}, ${ORDERS}, (${ORDERS})::numeric, (${ORDERS})::numeric, ${NET}, ${ORDERS}, ${RATE}, ${ORDERS}, ${ORDERS}
      FROM raw_sales GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'no groups',
    sql: 'SELECT MEASURE(net_revenue), SUM(orders), COUNT(*), COUNT(1), SUM(1) FROM retail',
    raw: `SELECT ${NET}, (${ORDERS})::numeric, count(*), count(*), count(*) FROM raw_sales`,
  },
  {
    name: 'no groups over no rows',
    sql: `SELECT MEASURE(net_revenue), MEASURE(orders), COUNT(*), SUM(1) FROM retail WHERE country = 'nowhere'`,
    raw: `SELECT ${NET}, ${ORDERS}, count(*), sum(1) FROM raw_sales WHERE country = 'nowhere'`,
  },
  {
    name: 'a condition that is false',
    sql: 'SELECT MEASURE(net_revenue), COUNT(*) FROM retail WHERE 1 = 0',
    raw: `SELECT ${NET}, count(*) FROM raw_sales WHERE 1 = 0`,
  },
  {
    name: 'groups over no rows',
    sql: `SELECT country, COUNT(*) FROM retail WHERE country = NULL GROUP BY 1`,
    raw: `SELECT country, count(*) FROM raw_sales WHERE country = NULL GROUP BY 1`,
  },
  {
    name: 'DISTINCT dimensions',
    sql: 'SELECT DISTINCT country, is_return FROM retail ORDER BY 1, 2',
    raw: 'SELECT DISTINCT country, is_return FROM raw_sales ORDER BY 1, 2',
  },
  {
    name: 'GROUP BY without aggregates',
    sql: 'SELECT country FROM retail GROUP BY country ORDER BY country DESC LIMIT 3',
    raw: 'SELECT country FROM raw_sales GROUP BY country ORDER BY country DESC LIMIT 3',
  },
  {
    name: 'DISTINCT of an expression',
    sql: 'SELECT DISTINCT upper(country) FROM retail ORDER BY 1',
    raw: 'SELECT DISTINCT upper(country COLLATE "pg_c_utf8") FROM raw_sales ORDER BY 1',
  },
  where('equality', `country = 'Germany'`),
  where('inequality', `country <> 'Germany'`),
  where('a quote in a literal', `country = 'Côte d''Or'`),
  where('IN with null', `country IN ('Germany', 'France', NULL)`),
  where('NOT IN', `country NOT IN ('Germany', 'France')`),
  where('NOT IN with null', `country NOT IN ('Germany', NULL)`),
  where('text order', `country < 'G' OR country >= 'f'`),
  where('BETWEEN', `quantity BETWEEN 2 AND 9 AND unit_price BETWEEN 1.005 AND 7`),
  where('NOT BETWEEN', `quantity NOT BETWEEN 2 AND 9`),
  where('IS NULL', 'country IS NULL'),
  where('IS NOT NULL', 'country IS NOT NULL'),
  where('LIKE', `country LIKE 'F%' OR country LIKE '%\\_%' OR country LIKE '_IR%'`),
  where('NOT LIKE', `country NOT LIKE 'F%'`),
  where('ILIKE', `country ILIKE 'f%'`),
  where('NOT over OR', `NOT (country = 'France' OR quantity > 5)`),
  where('NOT over null', `NOT (country = 'France' AND is_return)`),
  where('boolean columns', 'is_return'),
  where('NOT boolean', 'NOT is_return AND country IS NOT NULL'),
  where('IS NOT TRUE', 'is_return IS NOT TRUE'),
  where('IS DISTINCT FROM', `country IS DISTINCT FROM 'France'`),
  where('IS NOT DISTINCT FROM null', `country IS NOT DISTINCT FROM NULL`),
  where('a fraction against an integer', 'quantity = 1.5 OR quantity <> 2.5'),
  where('a time literal', `sold_at >= '2010-12-05' AND sold_at < '2011-02-01 12:00+02'`),
  where('a closed time range', `sold_at BETWEEN '2010-12-05' AND '2011-02-01'`),
  where('a date cast', `sold_at::date >= '2010-12-05' AND CAST(sold_at AS date) <= DATE '2011-01-10'`),
  where('an equal date', `sold_at::date = '2010-11-21' OR sold_at::date <> '2010-11-25' AND country = 'EIRE'`),
  where('an equal bucket', `date_trunc('day', sold_at) = '2010-11-21' OR date_trunc('month', sold_at) = '2011-01-01'`),
  where(
    'buckets in order',
    `date_trunc('week', sold_at) >= '2010-12-06' AND date_trunc('quarter', sold_at) < '2011-04-01'`,
  ),
  where(
    'a value inside a bucket',
    `date_trunc('month', sold_at) > '2010-12-09' AND date_trunc('year', sold_at) <> '2011-03-01'`,
  ),
  where(
    'a value inside a bucket, equal',
    `date_trunc('month', sold_at) = '2010-12-09' OR date_trunc('day', sold_at) <= '2010-11-23 05:00'`,
  ),
  where('not an equal bucket', `NOT (date_trunc('month', sold_at) = '2010-12-01')`),
  where(
    'a bucket of the clock',
    `date_trunc('month', sold_at) = date_trunc('month', timestamptz '2010-12-09 12:00+00')`,
  ),
  where('a bucket by parameter', `date_trunc('month', sold_at) = $1`, ['2010-12-01']),
  where('a bucket as a date', `date_trunc('month', sold_at)::date = '2010-12-01'`),
  where('a list of dates', `sold_at::date IN ('2010-11-21', '2010-12-24', NULL)`),
  where('no date of a list', `sold_at::date NOT IN ('2010-11-21', '2010-12-24')`),
  where('no date of a list with null', `sold_at::date NOT IN ('2010-11-21', NULL)`),
  where('a list of buckets', `date_trunc('month', sold_at) IN ('2010-12-01', '2011-02-01')`),
  where('a date column', `day > '2011-01-01' AND day <> DATE '2011-02-01'`),
  where(
    'clock arithmetic',
    `sold_at < now() - interval '1 year' AND sold_at > date_trunc('month', timestamptz '2010-12-09')`,
  ),
  where('an expression that is no filter', `length(country) > 5 AND country > 'A'`),
  where('parameters', 'country = $1 AND sold_at >= $2 AND quantity > $3', ['Germany', '2010-12-01', 2]),
  where('array parameters', 'country = ANY ($1) AND NOT (quantity = ANY ($2))', [
    ['Germany', 'France', null],
    [1, 2],
  ]),
  where('a null parameter', 'country = $1', [null]),
  where('an empty array', 'country <> ALL ($1)', [[]]),
  {
    name: 'a segment',
    sql: 'SELECT country, MEASURE(net_revenue) FROM retail WHERE returns GROUP BY 1 ORDER BY 1',
    raw: `SELECT country, ${NET} FROM raw_sales WHERE quantity < 0 GROUP BY 1 ORDER BY 1`,
  },
  ...['hour', 'day', 'week', 'month', 'quarter', 'year'].map(
    (unit): Case => ({
      name: `date_trunc ${unit}`,
      sql: `SELECT date_trunc('${unit}', sold_at), MEASURE(orders) FROM retail GROUP BY 1 ORDER BY 1`,
      raw: `SELECT date_trunc('${unit}', sold_at), ${ORDERS} FROM raw_sales GROUP BY 1 ORDER BY 1`,
    }),
  ),
  {
    name: 'date casts as groups, also over date_trunc',
    sql: `SELECT sold_at::date, CAST(date_trunc('month', sold_at) AS date), MEASURE(orders) FROM retail GROUP BY 1, 2 ORDER BY 1`,
    raw: `SELECT sold_at::date, CAST(date_trunc('month', sold_at) AS date), ${ORDERS} FROM raw_sales GROUP BY 1, 2 ORDER BY 1`,
  },
  ...['day', 'week', 'month', 'quarter', 'year'].map(
    (unit): Case => ({
      name: `date_trunc ${unit} of a date`,
      sql: `SELECT date_trunc('${unit}', day), MEASURE(orders), MEASURE(return_rate) FROM retail GROUP BY 1 ORDER BY 1`,
      raw: `SELECT date_trunc('${unit}', day), ${ORDERS}, ${RATE} FROM raw_sales GROUP BY 1 ORDER BY 1`,
    }),
  ),
  {
    name: 'date_trunc of casts to a local time',
    sql: `SELECT date_trunc('month', sold_at::timestamp), date_trunc('week', day::timestamp), MEASURE(orders) FROM retail GROUP BY 1, 2 ORDER BY 1, 2`,
    raw: `SELECT date_trunc('month', sold_at::timestamp), date_trunc('week', day::timestamp), ${ORDERS} FROM raw_sales GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  {
    name: 'date_trunc of a date as a date, with a filter and a limit',
    sql: `SELECT date_trunc('month', day)::date AS m, country, MEASURE(orders) FROM retail WHERE day >= '2010-12-01' GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 4`,
    raw: `SELECT date_trunc('month', day)::date AS m, country, ${ORDERS} FROM raw_sales WHERE day >= '2010-12-01' GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 4`,
  },
  {
    name: 'buckets as text',
    sql: `SELECT date_trunc('quarter', day)::text, sold_at::date::text, MEASURE(orders) FROM retail GROUP BY 1, 2 ORDER BY 2, 1`,
    raw: `SELECT date_trunc('quarter', day)::text, sold_at::date::text, ${ORDERS} FROM raw_sales GROUP BY 1, 2 ORDER BY 2, 1`,
  },
  {
    name: 'extracted fields of a date',
    sql: `SELECT EXTRACT(isoyear FROM day), date_part('month', day), SUM(net_revenue) FROM retail GROUP BY 1, 2 ORDER BY 1, 2`,
    raw: `SELECT EXTRACT(isoyear FROM day), date_part('month', day), ${NET} FROM raw_sales GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  {
    name: 'extracted fields of additive measures',
    sql: 'SELECT EXTRACT(dow FROM sold_at), SUM(net_revenue), COUNT(*) FROM retail GROUP BY 1 ORDER BY 1',
    raw: `SELECT EXTRACT(dow FROM sold_at), ${NET}, count(*) FROM raw_sales GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'CASE groups of additive measures',
    sql: `SELECT CASE WHEN country IN ('France', 'Germany') THEN 'core' ELSE country END AS g, SUM(net_revenue), MEASURE(lines)
      FROM retail GROUP BY 1 ORDER BY 1`,
    raw: `SELECT CASE WHEN country IN ('France', 'Germany') THEN 'core' ELSE country END AS g, ${NET}, count(*) FROM raw_sales GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'FILTER and CASE inside an aggregate',
    sql: `SELECT country, MEASURE(lines) FILTER (WHERE line_type = 'service'), SUM(CASE WHEN is_return THEN net_revenue END) FROM retail GROUP BY 1 ORDER BY 1`,
    raw: `SELECT country, count(*) FILTER (WHERE line_type = 'service'), sum(amount) FILTER (WHERE is_return) FROM raw_sales GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'ad-hoc aggregates over dimensions',
    sql: 'SELECT line_type, MIN(sold_at), MAX(quantity), COUNT(DISTINCT country), SUM(net_revenue) FROM retail GROUP BY 1 ORDER BY 1',
    raw: `SELECT line_type, min(sold_at), max(quantity), count(DISTINCT country), ${NET} FROM raw_sales GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'ROLLUP of additive measures',
    sql: 'SELECT country, is_return, SUM(net_revenue), GROUPING(country) FROM retail GROUP BY ROLLUP (1, 2) ORDER BY 4, 1, 2',
    raw: `SELECT country, is_return, ${NET}, GROUPING(country) FROM raw_sales GROUP BY ROLLUP (1, 2) ORDER BY 4, 1, 2`,
  },
  {
    name: 'HAVING, and order by a measure that is not selected',
    sql: 'SELECT country FROM retail GROUP BY country HAVING SUM(net_revenue) > 1000 ORDER BY MEASURE(orders) DESC, country',
    raw: `SELECT country FROM raw_sales GROUP BY country HAVING ${NET} > 1000 ORDER BY ${ORDERS} DESC, country`,
  },
  {
    name: 'ORDER BY, LIMIT and OFFSET',
    sql: 'SELECT country, MEASURE(net_revenue) AS v FROM retail GROUP BY 1 ORDER BY v DESC NULLS LAST, 1 LIMIT 3 OFFSET 1',
    raw: `SELECT country, ${NET} AS v FROM raw_sales GROUP BY 1 ORDER BY v DESC NULLS LAST, 1 LIMIT 3 OFFSET 1`,
  },
  {
    name: 'a limit by parameter',
    sql: 'SELECT country FROM retail GROUP BY 1 ORDER BY 1 LIMIT $1',
    raw: 'SELECT country FROM raw_sales GROUP BY 1 ORDER BY 1 LIMIT $1',
    values: [2],
  },
  {
    name: 'arithmetic of measures, casts and COALESCE',
    sql: `SELECT country AS "Länd", MEASURE(net_revenue) / NULLIF(SUM(orders), 0), SUM(CAST(orders AS numeric)), COALESCE(SUM(net_revenue), 0) FROM retail GROUP BY 1 ORDER BY 1`,
    raw: `SELECT country, ${NET} / NULLIF((${ORDERS})::numeric, 0), (${ORDERS})::numeric, ${NET} FROM raw_sales GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'transparent subqueries',
    sql: `SELECT rows.c AS c, SUM(rows.v) FROM (SELECT _.country AS c, _.net_revenue AS v FROM (SELECT * FROM retail WHERE NOT is_return) _ WHERE _.quantity > 3) rows GROUP BY rows.c ORDER BY 1`,
    raw: `SELECT country, ${NET} FROM raw_sales WHERE quantity > 3 GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'a transparent CTE with names of its own',
    sql: "WITH q(a, b, t) AS (SELECT country, orders, sold_at FROM retail) SELECT a, date_trunc('year', t) y, SUM(b) FROM q GROUP BY 1, 2 ORDER BY 1, 2",
    raw: `SELECT country, date_trunc('year', sold_at), (${ORDERS})::numeric FROM raw_sales GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  {
    name: 'joins of grouped queries',
    sql: `SELECT a.country, a.n, b.v FROM (SELECT country, SUM(orders) n FROM retail GROUP BY 1) a
      JOIN (SELECT country, MEASURE(net_revenue) v FROM retail WHERE is_return GROUP BY 1) b USING (country) ORDER BY 1`,
    raw: `SELECT a.country, a.n, b.v FROM (SELECT country, (${ORDERS})::numeric n FROM raw_sales GROUP BY 1) a
      JOIN (SELECT country, ${NET} v FROM raw_sales WHERE is_return GROUP BY 1) b USING (country) ORDER BY 1`,
  },
  {
    name: 'set operations',
    sql: `SELECT country, SUM(orders) FROM retail GROUP BY 1 UNION ALL SELECT 'total', SUM(orders) FROM retail ORDER BY 2, 1 LIMIT 4`,
    raw: `SELECT country, (${ORDERS})::numeric FROM raw_sales GROUP BY 1 UNION ALL SELECT 'total', (${ORDERS})::numeric FROM raw_sales ORDER BY 2, 1 LIMIT 4`,
  },
  {
    name: 'windows over groups',
    sql: `SELECT date_trunc('month', sold_at) m, MEASURE(net_revenue), SUM(MEASURE(net_revenue)) OVER (ORDER BY date_trunc('month', sold_at) ROWS UNBOUNDED PRECEDING),
      rank() OVER w FROM retail GROUP BY 1 WINDOW w AS (ORDER BY MEASURE(orders) DESC) ORDER BY 1`,
    raw: `SELECT date_trunc('month', sold_at) m, ${NET}, SUM(${NET}) OVER (ORDER BY date_trunc('month', sold_at) ROWS UNBOUNDED PRECEDING),
      rank() OVER w FROM raw_sales GROUP BY 1 WINDOW w AS (ORDER BY ${ORDERS} DESC) ORDER BY 1`,
  },
  {
    name: 'a scalar subquery and an IN subquery',
    sql: `SELECT country, MEASURE(orders) * 1.0 / (SELECT MEASURE(orders) FROM retail) FROM retail
      WHERE country IN (SELECT country FROM retail GROUP BY 1 ORDER BY SUM(net_revenue) DESC NULLS LAST LIMIT 3) GROUP BY 1 ORDER BY 1`,
    raw: `SELECT country, ${ORDERS} * 1.0 / (SELECT ${ORDERS} FROM raw_sales) FROM raw_sales
      WHERE country IN (SELECT country FROM raw_sales GROUP BY 1 ORDER BY ${NET} DESC NULLS LAST LIMIT 3) GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'count of groups',
    sql: 'SELECT COUNT(*) FROM (SELECT country, SUM(orders) FROM retail GROUP BY country) q',
    raw: 'SELECT count(*) FROM (SELECT country FROM raw_sales GROUP BY country) q',
  },
  {
    name: 'an outer top query on a CTE of groups',
    sql: `WITH top AS (SELECT country, MEASURE(orders) AS c FROM retail GROUP BY country ORDER BY c DESC, 1 LIMIT 3)
      SELECT country, SUM(net_revenue) FROM retail WHERE country IN (SELECT country FROM top) GROUP BY 1 ORDER BY 1`,
    raw: `WITH top AS (SELECT country, ${ORDERS} AS c FROM raw_sales GROUP BY country ORDER BY c DESC, 1 LIMIT 3)
      SELECT country, ${NET} FROM raw_sales WHERE country IN (SELECT country FROM top) GROUP BY 1 ORDER BY 1`,
  },
];

let room: Room;
let client: pg.Client;
beforeAll(async () => {
  room = await openRoom();
  client = await room.connect();
});
afterAll(async () => {
  await room?.close();
});

describe('statements over the model equal the same question on raw rows', () => {
  it.each(CASES)('$name', async ({ sql, raw, values = [] }) => {
    const expected = await room.raw(raw, values);
    expect(await rowsOf(client, sql, values)).toEqual(expected);
    expect(await rowsOf(client, sql, values, 'extended')).toEqual(expected);
    expect(room.bugs).toEqual([]);
  });
  it('where clocks go back over midnight', async () => {
    const own = await room.connect();
    await own.query(`SET TimeZone = 'America/Havana'`);
    await room.admin.query(`SET TimeZone = 'America/Havana'`);
    try {
      for (const { sql, raw, values = [] } of CASES.filter((c) => /sold_at|\bday\b/.test(c.sql)))
        expect(await rowsOf(own, sql, values), sql).toEqual(await room.raw(raw, values));
      // 00:00 to 01:00 came twice on 2010-10-31: the day has 25 hours, and begins with the first of them.
      for (const condition of [`sold_at::date = '2010-10-31'`, `date_trunc('day', sold_at) = '2010-10-31'`]) {
        await rowsOf(own, `SELECT COUNT(*) FROM retail WHERE ${condition}`);
        expect(room.ask.asked.at(-1)?.time, condition).toEqual([
          { dimension: 'retail.sold_at', range: ['2010-10-31T04:00:00Z', '2010-11-01T05:00:00Z'] },
        ]);
      }
    } finally {
      await room.admin.query('RESET TimeZone');
    }
  });
  it('names what it cannot sum up, and what to write', async () => {
    const told = (condition: string, groups = 'country') =>
      client.query(`SELECT ${groups}, MEASURE(orders) FROM retail WHERE ${condition} GROUP BY 1`).then(
        () => undefined,
        ({ code, message, hint }: { code: string; message: string; hint: string }) => ({ code, message, hint }),
      );
    expect(await told(`date_trunc('week', day) = '2010-12-06'`)).toEqual({
      code: '0A000',
      message: expect.stringMatching(
        /orders under the condition \(date_trunc\('week', day\) = '2010-12-06.*'\): it cannot be summed up/,
      ),
      hint: expect.stringContaining(`day >= '2026-01-01' AND day < '2026-02-01'`),
    });
    expect(await told('true', `to_char(sold_at, 'YYYY')`)).toEqual({
      code: '0A000',
      message: expect.stringMatching(/orders in groups of to_char\(sold_at, 'YYYY'/),
      hint: expect.stringMatching(/group by date_trunc\('month', sold_at\).*sold_at >= /),
    });
  });
  it('in a time zone of its own, with its style of dates', async () => {
    const own = await room.connect();
    await own.query(`SET TimeZone = 'America/New_York'; SET DateStyle = 'German, DMY'`);
    await room.admin.query(`SET TimeZone = 'America/New_York'; SET DateStyle = 'German, DMY'`);
    try {
      for (const { sql, raw, values = [] } of CASES.filter((c) => /sold_at|\bday\b/.test(c.sql)))
        expect(await rowsOf(own, sql, values), sql).toEqual(await room.raw(raw, values));
      expect(await rowsOf(own, `SELECT SUM(net_revenue)::text FROM retail WHERE sold_at >= '05.12.2010'`)).toEqual(
        await room.raw(`SELECT sum(amount)::text FROM raw_sales WHERE sold_at >= '05.12.2010'`),
      );
    } finally {
      await room.admin.query('RESET TimeZone; RESET DateStyle');
    }
  });
});
