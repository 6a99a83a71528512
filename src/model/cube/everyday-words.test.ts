import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { embeddedBackend, openSearch } from '../../answer/search/index.js';
import { localCaller, noEmit } from '../../query/index.js';
import { loadModel } from './index.js';

it('everyday words find the measure that answers them', async () => {
  const { catalogue } = await loadModel(resolve(import.meta.dirname, '../../../model'));
  const search = openSearch({
    backend: embeddedBackend,
    vectors: undefined,
    values: async () => [],
    dataVersion: () => '1',
    emit: noEmit,
  });
  const visible = (name: string) => catalogue.owners.get(name.split('.')[0] ?? '')?.kind === 'view';
  const sees = { visibilityKey: 'views', attributesKey: 'all', visible, masked: () => false };
  const context = { caller: localCaller(['admin']), surface: 'rest' as const, requestId: 'r' };
  const found = async (q: string) =>
    (await search.find({ q, kind: 'member' }, { catalogue, sees }, context)).hits.map((hit) => hit.name);
  const wanted: Record<string, readonly string[]> = {
    'retail.net_revenue': [
      'sell',
      'selling',
      'best selling products',
      'best sellers',
      'how much did we sell',
      'how much money did we make',
      'sales',
      'revenue',
      'turnover',
      'income',
    ],
    'retail.units_sold': ['how many units did we sell', 'sold', 'quantity', 'popular products'],
    'retail.average_order_value': ['AOV', 'basket size', 'average spend'],
    'retail.returns_value': ['refund', 'money back'],
    'retail.return_rate': ['refund rate'],
    'retail.units_returned': ['how many items were returned'],
    'retail.orders': ['orders', 'purchases', 'transactions'],
    'retail.customers': ['buyer', 'clients'],
    'inventory.out_of_stock_days': ['out of stock'],
    'inventory.on_hand': ['what is in stock'],
    'inventory.average_on_hand': ['average stock'],
    'retail.customer_lifetime_value': ['lifetime value', 'CLV'],
    'retail.market_penetration': ['market penetration'],
    'quality.failed': ['failed checks'],
  };
  for (const [measure, questions] of Object.entries(wanted))
    for (const q of questions) expect((await found(q))[0], q).toBe(measure);
  for (const q of ['sold', 'sell', 'best selling']) {
    expect(await found(q), q).toContain('retail.net_revenue');
    expect(await found(q), q).toContain('retail.units_sold');
  }
});
