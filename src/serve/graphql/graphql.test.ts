import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, printSchema } from 'graphql/index.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Ask, AskOptions } from '../../answer/run/index.js';
import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import {
  type Caller,
  type Column,
  type DataType,
  type MetricQuery,
  noEmit,
  timeColumnName,
  type Value,
} from '../../query/index.js';
import { authenticator, mintToken } from '../auth/index.js';
import { type HttpServer, httpServer } from '../http/index.js';
import { graphqlRoutes } from './graphql-routes.js';
import { schemaText } from './schema-text.js';

const secret = 'a secret of at least thirty-two bytes!';
const member = (name: string, kind: Member['kind'], type: DataType, more: Partial<Member> = {}): Member => ({
  name,
  owner: name.split('.')[0] ?? '',
  kind,
  aliasOf: undefined,
  title: name.split('.')[1] ?? '',
  description: '',
  type,
  cubeType: type.kind,
  unit: undefined,
  format: undefined,
  synonyms: [],
  pii: 'none',
  additivity: 'none',
  ratio: undefined,
  granularities: [],
  primaryKey: false,
  searchable: false,
  drillMembers: [],
  public: true,
  pseudonym: undefined,
  place: { file: 'views/x.yml', line: 1 },
  ...more,
});
const all = [
  member('retail.country', 'dimension', { kind: 'string' }),
  member('retail.line_type', 'dimension', { kind: 'string' }),
  member('retail.is_return', 'dimension', { kind: 'boolean' }),
  member(
    'retail.sold_at',
    'dimension',
    { kind: 'timestamp' },
    { granularities: ['hour', 'day', 'month', 'retail_month'] },
  ),
  member('retail.invoice', 'dimension', { kind: 'string' }),
  member('retail.big', 'segment', { kind: 'boolean' }),
  member('retail.net_revenue', 'measure', { kind: 'decimal', precision: 18, scale: 2 }, { unit: 'GBP' }),
  member('retail.orders', 'measure', { kind: 'bigint' }),
  member('quality.score', 'measure', { kind: 'double' }),
];
const owner = (name: string) => ({
  name,
  title: name,
  description: '',
  members: all.filter((m) => m.owner === name).map((m) => m.name),
});
const catalogue = {
  version: 'm1',
  owners: new Map(['retail', 'quality'].map((n) => [n, owner(n)])),
  members: new Map(all.map((m) => [m.name, m])),
} as unknown as Catalogue;
/** An analyst does not see invoices and quality. */
const accessOf = (caller: Caller): Access => {
  const admin = caller.roles.includes('admin');
  const sees = (name: string) => admin || (name !== 'retail.invoice' && !name.startsWith('quality.'));
  return {
    visibilityKey: admin ? 'all' : 'some',
    owners: () => ['retail', 'quality'].filter((o) => all.some((m) => m.owner === o && sees(m.name))),
    members: (o: string) => all.filter((m) => m.owner === o && sees(m.name)).map((m) => m.name),
  } as unknown as Access;
};

