import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelOf } from '../../../test/fixtures/model.js';
import type { CompiledLeg, Dialect, LegFilter, LegQuery } from '../../query/index.js';
import { type LegCompiler, loadModel } from './index.js';

const EMPTY: LegQuery = {
  measures: [],
  dimensions: [],
  time: [],
  segments: [],
  where: [],
  having: [],
  order: [],
  timezone: 'UTC',
};
const flat = (sql: string) => sql.replace(/\s+/g, ' ').trim();

describe('legs of the shipped model', () => {
  let legs: LegCompiler;
  beforeAll(async () => {
    ({ legs } = await loadModel(resolve(import.meta.dirname, '../../../model')));
  });
  const compile = (query: Partial<LegQuery>, dialect: Dialect = 'postgres'): CompiledLeg =>
    legs.compile({ ...EMPTY, ...query }, dialect);
  const sql = (query: Partial<LegQuery>, dialect: Dialect = 'postgres') => flat(compile(query, dialect).sql);
  const where = (filter: LegFilter, dialect: Dialect = 'postgres') => {
    const leg = compile({ measures: ['retail.lines'], where: [filter] }, dialect);
    return [flat(leg.sql).replace(/^.* WHERE /, ''), ...leg.parameters];
  };

  it('name tables by tokens and columns by numbers', () => {
    const leg = compile({ measures: ['retail.net_revenue', 'retail.orders'], dimensions: ['retail.country'] });
    expect(flat(leg.sql)).toBe(
      'SELECT "countries".country_name "c0", sum("sales".total_amount) "c1", count(distinct CASE WHEN "sales".is_return THEN NULL ELSE "sales".invoice_key END) "c2" ' +
        'FROM "@gold.fact_sales" AS "sales" LEFT JOIN "@gold.dim_country" AS "countries" ON "sales".country_key = "countries".country_key GROUP BY 1',
    );
    expect(leg.tables).toEqual(['gold.dim_country', 'gold.fact_sales']);
    expect(leg.cubes).toEqual(['sales', 'countries']);
    expect([...leg.members].sort()).toEqual([
      'countries.country_name',
      'sales.invoice_key',
      'sales.is_return',
      'sales.net_revenue',
      'sales.orders',
    ]);
    expect(leg.multiplied).toEqual(['countries']);
  });
  it('without a measure still read from the view’s root', () => {
    expect(sql({ dimensions: ['retail.category'] }, 'duckdb')).toBe(
      'SELECT "products".category "c0" FROM "@gold.fact_sales" AS "sales" LEFT JOIN "@gold.dim_products" AS "products" ON "sales".product_key = "products".product_key GROUP BY 1',
    );
  });
  it.each([
    ['postgres', 'UTC', 'month', `date_trunc('month', ("sales".sold_at AT TIME ZONE 'UTC'))::date "c0"`],
    ['duckdb', 'UTC', 'month', `DATE_TRUNC('month', make_timestamp(epoch_us("sales".sold_at)))::date "c0"`],
    [
      'postgres',
      'UTC',
      'hour',
      `("sales".sold_at - (("sales".sold_at AT TIME ZONE 'UTC') - date_trunc('hour', ("sales".sold_at AT TIME ZONE 'UTC')))) "c0"`,
    ],
    [
      'duckdb',
      'UTC',
      'hour',
      `make_timestamptz(epoch_us(DATE_TRUNC('hour', make_timestamp(epoch_us("sales".sold_at))))) "c0"`,
    ],
    [
      'postgres',
      'Europe/Berlin',
      'day',
      `date_trunc('day', ("sales".sold_at AT TIME ZONE 'Europe/Berlin'))::date "c0"`,
    ],
    ['duckdb', 'Europe/Berlin', 'day', `DATE_TRUNC('day', timezone('Europe/Berlin', "sales".sold_at))::date "c0"`],
  ] as const)('%s, %s, by %s', (dialect, timezone, granularity, expected) => {
    const text = sql(
      { measures: ['retail.lines'], time: [{ dimension: 'retail.sold_at', granularity }], timezone },
      dialect,
    );
    expect(text).toContain(`SELECT ${expected}, count(`);
  });
  it('a time without granularity is the instant itself', () => {
    expect(sql({ dimensions: ['retail.sold_at'], timezone: 'Asia/Tokyo' })).toContain('SELECT "sales".sold_at "c0"');
  });
  it('days of a date column know no zone', () => {
    const query: Partial<LegQuery> = {
      measures: ['inventory.days'],
      time: [{ dimension: 'inventory.snapshot_date', granularity: 'week' }],
      timezone: 'Asia/Tokyo',
    };
    expect(sql(query)).toContain(`date_trunc('week', "stock".snapshot_date::timestamp)::date "c0"`);
    expect(sql(query, 'duckdb')).toContain(`DATE_TRUNC('week', "stock".snapshot_date::TIMESTAMP)::date "c0"`);
  });

  it.each([
    [{ member: 'retail.country', op: 'ne', values: ['EIRE'] }, ['("countries".country_name <> $1::text)', 'EIRE']],
    [
      { member: 'retail.country', op: 'in', values: ['a', 'b', 'c'] },
      ['("countries".country_name IN ($1::text, $2::text, $3::text, $4::text))', 'a', 'b', 'c', 'c'],
    ],
    [
      { not: { member: 'retail.country', op: 'in', values: ['a'] } },
      ['("countries".country_name NOT IN ($1::text))', 'a'],
    ],
    [
      {
        not: {
          or: [
            { member: 'retail.country', op: 'isNull' },
            { member: 'retail.is_return', op: 'eq', values: [true] },
          ],
        },
      },
      ['(("countries".country_name IS NOT NULL) AND ("sales".is_return <> $1::boolean))', true],
    ],
    [
      { member: 'retail.product', op: 'contains', values: ['50%_!'] },
      [`("products".product_name LIKE $1::text ESCAPE '!')`, '%50!%!_!!%'],
    ],
    [
      { member: 'retail.product', op: 'istartsWith', values: ['A'] },
      [`(lower("products".product_name) LIKE lower($1::text) ESCAPE '!')`, 'A%'],
    ],
    [
      { member: 'retail.product', op: 'like', values: ['a\\_b%!'] },
      [`("products".product_name LIKE $1::text ESCAPE '!')`, 'a!_b%!!'],
    ],
    [
      { not: { member: 'retail.sold_at', op: 'between', values: ['2010-12-01', '2010-12-02'] } },
      [
        '(("sales".sold_at < $1::timestamptz OR "sales".sold_at >= $2::timestamptz))',
        '2010-12-01T00:00:00Z',
        '2010-12-02T00:00:00Z',
      ],
    ],
    [{ member: 'retail.country', op: 'never' }, ['(1 = 0)']],
    [{ member: 'retail.retail_week', op: 'eq', values: ['abc'], raw: true }, ['(1 = 0)']],
  ] as const)('%j', (filter, expected) => expect(where(filter as LegFilter)).toEqual(expected));
  it('conditions on measures compare exactly in both engines', () => {
    const query: Partial<LegQuery> = {
      measures: ['retail.net_revenue'],
      having: [{ member: 'retail.net_revenue', op: 'gte', values: ['9007199254740993.005'] }],
    };
    expect(sql(query)).toMatch(/HAVING \(sum\("sales"\.total_amount\) >= \$1::numeric\)$/);
    expect(sql(query, 'duckdb')).toMatch(/HAVING \(sum\("sales"\.total_amount\) >= \$1::DECIMAL\(38,3\)\)$/);
    expect(compile(query).parameters).toEqual(['9007199254740993.005']);
  });
  it('order by column, text by code point, and bind limits', () => {
    const leg = compile({
      measures: ['retail.lines'],
      dimensions: ['retail.country'],
      order: [
        { column: 1, dir: 'desc', nulls: 'first' },
        { column: 0, dir: 'asc', nulls: 'last' },
      ],
      limit: 10,
      offset: 20,
    });
    expect(flat(leg.sql)).toMatch(
      /ORDER BY 2 DESC NULLS FIRST, "countries"\.country_name COLLATE "C" ASC NULLS LAST LIMIT \$1::bigint OFFSET \$2::bigint$/,
    );
    expect(leg.parameters).toEqual([10, 20]);
    expect(sql({ measures: ['retail.lines'], limit: 0 })).toMatch(/LIMIT \$1::bigint$/);
  });
  it('hold no value of the caller in their text', () => {
    const canary = "CANARYqx'; DROP TABLE x; --";
    for (const dialect of ['postgres', 'duckdb'] as const)
      for (const op of ['eq', 'in', 'like', 'icontains', 'endsWith', 'lt'] as const) {
        const leg = compile(
          { measures: ['retail.lines'], where: [{ member: 'retail.product', op, values: [canary] }] },
          dialect,
        );
        expect(leg.sql).not.toContain('CANARY');
        expect(leg.parameters).toHaveLength(1);
      }
  });

  it.each([
    [{ measures: ['retail.nothing'] }, 'unknown-member'],
    [{ measures: ['retail.country'] }, 'query-invalid'],
    [{ measures: ['retail.average_order_value'] }, 'query-invalid'],
    [{}, 'query-invalid'],
    [{ measures: ['retail.lines', 'retail.lines'] }, 'query-invalid'],
    [{ measures: ['retail.lines'], where: [{ or: [] }] }, 'query-invalid'],
    [{ measures: ['retail.lines'], where: [{ and: [] }] }, 'query-invalid'],
    [{ measures: ['retail.lines'], where: [{ member: 'retail.country', op: 'in', values: [] }] }, 'query-invalid'],
    [{ measures: ['retail.lines'], where: [{ member: 'retail.lines', op: 'eq', values: [1] }] }, 'query-invalid'],
    [{ measures: ['retail.lines'], having: [{ member: 'retail.country', op: 'eq', values: ['a'] }] }, 'query-invalid'],
    [
      { measures: ['retail.lines'], where: [{ member: 'retail.sold_at', op: 'contains', values: ['a'] }] },
      'query-invalid',
    ],
    [
      { measures: ['retail.lines'], where: [{ member: 'retail.product', op: 'like', values: ['a\\'] }] },
      'query-invalid',
    ],
    [
      { measures: ['retail.lines'], time: [{ dimension: 'retail.sold_at', granularity: 'fortnight' }] },
      'query-invalid',
    ],
    [{ measures: ['retail.lines'], time: [{ dimension: 'retail.country', granularity: 'day' }] }, 'query-invalid'],
    [
      { measures: ['inventory.days'], time: [{ dimension: 'inventory.snapshot_date', granularity: 'hour' }] },
      'query-invalid',
    ],
    [{ measures: ['retail.lines'], order: [{ column: 1, dir: 'asc', nulls: 'last' }] }, 'query-invalid'],
    [{ measures: ['retail.lines'], limit: -1 }, 'query-invalid'],
    [{ measures: ['retail.lines'], timezone: 'Mars/Base' }, 'query-invalid'],
    [{ measures: ['retail.lines', 'quality.checks'] }, 'not-supported'],
  ] as const)('%j is refused as %s', (query, code) => {
    expect(() => compile(query as Partial<LegQuery>)).toThrow(expect.objectContaining({ code }));
  });

  it('a known shape gives the same statement, whatever its values', () => {
    const query = (i: number): Partial<LegQuery> => ({
      measures: ['retail.net_revenue', 'retail.orders'],
      dimensions: ['retail.country'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day' }],
      where: [{ member: 'retail.sold_at', op: 'between', values: [`2010-12-0${1 + (i % 9)}`, '2011-01-01'] }],
      limit: i,
    });
    const first = compile(query(1));
    for (let i = 0; i < 500; i++) expect(compile(query(i)).sql).toBe(first.sql);
    expect(compile(query(7)).parameters).toEqual(['2010-12-08T00:00:00Z', '2011-01-01T00:00:00Z', 7]);
  });
  it('a measure is written over kept keys alone', () => {
    const over = (measure: string, ...columns: string[]) =>
      legs.measureOver(measure, new Map(columns.map((c, i) => [c, `"r${i}"`])), 'duckdb');
    expect(over('retail.orders', 'sales.invoice_key', 'sales.is_return')).toBe(
      'count(distinct CASE WHEN "r1" THEN NULL ELSE "r0" END)',
    );
    expect(over('sales.distinct_customers', 'customers.customer_id')).toBe('count(distinct "r0")');
    expect(over('retail.orders', 'sales.invoice_key')).toBeUndefined();
    expect(over('retail.orders')).toBeUndefined();
    expect(over('retail.net_revenue', 'sales.invoice_key')).toBeUndefined();
    expect(over('retail.lines', 'sales.sale_key')).toBeUndefined();
    expect(over('retail.average_order_value', 'sales.invoice_key', 'sales.is_return')).toBeUndefined();
  });
});

describe('what Cube does wrongly, and legs do not', () => {
  const MODEL = `cubes:
  - name: orders
    sql_table: shop.orders
    joins: [{ name: items, relationship: one_to_many, sql: "{CUBE}.id = {items}.order_id" }]
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true, meta: { type: bigint } }
      - { name: code, sql: "regexp_replace({CUBE}.code, 'x$', '')", type: string }
      - { name: at, sql: at, type: time, granularities: [{ name: fiscal, interval: 1 year, origin: "2010-04-01" }, { name: shift, interval: 8 hours, origin: "2010-01-01" }] }
    measures:
      - { name: shipping, sql: shipping, type: sum, meta: { type: "decimal(18,2)" } }
  - name: items
    sql_table: shop.items
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true, meta: { type: bigint } }
      - { name: product, sql: product, type: string }
      - { name: order_id, sql: order_id, type: number, meta: { type: bigint } }
    measures:
      - { name: quantity, sql: quantity, type: sum, meta: { type: bigint } }
`;
  let legs: LegCompiler;
  beforeAll(async () => {
    ({ legs } = await modelOf({ 'cubes/m.yml': MODEL }));
  });
  const compile = (query: Partial<LegQuery>) => legs.compile({ ...EMPTY, ...query }, 'postgres');

  it('tests for null leave an SQL that ends in $ and a quote as it is', () => {
    const { sql } = compile({ measures: ['orders.shipping'], where: [{ member: 'orders.code', op: 'isNotNull' }] });
    expect(sql).toContain(`(regexp_replace("orders".code, 'x$', '') IS NOT NULL)`);
  });
  it('a question mark in the model is no place of a parameter', async () => {
    const other = await modelOf({
      'cubes/m.yml': MODEL.replace('sql: product', `sql: "coalesce({CUBE}.product, '?')"`),
    });
    const leg = other.legs.compile(
      { ...EMPTY, measures: ['items.quantity'], where: [{ member: 'items.product', op: 'eq', values: ['a'] }] },
      'duckdb',
    );
    expect(leg.sql).toContain(`(coalesce("items".product, '?') = $1::VARCHAR)`);
  });
  it('tells which measures a join multiplies', () => {
    expect(compile({ measures: ['orders.shipping'], dimensions: ['items.product'] }).multiplied).toEqual(['orders']);
    expect(compile({ measures: ['items.quantity'], dimensions: ['orders.code'] }).multiplied).toContain('orders');
    expect(compile({ measures: ['orders.shipping'] }).multiplied).toEqual([]);
  });
  it('custom granularities of years are dates, those of hours instants', () => {
    const bucket = (granularity: string) =>
      flat(compile({ measures: ['orders.shipping'], time: [{ dimension: 'orders.at', granularity }] }).sql);
    expect(bucket('fiscal')).toMatch(/\)::date "c0"/);
    expect(bucket('shift')).toMatch(/SELECT \("orders"\.at - \(\("orders"\.at AT TIME ZONE 'UTC'\) - /);
  });
  it('a condition on one measure and a dimension is told apart', () => {
    const mixed: LegFilter = {
      or: [
        { member: 'items.product', op: 'eq', values: ['a'] },
        { member: 'items.quantity', op: 'gt', values: [1] },
      ],
    };
    expect(() => compile({ measures: ['items.quantity'], where: [mixed] })).toThrow(
      expect.objectContaining({ code: 'query-invalid' }),
    );
  });
});
