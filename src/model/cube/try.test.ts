import { it } from 'vitest';
import { loadModel } from './index.js';

it('tries', async () => {
  const t = performance.now();
  const { catalogue, legs } = await loadModel('model');
  console.log('load', performance.now() - t);
  const q = { measures: [], dimensions: [], time: [], segments: [], where: [], having: [], order: [], timezone: 'UTC' };
  const show = (x: object) => {
    for (const d of ['postgres', 'duckdb'] as const) {
      const r = legs.compile({ ...q, ...x }, d);
      console.log(r.sql, JSON.stringify({ ...r, sql: undefined }));
    }
  };
  show({
    measures: ['retail.net_revenue', 'retail.orders', 'retail.product_revenue', 'retail.customers'],
    dimensions: ['retail.country'],
    time: [
      { dimension: 'retail.sold_at', granularity: 'day' },
      { dimension: 'retail.sold_at', granularity: 'hour' },
    ],
    where: [
      { member: 'retail.country', op: 'in', values: ['Germany', 'France', 'EIRE'] },
      {
        not: {
          or: [
            { member: 'retail.sold_at', op: 'between', values: ['2010-12-01', '2010-12-02T10:00:00.000001Z'] },
            { member: 'retail.product', op: 'contains', values: ['50%'] },
          ],
        },
      },
      { member: 'customers.country', op: 'in', values: ['x'], raw: true },
    ],
    having: [{ member: 'retail.net_revenue', op: 'gt', values: ['100.555'] }],
    order: [
      { column: 0, dir: 'asc', nulls: 'last' },
      { column: 3, dir: 'desc', nulls: 'first' },
    ],
    limit: 10,
    offset: 5,
    timezone: 'Europe/Berlin',
  });
  show({ dimensions: ['retail.customer_pseudonym'] });
  show({ measures: ['inventory.unit_days'], time: [{ dimension: 'inventory.snapshot_date', granularity: 'month' }] });
  console.log(
    catalogue.members.get('retail.average_order_value'),
    catalogue.rollups[1],
    catalogue.policies.get('sales')?.[1]?.rows,
    [...catalogue.tables],
    catalogue.owners.get('retail')?.root,
    catalogue.joins,
  );
  const t2 = performance.now();
  for (let i = 0; i < 1000; i++)
    legs.compile({ ...q, measures: ['retail.net_revenue'], dimensions: ['retail.country'], limit: i }, 'duckdb');
  console.log('known', (performance.now() - t2) / 1000);
});