/** Stands at the edge: answers each member with values of its type, and remembers what it was asked. */
const values: Record<string, Value[]> = {};
const edge = {
  asked: [] as { query: MetricQuery; options: AskOptions }[],
  rows: 3,
  fail: undefined as unknown,
  hang: false,
  cancelled: 0,
};
beforeEach(() => {
  Object.assign(edge, { asked: [], rows: 3, fail: undefined, hang: false, cancelled: 0 });
  Object.assign(values, {
    'retail.country': ['EIRE', 'France', null],
    'retail.is_return': [true, false, null],
    'retail.sold_at': [1_291_191_960_000_000n, 1_291_191_960_000_001n, null],
    'retail.sold_at.hour': [1_291_190_400_000_000n, null, null],
    'retail.sold_at.day': ['2010-12-01', '2010-12-02', null],
    'retail.sold_at.month': ['2010-12-01', '2010-12-01', null],
    'retail.net_revenue': [643133n, 733517n, -1n],
    'retail.orders': [12n, 9_007_199_254_740_993n, null],
    'quality.score': [0.5, 1, null],
  });
});
const columnOf = (name: string): Column => {
  const type =
    all.find((m) => m.name === name)?.type ??
    (name.endsWith('.hour') ? { kind: 'timestamp' as const } : { kind: 'date' as const });
  return { name, type, role: 'dimension' };
};
const ask: Ask = {
  query: async (query, _caller, options): Promise<Answer> => {
    edge.asked.push({ query, options });
    if (edge.fail) throw edge.fail;
    const names = [
      ...(query.dimensions ?? []),
      ...(query.time ?? []).filter((t) => t.granularity).map(timeColumnName),
      ...(query.measures ?? []),
    ];
    const columns = names.map(columnOf);
    const from = query.offset ?? 0;
    const to = Math.min(edge.rows, from + (query.limit ?? edge.rows));
    return {
      columns,
      timezone: query.timezone ?? 'UTC',
      cacheKey: undefined,
      provenance: () =>
        ({ requestId: options.requestId, plan: 'source', rows: to - from }) as ReturnType<Answer['provenance']>,
      rows: {
        columns,
        cancel: async () => {
          edge.cancelled++;
        },
        async *[Symbol.asyncIterator]() {
          if (edge.hang)
            await new Promise((_resolve, reject) =>
              options.signal?.addEventListener('abort', () => reject(error('cancelled', {}))),
            );
          for (let i = from; i < to; i++) yield { length: 1, columns: names.map((n) => [values[n]?.[i % 3] ?? null]) };
        },
      },
    };
  },
  explain: async () => ({
    plan: 'source',
    source: 'postgres',
    columns: [],
    candidates: [{ rollup: 'sales.by_day', verdict: 'member-missing', members: ['sales.x'] }],
    tables: [],
    policies: [],
    modelVersion: 'm1',
    statements: [{ engine: 'postgres', sql: 'SELECT 1', parameters: [1, null] }],
  }),
};

let server: HttpServer;
let url: string;
const tokens = { admin: '', data_analyst: '' };
beforeAll(async () => {
  for (const role of ['admin', 'data_analyst'] as const)
    tokens[role] = await mintToken({ secret, roles: [role], expires: '1h' });
  server = await httpServer({
    host: '127.0.0.1',
    port: 0,
    auth: authenticator({ secret }),
    emit: noEmit,
    corsOrigins: [],
    rateLimit: 100_000,
    checks: {},
  });
  graphqlRoutes(server.app, { ask, catalogue: () => catalogue, access: accessOf, emit: noEmit });
  const { host, port } = await server.listen();
  url = `http://${host}:${port}/graphql`;
});
afterAll(() => server.close(0));

const send = (query: string, variables: object = {}, role: keyof typeof tokens = 'admin', more: RequestInit = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens[role]}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    ...more,
  });
interface Result {
  data?: Record<
    string,
    { nodes: Record<string, unknown>[]; totalCount?: number; pageInfo?: Record<string, unknown> } & Record<
      string,
      unknown
    >
  >;
  errors?: { message: string; path?: unknown[]; extensions: Record<string, unknown> }[];
  extensions?: { provenance: Record<string, { rows: number }>; requestId: string };
}
const run = async (query: string, variables?: object, role?: keyof typeof tokens) => {
  const response = await send(query, variables, role);
  return { status: response.status, id: response.headers.get('x-request-id'), ...((await response.json()) as Result) };
};

