import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  audit,
  documentedTables,
  environmentLooks,
  type LineageTarget,
  lineageAnswer,
  lineageGraph,
  openLineageSink,
  rollbackTargets,
  run,
  transformDocs,
  troubles,
} from '../../src/build/transform/index.js';
import { noEmit } from '../../src/query/index.js';
import { failingKeysOf, listRuns } from '../../src/store/state/index.js';
import { openPlace, type Place, root, sample } from './warehouse-and-lake.js';

interface Facet {
  readonly _producer: string;
  readonly _schemaURL: string;
  readonly [field: string]: unknown;
}
interface Event {
  readonly eventType: string;
  readonly eventTime: string;
  readonly producer: string;
  readonly schemaURL: string;
  readonly run: { readonly runId: string; readonly facets: Record<string, Facet> };
  readonly job: { readonly namespace: string; readonly name: string; readonly facets: Record<string, Facet> };
  readonly inputs: readonly Dataset[];
  readonly outputs: readonly Dataset[];
}
interface Dataset {
  readonly namespace: string;
  readonly name: string;
  readonly facets: Record<string, Facet>;
  readonly inputFacets?: Record<string, Facet>;
  readonly outputFacets?: Record<string, Facet>;
}

/** A receiver of OpenLineage as a company has one: it takes whatever is posted, and keeps it. */
const receiver = async (): Promise<{ readonly url: string; readonly events: Event[]; readonly server: Server }> => {
  const events: Event[] = [];
  const read = async (request: IncomingMessage): Promise<string> => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    return body;
  };
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      if (request.url === '/api/v1/lineage' && request.headers.authorization === 'Bearer a key')
        events.push(JSON.parse(body) as Event);
      response.writeHead(201).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, events, server };
};

