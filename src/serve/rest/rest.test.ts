import { connect } from 'node:net';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  edge,
  get,
  post,
  provenanceOf,
  query,
  token,
  two,
  until,
  url,
  where,
} from '../../../test/wires/rest-service.js';
import { error } from '../../errors/index.js';
import type { ColumnBatch, Provenance } from '../../query/index.js';

describe('POST /api/v2/query', () => {
  it('answers columns, rows and provenance, asked in the caller’s name and at most 100,000 rows', async () => {
    const response = await post('/api/v2/query', query);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const body = await response.json();
    expect(body).toEqual({
      columns: [
        { name: 'retail.country', type: 'string', role: 'dimension' },
        { name: 'retail.net_revenue', type: 'decimal(18,2)', role: 'measure', unit: 'GBP' },
      ],
      rows: [
        ['EIRE', '6431.33'],
        [null, '-0.01'],
      ],
      provenance: {
        ...provenanceOf({ surface: 'rest', requestId: response.headers.get('x-request-id') ?? '' }),
        rows: 2,
      },
    });
    expect(edge.asked[0]).toMatchObject({
      query,
      caller: { subject: 'ann', roles: ['data_analyst'] },
      options: { surface: 'rest', limits: { rows: 100_000 } },
    });
  });

  it('answers CSV with its provenance in a header, at the caller’s budget', async () => {
    const response = await post('/api/v2/query', { ...query, limits: { rows: 500_000 } }, { accept: 'text/csv' });
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(JSON.parse(response.headers.get('assay-provenance') ?? '')).toMatchObject({ plan: 'source', rows: 2 });
    expect(parse(await response.text())).toEqual([
      ['retail.country', 'retail.net_revenue'],
      ['EIRE', '6431.33'],
      ['', '-0.01'],
    ]);
    expect(edge.asked[0]?.options.limits).toEqual({ rows: 500_000 });
  });

  it('names an answer by what it depends on: 304 to who has it, the same rows from memory to who has not', async () => {
    edge.cacheKey = 'k1';
    const first = await post('/api/v2/query', query);
    const etag = first.headers.get('etag') ?? '';
    const one = (await first.json()) as { rows: unknown };
    const same = await post('/api/v2/query', query, { 'if-none-match': `"x", ${etag}` });
    expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', etag]);
    expect(edge.cancelled).toBe(1);
    const again = await post('/api/v2/query', query);
    const other = (await again.json()) as { rows: unknown; provenance: Provenance };
    expect(other.rows).toEqual(one.rows);
    expect(other.provenance.requestId).toBe(again.headers.get('x-request-id'));
    const csv = await post('/api/v2/query', query, { accept: 'text/csv' });
    expect(csv.headers.get('etag')).not.toBe(etag);
    expect(await csv.text()).toContain('EIRE');
    edge.cacheKey = 'k2';
    expect((await post('/api/v2/query', query, { 'if-none-match': etag })).status).toBe(200);
    edge.cacheKey = undefined;
    expect((await post('/api/v2/query', query)).headers.get('etag')).toBeNull();
  });

  it('has no tag on a problem', async () => {
    edge.cacheKey = 'k3';
    edge.batches = async function* () {
      yield { length: 0, columns: [[], []] };
      throw error('time-limit', { milliseconds: 10 });
    };
    const response = await post('/api/v2/query', query);
    expect(response.headers.get('etag')).toBeNull();
    expect(await codeOf(response)).toBe('504 time-limit');
  });

  it.each<[string, unknown, Record<string, string>, string]>([
    ['a name that does not exist', { measures: ['retail.absent'] }, {}, '400 unknown-member'],
    ['a part that is not known', { measure: [] }, {}, '400 query-invalid'],
    ['half a version', { ...query, asOf: [{ table: 'gold.fact_sales' }] }, {}, '400 query-invalid'],
    ['another format', query, { accept: 'application/vnd.apache.arrow.stream' }, '406 not-acceptable'],
    ['another kind of body', query, { 'content-type': 'text/plain' }, '415 unsupported-media-type'],
    ['no token', query, { authorization: '' }, '401 unauthenticated'],
  ])('refuses %s', async (_what, body, headers, wanted) => {
    expect(await codeOf(await post('/api/v2/query', body, headers))).toBe(wanted);
  });
  it('refuses parameters that it does not know', async () => {
    expect(await codeOf(await post('/api/v2/query?pretty=1', query))).toBe('400 request-invalid');
  });

  it('gives a status to an error of the rows, and to a row too many, as long as nothing was sent', async () => {
    edge.batches = async function* () {
      yield two;
      throw error('engine-failed', { engine: 'postgres' });
    };
    expect(await codeOf(await post('/api/v2/query', query))).toBe('500 engine-failed');
    const many: ColumnBatch = { length: 50_000, columns: [Array(50_000).fill('x'), Array(50_000).fill(1n)] };
    edge.batches = async function* () {
      yield many;
      yield many;
      yield two;
    };
    expect(await codeOf(await post('/api/v2/query', query))).toBe('413 budget-exceeded');
    expect(edge.cancelled).toBe(2);
  });

  const wide = 'x'.repeat(1_000);
  const large: ColumnBatch = { length: 1_000, columns: [Array(1_000).fill(wide), Array(1_000).fill(1n)] };
  it('streams a large answer whole', async () => {
    edge.batches = async function* () {
      for (let i = 0; i < 30; i++) yield large;
    };
    const response = await post('/api/v2/query', query);
    expect(response.headers.get('content-length')).toBeNull();
    const body = (await response.json()) as { rows: unknown[]; provenance: Provenance };
    expect([body.rows.length, body.provenance.rows]).toEqual([30_000, 30_000]);
  });
  it.each(['application/json', 'text/csv'])(
    'ends the connection when the rows fail in mid-stream (%s): nobody takes it for whole',
    async (accept) => {
      edge.batches = async function* () {
        for (let i = 0; i < 20; i++) yield large;
        throw error('engine-failed', { engine: 'postgres' });
      };
      const response = await post('/api/v2/query', query, { accept });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
      expect(edge.cancelled).toBe(1);
    },
  );

  it('stops the engine when the client goes away, before the first row and in mid-stream', async () => {
    let signal: AbortSignal | undefined;
    edge.batches = async function* (given) {
      signal = given;
      await new Promise((_resolve, reject) => given?.addEventListener('abort', () => reject(error('cancelled', {}))));
    };
    const early = new AbortController();
    const answer = post('/api/v2/query', query, {}, early.signal);
    await until(() => signal !== undefined);
    early.abort();
    await expect(answer).rejects.toThrow();
    await until(() => signal?.aborted === true && edge.cancelled === 1);

    edge.batches = async function* (given) {
      signal = given;
      for (;;) yield large;
    };
    const late = new AbortController();
    const response = await post(
      '/api/v2/query',
      { ...query, limits: { rows: 1_000_000 } },
      { accept: 'text/csv' },
      late.signal,
    );
    await response.body?.getReader().read();
    expect(signal?.aborted).toBe(false);
    late.abort();
    await until(() => signal?.aborted === true && edge.cancelled === 2);
  });

  it('reads from the engine only as fast as the client reads', async () => {
    let made = 0;
    edge.batches = async function* () {
      for (; made < 400; made++) yield large; // 400 MB
    };
    const body = JSON.stringify({ ...query, limits: { rows: 1_000_000 } });
    const socket = connect(where.port, where.host);
    socket.pause();
    socket.write(
      `POST /api/v2/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAccept: text/csv\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    let before = -1;
    while (made === 0 || made !== before) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(made).toBeLessThan(40);
    socket.destroy();
    await until(() => edge.cancelled === 1);
  });
});

describe('the other routes', () => {
  it('explain the query', async () => {
    const response = await post('/api/v2/explain', query);
    expect(await response.json()).toMatchObject({
      candidates: [{ verdict: 'granularity-too-coarse' }],
      columns: [{ type: 'string' }, { type: 'decimal(18,2)' }],
    });
    expect(await codeOf(await post('/api/v2/explain', query, { accept: 'text/csv' }))).toBe('406 not-acceptable');
  });
  it('list what exists for the caller, and the versions of just the tables behind it', async () => {
    const response = await get('/api/v1/catalog');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      model: 'm1',
      views: [
        { name: 'retail', members: [{ name: 'retail.country', type: 'string', synonyms: ['land'], masked: false }] },
      ],
      tables: [{ table: 'gold.dim_country', version: '3' }],
    });
    expect(text).not.toContain('invoice');
    const etag = response.headers.get('etag') ?? '';
    expect((await get('/api/v1/catalog', { 'if-none-match': etag })).status).toBe(304);
    expect(await codeOf(await get('/api/v1/catalog?x=1'))).toBe('400 request-invalid');
  });
  it('search with checked parameters', async () => {
    const found = (await (await get('/api/v2/search?q=money%20in&kind=member&limit=3')).json()) as { provenance: Json };
    expect(JSON.parse(String(found.provenance['modelVersion']))).toEqual({ q: 'money in', kind: 'member', limit: 3 });
    for (const bad of [
      '',
      '?q=',
      '?q=%20',
      '?q=a&limit=0',
      '?q=a&limit=101',
      '?q=a&limit=x',
      '?q=a&kind=all',
      '?q=a&q=b',
      '?q=a&z=1',
      `?q=${'a'.repeat(1001)}`,
    ])
      expect(await codeOf(await get(`/api/v2/search${bad}`))).toBe('400 request-invalid');
  });
  it('describe themselves: every route of the document is served, and every reference in it resolves', async () => {
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as Json & { paths: Record<string, Json> };
    expect(document['openapi']).toBe('3.1.0');
    for (const [path, operations] of Object.entries(document.paths))
      for (const method of Object.keys(operations)) {
        const response = await fetch(`${url}${path}`, { method: method.toUpperCase() });
        expect([200, 401, 503]).toContain(response.status);
      }
    const schemas = (document['components'] as { schemas: Json }).schemas;
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      (m) => m[1],
    );
    expect(references).toContain('Filter');
    for (const reference of references) expect(Object.keys(schemas)).toContain(reference);
    expect(JSON.stringify(document)).not.toContain('"$id"');
  });
  it('take HEAD and OPTIONS', async () => {
    expect((await fetch(`${url}/openapi.json`, { method: 'HEAD' })).status).toBe(200);
    const response = await fetch(`${url}/api/v2/query`, { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
  });
});
type Json = Record<string, unknown>;