describe('a view’s field', () => {
  it('asks for the selected members only, and answers exact values as texts', async () => {
    const { status, data, errors, extensions, id } = await run(
      '{ retail { nodes { country sold_at { day hour } net_revenue orders is_return } } }',
    );
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data?.['retail']?.nodes).toEqual([
      {
        country: 'EIRE',
        sold_at: { day: '2010-12-01', hour: '2010-12-01T08:00:00Z' },
        net_revenue: '6431.33',
        orders: '12',
        is_return: true,
      },
      {
        country: 'France',
        sold_at: { day: '2010-12-02', hour: null },
        net_revenue: '7335.17',
        orders: '9007199254740993',
        is_return: false,
      },
      { country: null, sold_at: { day: null, hour: null }, net_revenue: '-0.01', orders: null, is_return: null },
    ]);
    expect(edge.asked).toHaveLength(1);
    expect(edge.asked[0]?.query).toEqual({
      dimensions: ['retail.country', 'retail.is_return'],
      time: [
        { dimension: 'retail.sold_at', granularity: 'day' },
        { dimension: 'retail.sold_at', granularity: 'hour' },
      ],
      measures: ['retail.net_revenue', 'retail.orders'],
    });
    expect(edge.asked[0]?.options).toMatchObject({ surface: 'graphql', limits: { rows: 100_000 } });
    expect(extensions).toEqual({
      requestId: id,
      provenance: { retail: expect.objectContaining({ plan: 'source', rows: 3 }) },
    });
  });

  it('writes the time itself in the zone of the query, and leaves a missing one null', async () => {
    const { data } = await run('{ retail(timezone: "America/New_York") { nodes { sold_at { value } } } }');
    expect(data?.['retail']?.nodes.map((n) => (n['sold_at'] as { value: unknown }).value)).toEqual([
      '2010-12-01T03:26:00-05:00',
      '2010-12-01T03:26:00.000001-05:00',
      null,
    ]);
    expect(edge.asked[0]?.query).toEqual({ dimensions: ['retail.sold_at'], timezone: 'America/New_York' });
  });

  it('understands aliases, fragments, directives, and the same view twice', async () => {
    const { data, errors } = await run(
      `query ($no: Boolean!) {
         a: retail { nodes { ...Land total: net_revenue again: net_revenue orders @include(if: $no) } }
         b: retail { rows: nodes { at: sold_at { ... on RetailSoldAtTime { d: day } } } nodes { country @skip(if: true) } __typename }
       }
       fragment Land on Retail { __typename land: country }`,
      { no: false },
    );
    expect(errors).toBeUndefined();
    expect(data?.['a']?.nodes[0]).toEqual({ __typename: 'Retail', land: 'EIRE', total: '6431.33', again: '6431.33' });
    expect(data?.['b']).toMatchObject({ __typename: 'RetailConnection', rows: [{ at: { d: '2010-12-01' } }, {}, {}] });
    expect(edge.asked.map((a) => a.query)).toEqual([
      { dimensions: ['retail.country'], measures: ['retail.net_revenue'] },
      { time: [{ dimension: 'retail.sold_at', granularity: 'day' }] },
    ]);
  });

  it('translates conditions, order, segments and source; digits of literals stay as written', async () => {
    const { errors } = await run(
      `{ retail(
           where: { country: { in: ["Germany", "France"], ne: "x" }, sold_at: { between: ["2010-12-01", "2010-12-14"] },
                    or: [{ line_type: { icontains: "prod" } }, { not: { is_return: { eq: true } } }], line_type: { isNull: false } }
           having: { net_revenue: { gt: 12345678901234567.89 }, orders: { gte: 9007199254740993 } }
           orderBy: [{ by: net_revenue, dir: desc }, { by: sold_at_day, nulls: first }]
           segments: [big] source: raw fresh: current
         ) { nodes { sold_at { day month } net_revenue } } }`,
    );
    expect(errors).toBeUndefined();
    expect(edge.asked[0]?.query).toEqual({
      measures: ['retail.net_revenue'],
      time: [
        { dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-14'] },
        { dimension: 'retail.sold_at', granularity: 'month' },
      ],
      segments: ['retail.big'],
      where: {
        and: [
          { member: 'retail.country', op: 'ne', values: ['x'] },
          { member: 'retail.country', op: 'in', values: ['Germany', 'France'] },
          { member: 'retail.line_type', op: 'isNotNull' },
          {
            or: [
              { member: 'retail.line_type', op: 'icontains', values: ['prod'] },
              { not: { member: 'retail.is_return', op: 'eq', values: [true] } },
            ],
          },
        ],
      },
      having: {
        and: [
          { member: 'retail.net_revenue', op: 'gt', values: ['12345678901234567.89'] },
          { member: 'retail.orders', op: 'gte', values: ['9007199254740993'] },
        ],
      },
      order: [
        { by: 'retail.net_revenue', dir: 'desc', nulls: 'last' },
        { by: 'retail.sold_at.day', dir: 'asc', nulls: 'first' },
      ],
      source: 'raw',
      fresh: 'current',
    });
  });

  it('takes the same conditions as variables; a range without a bucket is a filter of its own', async () => {
    await run('query ($w: RetailWhere) { retail(where: $w) { nodes { country } } }', {
      w: { sold_at: { between: ['2010-12-01', '2010-12-02T10:00:00+01:00'], isNull: false } },
    });
    expect(edge.asked[0]?.query).toEqual({
      dimensions: ['retail.country'],
      time: [{ dimension: 'retail.sold_at', range: ['2010-12-01', '2010-12-02T10:00:00+01:00'] }],
      where: { member: 'retail.sold_at', op: 'isNotNull' },
    });
  });
});

