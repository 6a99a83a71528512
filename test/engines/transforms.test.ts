import { createHmac } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect, openPublications, type Publication } from '../../src/build/transform/index.js';
import { noEmit } from '../../src/query/index.js';
import { listRuns } from '../../src/store/state/index.js';
import { openPlace, type Place, root, sample } from './warehouse-and-lake.js';

let place: Place;
let first: Publication;
beforeAll(async () => {
  place = await openPlace();
  await place.ingest(sample);
  first = (await place.build()).publication;
});
afterAll(async () => {
  await place.close();
});

/** Asks both copies the same; `{gold.x}` stands for a table. */
const both = async (sql: string): Promise<{ postgres: string[][]; delta: string[][] }> => ({
  postgres: await place.postgres(sql.replaceAll(/\{([a-z_.]+)\}/g, '$1')),
  delta: await place.delta(await place.publication(), sql),
});
const expectBoth = async (sql: string, rows: string[][]): Promise<void> => {
  expect(await both(sql)).toEqual({ postgres: rows, delta: rows });
};
const SOLD = `{gold.fact_sales} f`;
const text = (...columns: string[]) => columns.map((c, i) => `(${c})::varchar AS c${i}`).join(', ');

/** The control totals of the sample, computed apart from this project. */
const TOTALS: readonly (readonly [string, string, string[][]])[] = [
  [
    'order lines and rejects',
    `SELECT ${text('(SELECT count(*) FROM {silver.order_lines})', '(SELECT count(*) FROM {silver.order_line_rejects})')}`,
    [['27896', '184']],
  ],
  [
    'why lines were rejected',
    `SELECT ${text('reason', 'reasons', 'count(*)')} FROM {silver.order_line_rejects} GROUP BY reason, reasons ORDER BY reasons`,
    [
      ['non_positive_price', 'non_positive_price', '117'],
      ['non_positive_price', 'non_positive_price,negative_quantity', '67'],
    ],
  ],
  [
    'net, gross and returned revenue',
    `SELECT ${text('sum(total_amount)', 'sum(total_amount) FILTER (WHERE NOT is_return)', '-sum(total_amount) FILTER (WHERE is_return)')} FROM ${SOLD}`,
    [['475412.72', '538729.28', '63316.56']],
  ],
  [
    'sale and return lines',
    `SELECT ${text('count(*) FILTER (WHERE NOT is_return)', 'count(*) FILTER (WHERE is_return)')} FROM ${SOLD}`,
    [['27487', '409']],
  ],
  [
    'invoices, orders, return invoices',
    `SELECT ${text('count(*)', 'count(*) FILTER (WHERE NOT is_return)', 'count(*) FILTER (WHERE is_return)')} FROM {gold.dim_invoice}`,
    [['1150', '994', '156']],
  ],
  [
    'units sold and returned',
    `SELECT ${text('sum(quantity) FILTER (WHERE NOT is_return)', '-sum(quantity) FILTER (WHERE is_return)')} FROM ${SOLD}`,
    [['223270', '12787']],
  ],
  [
    'customers with any line and with an order',
    `SELECT ${text('count(DISTINCT customer_id)', 'count(DISTINCT customer_id) FILTER (WHERE NOT is_return)')} FROM ${SOLD} JOIN {gold.dim_customers} c ON c.customer_key = f.customer_key`,
    [['713', '666']],
  ],
  [
    'customers with more than one order',
    `SELECT ${text('count(*)')} FROM (SELECT c.customer_id FROM ${SOLD} JOIN {gold.dim_customers} c ON c.customer_key = f.customer_key WHERE NOT is_return AND c.customer_id IS NOT NULL GROUP BY c.customer_id HAVING count(DISTINCT invoice_key) > 1) x`,
    [['138']],
  ],
  [
    'without a customer',
    `SELECT ${text('count(*)', 'sum(total_amount)')} FROM ${SOLD} WHERE customer_key = -1`,
    [['9819', '108557.27']],
  ],
  [
    'products and services',
    `SELECT ${text('count(DISTINCT f.product_key)', "count(*) FILTER (WHERE line_type = 'service')", "sum(total_amount) FILTER (WHERE line_type = 'service')")} FROM ${SOLD} JOIN {gold.dim_products} p ON p.product_key = f.product_key`,
    [['2577', '110', '-21307.55']],
  ],
  [
    'the first six countries, and their invoices',
    `SELECT ${text('country_name', 'sum(total_amount)', 'count(DISTINCT invoice_key)')} FROM ${SOLD} JOIN {gold.dim_country} c ON c.country_key = f.country_key GROUP BY country_name ORDER BY sum(total_amount) DESC LIMIT 6`,
    [
      ['United Kingdom', '432570.00', '1074'],
      ['Germany', '7795.74', '23'],
      ['Japan', '7705.07', '3'],
      ['France', '7335.17', '13'],
      ['EIRE', '6431.33', '12'],
      ['Norway', '3787.12', '2'],
    ],
  ],
  [
    'revenue and orders by day',
    `SELECT ${text('d.calendar_date', 'sum(total_amount)', 'count(DISTINCT invoice_key) FILTER (WHERE NOT is_return)')} FROM ${SOLD} JOIN {gold.dim_date} d ON d.date_key = f.date_key GROUP BY d.calendar_date ORDER BY d.calendar_date`,
    [
      ['2010-12-01', '58451.56', '127'],
      ['2010-12-02', '46088.32', '142'],
      ['2010-12-03', '45575.38', '68'],
      ['2010-12-05', '30973.63', '88'],
      ['2010-12-06', '53653.87', '102'],
      ['2010-12-07', '44994.70', '84'],
      ['2010-12-08', '44035.22', '116'],
      ['2010-12-09', '52494.14', '107'],
      ['2010-12-10', '57303.01', '77'],
      ['2010-12-12', '17037.50', '44'],
      ['2010-12-13', '24805.39', '39'],
    ],
  ],
  [
    'top products',
    `SELECT ${text('product_code', 'sum(total_amount)')} FROM ${SOLD} JOIN {gold.dim_products} p ON p.product_key = f.product_key WHERE line_type = 'product' GROUP BY product_code ORDER BY sum(total_amount) DESC LIMIT 5`,
    [
      ['22423', '18709.45'],
      ['21623', '6800.63'],
      ['22086', '6675.92'],
      ['82484', '6125.39'],
      ['85123A', '6070.58'],
    ],
  ],
  [
    'gross revenue and orders of product lines',
    `SELECT ${text('sum(total_amount)', 'count(DISTINCT invoice_key)')} FROM ${SOLD} JOIN {gold.dim_products} p ON p.product_key = f.product_key WHERE line_type = 'product' AND NOT is_return`,
    [['505402.60', '989']],
  ],
  [
    'customers and versions',
    `SELECT ${text('count(DISTINCT customer_id)', 'count(*)')} FROM {gold.dim_customers} WHERE customer_key <> -1`,
    [['713', '1378']],
  ],
  [
    'customers by number of versions',
    `SELECT ${text('n', 'count(*)')} FROM (SELECT count(*) AS n FROM {gold.dim_customers} WHERE customer_key <> -1 GROUP BY customer_id) x GROUP BY n ORDER BY n`,
    [
      ['1', '246'],
      ['2', '328'],
      ['3', '96'],
      ['4', '32'],
      ['5', '7'],
      ['6', '3'],
      ['7', '1'],
    ],
  ],
  [
    'current rows by segment',
    `SELECT ${text('customer_segment', 'count(*)')} FROM {gold.dim_customers} WHERE is_current AND customer_key <> -1 GROUP BY customer_segment ORDER BY count(*) DESC`,
    [
      ['new', '261'],
      ['lost', '183'],
      ['at risk', '119'],
      ['champions', '58'],
      ['returns only', '47'],
      ['loyal', '45'],
    ],
  ],
  [
    'current rows by tier',
    `SELECT ${text('value_tier', 'count(*)')} FROM {gold.dim_customers} WHERE is_current AND customer_key <> -1 GROUP BY value_tier ORDER BY count(*) DESC`,
    [
      ['bronze', '545'],
      ['silver', '145'],
      ['gold', '21'],
      ['platinum', '2'],
    ],
  ],
  [
    'revenue by the segment at the sale',
    `SELECT ${text('customer_segment', 'sum(total_amount)', 'count(*)')} FROM ${SOLD} JOIN {gold.dim_customers} c ON c.customer_key = f.customer_key GROUP BY customer_segment ORDER BY sum(total_amount) DESC`,
    [
      ['new', '316508.22', '15316'],
      ['unknown', '108557.27', '9819'],
      ['at risk', '17663.36', '498'],
      ['champions', '15272.39', '647'],
      ['returns only', '10066.17', '1078'],
      ['loyal', '6122.83', '460'],
      ['lost', '1222.48', '78'],
    ],
  ],
  [
    'revenue by the tier at the sale',
    `SELECT ${text('value_tier', 'sum(total_amount)', 'count(*)')} FROM ${SOLD} JOIN {gold.dim_customers} c ON c.customer_key = f.customer_key GROUP BY value_tier ORDER BY sum(total_amount) DESC`,
    [
      ['bronze', '323984.61', '16559'],
      ['unknown', '108557.27', '9819'],
      ['silver', '26149.66', '1338'],
      ['gold', '8891.66', '159'],
      ['platinum', '7829.52', '21'],
    ],
  ],
  [
    'the unknown customer',
    `SELECT ${text('customer_key', "coalesce(customer_id, '∅')", 'version_number', 'effective_date', 'value_tier')} FROM {gold.dim_customers} WHERE customer_key = -1`,
    [['-1', '∅', '1', '1900-01-01 00:00:00+00', 'unknown']],
  ],
  [
    'days of the retail calendar (year begins on Monday, 1 February 2010)',
    `SELECT ${text('calendar_date', 'retail_year', 'retail_quarter', 'retail_month', 'retail_week', 'iso_week')} FROM {gold.dim_date} WHERE calendar_date IN (DATE '2010-01-31', DATE '2010-02-01', DATE '2010-12-13') ORDER BY calendar_date`,
    [
      ['2010-01-31', '2009', '4', '12', '52', '4'],
      ['2010-02-01', '2010', '1', '1', '1', '5'],
      ['2010-12-13', '2010', '4', '11', '46', '50'],
    ],
  ],
  [
    'whole years of days',
    `SELECT ${text('count(*)', 'min(calendar_date)', 'max(calendar_date)')} FROM {gold.dim_date}`,
    [['365', '2010-01-01', '2010-12-31']],
  ],
  [
    'countries of the full set and the unknown one',
    `SELECT ${text('count(*)', "count(*) FILTER (WHERE region = 'Unknown')")} FROM {gold.dim_country}`,
    [['39', '2']],
  ],
];

