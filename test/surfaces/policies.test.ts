import { describe, expect, inject, it } from 'vitest';
import type { MetricQuery, SourceChoice } from '../../src/query/index.js';
import type { Product, Role } from '../product.js';
import { graphql, plain, psql, rest, search, sql } from './ask.js';
import * as T from './totals.js';

const product = inject('product') as unknown as Product;
const lake = inject('lakeProduct') as unknown as Product;
const ROLES: Role[] = ['data_analyst', 'data_engineer', 'admin', 'country_manager'];

const byCountry: MetricQuery = {
  measures: ['retail.net_revenue'],
  dimensions: ['retail.country'],
  where: { member: 'retail.country', op: 'in', values: ['Germany', 'France', 'Norway'] },
  order: [{ by: 'retail.net_revenue', dir: 'desc' }],
};
const byCountrySql = `SELECT country, MEASURE(net_revenue) FROM retail WHERE country IN ('Germany', 'France', 'Norway') GROUP BY 1 ORDER BY 2 DESC`;
const three = [
  ['Germany', '7795.74'],
  ['France', '7335.17'],
  ['Norway', '3787.12'],
];

describe.each(ROLES)('one question by %s', (role) => {
  const rows = role === 'country_manager' ? three.slice(0, 2) : three;
  const same = (got: readonly (readonly (string | null)[])[]) =>
    expect(got.map((r) => r.map(plain))).toEqual(rows.map((r) => r.map(plain)));
  it.each(['auto', 'raw', 'rollup'] as SourceChoice[])('REST, source %s', async (source) => {
    for (const p of [product, lake]) {
      const told = await rest(p, role, { ...byCountry, source });
      expect(told.error).toBeUndefined();
      same(told.rows);
    }
  });
  it.each(['auto', 'raw', 'rollup'])('SQL, source %s', async (source) => {
    const told = await sql(product, role, byCountrySql, source);
    expect(told.error).toBeUndefined();
    same(told.rows);
  });
  it('GraphQL', async () => {
    const { data, errors } = await graphql(
      product,
      role,
      `{ retail(where: {country: {in: ["Germany", "France", "Norway"]}}, orderBy: [{by: net_revenue, dir: desc}]) { nodes { country net_revenue } } }`,
    );
    expect(errors).toEqual([]);
    same(
      (data as { retail: { nodes: { country: string; net_revenue: string }[] } }).retail.nodes.map((n) => [
        n.country,
        n.net_revenue,
      ]),
    );
  });
  it('search finds the measure, with a query that can be posted as it is', async () => {
    const found = await search(product, role, 'net revenue');
    expect(found.hits[0]?.name).toBe('retail.net_revenue');
    const told = await rest(product, role, found.hits[0]?.query ?? {});
    expect(plain(told.rows[0]?.[0] ?? null)).toBe(role === 'country_manager' ? '15130.91' : '475412.72');
  });
});

describe('row rules', () => {
  it('bind totals, distinct counts and counts without any member of the ruled cube', async () => {
    for (const source of ['auto', 'raw'] as const) {
      const told = await rest(product, 'country_manager', {
        measures: ['retail.net_revenue', 'retail.invoices', 'retail.lines'],
        source,
      });
      expect(told.rows[0]?.slice(0, 2)).toEqual(['15130.91', '36']);
      const all = await rest(product, 'admin', {
        measures: ['retail.lines'],
        where: { member: 'retail.country', op: 'in', values: ['Germany', 'France'] },
        source,
      });
      expect(told.rows[0]?.[2]).toBe(all.rows[0]?.[0]);
    }
    const counted = await sql(product, 'country_manager', 'SELECT MEASURE(lines) FROM retail');
    const rested = await rest(product, 'country_manager', { measures: ['retail.lines'] });
    expect(counted.rows).toEqual(rested.rows);
  });
  it('give nothing of other countries, however it is asked', async () => {
    const told = await rest(product, 'country_manager', {
      measures: ['retail.net_revenue'],
      dimensions: ['retail.country'],
    });
    expect(told.rows.map((r) => r[0])).toEqual(['France', 'Germany']);
    for (const text of [
      'SELECT DISTINCT country FROM retail ORDER BY 1',
      `SELECT country, MEASURE(lines) FROM retail WHERE country <> 'France' OR country IS NOT NULL GROUP BY 1 ORDER BY 1`,
    ]) {
      const rows = await sql(product, 'country_manager', text);
      expect([text, rows.rows.map((r) => r[0])]).toEqual([text, ['France', 'Germany']]);
    }
  });
});

describe('masks', () => {
  const top: MetricQuery = {
    measures: ['retail.net_revenue'],
    dimensions: ['retail.customer_id'],
    where: { member: 'retail.customer_id', op: 'isNotNull' },
    order: [{ by: 'retail.net_revenue', dir: 'desc' }],
    limit: 20,
  };
  const pseudonym = /^[g-z]{26}$/;
  it('show the analyst pseudonyms, the same on every surface and from every source', async () => {
    const answers = await Promise.all([
      rest(product, 'data_analyst', top),
      rest(product, 'data_analyst', { ...top, source: 'raw' }),
      sql(
        product,
        'data_analyst',
        'SELECT customer_id, MEASURE(net_revenue) FROM retail WHERE customer_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 20',
      ),
    ]);
    const first = answers[0]?.rows ?? [];
    expect(first).toHaveLength(20);
    for (const [id] of first) expect(id).toMatch(pseudonym);
    for (const a of answers) expect(a.rows.map((r) => r.map(plain))).toEqual(first.map((r) => r.map(plain)));
    const real = await rest(product, 'admin', top);
    for (const [id] of real.rows) expect(id).toMatch(/^\d{5}$/);
    expect(real.rows.map((r) => r[1])).toEqual(first.map((r) => r[1]));
  });
  it('compare conditions with the pseudonym, never with the real id', async () => {
    const real = (await rest(product, 'admin', top)).rows[0]?.[0] ?? '';
    const known = (await rest(product, 'data_analyst', top)).rows[0]?.[0] ?? '';
    const by = (value: string): MetricQuery => ({
      measures: ['retail.lines'],
      where: { member: 'retail.customer_id', op: 'eq', values: [value] },
    });
    expect((await rest(product, 'data_analyst', by(real))).rows).toEqual([['0']]);
    expect((await rest(product, 'data_analyst', by(known))).rows).toEqual(
      (await rest(product, 'admin', by(real))).rows,
    );
  });
});

