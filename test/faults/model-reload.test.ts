import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assay, freshDir, type Product, root, startProduct } from '../product.js';

/** One server whose model changes under it. */
let product: Product;
let dir: string;
beforeAll(async () => {
  dir = freshDir('model-reload');
  cpSync(join(root, 'model'), join(dir, 'model'), { recursive: true });
  product = await startProduct({ env: { ASSAY_MODEL: join(dir, 'model') } });
}, 400_000);
afterAll(async () => {
  await product?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const file = () => join(dir, 'model/views/retail.yml');
const change = (from: string, to: string) =>
  writeFileSync(
    file(),
    readFileSync(file(), 'utf8').replace(from, () => to),
  );
const get = async (path: string, body?: object): Promise<Record<string, unknown>> => {
  const response = await fetch(`${product.http}${path}`, {
    headers: { authorization: `Bearer ${product.tokens.admin}`, 'content-type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
};
const detail = async () => ((await get('/ready'))['checks'] as { model: { detail: string } }).model.detail;
const until = async (what: () => Promise<boolean>) => {
  while (!(await what())) await new Promise((done) => setTimeout(done, 100));
};
const revenue = () => get('/api/v2/query', { measures: ['retail.net_revenue'] });
const takings = () => get('/api/v2/query', { measures: ['retail.takings'] });

it('takes changed files into use on every surface at once, and never broken ones', async () => {
  const first = await detail();
  expect((await revenue())['rows']).toEqual([['475412.72']]);

  change('- net_revenue', '- { name: net_revenue, alias: takings }');
  await until(async () => (await detail()) !== first);
  expect((await takings())['rows']).toEqual([['475412.72']]);
  expect((await revenue())['code']).toBe('unknown-member');
  expect(JSON.stringify(await get('/api/v1/catalog'))).toContain('retail.takings');
  const asked = await get('/graphql', { query: '{ retail { nodes { takings } } }' });
  expect(JSON.stringify(asked['data'])).toContain('475412.72');
  const found = await get('/api/v2/search?q=net+revenue');
  expect(JSON.stringify(found)).toContain('retail.takings');
  expect(JSON.stringify(found)).not.toContain('retail.net_revenue');

  const good = await detail();
  change('alias: takings', 'alias: takings, titel: x');
  const ended = await assay(product.home, ['model', 'reload']);
  expect(ended.code).toBe(1);
  expect(ended.out).toMatch(/^views\/retail\.yml:\d+: net_revenue: there is no key titel .*did you mean title/);
  expect(await detail()).toContain('newer files are refused for 1 faults');
  expect((await takings())['rows']).toEqual([['475412.72']]);
  expect((await assay(product.home, ['status'])).out).toContain("the model's files are not in use");

  change(', titel: x', '');
  await until(async () => (await detail()) === good);
  expect((await takings())['rows']).toEqual([['475412.72']]);
}, 400_000);