/** Every row of a table as one text, in an order that both engines share. */
const fingerprintSql = (columns: readonly string[], table: string, collate: string) => {
  const row = columns.map((c) => `coalesce("${c}"::varchar, '∅')`).join(` || '|' || `);
  return `SELECT count(*)::varchar AS n, md5(string_agg(r, '~' ORDER BY r${collate})) AS h FROM (SELECT ${row} AS r FROM ${table}) x`;
};
const expectCopiesEqual = async (publication: Publication): Promise<void> => {
  for (const table of publication.tables.values()) {
    const [layer, name] = table.name.split('.');
    const columns = (
      await place.postgres(
        `SELECT column_name FROM information_schema.columns WHERE table_schema = '${layer}' AND table_name = '${name}' ORDER BY ordinal_position`,
      )
    ).map(([column]) => column ?? '');
    const ofPostgres = await place.postgres(fingerprintSql(columns, table.name, ' COLLATE "C"'));
    const ofDelta = await place.delta(publication, fingerprintSql(columns, `{${table.name}}`, ''));
    expect([table.name, ...ofDelta]).toEqual([table.name, ...ofPostgres]);
    expect(ofDelta[0]?.[0]).toBe(String(table.rows));
  }
};

describe('the real sample', () => {
  it.each(TOTALS)('%s', async (_name, sql, rows) => {
    await expectBoth(sql, rows);
  });
  it('is the same row for row in the lake and in the warehouse', async () => {
    expect(first.tables.size).toBe(14);
    await expectCopiesEqual(first);
  });
  it('gives customers pseudonyms that only the key makes, without digits', async () => {
    const rows = await place.postgres('SELECT customer_id, customer_pseudonym FROM silver.customers');
    expect(rows).toHaveLength(713);
    for (const [id, pseudonym] of rows) {
      const hex = createHmac('sha256', 'a key for pseudonyms of tests only, 32 bytes')
        .update(id ?? '')
        .digest('hex');
      expect(pseudonym).toBe([...hex.slice(0, 26)].map((d) => 'ghijklmnopqrstuv'[Number.parseInt(d, 16)]).join(''));
    }
  });
  it('has keys that PostgreSQL makes as well', async () => {
    const [row] = await place.postgres(
      `SELECT count(*) FROM gold.dim_products WHERE product_key <> ('x' || substr(md5(product_code), 1, 15))::bit(60)::bigint`,
    );
    expect(row).toEqual(['0']);
    const [versions] = await place.postgres(
      `SELECT count(*) FROM gold.dim_customers WHERE customer_key <> -1 AND customer_key <> ('x' || substr(md5(customer_id || chr(31)
         || to_char(effective_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 1, 15))::bit(60)::bigint`,
    );
    expect(versions).toEqual(['0']);
  });
  it('keeps the result of every check', async () => {
    const rows = await place.postgres('SELECT status, count(*) > 100 FROM gold.data_quality_metrics GROUP BY status');
    expect(rows).toContainEqual(['PASS', 'true']);
    expect(rows).not.toContainEqual(['FAIL', expect.anything()]);
    // A warning never holds back; on 5 of the 11 days more than 40 % of the lines name no customer.
    const warnings = await place.postgres(
      "SELECT DISTINCT table_name, check_details FROM gold.data_quality_metrics WHERE status = 'WARNING' AND check_details LIKE 'not_null_customer_id%'",
    );
    const days = await place.postgres(
      'SELECT count(*) FROM (SELECT invoice_date FROM silver.order_lines GROUP BY 1 HAVING avg((customer_id IS NULL)::integer) > 0.4) d',
    );
    expect([[String(warnings.length)]]).toEqual(days);
  });
  it('has stock by its rule: 200 + key % 800 less the week’s net units, never below zero', async () => {
    const [wrong] = await place.postgres(`
      SELECT count(*) FROM gold.fact_stock s JOIN gold.dim_products p USING (product_key)
      WHERE on_hand <> greatest(0, 200 + product_key % 800 - coalesce((SELECT sum(quantity) FROM gold.fact_sales f
        WHERE f.product_key = s.product_key AND f.sold_at >= date_trunc('week', s.snapshot_date::timestamp) AT TIME ZONE 'UTC'
          AND f.sold_at < (s.snapshot_date + 1)::timestamp AT TIME ZONE 'UTC'), 0))`);
    expect(wrong).toEqual(['0']);
  });
  it('declares keys in PostgreSQL', async () => {
    const keys = await place.postgres(
      `SELECT conname, conenforced FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND conrelid::regclass::text LIKE 'phys_gold.fact_sales%' ORDER BY 1`,
    );
    expect(keys).toEqual(
      ['country_key', 'customer_key', 'date_key', 'invoice_key', 'product_key'].map((k) => [`${k}_fkey`, 'false']),
    );
  });
});