describe('what is hidden does not exist', () => {
  const swap = (text: string, name: string) =>
    text
      .replaceAll(name, 'NAME')
      .replace(/"requestId":"[^"]*"/, '')
      .replace(/"hint":"[^"]*"/, '');
  it('REST: the same error as for a wrong name', async () => {
    for (const [role, hidden, wrong] of [
      ['data_analyst', 'retail.invoice', 'retail.invoixx'],
      ['country_manager', 'inventory.on_hand', 'inventxyz.on_hand'],
      ['data_analyst', 'quality.checks', 'qualixx.checks'],
      ['admin', 'sales.net_revenue', 'salex.net_revenue'],
    ] as const) {
      const a = await rest(product, role, { dimensions: [hidden] });
      const b = await rest(product, role, { dimensions: [wrong] });
      expect(a.error?.code).toBe('unknown-member');
      expect(swap(a.bytes, hidden)).toBe(swap(b.bytes, wrong));
      expect(a.bytes.replaceAll(hidden, '')).not.toContain('invoice"');
    }
  });
  it('SQL: no such column, no such table, nothing in the catalog', async () => {
    const hidden = await sql(product, 'data_analyst', 'SELECT invoice, MEASURE(lines) FROM retail GROUP BY 1');
    const wrong = await sql(product, 'data_analyst', 'SELECT invoixx, MEASURE(lines) FROM retail GROUP BY 1');
    expect(hidden.error?.code).toBe('42703');
    expect(hidden.error?.message.replace('invoice', 'NAME')).toBe(wrong.error?.message.replace('invoixx', 'NAME'));
    expect((await sql(product, 'country_manager', 'SELECT * FROM quality')).error?.code).toBe('42P01');
    const attributes = await sql(
      product,
      'data_analyst',
      `SELECT count(*) FROM pg_attribute WHERE attname = 'invoice'`,
    );
    expect(attributes.rows).toEqual([['0']]);
  });
  it('GraphQL: no such field', async () => {
    const { errors, bytes } = await graphql(product, 'data_analyst', '{ retail { nodes { invoice lines } } }');
    expect(errors[0]?.message).toMatch(/Cannot query field "invoice"/);
    expect(bytes).not.toContain('return_invoice"');
    const none = await graphql(product, 'country_manager', '{ quality { nodes { table_name } } }');
    expect(none.errors[0]?.message).toMatch(/Cannot query field "quality"/);
  });
  it('search and catalog: no trace', async () => {
    for (const [role, hidden] of [
      ['data_analyst', /^quality\.|^retail\.invoice$/],
      ['country_manager', /^(quality|inventory)\./],
    ] as const)
      for (const q of ['invoice', 'invoice number', 'quality', 'stock on hand']) {
        const found = await search(product, role, q);
        expect(found.hits.map((h) => h.name).filter((n) => hidden.test(n))).toEqual([]);
      }
    const catalog = await fetch(`${product.http}/api/v1/catalog`, {
      headers: { authorization: `Bearer ${product.tokens.country_manager}` },
    });
    expect(await catalog.text()).not.toMatch(/"(inventory|quality)[".]/);
  });
  it('nothing at all without a token', async () => {
    for (const path of ['/api/v2/query', '/api/v2/explain', '/graphql']) {
      const response = await fetch(product.http + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"measures":["retail.lines"]}',
      });
      expect([path, response.status]).toEqual([path, 401]);
    }
    for (const path of ['/api/v1/catalog', '/api/v2/search?q=x'])
      expect((await fetch(product.http + path)).status).toBe(401);
    expect((await fetch(`${product.http}/health`)).status).toBe(200);
    expect((await fetch(`${product.http}/ready`)).status).toBe(200);
  });
});

describe('psql', () => {
  it('asks, describes and is refused with the reason', async () => {
    const asked = await psql(product, 'data_analyst', [
      '-At',
      '-c',
      'SELECT country, MEASURE(net_revenue) FROM retail GROUP BY 1 ORDER BY 2 DESC LIMIT 3',
    ]);
    expect(asked.out.trim().split('\n')).toEqual(T.NET_BY_COUNTRY.slice(0, 3).map((r) => r.join('|')));
    const described = await psql(product, 'data_analyst', ['-c', '\\d retail']);
    expect(described.out).toMatch(/net_revenue\s*\|\s*numeric\(18,2\)/);
    expect(described.out).not.toMatch(/\binvoice\b\s*\|/);
    const refused = await psql(product, 'data_analyst', [
      '-v',
      'VERBOSITY=verbose',
      '-c',
      'SELECT country, net_revenue FROM retail LIMIT 3',
    ]);
    expect(refused.err).toMatch(/0A000/);
    expect(refused.err).toMatch(/HINT/);
  });
});
