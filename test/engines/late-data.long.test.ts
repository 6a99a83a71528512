import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restate } from '../../src/build/transform/index.js';
import { type Clone, type Clones, type IntervalLine, openBuilt } from './transform-clones.js';
import { sample } from './warehouse-and-lake.js';

let clones: Clones;
beforeAll(async () => {
  clones = await openBuilt();
});
afterAll(async () => {
  await clones.close();
});

/** Late lines of 3 December: a customer that is new, one that is known and that gets another history by it, and one without any. */
const LATE = [
  '800001,22423,REGENCY CAKESTAND 3 TIER,30,12/3/2010 9:15,12.75,17850,United Kingdom',
  '800001,84879,ASSORTED COLOUR BIRD ORNAMENT,160,12/3/2010 9:15,1.69,17850,United Kingdom',
  '800002,22423,REGENCY CAKESTAND 3 TIER,2,12/3/2010 10:00,12.75,99001,France',
  '800003,22423,REGENCY CAKESTAND 3 TIER,1,12/3/2010 11:00,12.75,,United Kingdom',
];
/** These say which run and which file a row came with, not what it is. */
const RUN_COLUMNS = ['batch_id', 'ingested_at'];
const CUSTOMERS = `SELECT customer_id, customer_key, effective_date, coalesce(expiry_date, 'infinity') AS expiry_date FROM gold.dim_customers`;

const moved = (before: ReadonlyMap<string, IntervalLine>, after: ReadonlyMap<string, IntervalLine>): string[] =>
  [...after]
    .filter(([key, line]) => before.get(key)?.revision !== line.revision)
    .map(([key]) => key.split(' ').slice(0, 2).join(' '))
    .sort();

describe('a late file of a past day', () => {
  let place: Clone;
  beforeAll(async () => {
    place = await clones.copy('built', 'late');
  });
  afterAll(async () => {
    await place.close();
  });

  it('makes that day again and what depends on it, and leaves every other partition alone', async () => {
    const before = await place.intervals();
    await place.warehouse.query(`CREATE SCHEMA kept; CREATE TABLE kept.customers AS ${CUSTOMERS}`);
    await place.ingest('late.csv', LATE);
    place.steps();
    const first = await place.publication();
    expect((await place.run()).status).toBe('published');
    const second = await place.publication();

    // By hand: the days on which some line's customer is another row of the history now than it was.
    const touched = await place.rows(`
      SELECT DISTINCT to_char(l.invoice_date, 'YYYY-MM-DD') AS day FROM silver.order_lines l
      LEFT JOIN kept.customers o ON o.customer_id = l.customer_id AND l.sold_at >= o.effective_date AND l.sold_at < o.expiry_date
      LEFT JOIN (${CUSTOMERS}) n ON n.customer_id = l.customer_id AND l.sold_at >= n.effective_date AND l.sold_at < n.expiry_date
      WHERE o.customer_key IS DISTINCT FROM n.customer_key ORDER BY day`);
    const days = touched.map(([day]) => day ?? '');
    expect(days[0]).toBe('2010-12-03');
    const all = await place.rows('SELECT count(DISTINCT invoice_date) FROM silver.order_lines');
    expect(all).toEqual([['11']]);
    expect(days.length).toBeLessThan(11);

    const after = await place.intervals();
    const facts = moved(before, after).filter((key) => key.startsWith('gold.fact_sales '));
    expect(moved(before, after).filter((key) => key.startsWith('silver.order_lines '))).toEqual([
      'silver.order_lines 2010-12-03',
    ]);
    // A day whose look-ups give other rows is made; one whose look-ups give the same is noted with the newer dimension only.
    const made = place.steps();
    const madeOf = (model: string) =>
      made.flatMap((step) => (step.startsWith(`${model} `) ? [Number(step.split(' ')[1])] : []));
    expect(madeOf('silver.order_lines')).toEqual([1]);
    expect(madeOf('gold.fact_sales').reduce((sum, n) => sum + n, 0)).toBe(days.length);
    const changed = [...after].filter(([key, line]) => before.get(key)?.hash !== line.hash).map(([key]) => key);
    expect(changed.filter((key) => key.startsWith('gold.fact_sales ')).map((key) => key.split(' ')[1])).toEqual(days);
    expect(facts).toEqual(expect.arrayContaining(days.map((day) => `gold.fact_sales ${day}`)));
    // A table that was made and came out as it was stays as it is for readers.
    expect(made).toContain('gold.dim_date 1');
    expect(second.tables.get('gold.dim_date')).toEqual(first.tables.get('gold.dim_date'));
  });

  it('is followed by a run that does nothing', async () => {
    const before = await place.intervals();
    const publication = await place.publication();
    place.steps();
    expect(await place.run()).toMatchObject({ status: 'unchanged', changed: [], unmade: [] });
    expect(place.steps()).toEqual([]);
    expect(await place.intervals()).toEqual(before);
    expect(await place.publication()).toEqual(publication);
    expect((await place.plan()).steps).toEqual([]);
  });

  it('gives the tables that a build from nothing gives, row for row', async () => {
    const other = await clones.empty('from_nothing');
    await other.ingest(sample);
    await other.ingest('late.csv', LATE);
    await other.run();
    const wanted = await other.contents({ without: RUN_COLUMNS });
    expect(Object.keys(wanted)).toHaveLength(13);
    expect(await place.contents({ without: RUN_COLUMNS })).toEqual(wanted);
    expect(await place.rows('SELECT sum(total_amount), count(*) FROM gold.fact_sales')).toEqual([
      // 475,412.72 and 30 * 12.75 + 160 * 1.69 + 2 * 12.75 + 12.75
      ['476103.87', '27900'],
    ]);
    await other.close();
  });
});