describe('running again', () => {
  it('does nothing when nothing moved', async () => {
    const again = await place.build();
    expect(again.published).toBe(false);
    expect(again.publication).toEqual(first);
  });
  it('does nothing when only words of a transform change, and makes a table again that was lost', async () => {
    const dir = changedTransforms('words', 'gold/fact_sales', (sql) =>
      sql.replace('owner: sales-data', 'owner: somebody-else').replace('\nSELECT', '\n-- a remark\nSELECT'),
    );
    expect((await place.build({ transformsDir: dir })).published).toBe(false);
    await place.warehouse.query(
      `DROP VIEW gold.fact_stock, gold.fact_stock_v1; DROP TABLE ${physicalOf(first, 'gold.fact_stock')}`,
    );
    const mended = await place.build();
    expect(mended.changed).toContain('gold.fact_stock');
    expect(mended.publication.tables.get('gold.fact_stock')?.dataVersion).toBe(
      first.tables.get('gold.fact_stock')?.dataVersion,
    );
  });
});

/** The table behind a guarded relation. */
const physicalOf = (publication: Publication, name: string): string =>
  / FROM (\S+) /.exec(publication.tables.get(name)?.postgres ?? '')?.[1] ?? '';

let made = 0;
/** The shipped transforms with one file edited. */
const changedTransforms = (name: string, file: string, edit: (sql: string) => string): string => {
  made += 1;
  const dir = join(place.home, `transforms-${made}-${name}`);
  cpSync(join(root, 'transforms'), dir, { recursive: true });
  const path = join(dir, 'sql', `${file}.v1.sql`);
  const before = readFileSync(path, 'utf8');
  const after = edit(before);
  expect(after).not.toBe(before);
  writeFileSync(path, after);
  return dir;
};

