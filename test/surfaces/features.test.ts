import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, inject, it } from 'vitest';
import { FeatureClient } from '../../clients/typescript/assay-features.js';
import { assay, freshDir, type Role, root } from '../product.js';

const product = inject('product');
const hasPyarrow = spawnSync('python3', ['-c', 'import pyarrow']).status === 0;

const ask = async (role: Role, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(`${product.http}/api/v2/features${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${product.tokens[role]}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
};
const json = async (role: Role, path: string, body?: unknown) => {
  const told = await ask(role, path, body);
  return { status: told.status, body: JSON.parse(told.bytes.toString()), text: told.bytes.toString() };
};
/** The values were read out of the sample's CSV by a program of another make (a loop in Python, by the rules of docs/features.md), not by this service. */
const SPINE = [
  { customer_id: '17850', event_time: '2010-12-05T10:00:00Z', label: 1 },
  { customer_id: '12583', event_time: '2010-12-01T08:45:00Z', label: 0 },
  { customer_id: '12583', event_time: '2010-12-01T08:45:00.000001Z', label: 1 },
  { customer_id: 'nobody', event_time: '2010-12-09', label: 0 },
];
const EXPECTED = [
  ['17850', '2010-12-05T10:00:00Z', '1', '5391.21', '34', '297', 'United Kingdom'],
  ['12583', '2010-12-01T08:45:00Z', '0', null, null, null, 'France'],
  ['12583', '2010-12-01T08:45:00.000001Z', '1', '855.86', '1', '20', 'France'],
  ['nobody', '2010-12-09T00:00:00Z', '0', null, null, null, null],
];
const FEATURES = ['spend_7d', 'orders_7d', 'lines_7d', 'last_country'].map((name) => `customer_orders.${name}`);
const untilOnline = async () => {
  for (;;) {
    const { services } = (await json('admin', '/freshness')).body as { services: { schema: string }[] };
    if (services.every((s) => s.schema === 'current')) return;
  }
};

describe('features on the surfaces', () => {
  it.each(['auto', 'lake', 'postgres'])(
    'a training set from %s: rows in their order, every column, exact values',
    async (source) => {
      const told = await json('admin', '/historical', { features: FEATURES, spine: SPINE, source });
      expect(told.body.columns.map((c: { name: string }) => c.name)).toEqual([
        'customer_id',
        'event_time',
        'label',
        ...FEATURES,
      ]);
      expect(told.body.columns[3]).toEqual({ name: FEATURES[0], type: 'decimal(18,2)', unit: 'GBP', role: 'measure' });
      expect(told.body.rows).toEqual(EXPECTED);
      expect(told.body.provenance).toMatchObject({ source: source === 'postgres' ? 'postgres' : 'lake', rows: 4 });
      expect(told.body.provenance.tables.map((t: { table: string }) => t.table)).toContain('gold.fact_sales');
    },
  );

  it('the same as Arrow, CSV and JSON lines', async () => {
    const body = { features: FEATURES, spine: SPINE };
    const arrow = await ask('admin', '/historical', { ...body, format: 'arrow' });
    const table = tableFromIPC(arrow.bytes);
    expect(table.schema.fields.map((f) => `${f.name} ${f.type}`)).toEqual([
      'customer_id Utf8',
      'event_time Timestamp<MICROSECOND, UTC>',
      'label Int64',
      'customer_orders.spend_7d Decimal[18e+2]',
      'customer_orders.orders_7d Int64',
      'customer_orders.lines_7d Int64',
      'customer_orders.last_country Utf8',
    ]);
    expect([...(table.getChild('customer_orders.orders_7d') ?? [])]).toEqual([34n, null, 1n, null]);
    expect([...(table.getChild('customer_orders.last_country') ?? [])]).toEqual([
      'United Kingdom',
      'France',
      'France',
      null,
    ]);
    expect(arrow.headers.get('assay-provenance')).toContain('"rows":4');
    const csv = await ask('admin', '/historical', body, { accept: 'text/csv' });
    expect(csv.bytes.toString().split('\r\n')[1]).toBe('17850,2010-12-05T10:00:00Z,1,5391.21,34,297,United Kingdom');
    const lines = await ask('admin', '/historical', { ...body, format: 'jsonl' });
    expect(JSON.parse(lines.bytes.toString().split('\n')[2] ?? '')).toEqual({
      customer_id: '12583',
      event_time: '2010-12-01T08:45:00.000001Z',
      label: '1',
      'customer_orders.spend_7d': '855.86',
      'customer_orders.orders_7d': '1',
      'customer_orders.lines_7d': '20',
      'customer_orders.last_country': 'France',
    });
  });

  it('a spine that is a metric query, under the rights of who asks', async () => {
    const spine = {
      query: {
        measures: ['retail.lines'],
        dimensions: ['retail.customer_id'],
        time: [{ dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-05', '2010-12-06'] }],
        where: { member: 'retail.country', op: 'eq', values: ['France'] },
      },
    };
    const admin = (await json('admin', '/historical', { features: ['customer_orders.lines_7d'], spine })).body;
    expect(admin.columns.map((c: { name: string }) => c.name)).toEqual([
      'customer_id',
      'event_time',
      'retail.lines',
      'customer_orders.lines_7d',
    ]);
    // an analyst’s own query names customers by pseudonyms, and these are keys as well
    const analyst = (await json('data_analyst', '/historical', { features: ['customer_orders.lines_7d'], spine })).body;
    const values = (rows: string[][]) => rows.map((r) => r.slice(1).join()).sort();
    expect(values(analyst.rows)).toEqual(values(admin.rows));
    expect(analyst.rows.every(([key]: string[]) => key === null || /^[g-z]{26}$/.test(key ?? ''))).toBe(true);
  });

  it('rights: pseudonyms for analysts, rows of their countries for managers, shared and own online values alike', async () => {
    await untilOnline();
    const admin = (
      await json('admin', '/online', {
        service: 'churn_v1',
        entities: [{ customer_id: '12583' }, { customer_id: '17850' }],
        include: ['status'],
      })
    ).body;
    expect(admin.provenance.source).toBe('online');
    const { rows: history } = (
      await json('admin', '/historical', {
        service: 'churn_v1',
        spine: ['12583', '17850'].map((customer_id) => ({ customer_id, event_time: admin.provenance.asOf })),
      })
    ).body;
    const width = 7;
    expect(admin.rows.map((r: string[]) => r.slice(0, width))).toEqual(
      history.map((r: string[]) => [r[0], ...r.slice(2)]),
    );
    const analyst = await json('data_analyst', '/online', {
      service: 'churn_v1',
      entities: [{ customer_id: '12583' }],
    });
    expect(analyst.body.provenance.source).toBe('source');
    expect(analyst.body.rows[0].slice(1)).toEqual(admin.rows[0].slice(1, width));
    expect(analyst.body.rows[0][0]).toMatch(/^[g-z]{26}$/);
    expect(analyst.text).not.toContain('12583');
    const manager = { customer_id: '17850' };
    const none = (
      await json('country_manager', '/online', { service: 'churn_v1', entities: [manager], include: ['status'] })
    ).body;
    expect([none.provenance.source, none.rows[0].slice(1, width)]).toEqual(['source', Array(6).fill(null)]);
    expect((await json('country_manager', '/services/churn_v1/statistics')).body.code).toBe('not-supported');
    expect((await json('admin', '/services/churn_v1/statistics')).body.statistics[0]).toMatchObject({
      feature: 'customer_orders.spend_7d',
      rows: 713,
    });
  });

  it('refuses by name, and old clients by their fingerprint', async () => {
    const refused = async (body: Record<string, unknown>, path = '/historical', role: Role = 'admin') => {
      const told = await json(role, path, { spine: SPINE, ...body });
      return [told.status, told.body.code, told.body.detail];
    };
    expect(await refused({ features: ['customer_orders.spend_8d'] })).toEqual([
      400,
      'unknown-feature',
      'there is no feature or feature service customer_orders.spend_8d',
    ]);
    expect((await refused({ service: 'churn_v2' })).slice(0, 2)).toEqual([400, 'unknown-feature']);
    expect((await refused({ service: 'churn_v1', as_of: 'available' }))[2]).toContain(
      'does not record when an event became known',
    );
    expect((await refused({ service: 'churn_v1', source: 'spark' }))[1]).toBe('not-supported');
    expect((await refused({ service: 'churn_v1', fingerprint: '0000000000000000' })).slice(0, 2)).toEqual([
      409,
      'features-schema-changed',
    ]);
    expect((await refused({ service: 'churn_v1', spine: [{ customer_id: 17850, event_time: '2010-12-05' }] }))[2]).toBe(
      'spine[0].customer_id: a text is wanted; write it in quotes',
    );
    expect((await refused({ service: 'churn_v1', spine: [{ customer_id: '1', event_time: 'soon' }] }))[2]).toContain(
      'spine[0].event_time',
    );
    expect((await refused({ service: 'churn_v1', spine: [{ event_time: '2010-12-05' }] }))[2]).toContain(
      'no column customer_id',
    );
    const service = (await json('data_analyst', '/services/churn_v1')).body;
    expect(service.keys).toEqual(['customer_id']);
    const fresh = await json('data_analyst', '/historical', {
      service: 'churn_v1',
      fingerprint: service.fingerprint,
      spine: SPINE,
    });
    expect(fresh.status).toBe(200);
    expect(
      (await ask('admin', '/online', { service: 'churn_v1', entities: [{ customer_id: '1', more: 1 }] })).status,
    ).toBe(400);
  });

  it('the command line: training sets, online values, skew with exit codes', async () => {
    await untilOnline();
    const dir = freshDir('features');
    const spine = join(dir, 'spine.csv');
    writeFileSync(spine, `customer_id,event_time,label\n${SPINE.map((r) => Object.values(r).join()).join('\n')}\n`);
    const get = await assay(product.home, [
      'features',
      'get',
      '--features',
      FEATURES.join(),
      '--spine',
      spine,
      '--json',
    ]);
    expect([get.code, get.err]).toEqual([0, '']);
    expect(JSON.parse(get.out).rows).toEqual(EXPECTED);
    const log = join(dir, 'served.csv');
    const served = [
      'customer_id,event_time,customer_orders.lines_7d,customer_orders.spend_7d',
      '17850,2010-12-05T10:00:00Z,297,5391.21',
      '12583,2010-12-01T08:45:00Z,3,',
      '12583,2010-12-02,,1',
    ];
    writeFileSync(log, `${served.join('\n')}\n`);
    const choice = ['--features', 'customer_orders.lines_7d,customer_orders.spend_7d'];
    const skew = await assay(product.home, ['features', 'skew', ...choice, '--log', log, '--json']);
    expect(skew.code).toBe(1);
    const [lines, spend] = JSON.parse(skew.out).features;
    expect(lines).toMatchObject({
      feature: 'customer_orders.lines_7d',
      rows: 3,
      equal: 1,
      extra: 1,
      missing: 1,
      mismatch: 0,
    });
    expect(spend).toMatchObject({ equal: 2, mismatch: 1 });
    const current = await assay(product.home, ['features', 'materialize', '--json']);
    expect(JSON.parse(current.out).results).toMatchObject([{ service: 'churn_v1', outcome: 'current', entities: 713 }]);
  });

  it('the TypeScript client reads batches as they come, and says why it was refused', async () => {
    const client = new FeatureClient(product.http, product.tokens.admin);
    const { schema, fingerprint } = await client.service('churn_v1');
    expect(schema.fields.map((f) => f.name)).toContain('customer_orders.spend_7d');
    let rows = 0;
    for await (const batch of client.historical({ service: 'churn_v1', fingerprint }, SPINE)) rows += batch.numRows;
    expect(rows).toBe(4);
    const online = await client.online({ service: 'churn_v1' }, [{ customer_id: '17850' }], { include: ['status'] });
    expect(online.rows[0]?.[0]).toBe('17850');
    const old = client.online({ service: 'churn_v1', fingerprint: 'ffffffffffffffff' }, [{ customer_id: '17850' }]);
    await expect(old).rejects.toMatchObject({ code: 'features-schema-changed', status: 409 });
  });

  it.skipIf(!hasPyarrow)(
    `the Python client gives the same${hasPyarrow ? '' : ' (skipped: python3 has no pyarrow)'}`,
    () => {
      const script = `
import json, sys
sys.path.insert(0, sys.argv[1])
from assay_features import AssayRefused, FeatureClient
client = FeatureClient(sys.argv[2], sys.argv[3])
schema, fingerprint = client.service("churn_v1")
table = client.historical(json.loads(sys.argv[5]), json.loads(sys.argv[4])).read_all()
text = lambda v: v.isoformat() if hasattr(v, "isoformat") else None if v is None else str(v)
rows = [[text(v) for v in row.values()] for row in table.drop_columns(["event_time"]).to_pylist()]
served, made = client.online("churn_v1", [{"customer_id": "12583"}], include=["status"], fingerprint=fingerprint)
try:
    client.online("churn_v1", [{"customer_id": "1"}], fingerprint="0" * 16)
    code = None
except AssayRefused as refused:
    code = refused.code
print(json.dumps({"rows": rows, "served": served[0]["customer_id"], "code": code}))
`;
      const args = ['-c', script, join(root, 'clients/python'), product.http, product.tokens.admin];
      const run = spawnSync('python3', [...args, JSON.stringify(SPINE), JSON.stringify(FEATURES)], {
        encoding: 'utf8',
      });
      expect([run.status, run.stderr]).toEqual([0, '']);
      expect(JSON.parse(run.stdout)).toEqual({
        rows: EXPECTED.map(([key, , ...rest]) => [key, ...rest]),
        served: '12583',
        code: 'features-schema-changed',
      });
    },
  );
});