describe('a restated day', () => {
  it('is made again with the same rows, and nothing moves for readers', async () => {
    const place = await clones.copy('built', 'restated');
    const before = await place.contents();
    const publication = await place.publication();
    const span = { start: '2010-12-05', end: '2010-12-07' };
    const result = await restate(place.parts(), 'prod', 'silver.order_lines', span);
    expect(place.steps()).toEqual(['silver.order_lines 2', 'gold.data_quality_metrics 1']);
    expect(result.unmade).toEqual([]);
    expect(await place.contents()).toEqual(before);
    const data = [...(await place.publication()).tables.values()].filter((t) => t.name !== 'gold.data_quality_metrics');
    for (const table of data) expect(table.dataVersion).toBe(publication.tables.get(table.name)?.dataVersion);
    expect(await place.run()).toMatchObject({ status: 'unchanged' });
    await place.close();
  });
});

describe('a check that one partition fails', () => {
  const lines = (day: string, from: number, n: number, country: string) =>
    Array.from(
      { length: n },
      (_, i) => `81${from + i},22423,REGENCY CAKESTAND 3 TIER,1,12/${day}/2010 9:15,1.00,99001,${country}`,
    );
  const DAYS = `SELECT to_char(invoice_date, 'DD'), count(*) FROM silver.order_lines WHERE invoice_no LIKE '81%' GROUP BY 1 ORDER BY 1`;
  it('keeps its readers on the last good one, publishes the others, and goes on when later lines mend it', async () => {
    const place = await clones.copy('built', 'gate');
    place.transforms = place.edited({
      'silver/order_lines.v1.sql': (sql) =>
        sql.replace(
          '{type: not_null, columns: [country], severity: error}',
          '{type: not_null, columns: [country], severity: error, tolerance: 0.02}',
        ),
    });
    await place.forward();
    const before = await place.rows(`SELECT count(*) FROM silver.order_lines WHERE invoice_date = '2010-12-05'`);
    // 2,700 lines on the 5th: 100 without a country are more than two in a hundred.
    await place.ingest('bad.csv', [...lines('5', 1000, 100, ''), ...lines('6', 2000, 3, 'France')]);
    const partial = await place.run();
    expect(partial.status).toBe('partial');
    const [first, ...rest] = partial.unmade;
    expect(first).toMatchObject({
      ...{ model: 'silver.order_lines', partition: '2010-12-05', status: 'quarantined', code: 'check-failed' },
      refusal: { check: 'not_null_country', failed: '100' },
      retry: 'assay restate silver.order_lines --start 2010-12-05 --end 2010-12-06',
    });
    // Lines of bronze are neither among the lines nor among the rejects yet: that table's own check holds it back, too.
    expect(rest.flatMap(({ status, model }) => (status === 'blocked' ? [] : [`${model} ${status}`]))).toEqual([
      'silver.order_line_rejects quarantined',
    ]);
    expect(await place.rows(DAYS)).toEqual([['06', '3']]);
    expect(await place.rows(`SELECT count(*) FROM silver.order_lines WHERE invoice_date = '2010-12-05'`)).toEqual(
      before,
    );
    // Why, in one question to the reader's own table, and in one to the ledger.
    expect(
      await place.rows("SELECT check_details FROM gold.data_quality_metrics WHERE status = 'FAIL' ORDER BY table_name"),
    ).toEqual([
      ['lines_add_up (critical): 100 of 28595 failed'],
      ['not_null_country (error): 100 of 2719 failed in 2010-12-05'],
    ]);
    expect(
      await place.rows(
        "SELECT partition, error_code FROM assay.interval WHERE status = 'quarantined' ORDER BY partition",
      ),
    ).toEqual([
      ['*', 'check-failed'],
      ['2010-12-05', 'check-failed'],
    ]);
    await place.contents();
    // As it is, it is refused again and again, and nothing else moves.
    expect((await place.run()).status).toBe('refused');

    await place.ingest('good.csv', lines('5', 4000, 3000, 'France'));
    const [, , model = '', , start = '', , end = ''] = first?.retry.split(' ') ?? [];
    expect(await restate(place.parts(), 'prod', model, { start, end })).toMatchObject({
      ...{ status: 'published', unmade: [] },
    });
    expect(await place.rows(DAYS)).toEqual([
      ['05', '3100'],
      ['06', '3'],
    ]);
    expect(await place.rows('SELECT sum(total_amount), count(*) FROM gold.fact_sales')).toEqual([
      ['478515.72', '30999'],
    ]);
    await place.contents();
    expect(await place.run()).toMatchObject({ status: 'unchanged' });
    await place.close();
  });

  it('that is new is asked of all partitions, also where only some are made', async () => {
    const place = await clones.copy('built', 'new_check');
    const shipped = place.transforms;
    place.transforms = place.edited({
      'silver/order_lines.v1.sql': (sql) =>
        sql.replace(
          'checks:\n',
          'checks:\n  - {type: expression, name: few_on_the_fifth, columns: [quantity], severity: error, expression: "invoice_date <> DATE \'2010-12-05\' OR quantity <= 100"}\n',
        ),
    });
    const before = await place.rows(`SELECT count(*) FROM silver.order_lines WHERE invoice_date = '2010-12-05'`);
    const [[many = '']] = (await place.rows(
      `SELECT count(*) FROM silver.order_lines WHERE invoice_date = '2010-12-05' AND quantity > 100`,
    )) as [[string]];
    await place.ingest('late.csv', LATE);
    const { unmade } = await place.forward();
    expect(unmade.filter(({ status }) => status === 'quarantined')).toMatchObject([
      { model: 'silver.order_lines', partition: '2010-12-05', refusal: { check: 'few_on_the_fifth', failed: many } },
    ]);
    expect(await place.rows(`SELECT count(*) FROM silver.order_lines WHERE invoice_date = '2010-12-05'`)).toEqual(
      before,
    );
    // With the check taken back, nothing stands in the way.
    place.transforms = shipped;
    expect((await place.run()).unmade).toEqual([]);
    expect(await place.rows('SELECT sum(total_amount) FROM gold.fact_sales')).toEqual([['476103.87']]);
    await place.close();
  });
});