describe('the gate', () => {
  const data = (publication: Publication) =>
    [...publication.tables.values()].filter((t) => t.name !== 'gold.data_quality_metrics');
  it('keeps readers on the last good version when a check fails, and says why', async () => {
    const before = await place.publication();
    const dir = changedTransforms('check', 'gold/dim_invoice', (sql) =>
      sql.replace(
        'checks:\n',
        'checks:\n  - {type: expression, name: no_returns, columns: [is_return], expression: "NOT is_return", severity: error}\n',
      ),
    );
    expect((await place.build({ transformsDir: dir })).unmade).toMatchObject([
      {
        ...{ model: 'gold.dim_invoice', partition: '*', status: 'quarantined', code: 'check-failed' },
        refusal: { check: 'no_returns', failed: '156', evaluated: '1150' },
      },
      // What looks up, or is checked against, a table that does not pass waits with it.
      ...[],
    ]);
    expect(data(await place.publication())).toEqual(data(before));
    expect(
      await place.postgres(
        `SELECT table_name, metric_value, status, check_details FROM gold.data_quality_metrics WHERE status = 'FAIL'`,
      ),
    ).toEqual([['gold.dim_invoice', '0.864347', 'FAIL', 'no_returns (error): 156 of 1150 failed']]);
    const [run] = await listRuns(place.warehouse, 1);
    expect(run).toMatchObject({ status: 'refused', errorCode: 'check-failed' });
    await expectCopiesEqual(await place.publication());
  });
  it('refuses rows that break the contract', async () => {
    const before = await place.publication();
    const dir = changedTransforms('null', 'silver/order_lines', (sql) =>
      sql.replace(
        '{name: customer_id, type: string, nullable: true',
        '{name: customer_id, type: string, nullable: false',
      ),
    );
    const { unmade } = await place.build({ transformsDir: dir });
    const lines = unmade.filter(({ model }) => model === 'silver.order_lines');
    expect(lines).toHaveLength(11);
    expect(lines[0]).toMatchObject({
      ...{ partition: '2010-12-01', status: 'quarantined' },
      reason: expect.stringContaining('contract_not_null_customer_id failed for'),
    });
    expect(data(await place.publication())).toEqual(data(before));
  });
  it('refuses a SELECT whose types are not the contract’s before anything runs', async () => {
    const dir = changedTransforms('type', 'gold/dim_invoice', (sql) =>
      sql.replace('{name: is_return, type: boolean', '{name: is_return, type: integer'),
    );
    await expect(place.build({ transformsDir: dir })).rejects.toMatchObject({
      code: 'plan-blocked',
      message: expect.stringContaining(
        'column 3 of the SELECT is is_return BOOLEAN, the contract says is_return INTEGER',
      ),
    });
  });
  it('names the line of a column that is not there', async () => {
    const dir = changedTransforms('column', 'gold/dim_invoice', (sql) =>
      sql.replace('  invoiced_at\nFROM', '  no_such_column AS invoiced_at\nFROM'),
    );
    await expect(place.build({ transformsDir: dir })).rejects.toMatchObject({
      message: expect.stringMatching(/sql\/gold\/dim_invoice\.v1\.sql:\d+: .*no_such_column/),
    });
  });
});

