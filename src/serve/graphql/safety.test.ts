import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, printSchema } from 'graphql/index.js';
import { describe, expect, it } from 'vitest';
import { accessOf, catalogue, edge, type Result, run, send, tokens, url } from '../../../test/wires/graphql-service.js';
import { error } from '../../errors/index.js';
import type { Caller } from '../../query/index.js';
import { schemaText } from './schema-text.js';

describe('what a caller may not see', () => {
  it('does not exist: the same words as for a misspelt name, in fields, conditions, order and introspection', async () => {
    for (const text of [
      (n: string) => `{ retail { nodes { ${n} } } }`,
      (n: string) => `{ retail(where: { ${n}: { eq: "x" } }) { nodes { country } } }`,
      (n: string) => `{ retail(orderBy: [{ by: ${n} }]) { nodes { country } } }`,
    ]) {
      const hidden = await run(text('invoice'), {}, 'data_analyst');
      const absent = await run(text('inv0ice'), {}, 'data_analyst');
      expect(hidden.status).toBe(400);
      expect(JSON.stringify(hidden.errors)).toBe(JSON.stringify(absent.errors).replaceAll('inv0ice', 'invoice'));
      expect((await run(text('invoice'))).errors).toBeUndefined();
    }
    expect((await run('{ quality { nodes { score } } }', {}, 'data_analyst')).errors?.[0]?.extensions['code']).toBe(
      'unknown-member',
    );
    expect((await run('{ quality { nodes { score } } }')).data?.['quality']?.nodes[0]).toEqual({ score: 0.5 });
    const seen = await send(getIntrospectionQuery(), {}, 'data_analyst');
    const text = await seen.text();
    expect(text).not.toMatch(/invoice|quality/i);
    const schema = printSchema(buildClientSchema((JSON.parse(text) as { data: IntrospectionQuery }).data));
    expect(schema).toContain('net_revenue: Decimal');
  });
  it('leaves no suggestion either', async () => {
    const { errors } = await run('{ retail { nodes { invoic } } }', {}, 'data_analyst');
    expect(JSON.stringify(errors)).not.toContain('invoice');
  });
});

describe('errors', () => {
  it('carry the code, the hint and the request id, and its status when there is no data', async () => {
    edge.fail = error('no-rollup', { reasons: 'member-missing' });
    const { status, errors, id } = await run('{ retail { nodes { country } } }');
    expect(status).toBe(409);
    expect(errors?.[0]).toMatchObject({
      path: ['retail', 'nodes'],
      extensions: { code: 'no-rollup', requestId: id, hint: expect.any(String) },
    });
  });
  it('of one view leave the data of another', async () => {
    const { status, data, errors } = await run(
      '{ a: retail { nodes { country } } b: retail(after: "abc") { nodes { country } } }',
    );
    expect([status, data?.['a']?.nodes.length, data?.['b'] ?? null, errors?.length]).toEqual([200, 3, null, 1]);
  });
  it('that are bugs show nothing but an id', async () => {
    edge.fail = new TypeError('secret of /srv/place.ts');
    const { status, errors } = await run('{ retail { nodes { country } } }');
    expect([status, errors?.[0]?.extensions['code']]).toEqual([500, 'internal']);
    expect(JSON.stringify(errors)).not.toMatch(/secret|\.ts|stack/);
  });
  it('of HTTP are problems as on every route', async () => {
    const headers = { authorization: `Bearer ${tokens.admin}` };
    const check = async (response: Response) =>
      `${response.status} ${((await response.json()) as { code: string }).code}`;
    expect(
      await check(
        await fetch(url, { method: 'POST', body: '{', headers: { ...headers, 'content-type': 'application/json' } }),
      ),
    ).toBe('400 request-invalid');
    expect(
      await check(
        await fetch(url, { method: 'POST', body: 'x', headers: { ...headers, 'content-type': 'text/plain' } }),
      ),
    ).toBe('415 unsupported-media-type');
    expect(await check(await fetch(url, { method: 'POST', body: '{}' }))).toBe('401 unauthenticated');
    expect(
      await check(await fetch(`${url}?query={modelVersion}`, { headers: { ...headers, accept: 'text/csv' } })),
    ).toBe('406 not-acceptable');
    expect(
      (await fetch(url, { headers: { ...headers, accept: 'text/html' } })).headers.get('content-type'),
    ).not.toContain('html');
  });
});

describe('limits', () => {
  const many = (n: number, text: (i: number) => string) => Array.from({ length: n }, (_v, i) => text(i)).join(' ');
  it.each([
    ['too many views', `{ ${many(11, (i) => `a${i}: retail { nodes { country } }`)} }`],
    ['too many aliases', `{ retail { nodes { ${many(201, (i) => `a${i}: country`)} } } }`],
    ['too deep', `{ retail { nodes ${'{ ... on Retail { sold_at '.repeat(11)} { day } ${'} }'.repeat(11)} } }`],
    [
      'a bomb of fragments',
      `{ retail { nodes { ...f0 } } } ${many(30, (i) => `fragment f${i} on Retail { ...f${i + 1} ...f${i + 1} }`)} fragment f30 on Retail { country }`,
    ],
    [
      'a circle of fragments',
      '{ retail { nodes { ...a } } } fragment a on Retail { ...b } fragment b on Retail { ...a }',
    ],
    ['too long', `{ retail(where: { country: { in: [${many(20_001, () => '"x"')}] } }) { nodes { country } } }`],
  ])('refuse a document that is %s, before anything is asked', async (_what, text) => {
    const { status, errors } = await run(text);
    expect(status).toBe(400);
    expect(['query-invalid', 'request-invalid']).toContain(errors?.[0]?.extensions['code']);
    expect(edge.asked).toEqual([]);
  });
});

describe('a client that goes away', () => {
  it('stops the engine', async () => {
    edge.hang = true;
    const controller = new AbortController();
    const answer = send('{ retail { nodes { country } } }', {}, 'admin', { signal: controller.signal });
    const next = () => new Promise((resolve) => setImmediate(resolve));
    while (edge.asked.length === 0) await next();
    controller.abort();
    await expect(answer).rejects.toThrow();
    while (edge.cancelled === 0) await next();
    expect(edge.asked[0]?.options.signal?.aborted).toBe(true);
  });
});

describe('the rest', () => {
  it('answers GET', async () => {
    const response = await fetch(`${url}?query=${encodeURIComponent('{ retail { nodes { country } } }')}`, {
      headers: { authorization: `Bearer ${tokens.admin}` },
    });
    expect(((await response.json()) as Result).data?.['retail']?.nodes).toHaveLength(3);
  });
  it('explains the query of the nodes', async () => {
    const { data } = await run(
      '{ retail { explain { plan candidates { verdict members } statements { sql parameters } } nodes { country } } }',
    );
    expect(data?.['retail']?.['explain']).toEqual({
      plan: 'source',
      candidates: [{ verdict: 'member-missing', members: ['sales.x'] }],
      statements: [{ sql: 'SELECT 1', parameters: ['1', null] }],
    });
  });
  it('prints the schema of a visibility', () => {
    const admin = { roles: ['admin'] } as unknown as Caller;
    const text = schemaText(catalogue, accessOf(admin));
    expect(text).toContain('type RetailConnection');
    expect(text).toContain('sold_at_retail_month');
    expect(text).toMatch(/type RetailSoldAtTime \{[^}]*hour: DateTime[^}]*day: Date/s);
    expect(text).toMatch(/input RetailHaving \{[^}]*net_revenue: DecimalFilter/s);
  });
});
