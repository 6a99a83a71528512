import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, run } from '../../src/build/transform/index.js';
import { type Clones, openBuilt } from './transform-clones.js';

let clones: Clones;
beforeAll(async () => {
  clones = await openBuilt();
});
afterAll(async () => {
  await clones.close();
});

const at = (time: string) => (): bigint => BigInt(Date.parse(time)) * 1000n;
const RESULTS = `SELECT table_name, status, severity, metric_type, check_details FROM gold.data_quality_metrics
  WHERE metric_id LIKE '%/freshness%' ORDER BY 1`;

describe('freshness', () => {
  it('is told by plans, runs and audits, against the time of the run', async () => {
    const place = await clones.copy('built', 'fresh');
    place.transforms = place.edited({
      // The last lines of the sample are of 13 December 2010.
      'silver/order_lines.v1.sql': (sql) => sql.replace('{min_score: 95}', '{min_score: 95, freshness: 26h}'),
      'gold/dim_invoice.v1.sql': (sql) =>
        sql.replace(
          'checks:\n',
          'checks:\n  - {type: freshness, name: freshness_of_invoices, columns: [invoiced_at], within: 2d, severity: error}\n',
        ),
    });
    // The day ends at midnight, and 26 hours later it is still fresh.
    place.now = at('2010-12-15T02:00:00Z');
    expect((await place.plan()).stale).toEqual([]);
    expect((await place.forward()).unmade).toEqual([]);
    expect(await place.rows(RESULTS)).toEqual([
      ['gold.dim_invoice', 'PASS', 'error', 'timeliness', 'freshness_of_invoices (error): 0 of 1 failed'],
      ['silver.order_lines', 'PASS', 'warn', 'timeliness', 'freshness (warn): 0 of 1 failed'],
    ]);
    place.now = at('2010-12-15T02:00:01Z');
    const made = await place.plan();
    expect(made.stale).toEqual([
      'silver.order_lines is stale: its newest invoice_date ends 2010-12-14T00:00:00Z, and freshness allows 26 h',
    ]);
    expect(made.risks).toEqual(expect.arrayContaining([...made.stale]));

    place.now = at('2010-12-17T00:00:00Z');
    const { checks, refused } = await audit(place.parts(), { environment: 'prod', select: 'i' });
    const found = checks.filter(({ check }) => check.startsWith('freshness'));
    expect(found.map(({ model, severity, passed }) => [model, severity, passed])).toEqual(
      expect.arrayContaining([
        ['gold.dim_invoice', 'error', false],
        ['silver.order_lines', 'warn', false],
      ]),
    );
    expect(refused).toEqual(['gold.dim_invoice']);
    const told: string[] = [];
    const { emit } = place.parts();
    const parts = place.parts({
      emit: (event, record) => {
        if (event === 'notice' && 'message' in record) told.push(String(record.message));
        emit(event, record);
      },
    });
    expect(await run(parts, 'prod')).toMatchObject({ status: 'unchanged' });
    expect(told.filter((text) => text.includes(' is stale: '))).toHaveLength(2);
    await place.close();
  });
});
