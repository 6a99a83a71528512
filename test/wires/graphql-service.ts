/** `/graphql` on a real socket over a small model; what answers stands at the edge and gives set values. Importing it starts it. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Answer, Ask, AskOptions } from '../../src/answer/run/index.js';
import { error } from '../../src/errors/index.js';
import type { Catalogue, Member } from '../../src/model/catalog/index.js';
import type { Access } from '../../src/model/policy/index.js';
import {
  type Caller,
  type Column,
  type DataType,
  type MetricQuery,
  measureColumnName,
  noEmit,
  timeColumnName,
  type Value,
} from '../../src/query/index.js';
import { authenticator, mintToken } from '../../src/serve/auth/index.js';
import { graphqlRoutes } from '../../src/serve/graphql/index.js';
import { type HttpServer, httpServer } from '../../src/serve/http/index.js';

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
export const catalogue = {
  version: 'm1',
  calendars: new Map(),
  owners: new Map(['retail', 'quality'].map((n) => [n, owner(n)])),
  members: new Map(all.map((m) => [m.name, m])),
} as unknown as Catalogue;
/** An analyst does not see invoices and quality. */
export const accessOf = (caller: Caller): Access => {
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
export const edge = {
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
      ...(query.measures ?? []).map(measureColumnName),
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
export let url: string;
export const tokens = { admin: '', data_analyst: '' };
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

export const send = (
  query: string,
  variables: object = {},
  role: keyof typeof tokens = 'admin',
  more: RequestInit = {},
) =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens[role]}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    ...more,
  });
export interface Result {
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
export const run = async (query: string, variables?: object, role?: keyof typeof tokens) => {
  const response = await send(query, variables, role);
  return { status: response.status, id: response.headers.get('x-request-id'), ...((await response.json()) as Result) };
};
