import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clones, openBuilt } from './transform-clones.js';

let clones: Clones;
beforeAll(async () => {
  clones = await openBuilt();
});
afterAll(async () => {
  await clones.close();
});

const line = (day: string, invoice: string, country: string): string =>
  `${invoice},22423,REGENCY CAKESTAND 3 TIER,1,12/${day}/10 10:00,7.00,17850,${country}`;
const DAYS =
  'SELECT date_key, count(*), sum(total_amount) FROM gold.fact_sales WHERE date_key IN (20101205, 20101206) GROUP BY 1 ORDER BY 1';

describe('a check that is cut by partition', () => {
  it('holds back the bad day alone, and is asked of the good ones', async () => {
    const place = await clones.copy('built', 'cut');
    place.transforms = place.edited({
      'gold/fact_sales.v1.sql': (sql) =>
        sql.replace(
          'checks:\n',
          'checks:\n  - {type: expression, name: not_seven, columns: [unit_price], severity: critical, expression: "unit_price <> 7 OR date_key <> 20101205"}\n',
        ),
    });
    expect((await place.forward()).unmade).toEqual([]);
    const [fifth, sixth] = await place.rows(DAYS);
    await place.ingest('late.csv', [line('5', '800001', 'France'), line('6', '800002', 'France')]);
    const result = await place.run();
    expect(result.status).toBe('partial');
    expect(result.unmade.map(({ model, partition, status }) => [model, partition, status])).toEqual([
      ['gold.fact_sales', '2010-12-05', 'quarantined'],
    ]);
    const [, lines = '', amount = ''] = sixth ?? [];
    expect(await place.rows(DAYS)).toEqual([
      fifth,
      ['20101206', String(Number(lines) + 1), (Number(amount) + 7).toFixed(2)],
    ]);
    const asked = await place.rows(
      `SELECT check_details FROM gold.data_quality_metrics WHERE table_name = 'gold.fact_sales' AND metric_id LIKE '%/same_lines_as_silver'
         AND check_timestamp = (SELECT max(check_timestamp) FROM gold.data_quality_metrics)`,
    );
    expect(asked).toEqual([[`same_lines_as_silver (critical): 0 of ${Number(lines) + 1} failed in 2010-12-06`]]);
    await place.contents();
    await place.close();
  });

  it('finds the day that lacks rows', async () => {
    const place = await clones.copy('built', 'lacking');
    place.transforms = place.edited({
      'gold/fact_sales.v1.sql': (sql) =>
        sql.replace(
          'WHERE lines.invoice_date >= {{partition.start}} AND',
          "WHERE (lines.invoice_no <> '800003') AND lines.invoice_date >= {{partition.start}} AND",
        ),
    });
    await place.ingest('late.csv', [line('5', '800003', 'France'), line('6', '800004', 'France')]);
    const { unmade } = await place.forward({ restate: new Map([['gold.fact_sales', undefined]]) });
    expect(unmade).toMatchObject([
      { model: 'gold.fact_sales', partition: '2010-12-05', refusal: { check: 'same_lines_as_silver', failed: '1' } },
    ]);
    await place.close();
  });
});