const told = async <T>(target: string, work: (lineage: LineageTarget) => Promise<T>): Promise<T> => {
  const sink = openLineageSink({ target, apiKey: 'a key', emit: noEmit });
  try {
    return await work({ sink, producer: 'urn:assay', namespace: 'shop' });
  } finally {
    await sink.close(60_000);
  }
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const facetsOf = (event: Event): Facet[] =>
  [
    event.run.facets,
    event.job.facets,
    ...[...event.inputs, ...event.outputs].flatMap((d) => [d.facets, d.inputFacets ?? {}, d.outputFacets ?? {}]),
  ].flatMap((facets) => Object.values(facets));

/** What the specification wants of every event. */
const expectValid = (events: readonly Event[]): void => {
  for (const event of events) {
    expect(event.eventType).toMatch(/^(START|COMPLETE|FAIL)$/);
    expect(new Date(event.eventTime).getTime()).toBeGreaterThan(0);
    expect(event.schemaURL).toMatch(/^https:\/\/openlineage\.io\/spec\/.*RunEvent$/);
    expect(event.run.runId).toMatch(UUID);
    expect([event.producer, event.job.namespace]).toEqual(['urn:assay', 'shop']);
    for (const facet of facetsOf(event)) {
      expect(facet._producer).toBe('urn:assay');
      expect(facet._schemaURL).toMatch(/^https:\/\/openlineage\.io\/spec\/facets\//);
    }
  }
};

const TABLES = [
  ...['data_quality_metrics', 'dim_country', 'dim_customers', 'dim_date', 'dim_invoice', 'dim_products', 'fact_sales']
    .concat('fact_stock')
    .map((table) => `gold.${table}`),
  ...['customers', 'invoices', 'order_line_rejects', 'order_lines', 'products', 'stock_levels'].map(
    (table) => `silver.${table}`,
  ),
];

let place: Place;
const received: Event[] = [];
beforeAll(async () => {
  place = await openPlace();
  await place.ingest(sample);
  const { url, events, server } = await receiver();
  await told(url, (lineage) => place.build({ lineage }));
  received.push(...events);
  await new Promise((done) => server.close(done));
});
afterAll(() => place.close());

/** A folder of transforms with one file changed. */
const changed = (file: string, change: (text: string) => string): string => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-lineage-run-'));
  cpSync(join(root, 'transforms'), dir, { recursive: true });
  const path = join(dir, 'sql', file);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
  return dir;
};

describe('a build, told to a server', () => {
  it('is told table by table, each from its start to its end', () => {
    expectValid(received);
    for (const table of TABLES) {
      const of = received.filter(({ job }) => job.name === table);
      expect(of.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
      expect(new Set(of.map(({ run: { runId } }) => runId)).size).toBe(1);
    }
    const runs = received.filter(({ job }) => job.name === 'assay.build');
    expect(runs.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
    const steps = received.filter(({ job }) => job.name !== 'assay.build');
    expect(new Set(steps.map(({ run: { facets } }) => JSON.stringify(facets['parent']?.['run'])))).toEqual(
      new Set([JSON.stringify({ runId: runs[0]?.run.runId })]),
    );
  });
  it('says what was made of what: schema, SQL, version, rows, columns', async () => {
    const [, sales] = received.filter(({ job }) => job.name === 'gold.fact_sales');
    const [output] = sales?.outputs ?? [];
    const published = (await place.publication()).tables.get('gold.fact_sales');
    expect(output?.facets['version']).toMatchObject({ datasetVersion: published?.dataVersion });
    expect(output?.outputFacets?.['outputStatistics']).toMatchObject({ rowCount: 27896 });
    expect(sales?.job.facets['sql']).toMatchObject({ query: expect.stringContaining('total_amount') });
    const fields = output?.facets['schema']?.['fields'] as { name: string; type: string }[];
    expect(fields.find(({ name }) => name === 'total_amount')).toMatchObject({ type: 'decimal(12,2)' });
    expect(output?.facets['columnLineage']?.['fields']).toMatchObject({
      total_amount: { inputFields: [{ namespace: 'shop', name: 'silver.order_lines', field: 'amount' }] },
    });
    expect(sales?.inputs.map(({ name }) => name)).toEqual(['gold.dim_customers', 'silver.order_lines']);
    const [lines] = received.filter(({ job }) => job.name === 'silver.order_lines');
    expect(lines?.inputs.map(({ name }) => name)).toEqual(['bronze.online_retail']);
  });
  it('says what the checks came to', () => {
    const [, audited] = received.filter(({ job }) => job.name === 'gold.fact_sales.audit');
    const assertions = audited?.inputs[0]?.inputFacets?.['dataQualityAssertions']?.['assertions'] as object[];
    expect(audited?.eventType).toBe('COMPLETE');
    expect(assertions).toContainEqual(
      expect.objectContaining({ assertion: 'same_revenue_as_silver', success: true, severity: 'critical' }),
    );
    // Two days have more sales without a customer than the check lets pass; it only warns.
    expect(assertions).toContainEqual(
      expect.objectContaining({ assertion: 'known_customer', success: false, severity: 'warn' }),
    );
  });
});

describe('a table that is held back, told to a file', () => {
  it('fails, with the assertion that did', async () => {
    const file = join(place.home, 'lineage.jsonl');
    const transformsDir = changed('gold/dim_country.v1.sql', (text) =>
      text.replace(
        'checks:\n',
        'checks:\n  - {type: expression, name: no_eire, columns: [country_name], expression: "country_name <> \'EIRE\'", severity: critical}\n',
      ),
    );
    const result = await told(pathToFileURL(file).href, (lineage) => place.build({ lineage, transformsDir }));
    expect(result.unmade.map(({ model, status }) => [model, status])).toContainEqual([
      'gold.dim_country',
      'quarantined',
    ]);
    const events = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    expectValid(events);
    const of = (job: string) => events.filter((event) => event.job.name === job);
    expect(of('gold.dim_country').map(({ eventType }) => eventType)).toEqual(['START', 'FAIL']);
    const audited = of('gold.dim_country.audit').at(-1);
    expect(audited?.eventType).toBe('FAIL');
    expect(audited?.inputs[0]?.inputFacets?.['dataQualityAssertions']?.['assertions']).toContainEqual(
      expect.objectContaining({ assertion: 'no_eire', success: false, column: 'country_name', severity: 'critical' }),
    );
    expect(of('assay.build').at(-1)).toMatchObject({
      eventType: 'FAIL',
      run: { facets: { errorMessage: { message: expect.stringContaining('no_eire') } } },
    });
  });
  it('keeps no run waiting when nobody receives', async () => {
    const gone = await receiver();
    await new Promise((done) => gone.server.close(done));
    const sink = openLineageSink({ target: gone.url, emit: noEmit });
    const parts = place.parts({ lineage: { sink, producer: 'urn:assay', namespace: 'shop' } });
    expect((await run(parts, 'prod')).status).toBe('unchanged');
    await sink.close(0);
    expect(sink.counts()).toMatchObject({ delivered: 0, waiting: 0 });
  });
});

describe('what is published can be asked after', () => {
  it('by column, from the ledger', async () => {
    const graph = await lineageGraph(place.warehouse, 'prod');
    const [answer] = lineageAnswer('gold.fact_sales.total_amount', graph).columns;
    const [amount] = answer?.upstream ?? [];
    expect([amount?.table, amount?.column]).toEqual(['silver.order_lines', 'amount']);
    expect(amount?.children.map(({ table, column }) => `${table}.${column}`)).toEqual([
      'bronze.online_retail.Quantity',
      'bronze.online_retail.UnitPrice',
    ]);
  });
  it('by pages, with scores and the last results', async () => {
    const { json, markdown } = transformDocs(await documentedTables(place.warehouse, 'prod'));
    expect(json.tables.map(({ id }) => id)).toEqual([...TABLES].sort());
    const sales = json.tables.find(({ id }) => id === 'gold.fact_sales');
    expect(sales?.published).toMatchObject({ rows: 27896, partitions: 11, firstPartition: '2010-12-01' });
    expect(sales?.checks.find(({ name }) => name === 'same_revenue_as_silver')).toMatchObject({ status: 'PASS' });
    expect(sales?.checks.find(({ name }) => name === 'known_customer')).toMatchObject({ status: 'WARNING' });
    expect(Number(sales?.published?.score)).toBeGreaterThan(99);
    expect(markdown.get('gold.fact_sales.md')).toContain('27,896');
  });
  it('by an audit: results are kept under a run, and what fails has its keys', async () => {
    const before = (await place.publication()).revision;
    const fine = await audit(place.parts(), { environment: 'prod', select: 'gold.' });
    expect([fine.tables, fine.refused]).toEqual([8, []]);
    expect(fine.checks.find(({ check }) => check === 'same_lines_as_silver')).toMatchObject({
      ...{ model: 'gold.fact_sales', severity: 'critical', passed: true, failed: 0n, evaluated: 27896n },
    });
    const [last] = await listRuns(place.warehouse, 1);
    expect([last?.kind, last?.status, last?.runId]).toEqual(['audit', 'unchanged', fine.runId]);

    // What stands in PostgreSQL or in a file may be broken by hand; the audit reads the lake's files of the publication.
    await place.warehouse.query(
      `UPDATE assay.model_version SET definition = jsonb_set(definition::jsonb, '{text}', to_jsonb(replace(definition::jsonb ->> 'text', $1, $1 || $2)))::json
       WHERE name = 'gold.dim_country'`,
      [
        'checks:\n',
        `  - {type: expression, name: no_eire, columns: [country_name], expression: "country_name <> 'EIRE'", severity: error}\n`,
      ],
    );
    const bad = await audit(place.parts(), { environment: 'prod', select: 'dim_country' });
    expect(bad.refused).toEqual(['gold.dim_country']);
    expect(bad.checks.find(({ check }) => check === 'no_eire')).toMatchObject({ passed: false, failed: 1n });
    const [keys] = await failingKeysOf(place.warehouse, { table: 'gold.dim_country', limit: 1 });
    expect([keys?.check, keys?.runId, keys?.keys.length]).toEqual(['no_eire', bad.runId, 1]);
    expect((await place.publication()).revision).toBe(before);
  });
});

/** A file of more days, each with so many lines. */
const days = (lines: ReadonlyMap<number, number>): string => {
  const head = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
  const rows = [...lines].flatMap(([day, count]) =>
    Array.from(
      { length: count },
      (_, n) =>
        `7${day}${String(n).padStart(4, '0')},22423,REGENCY CAKESTAND 3 TIER,1,12/${day}/10 9:00,10.95,17850,EIRE`,
    ),
  );
  const path = join(place.home, `${[...lines.keys()].join('-')}.csv`);
  writeFileSync(path, `${[head, ...rows].join('\n')}\n`);
  return path;
};
const asUsual = (day: string): Promise<string[][]> =>
  place.postgres(
    `SELECT table_name, status, severity FROM gold.data_quality_metrics
     WHERE metric_id LIKE '%/${day}/rows_as_usual' AND table_name IN ('silver.order_lines', 'gold.fact_sales') ORDER BY 1`,
  );

describe('a day that is not as usual', () => {
  it('is told from fourteen days that are, and not before', async () => {
    // About the median of the first eleven days, which is 2,725 lines.
    await place.ingest(days(new Map([14, 15, 16, 17, 18, 19, 20, 21].map((day) => [day, 2600 + 10 * day]))));
    expect((await run(place.parts(), 'prod')).status).toBe('published');
    // Eleven days were published before them: nobody has looked, and the pages say so.
    expect(await asUsual('2010-12-21')).toEqual([]);
    const asUsualOf = async () => {
      const { json, markdown } = transformDocs(await documentedTables(place.warehouse, 'prod'));
      const table = json.tables.find(({ id }) => id === 'silver.order_lines');
      const page = markdown.get('silver.order_lines.md') ?? '';
      return {
        status: table?.checks.find(({ name }) => name === 'rows_as_usual')?.status,
        told: /`rows_as_usual`.*not evaluated/.test(page),
        coverage: Number(table?.published?.coverage),
      };
    };
    const before = await asUsualOf();
    expect(before).toMatchObject({ status: undefined, told: true });
    await place.ingest(days(new Map([[22, 2700]])));
    expect((await run(place.parts(), 'prod')).status).toBe('published');
    expect(await asUsual('2010-12-22')).toEqual([
      ['gold.fact_sales', 'PASS', 'warn'],
      ['silver.order_lines', 'PASS', 'warn'],
    ]);
    const after = await asUsualOf();
    expect(after).toMatchObject({ status: 'PASS', told: false });
    expect(after.coverage).toBeGreaterThan(before.coverage);
  });
  it('warns, is published all the same, and stands in the history of checks', async () => {
    await place.ingest(days(new Map([[23, 272]])));
    const result = await run(place.parts(), 'prod');
    expect([result.status, result.unmade]).toEqual(['published', []]);
    expect(await place.postgres(`SELECT count(*) FROM silver.order_lines WHERE invoice_date = '2010-12-23'`)).toEqual([
      ['272'],
    ]);
    expect(await asUsual('2010-12-23')).toEqual([
      ['gold.fact_sales', 'WARNING', 'warn'],
      ['silver.order_lines', 'WARNING', 'warn'],
    ]);
  });
  it('is one of the revisions that one can go back to', async () => {
    const [production] = await environmentLooks(place.warehouse);
    const targets = await rollbackTargets(place.warehouse, 'prod', BigInt(Date.now()) * 1000n);
    expect(production).toMatchObject({ name: 'prod', heldFrom: undefined, tables: 14, differs: [] });
    expect(targets.length).toBeGreaterThanOrEqual(2);
    expect(targets.every(({ revision }) => revision < (production?.revision ?? 0))).toBe(true);
    expect(await troubles(place.warehouse, 'prod')).toEqual([]);
  });
});
