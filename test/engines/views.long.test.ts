import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAsk } from '../../src/answer/run/index.js';
import {
  apply,
  audit,
  collect,
  lineageGraph,
  openPublications,
  planStatus,
  promote,
  rollback,
} from '../../src/build/transform/index.js';
import { lakeRelations } from '../../src/cli/wiring.js';
import { loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import { noEmit } from '../../src/query/index.js';
import { isDataMoved } from '../../src/store/state/index.js';
import { cellsOf } from '../star/world.js';
import { type Clone, type Clones, openClones } from './transform-clones.js';
import { root, sample } from './warehouse-and-lake.js';

const LINES = 'silver/order_lines.v1.sql';
const SOLD = 'silver/sold_lines.v1.sql';
const TOTALS = 'gold/day_totals.v1.sql';

const head = (lines: readonly string[]): string =>
  ['/* @transform', ...lines, 'owner: sales-data', '*/', ''].join('\n');

/** A view over one table, row by row: it hands on its partitions. */
const soldLines = head([
  'name: silver.sold_lines',
  'version: 1',
  'description: Order lines that are no returns.',
  'kind: view',
  'role: fact',
  'keys: {natural: [order_line_key]}',
  'engine: {allow: [duckdb, postgres]}',
  'targets: [delta, postgres]',
  'columns:',
  '  - {name: order_line_key, type: bigint, nullable: false}',
  '  - {name: invoice_date, type: date, nullable: false}',
  '  - {name: country, type: string, nullable: true}',
  '  - {name: amount, type: "decimal(12,2)", nullable: false}',
  'checks:',
  '  - {type: unique, columns: [order_line_key], severity: critical}',
  '  - {type: expression, name: not_negative, columns: [amount], expression: "amount >= 0", severity: critical}',
]).concat(`SELECT lines.order_line_key, lines.invoice_date, lines.country, lines.amount
FROM {{ref('silver.order_lines')}} AS lines
WHERE NOT lines.is_return
`);
/** A table that is made by the view's partitions. */
const dayTotals = head([
  'name: gold.day_totals',
  'version: 1',
  'description: What was sold by day.',
  'kind: incremental_by_partition',
  'role: fact',
  'partition: {column: day, unit: day, inputs: {silver.sold_lines: invoice_date}}',
  'keys: {natural: [day]}',
  'targets: [delta, postgres]',
  'columns:',
  '  - {name: day, type: date, nullable: false}',
  '  - {name: lines, type: bigint, nullable: false}',
  '  - {name: amount, type: "decimal(18,2)", nullable: false}',
]).concat(`SELECT sold.invoice_date AS day, count(*) AS lines, sum(sold.amount)::decimal(18, 2) AS amount
FROM {{ref('silver.sold_lines')}} AS sold
WHERE sold.invoice_date >= {{partition.start}} AND sold.invoice_date < {{partition.end}}
GROUP BY sold.invoice_date
`);
/** A view of a view and of a table. */
const countries = head([
  'name: gold.country_days',
  'version: 1',
  "description: Each country's share of a day's sales.",
  'kind: view',
  'role: fact',
  'keys: {natural: [day, country]}',
  'engine: {allow: [duckdb, postgres]}',
  'targets: [delta, postgres]',
  'columns:',
  '  - {name: day, type: date, nullable: false}',
  '  - {name: country, type: string, nullable: true}',
  '  - {name: amount, type: "decimal(18,2)", nullable: false}',
  '  - {name: of_day, type: "decimal(18,2)", nullable: false}',
]).concat(`WITH sums AS (
  SELECT invoice_date, country, sum(amount)::decimal(18, 2) AS amount FROM {{ref('silver.sold_lines')}} GROUP BY invoice_date, country
)
SELECT sums.invoice_date AS day, sums.country, sums.amount, totals.amount AS of_day
FROM sums
JOIN {{ref('gold.day_totals')}} AS totals ON totals.day = sums.invoice_date
`);
const FILES = { [SOLD]: soldLines, [TOTALS]: dayTotals, 'gold/country_days.v1.sql': countries };

/** A cube over the view, in Cube's language. */
const CUBES: Readonly<Record<string, string>> = {
  'cubes/sold.yml': `cubes:
  - name: sold
    public: false
    title: Sold
    description: Lines that are no returns.
    sql_table: silver.sold_lines
    dimensions:
      - { name: key, title: Key, description: Key., sql: "{CUBE}.order_line_key", type: number, primary_key: true, meta: { type: bigint } }
      - { name: country, title: Country, description: Country., sql: "{CUBE}.country", type: string }
    measures:
      - { name: lines, title: Lines, description: Lines., type: count, meta: { type: bigint } }
      - { name: amount, title: Amount, description: Amount., sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)" } }
`,
  'views/sales.yml': `views:
  - name: sales
    title: Sales
    description: What was sold.
    cubes:
      - join_path: sold
        includes: [lines, amount, country]
`,
};

let clones: Clones;
let dir: string;
beforeAll(async () => {
  clones = await openClones();
  const bronze = await clones.empty('bronze');
  await bronze.ingest(sample);
  dir = join(bronze.lake, '..', 'few-transforms');
  for (const file of [LINES, 'gold/data_quality_metrics.v1.sql']) {
    mkdirSync(dirname(join(dir, 'sql', file)), { recursive: true });
    cpSync(join(root, 'transforms/sql', file), join(dir, 'sql', file));
  }
  for (const [file, text] of Object.entries(FILES)) writeFileSync(join(dir, 'sql', file), text);
  await bronze.close();
  const viewed = await open('bronze', 'viewed');
  expect((await viewed.run()).unmade).toEqual([]);
  await viewed.close();
}, 120_000);
afterAll(async () => {
  await clones.close();
});

const open = async (from: string, name: string): Promise<Clone> => {
  const place = await clones.copy(from, name);
  place.transforms = dir;
  return place;
};
const late = (day: string, invoice: string, price: string): string =>
  `${invoice},22423,REGENCY CAKESTAND 3 TIER,1,12/${day}/10 10:00,${price},17850,United Kingdom`;
const oidOf = (place: Clone, view: string) => place.rows(`SELECT '${view}'::regclass::oid`);

describe('a view', () => {
  it('gives the same rows in both places, and hands on what it reads', async () => {
    const place = await open('viewed', 'same');
    const contents = await place.contents();
    expect(Object.keys(contents)).toEqual([
      ...['gold.country_days', 'gold.day_totals', 'silver.order_lines', 'silver.sold_lines'],
    ]);
    const sums = 'SELECT count(*), sum(amount) FROM';
    expect(await place.rows(`${sums} silver.sold_lines`)).toEqual([['27487', '538729.28']]);
    expect(await place.lakeRows(`${sums} {silver.sold_lines}`)).toEqual([['27487', '538729.28']]);
    expect(await place.rows('SELECT sum(lines) AS n, sum(amount) AS a FROM gold.day_totals')).toEqual([
      ['27487', '538729.28'],
    ]);
    expect(await place.rows('SELECT sum(amount), count(DISTINCT day) FROM gold.country_days')).toEqual([
      ['538729.28', '11'],
    ]);
    // Nothing is stored of a view, and none stands on another.
    expect(await place.rows("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'sold_lines%'")).toEqual([['0']]);
    expect(
      await place.rows(`SELECT DISTINCT v.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        JOIN pg_class c ON c.oid = r.ev_class JOIN pg_class v ON v.oid = d.refobjid
        WHERE c.relname = 'country_days' AND v.oid <> c.oid AND v.relkind = 'v'`),
    ).toEqual([]);
    const graph = await lineageGraph(place.warehouse, 'prod');
    expect(graph.get('gold.day_totals')?.edges).toContainEqual(
      expect.objectContaining({ column: 'amount', inputTable: 'silver.sold_lines', inputColumn: 'amount' }),
    );
    expect(planStatus(await place.plan())).toBe('none');
    expect(await place.run()).toMatchObject({ status: 'unchanged' });
    const { checks, refused } = await audit(place.parts(), { environment: 'prod' });
    expect(refused).toEqual([]);
    expect(
      checks.filter(({ model }) => model === 'silver.sold_lines').map(({ check, evaluated }) => [check, evaluated]),
    ).toContainEqual(['not_negative', 27487n]);
    await place.close();
  });

  it('moves with its tables: one day more makes that day of what reads it, and old readers are told', async () => {
    const place = await open('viewed', 'late');
    const before = (await place.publication()).tables.get('silver.sold_lines');
    place.steps();
    await place.ingest('late.csv', [late('3', '800001', '7.00')]);
    const result = await place.run();
    expect(result).toMatchObject({ status: 'published', unmade: [] });
    expect(result.changed).toEqual(expect.arrayContaining(['silver.sold_lines', 'gold.country_days']));
    expect(place.steps()).toEqual([...['silver.order_lines 1', 'gold.day_totals 1', 'gold.data_quality_metrics 1']]);
    const after = (await place.publication()).tables.get('silver.sold_lines');
    expect(after?.dataVersion).not.toBe(before?.dataVersion);
    expect(after?.rows).toBe(27_488);
    const stale = place.rows(`SELECT count(*) FROM ${before?.postgres} AS v`);
    await expect(stale).rejects.toSatisfy(isDataMoved);
    expect(await place.rows(`SELECT count(*) FROM ${after?.postgres} AS v`)).toEqual([['27488']]);
    expect(await place.rows('SELECT sum(of_day) FROM (SELECT DISTINCT day, of_day FROM gold.country_days) d')).toEqual([
      ['538736.28'],
    ]);
    await place.contents();
    expect(await place.run()).toMatchObject({ status: 'unchanged' });
    await place.close();
  });

  it('answers the questions of a model over it, from either copy, and follows its tables', async () => {
    const place = await open('viewed', 'asked');
    const models = join(dir, '..', 'asked-model');
    for (const [file, text] of Object.entries(CUBES)) {
      mkdirSync(dirname(join(models, file)), { recursive: true });
      writeFileSync(join(models, file), text);
    }
    const model = await loadModel(models);
    const publications = await openPublications(place.warehouse, noEmit);
    const askFrom = (rawSource: 'postgres' | 'lake') =>
      makeAsk({
        model: () => ({ ...model, accessOf: (caller) => accessOf(model.catalogue, caller) }),
        publications,
        rollups: {
          inventory: () => ({ states: new Map() }),
          layout: () => undefined,
          pin: async () => ({ tables: [], release: () => {} }),
        },
        engines: { postgres: place.warehouse.engine, lake: clones.duckdb.engine, rollup: clones.duckdb.engine },
        lakeRelation: lakeRelations(clones.duckdb),
        rawSource,
        emit: noEmit,
      });
    const perCountry = { measures: ['sales.lines', 'sales.amount'], dimensions: ['sales.country'] };
    for (const source of ['postgres', 'lake'] as const)
      expect(await cellsOf(askFrom(source), { measures: perCountry.measures })).toMatchObject({
        ...{ rows: [['27487', '538729.28']], source },
      });
    await place.ingest('late.csv', [late('3', '800001', '7.00')]);
    expect((await place.run()).unmade).toEqual([]);
    await publications.refresh();
    // Counted by hand over the table below the view.
    const wanted = await place.rows(
      'SELECT country, count(*) AS n, sum(amount) AS a FROM silver.order_lines WHERE NOT is_return GROUP BY country',
    );
    for (const source of ['postgres', 'lake'] as const) {
      const { rows } = await cellsOf(askFrom(source), perCountry);
      expect(rows.map((row) => row.map((cell) => cell ?? '∅')).sort()).toEqual(wanted.sort());
    }
    expect((await cellsOf(askFrom('lake'), { measures: perCountry.measures })).rows).toEqual([['27488', '538736.28']]);
    await publications.close();
    await place.close();
  });

  it('that does not pass is told and holds back what reads it, not its tables', async () => {
    const place = await open('viewed', 'refused');
    place.transforms = place.edited({
      [SOLD]: (sql) => sql.replace('"amount >= 0"', '"amount < 100000"'),
    });
    expect((await place.forward()).unmade).toEqual([]);
    const totals = await place.rows('SELECT * FROM gold.day_totals ORDER BY 1');
    await place.ingest('late.csv', [late('3', '800002', '100000.00')]);
    const result = await place.run();
    expect(result.status).toBe('partial');
    expect(result.unmade).toMatchObject([
      {
        ...{ model: 'silver.sold_lines', partition: '*', status: 'quarantined', retry: 'assay run' },
        refusal: { check: 'not_negative', failed: '1', evaluated: '27488' },
      },
      { model: 'gold.day_totals', partition: '2010-12-03', status: 'blocked' },
    ]);
    expect(await place.rows('SELECT count(*) FROM silver.sold_lines')).toEqual([['27488']]);
    expect(await place.rows('SELECT * FROM gold.day_totals ORDER BY 1')).toEqual(totals);
    expect((await place.run()).status).toBe('refused');
    // With the rule as it was, the day goes on.
    place.transforms = dir;
    expect((await place.forward()).unmade).toEqual([]);
    expect(await place.rows('SELECT sum(amount) FROM gold.day_totals')).toEqual([['638729.28']]);
    await place.contents();
    await place.close();
  });
});

describe('a change', () => {
  it('of a view keeps it and its grants; columns that go are a new version', async () => {
    const place = await open('viewed', 'changed');
    await place.warehouse.query('CREATE ROLE view_reader; GRANT SELECT ON silver.sold_lines TO view_reader');
    const [oid] = await oidOf(place, 'silver.sold_lines');
    place.transforms = place.edited({
      [SOLD]: (sql) =>
        sql
          .replace('checks:\n', '  - {name: quantity, type: integer, nullable: false}\nchecks:\n')
          .replace('lines.amount\n', 'lines.amount, lines.quantity\n'),
    });
    const made = await place.plan();
    expect(made.changes.map(({ id, category }) => [id, category])).toEqual([
      ['silver.sold_lines', 'additive'],
      ['gold.country_days', 'indirect'],
    ]);
    expect(made.views).toEqual({
      make: [],
      replace: ['silver.sold_lines', 'gold.country_days'],
      recreate: [],
      drop: [],
    });
    expect((await apply(place.parts(), made.id)).unmade).toEqual([]);
    expect(place.steps()).toEqual(['gold.data_quality_metrics 1']);
    expect(await oidOf(place, 'silver.sold_lines')).toEqual([oid]);
    // 223,270 units are sold, by a count apart from this project.
    expect(await place.rows('SELECT sum(quantity) FROM silver.sold_lines')).toEqual([['223270']]);

    place.transforms = place.edited({
      [SOLD]: (sql) => sql.replace(/ {2}- \{name: country,.*\n/, '').replace('lines.country, ', ''),
      'gold/country_days.v1.sql': (sql) =>
        sql
          .replace('SELECT invoice_date, country, sum', 'SELECT invoice_date, NULL::varchar AS country, sum')
          .replace('GROUP BY invoice_date, country', 'GROUP BY invoice_date'),
    });
    expect((await place.plan()).blocked.join('\n')).toMatch(
      /silver\.sold_lines needs a new version: write sold_lines\.v2\.sql/,
    );
    const restate = new Map(['silver.sold_lines', 'gold.country_days'].map((id) => [id, undefined]));
    expect((await place.forward({ restate })).unmade).toEqual([]);
    expect(await oidOf(place, 'silver.sold_lines')).not.toEqual([oid]);
    expect(await place.rows("SELECT has_table_privilege('view_reader', 'silver.sold_lines', 'SELECT')")).toEqual([
      ['true'],
    ]);
    await place.contents();
    expect((await rollback(place.parts(), 'prod', undefined)).changed).toEqual(
      expect.arrayContaining(['silver.sold_lines']),
    );
    expect(await place.rows('SELECT count(country) > 0 FROM silver.sold_lines')).toEqual([['true']]);
    await place.contents();
    await place.warehouse.query('DROP OWNED BY view_reader; DROP ROLE view_reader');
    await place.close();
  });

  it('of a table puts the views over it on the new one, and of a version takes the old name away', async () => {
    const place = await open('viewed', 'under');
    place.transforms = place.edited({
      [LINES]: (sql) =>
        sql
          .replace('checks:\n', '  - {name: is_cheap, type: boolean, nullable: true}\nchecks:\n')
          .replace(/(\n {2}_ingested_at AS ingested_at)/, '$1,\n  price_value < 1 AS is_cheap'),
    });
    const first = await place.forward();
    expect(first.unmade).toEqual([]);
    await place.ingest('late.csv', [late('3', '800003', '7.00')]);
    expect((await place.run()).unmade).toEqual([]);
    // On the table of before, the new line would be missing.
    expect(await place.rows('SELECT count(*) FROM silver.sold_lines')).toEqual([['27488']]);
    await place.contents();

    const other = place.transforms;
    place.transforms = place.edited({
      'silver/sold_lines.v2.sql': (sql) =>
        sql.replace('version: 1', 'version: 2\ndeprecates: 1').replace('NOT lines.is_return', 'lines.amount > 10'),
    });
    expect((await place.forward()).unmade).toEqual([]);
    const views = "SELECT viewname FROM pg_views WHERE viewname LIKE 'sold_lines%' ORDER BY 1";
    expect(await place.rows(views)).toEqual([['sold_lines'], ['sold_lines_v1'], ['sold_lines_v2']]);
    expect(await place.rows('SELECT count(*) FROM silver.sold_lines_v1')).toEqual([['27488']]);
    rmSync(join(place.transforms, 'sql/silver/sold_lines.v1.sql'));
    writeFileSync(
      join(place.transforms, 'sql/silver/sold_lines.v2.sql'),
      soldLines.replace('version: 1', 'version: 2').replace('NOT lines.is_return', 'lines.amount > 10'),
    );
    expect((await place.forward()).unmade).toEqual([]);
    expect(await place.rows(views)).toEqual([['sold_lines'], ['sold_lines_v2']]);
    await place.contents();
    expect(other).not.toBe(place.transforms);
    await collect(place.parts(), { keepMicros: 0n, keepRevisions: 1 });
    await place.contents();
    await place.close();
  });

  it('is tried beside production, which sees nothing of it until it is promoted', async () => {
    const place = await open('viewed', 'beside');
    const contents = await place.contents();
    const publication = await place.publication();
    place.transforms = place.edited({ [SOLD]: (sql) => sql.replace('NOT lines.is_return', 'lines.amount > 10') });
    const restate = new Map([['silver.sold_lines', undefined]]);
    const result = await place.forward({ environment: 'pr_17', restate });
    expect(result.unmade).toEqual([]);
    expect(await place.publication()).toEqual(publication);
    const tried = await place.contents({ environment: 'pr_17' });
    expect(tried['silver.order_lines']).toEqual(contents['silver.order_lines']);
    expect(tried['silver.sold_lines']).not.toEqual(contents['silver.sold_lines']);
    await promote(
      place.parts(),
      'pr_17',
      'prod',
      new Set(['silver.sold_lines', 'gold.day_totals', 'gold.country_days']),
    );
    expect(await place.contents()).toEqual(tried);
    await rollback(place.parts(), 'prod', publication.revision);
    expect(await place.contents()).toEqual(contents);
    await place.close();
  });

  it('of a table under a view that does not pass publishes nothing, for the old view cannot stand on the new table', async () => {
    const place = await open('viewed', 'stuck');
    const publication = await place.publication();
    const contents = await place.contents();
    place.transforms = place.edited({
      [LINES]: (sql) =>
        sql.replace('try_cast(round(', 'try_cast(-round(').replace('"amount = round(', '"-amount = round('),
    });
    const restate = new Map([['silver.order_lines', undefined]]);
    const made = await place.plan({ restate });
    expect(made.blocked).toEqual([]);
    const result = await apply(place.parts(), made.id);
    expect(result.status).toBe('refused');
    expect(result.unmade.map(({ model, status }) => [model, status])).toEqual(
      expect.arrayContaining([
        ['silver.sold_lines', 'quarantined'],
        ['silver.sold_lines', 'blocked'],
      ]),
    );
    expect(await place.contents()).toEqual(contents);
    const now = await place.publication();
    for (const name of ['silver.order_lines', 'silver.sold_lines'])
      expect(now.tables.get(name)).toEqual(publication.tables.get(name));
    await place.close();
  });

  it('of a declaration that a view cannot keep is refused in the plan', async () => {
    const place = await open('viewed', 'handed');
    place.transforms = place.edited({
      [SOLD]: (sql) => sql.replace('lines.invoice_date,', '(lines.invoice_date + 0)::date AS invoice_date,'),
    });
    const { blocked } = await place.plan({ restate: new Map([['silver.sold_lines', undefined]]) });
    expect(blocked.join('\n')).toMatch(
      /gold\.day_totals: partition\.inputs names silver\.sold_lines\.invoice_date, and that view hands on no partitions/,
    );
    await place.close();
  });
});
