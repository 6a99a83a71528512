/** REST on a real socket; what answers stands at the edge and gives the batches that a test sets. Importing it starts it. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { Features } from '../../src/answer/features/index.js';
import type { Answer, Ask, AskOptions } from '../../src/answer/run/index.js';
import { error } from '../../src/errors/index.js';
import type { Catalogue } from '../../src/model/catalog/index.js';
import type { Access } from '../../src/model/policy/index.js';
import {
  type Caller,
  type Column,
  type ColumnBatch,
  type MetricQuery,
  noEmit,
  type Provenance,
} from '../../src/query/index.js';
import { authenticator, mintToken } from '../../src/serve/auth/index.js';
import { type HttpServer, httpServer } from '../../src/serve/http/index.js';
import { featureRoutes, restRoutes } from '../../src/serve/rest/index.js';

const secret = 'a secret of at least thirty-two bytes!';
const columns: Column[] = [
  { name: 'retail.country', type: { kind: 'string' }, role: 'dimension' },
  { name: 'retail.net_revenue', type: { kind: 'decimal', precision: 18, scale: 2 }, role: 'measure', unit: 'GBP' },
];
export const two: ColumnBatch = {
  length: 2,
  columns: [
    ['EIRE', null],
    [643133n, -1n],
  ],
};
export const query = { measures: ['retail.net_revenue'], dimensions: ['retail.country'] };

/** Stands at the edge for everything that answers: gives the batches that a test sets. */
export const edge = {
  batches: async function* (_signal?: AbortSignal): AsyncGenerator<ColumnBatch> {
    yield two;
  },
  cacheKey: undefined as string | undefined,
  asked: [] as { query: MetricQuery; caller: Caller; options: AskOptions }[],
  cancelled: 0,
  read: 0,
};
export const provenanceOf = (options: AskOptions): Provenance => ({
  requestId: options.requestId,
  plan: 'source',
  source: 'postgres',
  rollups: [],
  tables: [{ table: 'gold.fact_sales', version: '7' }],
  modelVersion: 'm1',
  policies: ['sales#0'],
  stale: [],
  rows: edge.read,
  cached: false,
  timings: { run: 1 },
});
const ask: Ask = {
  query: async (asked, caller, options): Promise<Answer> => {
    edge.asked.push({ query: asked, caller, options });
    if (asked.measures?.includes('retail.absent')) throw error('unknown-member', { name: 'retail.absent' });
    return {
      columns,
      timezone: asked.timezone ?? 'UTC',
      cacheKey: edge.cacheKey,
      provenance: () => provenanceOf(options),
      rows: {
        columns,
        cancel: async () => {
          edge.cancelled++;
        },
        async *[Symbol.asyncIterator]() {
          for await (const batch of edge.batches(options.signal)) {
            edge.read += batch.length;
            yield batch;
          }
        },
      },
    };
  },
  explain: async (_asked, _caller, _options) => ({
    plan: 'source',
    source: 'postgres',
    columns,
    candidates: [{ rollup: 'sales.by_day', verdict: 'granularity-too-coarse', members: ['retail.sold_at'] }],
    tables: [],
    policies: [],
    modelVersion: 'm1',
  }),
};

const member = (name: string, aliasOf: string) => ({
  name,
  owner: 'retail',
  kind: 'dimension' as const,
  aliasOf,
  title: name,
  description: 'a member',
  type: { kind: 'string' } as const,
  cubeType: 'string',
  unit: undefined,
  format: undefined,
  synonyms: ['land'],
  pii: 'none' as const,
  additivity: 'none' as const,
  ratio: undefined,
  granularities: [],
  primaryKey: false,
  searchable: true,
  drillMembers: [],
  public: true,
  pseudonym: undefined,
  place: { file: 'views/retail.yml', line: 1 },
});
const members = [member('retail.country', 'countries.country_name'), member('retail.invoice', 'invoices.invoice_no')];
const catalogue = {
  version: 'm1',
  calendars: new Map(),
  owners: new Map([
    ['retail', { name: 'retail', title: 'Retail', description: 'Sales', members: members.map((m) => m.name) }],
  ]),
  members: new Map(members.map((m) => [m.name, m])),
  tables: new Map([
    ['countries', 'gold.dim_country'],
    ['invoices', 'gold.dim_invoice'],
  ]),
} as unknown as Catalogue;
const access = {
  owners: () => ['retail'],
  members: () => ['retail.country'],
  masked: () => false,
} as unknown as Access;

let server: HttpServer;
export let url: string;
export let token: string;
export let where: { host: string; port: number };
beforeAll(async () => {
  token = await mintToken({ secret, roles: ['data_analyst'], subject: 'ann', expires: '1h' });
  server = await httpServer({
    host: '127.0.0.1',
    port: 0,
    auth: authenticator({ secret }),
    emit: noEmit,
    corsOrigins: [],
    rateLimit: 100_000,
    checks: {},
  });
  restRoutes(server.app, {
    ask,
    catalogue: () => catalogue,
    access: () => access,
    search: (request) => ({
      hits: [],
      total: 0,
      provenance: { modelVersion: JSON.stringify(request), members: 0, backend: 'embedded', embedder: null },
    }),
    propose: async () => ({ proposals: [], provenance: { modelVersion: 'm1', today: '2010-12-14' } }),
    versions: () => [
      { table: 'gold.dim_country', version: '3' },
      { table: 'gold.dim_invoice', version: '4' },
    ],
    emit: noEmit,
  });
  // only whether they are there is asked here
  featureRoutes(server.app, { features: {} as Features, emit: noEmit });
  where = await server.listen();
  url = `http://${where.host}:${where.port}`;
});
afterAll(() => server.close(0));
const simple = edge.batches;
beforeEach(() => Object.assign(edge, { batches: simple, cacheKey: undefined, asked: [], cancelled: 0, read: 0 }));

export const post = (path: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
export const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });
export const codeOf = async (response: Response) => {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const body = (await response.json()) as { code: string; requestId: string };
  expect(body.requestId).toBe(response.headers.get('x-request-id'));
  return `${response.status} ${body.code}`;
};
export const until = async (what: () => boolean) => {
  while (!what()) await new Promise((resolve) => setImmediate(resolve));
};