describe('views', () => {
  const withOwner = (sql: string) =>
    sql
      .replace('  - {name: invoiced_at,', '  - {name: lines, type: bigint, nullable: false}\n  - {name: invoiced_at,')
      .replace('  invoiced_at\nFROM', '  lines,\n  invoiced_at\nFROM');
  it('keep what they were granted when their columns change, and are not taken from those who stand on them', async () => {
    await place.warehouse.query('CREATE ROLE reporter; GRANT SELECT ON gold.dim_invoice TO reporter');
    await place.warehouse.query('CREATE VIEW public.report AS SELECT count(*) FROM gold.dim_invoice');
    const dir = changedTransforms('columns', 'gold/dim_invoice', withOwner);
    const before = await place.publication();
    const restate = ['gold.dim_invoice'];
    await expect(place.build({ transformsDir: dir, restate })).rejects.toMatchObject({
      code: 'plan-blocked',
      message: expect.stringContaining('the view public.report, which is not of these transforms, stands on it'),
    });
    expect(await place.publication()).toEqual(before);
    await place.warehouse.query('DROP VIEW public.report');
    expect((await place.build({ transformsDir: dir, restate })).changed).toContain('gold.dim_invoice');
    expect(
      await place.postgres(
        `SELECT has_table_privilege('reporter', 'gold.dim_invoice', 'SELECT'), sum(lines) FROM gold.dim_invoice`,
      ),
    ).toEqual([['true', '27896']]);
    const back = await place.build({ restate });
    // The table of the first meaning was never touched: only pointers move back.
    expect(back.published).toBe(true);
    expect(back.publication.tables.get('gold.dim_invoice')?.dataVersion).toBe(
      before.tables.get('gold.dim_invoice')?.dataVersion,
    );
  });
});

