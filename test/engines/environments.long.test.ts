import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, collect, drop, planStatus, planText, promote } from '../../src/build/transform/index.js';
import { type Clone, type Clones, openBuilt } from './transform-clones.js';

let clones: Clones;
beforeAll(async () => {
  clones = await openBuilt();
});
afterAll(async () => {
  await clones.close();
});

const INVOICE = 'gold/dim_invoice.v1.sql';
/** A column more at the end. */
const withLines = (sql: string): string =>
  sql
    .replace(/( {2}- \{name: invoiced_at,.*\n)/, '$1  - {name: lines, type: bigint, nullable: false}\n')
    .replace('  invoiced_at\nFROM', '  invoiced_at,\n  lines\nFROM');
/** Another meaning of a column that others had. */
const brokenFlag = (sql: string): string => sql.replace('  is_return,\n', '  NOT is_return AS is_return,\n');
const NO_RETURNS = 'SELECT count(*) FILTER (WHERE is_return) FROM';

/** Everything that the ledger holds, but for what planning may note: versions, source maps, plans. */
const ledger = (place: Clone): Promise<string[][]> =>
  place.rows(`SELECT (SELECT count(*) FROM assay.build) AS a, (SELECT count(*) FROM assay.interval) AS b,
    (SELECT sum(fence) FROM assay.interval) AS c, (SELECT count(*) FROM assay.physical_table) AS d,
    (SELECT count(*) FROM assay.publication) AS e, (SELECT count(*) FROM assay.check_result) AS f,
    (SELECT count(*) FROM assay.lineage_edge) AS g,
    (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname LIKE 'phys%') AS h`);
const tablesOf = async (place: Clone, environment: string) =>
  new Map(
    (
      await place.rows(
        `SELECT t.name, t.version_id FROM assay.environment e JOIN assay.publication_table t ON t.revision = e.revision WHERE e.name = '${environment}'`,
      )
    ).map(([name = '', id = '']) => [name, id]),
  );
const filesOf = (place: Clone): string =>
  readdirSync(place.lake, { recursive: true, encoding: 'utf8' }).sort().join('\n');

describe('a change of files', () => {
  it('is refused before anything is written when it breaks readers and has no new version', async () => {
    const place = await clones.copy('built', 'refused');
    const before = [await ledger(place), filesOf(place)];
    const publication = await place.publication();
    place.transforms = place.edited({ [INVOICE]: brokenFlag });
    const made = await place.plan();
    expect(planStatus(made)).toBe('blocked');
    expect(made.blocked.join('\n')).toMatch(/gold\.dim_invoice needs a new version: write dim_invoice\.v2\.sql/);
    await expect(apply(place.parts(), made.id)).rejects.toMatchObject({ code: 'plan-blocked' });
    await expect(place.run()).rejects.toMatchObject({ code: 'plan-needed' });
    expect([await ledger(place), filesOf(place)]).toEqual(before);
    expect(await place.publication()).toEqual(publication);
    expect(place.steps()).toEqual([]);
    await place.close();
  });

  it('that only adds a column makes that table and reuses those that do not read it', async () => {
    const place = await clones.copy('built', 'additive');
    const before = await tablesOf(place, 'prod');
    const customers = (await place.publication()).tables.get('gold.dim_customers');
    place.transforms = place.edited({
      'silver/customers.v1.sql': (sql) =>
        sql
          .replace(/( {2}- \{name: last_line_at,.*\n)/, '$1  - {name: line_count, type: bigint, nullable: false}\n')
          .replace('AS last_line_at\nFROM', 'AS last_line_at,\n  count(*) AS line_count\nFROM'),
    });
    const made = await place.plan();
    expect(made.blocked).toEqual([]);
    expect(made.changes.map(({ id, category }) => [id, category])).toEqual([['silver.customers', 'additive']]);
    await apply(place.parts(), made.id);
    // Who reads the table as a whole, and none of the column, need not look at it again.
    expect(made.steps.map(({ id }) => id)).toEqual(['silver.customers']);
    expect(place.steps()).toEqual(['silver.customers 1', 'gold.data_quality_metrics 1']);
    expect((await place.publication()).tables.get('gold.dim_customers')).toEqual(customers);
    const after = await tablesOf(place, 'prod');
    expect([...after].filter(([name, id]) => before.get(name) !== id).map(([name]) => name)).toEqual([
      'silver.customers',
    ]);
    expect(await place.rows('SELECT sum(line_count) FROM silver.customers')).toEqual([['18077']]);
    await place.contents();
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });

  it('that only changes words makes nothing, there and back and there again', async () => {
    const place = await clones.copy('built', 'words');
    const publication = await place.publication();
    const shipped = place.transforms;
    const other = place.edited({
      [INVOICE]: (sql) => sql.replace('\nSELECT', '\n-- a remark\nSELECT').replace('owner: ', 'owner: not-'),
    });
    for (const transforms of [other, shipped, other]) {
      place.transforms = transforms;
      const made = await place.plan();
      expect(made.changes.map(({ id, category }) => [id, category])).toEqual([['gold.dim_invoice', 'metadata']]);
      expect(made.steps).toEqual([]);
      expect(await apply(place.parts(), made.id)).toMatchObject({ status: 'unchanged', changed: [] });
      expect(planStatus(await place.plan())).toBe('none');
    }
    expect(place.steps()).toEqual([]);
    expect(await place.publication()).toEqual(publication);
    await place.close();
  });

  it('serves a new version beside the old one until its sunset', async () => {
    const place = await clones.copy('built', 'versions');
    const at = (day: string) => () => BigInt(Date.parse(day)) * 1000n;
    place.now = at('2027-01-15');
    place.transforms = place.edited({
      'gold/dim_invoice.v2.sql': (sql) =>
        brokenFlag(sql).replace('version: 1\n', 'version: 2\ndeprecates: 1\nsunset: 2027-03-01\n'),
    });
    const first = await place.forward();
    expect(first.unmade).toEqual([]);
    expect(place.steps()).toEqual(['gold.dim_invoice 1', 'gold.data_quality_metrics 1']);
    expect(await place.rows(`${NO_RETURNS} gold.dim_invoice_v1`)).toEqual([['156']]);
    for (const name of ['gold.dim_invoice', 'gold.dim_invoice_v2'])
      expect(await place.rows(`${NO_RETURNS} ${name}`)).toEqual([['994']]);
    expect(await place.lakeRows(`${NO_RETURNS} {gold.dim_invoice_v1}`)).toEqual([['156']]);
    await place.contents();
    expect((await place.run()).status).toBe('unchanged');

    place.now = at('2027-03-02');
    const made = await place.plan();
    expect(made.views.drop).toEqual(['gold.dim_invoice_v1']);
    await expect(place.run()).rejects.toMatchObject({ code: 'plan-needed' });
    await apply(place.parts(), made.id);
    expect(place.steps()).toEqual([]);
    expect(
      await place.rows(
        "SELECT viewname FROM pg_views WHERE schemaname = 'gold' AND viewname LIKE 'dim_invoice%' ORDER BY 1",
      ),
    ).toEqual([['dim_invoice'], ['dim_invoice_v2']]);
    expect([...(await place.publication()).tables.keys()]).not.toContain('gold.dim_invoice_v1');
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });
});

describe('a saved plan', () => {
  it('holds for its files and its revision only, and once', async () => {
    const place = await clones.copy('built', 'plans');
    const shipped = place.transforms;
    place.transforms = place.edited({ [INVOICE]: withLines });
    const made = await place.plan();
    const other = await place.plan({ environment: 'pr_1' });
    place.transforms = shipped;
    await expect(apply(place.parts(), made.id)).rejects.toMatchObject({
      ...{ code: 'plan-stale', message: expect.stringContaining('the files of the transforms have changed') },
    });
    place.transforms = place.edited({ [INVOICE]: withLines });
    await place.ingest('late.csv', ['800009,22423,REGENCY CAKESTAND 3 TIER,1,12/3/10 10:00,1.00,17850,United Kingdom']);
    await apply(place.parts(), made.id);
    await expect(apply(place.parts(), made.id)).rejects.toMatchObject({
      ...{ code: 'plan-stale', message: expect.stringContaining('it was applied before') },
    });
    // Of another environment, whose revision nobody has moved.
    await apply(place.parts(), other.id);
    const [first, second] = [await place.plan({ environment: 'pr_1' }), await place.plan()];
    await place.ingest('more.csv', ['800010,22423,REGENCY CAKESTAND 3 TIER,1,12/3/10 10:00,1.00,17850,United Kingdom']);
    await place.run();
    await expect(apply(place.parts(), second.id)).rejects.toMatchObject({
      ...{ code: 'plan-stale', message: expect.stringMatching(/prod is at revision \d+, the plan saw \d+/) },
    });
    // Its tables are those of production, and moved with them.
    await expect(apply(place.parts(), first.id)).rejects.toMatchObject({ code: 'plan-stale' });
    await expect(apply(place.parts(), 'nothing')).rejects.toMatchObject({ code: 'plan-unknown' });
    await place.contents();
    await place.close();
  });
});

describe('an environment beside production', () => {
  it('has a name that schemas can have, too', async () => {
    const place = await clones.copy('built', 'names');
    const refused = { code: 'environment-invalid', hint: expect.stringContaining('a small letter') };
    for (const name of ['PR-17', 'pr 17', '17', 'x'.repeat(42)]) {
      await expect(place.plan({ environment: name })).rejects.toMatchObject(refused);
      await expect(place.run(name)).rejects.toMatchObject(refused);
      await expect(promote(place.parts(), 'prod', name)).rejects.toMatchObject(refused);
    }
    expect(await place.rows('SELECT name FROM assay.environment')).toEqual([['prod']]);
    await place.close();
  });

  it('can be removed: its names are gone, and what only it had is collected', async () => {
    const place = await clones.copy('built', 'dropped');
    const contents = await place.contents();
    place.transforms = place.edited({ [INVOICE]: withLines });
    expect((await place.forward({ environment: 'pr_9' })).unmade).toEqual([]);
    await expect(drop(place.parts(), 'prod')).rejects.toMatchObject({ code: 'usage' });
    await expect(drop(place.parts(), 'pr_8')).rejects.toMatchObject({ code: 'environment-unknown' });
    expect((await drop(place.parts(), 'pr_9')).changed).toHaveLength(14);
    expect(await place.rows(`SELECT count(*) FROM pg_views WHERE schemaname LIKE '%\\_\\_pr\\_9'`)).toEqual([['0']]);
    expect(await place.rows('SELECT name FROM assay.environment')).toEqual([['prod']]);
    const { dropped } = await collect(place.parts(), { keepMicros: 0n, keepRevisions: 1 });
    expect(dropped).toEqual([expect.stringMatching(/^gold\/dim_invoice\/v1\//)]);
    expect(await place.contents()).toEqual(contents);
    await place.close();
  });

  it.each([
    ['an additive', withLines, []],
    ['a breaking', brokenFlag, ['gold.dim_invoice']],
  ] as const)('tries %s change that production sees nothing of until it is promoted', async (_name, edit, restate) => {
    const place = await clones.copy('built', `pr_${restate.length}`);
    const publication = await place.publication();
    const contents = await place.contents();
    const shared = await tablesOf(place, 'prod');
    const shipped = place.transforms;
    place.transforms = place.edited({ [INVOICE]: edit });
    const request = { environment: 'pr_17', restate: new Map(restate.map((id) => [id, undefined])) };
    // What is production's is counted, and named to those who ask.
    const planned = await place.plan(request);
    expect(planned.shared).toHaveLength(13);
    expect(planText(planned)).toMatch(/^ {2}reuse {3}13 tables of prod$/m);
    expect(planText(planned)).not.toContain('gold.fact_sales');
    expect(planText(planned, true)).toMatch(/^ {2}reuse {3}13 tables of prod: .*gold\.fact_sales/m);
    const result = await place.forward(request);
    expect(result.unmade).toEqual([]);
    expect(place.steps()).toEqual(['gold.dim_invoice 1']);
    expect(await place.publication()).toEqual(publication);
    expect(await place.contents()).toEqual(contents);
    // Nothing is copied: all but one name point at production's own tables.
    const tried = await tablesOf(place, 'pr_17');
    expect(tried.size).toBe(14);
    expect([...tried].filter(([id, version]) => shared.get(id) !== version).map(([id]) => id)).toEqual([
      'gold.dim_invoice',
    ]);
    const ofTry = await place.contents({ environment: 'pr_17' });
    expect(ofTry['gold.fact_sales']).toEqual(contents['gold.fact_sales']);
    expect(ofTry['gold.dim_invoice']).not.toEqual(contents['gold.dim_invoice']);
    expect(await place.rows(`${NO_RETURNS} gold__pr_17.dim_invoice`)).toEqual([[restate.length > 0 ? '994' : '156']]);

    // Production goes on beside it, and what is shared moves for both.
    await place.ingest('next.csv', ['800011,22423,REGENCY CAKESTAND 3 TIER,1,12/3/10 10:00,7.00,17850,United Kingdom']);
    const { revision } = await place.publication('pr_17');
    const changed = place.transforms;
    place.transforms = shipped;
    await place.run();
    expect((await place.publication('pr_17')).revision).toBeGreaterThan(revision);
    for (const schema of ['gold', 'gold__pr_17'])
      expect(await place.rows(`SELECT sum(total_amount) FROM ${schema}.fact_sales`)).toEqual([['475419.72']]);
    place.transforms = changed;
    place.steps();
    expect((await place.run('pr_17')).unmade).toEqual([]);
    expect(place.steps()).toEqual(['gold.dim_invoice 1']);
    expect(await place.rows('SELECT count(*) FROM gold__pr_17.dim_invoice')).toEqual([['1151']]);

    place.steps();
    if (restate.length > 0)
      await expect(promote(place.parts(), 'pr_17', 'prod')).rejects.toMatchObject({
        code: 'promote-blocked',
        message: expect.stringContaining('gold.dim_invoice'),
      });
    const pointed = await promote(place.parts(), 'pr_17', 'prod', new Set(restate));
    expect(place.steps()).toEqual([]);
    expect(pointed.changed).toEqual(['gold.dim_invoice']);
    expect([...(await tablesOf(place, 'prod'))].sort()).toEqual([...(await tablesOf(place, 'pr_17'))].sort());
    expect(await place.contents()).toEqual(await place.contents({ environment: 'pr_17' }));
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });
});
