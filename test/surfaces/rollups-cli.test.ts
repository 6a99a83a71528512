import { describe, expect, inject, it } from 'vitest';
import { assay, type Product } from '../product.js';
import { rest } from './ask.js';

const product = inject('product') as unknown as Product;
const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const told = await assay(product.home, ['rollups', ...args, '--json']);
  expect(told.err).toBe('');
  return { code: told.code, ...(JSON.parse(told.out) as Record<string, unknown>) };
};
const SHIPPED = ['sales.by_category', 'sales.by_invoice', 'sales.by_product'];

describe('`assay rollups` beside a running server', () => {
  it('lists what is published, and proves one of them again', async () => {
    const [listed, proved, wrong] = await Promise.all([
      json('ls'),
      json('prove', 'sales.by_category'),
      assay(product.home, ['rollups', 'build', 'sales.nope']),
    ]);
    const rollups = listed['rollups'] as { rollup: string; state: string; rows: number; proof: string }[];
    expect(rollups.filter((r) => SHIPPED.includes(r.rollup)).map((r) => [r.rollup, r.state, r.rows > 0])).toEqual(
      SHIPPED.map((id) => [id, 'current', true]),
    );
    expect(listed['code']).toBe(0);
    expect(proved).toMatchObject({ code: 0, results: [{ rollup: 'sales.by_category', outcome: 'proven' }] });
    expect(wrong.code).toBe(2);
    expect(wrong.err).toMatch(/there is no rollup sales\.nope; the model has .*sales\.by_category/);
  });

  it('says why, tries a definition, and suggests from what was asked', async () => {
    const query = { measures: ['retail.net_revenue'], dimensions: ['retail.unit_price_band_that_is_not'] };
    expect((await rest(product, 'admin', query)).error?.['code']).toBe('unknown-member');
    const asked = { measures: ['retail.net_revenue'], dimensions: ['retail.product', 'retail.customer_segment'] };
    for (let i = 0; i < 3; i++) await rest(product, 'admin', asked);
    const spec = { cube: 'sales', measures: ['net_revenue'], dimensions: ['products.product_name'] };
    const [why, plain] = await Promise.all([
      json('why', JSON.stringify(asked), '--with', JSON.stringify(spec)),
      assay(product.home, ['rollups', 'why', '--measures', 'retail.orders', '--dimensions', 'retail.country']),
    ]);
    expect(why).toMatchObject({ code: 3, hypothetical: { rollup: 'sales.hypothetical', serves: false } });
    expect((why['candidates'] as { verdict: string }[]).map((c) => c.verdict)).toEqual(
      SHIPPED.map(() => 'member-missing'),
    );
    expect(plain.code).toBe(0);
    expect(plain.out).toMatch(/^a rollup serves it\n/);
    expect(plain.out).toMatch(/ {2}sales\.by_invoice: used\n/);
    expect(plain.out).toMatch(
      /sales\.by_category: member-missing \(retail\.orders\)\n {4}add it to the rollup, or ask without it\n/,
    );
    // the server writes its log every few seconds
    let advice: { asked?: number; suggestions?: { adds: number; rows: number; definition: object }[] } = {};
    while ((advice.asked ?? 0) < 3) advice = (await json('suggest', '--most', '1')) as typeof advice;
    expect(advice.suggestions?.length).toBeLessThanOrEqual(1);
    for (const s of advice.suggestions ?? []) expect(s.adds).toBeGreaterThan(0);
  });
});
