import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadedModel, loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import {
  type Caller,
  type CompiledLeg,
  type Dialect,
  type LegFilter,
  type LegQuery,
  localCaller,
} from '../../src/query/index.js';
import { goldOfSample } from '../fixtures/gold.js';
import { goldInPostgres } from '../fixtures/gold-postgres.js';

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

describe.each(['duckdb', 'postgres'] as const)('legs over the sample, in %s', (engine: Dialect) => {
  let model: LoadedModel;
  let connection: DuckDBConnection;
  let client: pg.Client;
  const end: (() => unknown)[] = [];
  beforeAll(async () => {
    model = await loadModel(resolve(import.meta.dirname, '../../model'));
    const gold = await goldOfSample();
    end.push(gold.close);
    connection = gold.connection;
    if (engine === 'duckdb') return;
    const copy = await goldInPostgres(connection);
    end.push(copy.close);
    client = copy.client;
  });
  afterAll(async () => {
    for (const work of end.reverse()) await work();
  });

  const inDuckDb = async (sql: string, { parameters }: CompiledLeg) => {
    const prepared = await connection.prepare(sql);
    parameters.forEach((value, i) => {
      if (typeof value === 'boolean') prepared.bindBoolean(i + 1, value);
      else if (typeof value === 'number') prepared.bindBigInt(i + 1, BigInt(value));
      else prepared.bindVarchar(i + 1, String(value));
    });
    return (await prepared.runAndReadAll()).getRows();
  };
  const inPostgres = async (sql: string, { parameters }: CompiledLeg) =>
    (await client.query<unknown[]>({ text: sql, values: [...parameters], rowMode: 'array' })).rows;
  const execute = (sql: string, leg: CompiledLeg) => (engine === 'duckdb' ? inDuckDb(sql, leg) : inPostgres(sql, leg));
  const run = async (query: Partial<LegQuery>): Promise<(string | null)[][]> => {
    const leg = model.legs.compile({ ...EMPTY, ...query }, engine);
    let sql = leg.sql;
    for (const table of leg.tables) sql = sql.replaceAll(`"@${table}"`, table);
    expect(sql).not.toContain('"@');
    const rows = await execute(sql, leg);
    const text = (v: unknown) => (engine === 'postgres' && (v === 't' || v === 'f') ? String(v === 't') : String(v));
    return rows.map((row) => row.map((v) => (v === null ? null : text(v))));
  };
  const one = async (query: Partial<LegQuery>) => (await run(query))[0];
  const product: LegFilter = { member: 'retail.line_type', op: 'eq', values: ['product'] };

  it('gives the totals of the sample', async () => {
    const measures = [
      'net_revenue',
      'gross_revenue',
      'returns_value',
      'product_revenue',
      'invoices',
      'orders',
      'return_invoices',
      'units_sold',
      'units_returned',
      'customers',
      'active_customers',
      'products',
      'lines',
    ].map((name) => `retail.${name}`);
    expect(await one({ measures })).toEqual([
      '475412.72',
      '538729.28',
      '63316.56',
      '496720.27',
      '1150',
      '994',
      '156',
      '223270',
      '12787',
      '713',
      '666',
      '2577',
      '27896',
    ]);
  });
  it('counts lines by kind', async () => {
    const lines = ['retail.lines', 'retail.net_revenue'];
    expect(
      await run({
        measures: lines,
        dimensions: ['retail.is_return'],
        order: [{ column: 0, dir: 'asc', nulls: 'last' }],
      }),
    ).toMatchObject([
      ['false', '27487', '538729.28'],
      ['true', '409', '-63316.56'],
    ]);
    expect(await one({ measures: lines, where: [{ member: 'retail.customer_id', op: 'isNull' }] })).toEqual([
      '9819',
      '108557.27',
    ]);
    expect(await one({ measures: lines, where: [{ not: product }] })).toEqual(['110', '-21307.55']);
    expect(await one({ measures: ['retail.gross_revenue', 'retail.orders'], where: [product] })).toEqual([
      '505402.60',
      '989',
    ]);
  });
  it('gives revenue and invoices by country, in the order asked', async () => {
    expect(
      await run({
        measures: ['retail.net_revenue', 'retail.invoices'],
        dimensions: ['retail.country'],
        order: [{ column: 1, dir: 'desc', nulls: 'last' }],
        limit: 6,
      }),
    ).toEqual([
      ['United Kingdom', '432570.00', '1074'],
      ['Germany', '7795.74', '23'],
      ['Japan', '7705.07', '3'],
      ['France', '7335.17', '13'],
      ['EIRE', '6431.33', '12'],
      ['Norway', '3787.12', '2'],
    ]);
  });
  it('gives revenue and orders by day', async () => {
    const rows = await run({
      measures: ['retail.net_revenue', 'retail.orders'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day' }],
      order: [{ column: 0, dir: 'asc', nulls: 'last' }],
    });
    expect(rows.map((r) => r.join(' '))).toEqual([
      '2010-12-01 58451.56 127',
      '2010-12-02 46088.32 142',
      '2010-12-03 45575.38 68',
      '2010-12-05 30973.63 88',
      '2010-12-06 53653.87 102',
      '2010-12-07 44994.70 84',
      '2010-12-08 44035.22 116',
      '2010-12-09 52494.14 107',
      '2010-12-10 57303.01 77',
      '2010-12-12 17037.50 44',
      '2010-12-13 24805.39 39',
    ]);
  });
  it('gives the top products, by code', async () => {
    const rows = await run({
      measures: ['retail.net_revenue'],
      dimensions: ['retail.product_code'],
      where: [product],
      order: [{ column: 1, dir: 'desc', nulls: 'last' }],
      limit: 5,
    });
    expect(rows.map((r) => r.join(' '))).toEqual([
      '22423 18709.45',
      '21623 6800.63',
      '22086 6675.92',
      '82484 6125.39',
      '85123A 6070.58',
    ]);
  });
  it('gives customers as they are and as they were', async () => {
    expect(
      await one({ measures: ['known_customers', 'versions', 'current_customers'].map((m) => `customer_health.${m}`) }),
    ).toEqual(['713', '1378', '713']);
    const by = async (dimension: string) =>
      Object.fromEntries(
        await run({
          measures: ['customer_health.current_customers'],
          dimensions: [`customer_health.${dimension}`],
          where: [{ member: `customer_health.${dimension}`, op: 'ne', values: ['unknown'] }],
        }),
      );
    expect(await by('customer_segment')).toEqual({
      new: '261',
      lost: '183',
      'at risk': '119',
      champions: '58',
      'returns only': '47',
      loyal: '45',
    });
    expect(await by('value_tier')).toEqual({ bronze: '545', silver: '145', gold: '21', platinum: '2' });
    const atSale = async (dimension: string) =>
      Object.fromEntries(
        (await run({ measures: ['retail.net_revenue', 'retail.lines'], dimensions: [dimension] })).map(([k, v, n]) => [
          k,
          `${v} ${n}`,
        ]),
      );
    expect(await atSale('retail.customer_segment')).toEqual({
      new: '316508.22 15316',
      'at risk': '17663.36 498',
      champions: '15272.39 647',
      'returns only': '10066.17 1078',
      loyal: '6122.83 460',
      lost: '1222.48 78',
      unknown: '108557.27 9819',
    });
    expect(await atSale('retail.value_tier')).toEqual({
      bronze: '323984.61 16559',
      silver: '26149.66 1338',
      gold: '8891.66 159',
      platinum: '7829.52 21',
      unknown: '108557.27 9819',
    });
  });
  it('counts customers with more than one order by a condition on a measure', async () => {
    const rows = await run({
      measures: ['retail.orders'],
      dimensions: ['retail.customer_id'],
      where: [{ member: 'retail.customer_id', op: 'isNotNull' }],
      having: [{ member: 'retail.orders', op: 'gt', values: [1] }],
    });
    expect(rows).toHaveLength(138);
  });
  it('cuts ranges at the microsecond and half-open', async () => {
    const lines = async (from: string, to: string) =>
      Number(
        (
          await one({
            measures: ['retail.lines'],
            where: [{ member: 'retail.sold_at', op: 'between', values: [from, to] }],
          })
        )?.[0],
      );
    const at = '2010-12-01T08:26:00Z';
    const here = Number(
      (
        await connection.runAndReadAll("SELECT count(*) FROM lines WHERE InvoiceDate = '12/1/10 8:26'")
      ).getRows()[0]?.[0],
    );
    expect(await lines(at, '2010-12-01T08:26:00.000001Z')).toBe(here);
    expect(await lines('2010-12-01T08:26:00.000001Z', '2010-12-01T08:27:00Z')).toBe(0);
    expect(await lines('2010-12-01T09:26:00+01:00', '2010-12-01T08:26:00.000001Z')).toBe(here);
  });
  it('cuts buckets in the zone asked for; hours stay instants', async () => {
    const zone = { timezone: 'Asia/Tokyo', order: [{ column: 0, dir: 'asc', nulls: 'last' }] as const };
    const days = await run({
      ...zone,
      measures: ['retail.lines'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day' }],
    });
    const expected = await connection.runAndReadAll(
      'SELECT (sold + INTERVAL 9 HOUR)::DATE::VARCHAR, count(*)::VARCHAR FROM lines GROUP BY 1 ORDER BY 1',
    );
    expect(days).toEqual(expected.getRows());
    const hours = await run({
      ...zone,
      timezone: 'Asia/Kolkata',
      measures: ['retail.lines'],
      time: [{ dimension: 'retail.sold_at', granularity: 'hour' }],
    });
    // half an hour off: buckets of local hours begin at half past in UTC
    expect(new Set(hours.map((r) => r[0]?.slice(14, 16)))).toEqual(new Set(['30']));
  });
  it('keeps the two runs of a repeated hour apart', async () => {
    const leg = model.legs.compile(
      {
        ...EMPTY,
        timezone: 'Europe/Berlin',
        measures: ['sales.lines'],
        time: [
          { dimension: 'sales.sold_at', granularity: 'hour' },
          { dimension: 'sales.sold_at', granularity: 'day' },
        ],
      },
      engine,
    );
    const twice = `(SELECT sale_key, TIMESTAMPTZ '2010-10-31 00:30:00+00' + (sale_key % 2) * INTERVAL '1 hour' AS sold_at FROM gold.fact_sales)`;
    const rows = await execute(leg.sql.replaceAll('"@gold.fact_sales"', twice), leg);
    expect(rows.map((r) => `${r[0]} ${r[1]}`).sort()).toEqual([
      '2010-10-31 00:00:00+00 2010-10-31',
      '2010-10-31 01:00:00+00 2010-10-31',
    ]);
  });
  it('reads snapshots by their days', async () => {
    expect(
      await one({
        measures: ['inventory.days', 'inventory.stocked_products'],
        time: [{ dimension: 'inventory.snapshot_date', granularity: 'month' }],
        where: [{ member: 'inventory.snapshot_date', op: 'between', values: ['2010-12-02', '2010-12-04T12:00:00Z'] }],
        timezone: 'America/New_York',
      }),
    ).toEqual(['2010-12-01', '3', '2577']);
  });
  it('counts checks', async () => {
    expect(await one({ measures: ['checks', 'passed', 'failed', 'warnings'].map((m) => `quality.${m}`) })).toEqual([
      '8',
      '6',
      '1',
      '1',
    ]);
  });

  describe('for callers', () => {
    const manager = (countries?: unknown): Caller => ({
      ...localCaller(['country_manager']),
      attributes: countries === undefined ? {} : { countries },
    });
    const guarded = (query: Partial<LegQuery>, caller: Caller, asked: readonly string[]) => {
      const access = accessOf(model.catalogue, caller);
      let where: readonly LegFilter[] = query.where ?? [];
      for (let n = -1, leg = model.legs.compile({ ...EMPTY, ...query }, engine); n !== leg.cubes.length; ) {
        n = leg.cubes.length;
        where = [...(query.where ?? []), ...access.rules(leg.cubes, asked).filters];
        leg = model.legs.compile({ ...EMPTY, ...query, where }, engine);
      }
      return run({ ...query, where });
    };
    it.each([[['Germany', 'France']], [['Japan']]])('a manager sees the rows of %s only', async (countries) => {
      const measures = ['retail.net_revenue', 'retail.customers', 'retail.lines'];
      const expected = await connection.runAndReadAll(
        `SELECT sum(total_amount)::VARCHAR, count(DISTINCT CustomerID)::VARCHAR, count(*)::VARCHAR FROM lines WHERE Country IN (${countries.map((c) => `'${c}'`)})`,
      );
      expect(await guarded({ measures }, manager(countries), measures)).toEqual(expected.getRows());
      const onlyLines = await guarded({ measures: ['retail.lines'] }, manager(countries), ['retail.lines']);
      expect(onlyLines[0]?.[0]).toBe(expected.getRows()[0]?.[2]);
      const names = await guarded({ dimensions: ['retail.country'] }, manager(countries), ['retail.country']);
      expect(names.flat().sort()).toEqual([...countries].sort());
    });
    it('a manager without an attribute sees no rows, and no error', async () => {
      for (const countries of [undefined, [], null, {}, [{}]])
        expect(await guarded({ dimensions: ['retail.country'] }, manager(countries), ['retail.country'])).toEqual([]);
      expect(await guarded({ measures: ['retail.lines'] }, localCaller(['nobody']), ['retail.lines'])).toEqual([['0']]);
    });
    it('the totals of a manager agree whether customers are joined or not', async () => {
      const sum = (rows: (string | null)[][]) => rows.reduce((n, r) => n + Number(r.at(-1)), 0);
      const bySegment = await guarded(
        { dimensions: ['retail.customer_segment'], measures: ['retail.lines'] },
        manager(['EIRE']),
        ['retail.customer_segment', 'retail.lines'],
      );
      const all = await guarded({ measures: ['retail.lines'] }, manager(['EIRE']), ['retail.lines']);
      expect(sum(bySegment)).toBe(sum(all));
    });
  });

  it('pushes NOT to the leaves without changing three-valued logic', async () => {
    const leaf = fc.oneof(
      fc.record({
        member: fc.constant('retail.customer_id'),
        op: fc.constantFrom('isNull' as const, 'isNotNull' as const),
      }),
      fc.record({
        member: fc.constant('retail.customer_id'),
        op: fc.constantFrom('eq' as const, 'ne' as const, 'gt' as const, 'lte' as const),
        values: fc.constantFrom(['17850'], ['13047'], ['15000']),
      }),
      fc.record({
        member: fc.constant('retail.customer_id'),
        op: fc.constantFrom('in' as const, 'notIn' as const),
        values: fc.constantFrom(['17850'], ['17850', '13047', '12583']),
      }),
      fc.record({
        member: fc.constant('retail.product'),
        op: fc.constantFrom('contains' as const, 'istartsWith' as const, 'endsWith' as const),
        values: fc.constantFrom(['HEART'], ['white'], ['%'], ['_']),
      }),
      fc.record({
        member: fc.constant('retail.sold_at'),
        op: fc.constant('between' as const),
        values: fc.constantFrom(['2010-12-02', '2010-12-09'], ['2010-12-09', '2010-12-02']),
      }),
    );
    const tree = fc.letrec<{ filter: LegFilter }>((tie) => ({
      filter: fc.oneof(
        { maxDepth: 3 },
        leaf as fc.Arbitrary<LegFilter>,
        fc.record({ not: tie('filter') }),
        fc.record({ and: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ or: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
      ),
    })).filter;
    const columns: Record<string, string> = {
      'retail.customer_id': 'CustomerID',
      'retail.product': 'product_name',
      'retail.sold_at': 'sold',
    };
    const literal = (v: unknown) => `'${String(v).replaceAll("'", "''")}'`;
    // the same condition, written naively: NOT stays where it was asked for
    const naive = (f: LegFilter): string => {
      if ('not' in f) return `(NOT ${naive(f.not)})`;
      if ('and' in f) return `(${f.and.map(naive).join(' AND ')})`;
      if ('or' in f) return `(${f.or.map(naive).join(' OR ')})`;
      const column = columns[f.member];
      const [a, b] = (f.values ?? []).map(literal);
      const list = (f.values ?? []).map(literal).join(', ');
      const sql: Record<string, string> = {
        isNull: `${column} IS NULL`,
        isNotNull: `${column} IS NOT NULL`,
        eq: `${column} = ${a}`,
        ne: `${column} <> ${a}`,
        gt: `${column} > ${a}`,
        lte: `${column} <= ${a}`,
        in: `${column} IN (${list})`,
        notIn: `${column} NOT IN (${list})`,
        contains: `contains(${column}, ${a})`,
        istartsWith: `starts_with(lower(${column}), lower(${a}))`,
        endsWith: `ends_with(${column}, ${a})`,
        between: `(${column} >= ${a}::TIMESTAMP AND ${column} < ${b}::TIMESTAMP)`,
      };
      return `(${sql[f.op]})`;
    };
    await fc.assert(
      fc.asyncProperty(tree, async (filter) => {
        const expected = await connection.runAndReadAll(
          `SELECT count(*)::VARCHAR FROM lines JOIN gold.dim_products ON product_code = StockCode WHERE ${naive(filter)}`,
        );
        expect(await run({ measures: ['retail.lines'], where: [filter] })).toEqual(expected.getRows());
      }),
      { numRuns: engine === 'duckdb' ? 60 : 20 },
    );
  });

  it('a rollup with kept keys counts exactly', async () => {
    const rollup = model.catalogue.rollups.find((r) => r.id === 'sales.by_invoice');
    const dimensions = rollup?.dimensions ?? [];
    const leg = model.legs.compile({ ...EMPTY, dimensions, measures: rollup?.measures ?? [] }, engine);
    const columns = new Map(dimensions.map((name, i) => [name, `r."c${i}"`]));
    const counts = ['orders', 'invoices', 'return_invoices', 'customers', 'active_customers'].map((m) =>
      model.legs.measureOver(`retail.${m}`, columns, engine),
    );
    let from = leg.sql;
    for (const table of leg.tables) from = from.replaceAll(`"@${table}"`, table);
    const rows = await execute(`SELECT ${counts.join(', ')} FROM (${from}) r`, leg);
    expect(rows[0]?.map(String)).toEqual(['994', '1150', '156', '713', '666']);
    expect(model.legs.measureOver('retail.products', columns, engine)).toBeUndefined();
    expect(model.legs.measureOver('retail.net_revenue', columns, engine)).toBeUndefined();
    expect(model.legs.measureOver('retail.lines', columns, engine)).toBeUndefined();
  });
});