describe('the next day', () => {
  const NEXT = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
900001,22423,REGENCY CAKESTAND 3 TIER,2,12/14/10 9:00,12.75,99001,United Kingdom
900001,84879,ASSORTED COLOUR BIRD ORNAMENT,10,12/14/10 9:00,1.69,99001,United Kingdom
900001,84879,ASSORTED COLOUR BIRD ORNAMENT,10,12/14/10 9:00,1.69,99001,United Kingdom
900002,99999X,A BRAND NEW THING,1,12/14/10 10:30,100,,Atlantis
C900003,22423,REGENCY CAKESTAND 3 TIER,-1,12/14/10 11:00,12.75,17850,United Kingdom
900004,22423,REGENCY CAKESTAND 3 TIER,1,12/14/10 12:00,0,17850,United Kingdom
`;
  it('brings every total forward while readers see the old or the new state, never a mix', async () => {
    const before = await place.publication();
    const versionsBefore = await place.postgres(
      'SELECT customer_key, customer_id, effective_date, expiry_date, customer_segment, value_tier, version_number FROM gold.dim_customers',
    );
    const stockBefore = await place.postgres('SELECT stock_key, on_hand FROM gold.fact_stock');
    const file = join(place.home, 'next-day.csv');
    writeFileSync(file, NEXT);
    await place.ingest(file);

    const publications = await openPublications(place.warehouse, noEmit);
    const told: number[] = [];
    publications.onMove((publication) => told.push(publication.revision));
    const seen = new Set<string>();
    let reading = true;
    const reader = (async () => {
      while (reading) {
        const rows = await place.warehouse.transaction(
          async (tx) => {
            await tx.query('LOCK TABLE gold.fact_sales, gold.dim_invoice, gold.dim_customers IN ACCESS SHARE MODE');
            return tx.query<{ s: string }>(
              `SELECT concat_ws(' ', (SELECT sum(total_amount) FROM gold.fact_sales), (SELECT count(*) FROM gold.dim_invoice),
                 (SELECT count(DISTINCT customer_id) FROM gold.dim_customers)) AS s`,
            );
          },
          { isolation: 'repeatable read' },
        );
        seen.add(rows.rows[0]?.s ?? '');
      }
    })();
    const { publication, changed } = await place.build().finally(async () => {
      reading = false;
      await reader;
    });
    await expect.poll(() => told).toContain(publication.revision);
    await publications.close();

    expect([...seen].filter((s) => s !== '475412.72 1150 713' && s !== '475542.37 1153 714')).toEqual([]);
    expect(seen.has('475412.72 1150 713')).toBe(true);
    expect(changed).toContain('gold.fact_sales');
    expect(publication.revision).toBe(before.revision + 1);
    expect(publication.tables.get('gold.dim_date')).toEqual(before.tables.get('gold.dim_date'));
    await expectBoth(`SELECT ${text('sum(total_amount)', 'count(*)')} FROM {gold.fact_sales}`, [
      ['475542.37', '27900'],
    ]);
    await expectBoth(`SELECT ${text('count(*)')} FROM {silver.order_line_rejects}`, [['185']]);
    await expectBoth(
      `SELECT ${text('c.customer_segment', 'c.value_tier', 'sum(total_amount)')} FROM {gold.fact_sales} f JOIN {gold.dim_customers} c ON c.customer_key = f.customer_key WHERE c.customer_id = '99001' GROUP BY c.customer_segment, c.value_tier`,
      [['new', 'bronze', '42.40']],
    );
    await expectBoth(
      `SELECT ${text('region', "coalesce(iso_code, '∅')")} FROM {gold.dim_country} WHERE country_name = 'Atlantis'`,
      [['Unknown', '∅']],
    );
    expect(
      await place.postgres(
        `SELECT DISTINCT metric_value FROM gold.data_quality_metrics WHERE status = 'WARNING' AND check_details LIKE 'countries_are_listed%'`,
      ),
    ).toEqual([['0.947368']]);
    await expectCopiesEqual(publication);

    const versionsAfter = new Map(
      (
        await place.postgres(
          'SELECT customer_key, customer_id, effective_date, expiry_date, customer_segment, value_tier, version_number FROM gold.dim_customers',
        )
      ).map(([key, ...rest]) => [key, rest]),
    );
    for (const [key, id, from, to, ...rest] of versionsBefore) {
      const after = versionsAfter.get(key);
      expect([after?.[0], after?.[1], ...(after?.slice(3) ?? [])]).toEqual([id, from, ...rest]);
      // A version that was current may have ended, but only at the midnight after the new day.
      if (to !== after?.[2]) expect([to, after?.[2]]).toEqual(['∅', '2010-12-15 00:00:00+00']);
    }
    const stockAfter = new Map(
      (await place.postgres('SELECT stock_key, on_hand FROM gold.fact_stock')).map(([k, v]) => [k, v]),
    );
    expect(stockBefore.filter(([key, onHand]) => stockAfter.get(key) !== onHand)).toEqual([]);
  });
  it('collects tables that no kept publication points at, and no other', async () => {
    const current = await place.publication();
    const { dropped } = await collect(place.parts(), { keepMicros: 0n, keepRevisions: 1 });
    expect(dropped).toEqual(expect.arrayContaining([expect.stringMatching(/^gold\/dim_invoice\/v1\//)]));
    const tables = await place.postgres(
      "SELECT count(*) FROM pg_tables WHERE schemaname = 'phys_gold' AND tablename LIKE 'dim_invoice%'",
    );
    expect(tables).toEqual([['1']]);
    expect(await place.publication()).toEqual(current);
    await expectCopiesEqual(current);
  });
  it('lets only one of two builds that start together do the work', async () => {
    const file = join(place.home, 'third.csv');
    writeFileSync(
      file,
      `${NEXT.split('\n')[0]}\n900009,22423,REGENCY CAKESTAND 3 TIER,1,12/14/10 15:00,12.75,99001,France\n`,
    );
    await place.ingest(file);
    const results = await Promise.all([place.build(), place.build()]);
    expect(results.map((r) => r.published).sort()).toEqual([false, true]);
    await expectBoth(`SELECT ${text('sum(total_amount)')} FROM {gold.fact_sales}`, [['475555.12']]);
  });
});