describe('pages', () => {
  it('walk all groups by cursors and count them only when asked', async () => {
    edge.rows = 5;
    const seen: unknown[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 5; pages++) {
      const { data } = await run(
        'query ($a: String) { retail(first: 2, after: $a) { nodes { country } pageInfo { hasNextPage hasPreviousPage endCursor } } }',
        { a: after },
      );
      seen.push(...(data?.['retail']?.nodes ?? []));
      const info = data?.['retail']?.pageInfo;
      expect(info?.['hasPreviousPage']).toBe(after !== null);
      after = String(info?.['endCursor']);
      if (!info?.['hasNextPage']) break;
    }
    expect(seen).toHaveLength(5);
    expect(edge.asked.map(({ query }) => [query.offset ?? 0, query.limit])).toEqual([
      [0, 3],
      [2, 3],
      [4, 3],
    ]);
    edge.asked = [];
    const { data } = await run('{ retail(first: 2) { totalCount nodes { country } } }');
    expect(data?.['retail']).toMatchObject({ totalCount: 5, nodes: [{}, {}] });
    expect(edge.asked[1]?.query).toEqual({ dimensions: ['retail.country'] });
    edge.asked = [];
    expect((await run('{ retail { totalCount nodes { country } } }')).data?.['retail']?.totalCount).toBe(5);
    expect(edge.asked).toHaveLength(1);
  });
  it('end behind the last group', async () => {
    const { data } = await run(
      `{ retail(first: 2, after: "${Buffer.from('o9').toString('base64url')}") { totalCount nodes { country } pageInfo { hasNextPage endCursor } } }`,
    );
    expect(data?.['retail']).toEqual({ totalCount: 3, nodes: [], pageInfo: { hasNextPage: false, endCursor: null } });
  });
  it.each([
    ['a cursor of nobody', 'retail(after: "abc") { nodes { country } }', 'query-invalid'],
    ['a negative size', 'retail(first: -1) { nodes { country } }', 'query-invalid'],
    ['a size over the budget', 'retail(first: 100001) { nodes { country } }', 'query-invalid'],
    ['no member', 'retail { totalCount }', 'query-invalid'],
    ['no member but a type name', 'retail { nodes { __typename } }', 'query-invalid'],
    ['a null in a condition', 'retail(where: { country: { eq: null } }) { nodes { country } }', 'query-invalid'],
    ['a condition without content', 'retail(where: { or: [{}] }) { nodes { country } }', 'query-invalid'],
    ['half a range', 'retail(where: { sold_at: { between: ["2010-12-01"] } }) { nodes { country } }', 'query-invalid'],
    ['a date that is none', 'retail(where: { sold_at: { gt: "soon" } }) { nodes { country } }', 'request-invalid'],
    ['an unknown field', 'retail { nodes { kountry } }', 'unknown-member'],
    [
      'an unknown field in a condition',
      'retail(where: { kountry: { eq: "x" } }) { nodes { country } }',
      'unknown-member',
    ],
    ['an unknown column in the order', 'retail(orderBy: [{ by: kountry }]) { nodes { country } }', 'unknown-member'],
    ['an unknown view', 'retale { nodes { country } }', 'unknown-member'],
    ['no document', 'retail {', 'request-invalid'],
  ])('and other things are refused: %s', async (_what, field, code) => {
    const { status, errors, data } = await run(`{ ${field} }`);
    expect(errors?.[0]?.extensions['code']).toBe(code);
    expect(status).toBe(400);
    expect(data?.['retail'] ?? null).toBeNull();
    expect(edge.asked).toEqual([]);
  });
});

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
    edge.fail = new TypeError('secret of /work/place.ts');
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
