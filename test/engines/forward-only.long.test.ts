import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, planText, restate, rollback } from '../../src/build/transform/index.js';
import { type FewSales, openFewSales, SALES, TIME } from './few-sales.js';
import type { Clone } from './transform-clones.js';
import { sample } from './warehouse-and-lake.js';

/** The new SELECT: twice the quantity, what the customer bought in all, and whether it is much. */
const twice = (sql: string): string =>
  sql
    .replace(
      'checks:',
      '  - {name: big, type: boolean, nullable: true}\n  - {name: had, type: bigint, nullable: true}\nchecks:',
    )
    .replace('l.quantity\nFROM', '2 * l.quantity AS quantity, l.quantity > 100 AS big, p.bought AS had\nFROM');

let clones: FewSales;
beforeAll(async () => {
  clones = await openFewSales();
}, 120_000);
afterAll(async () => {
  await clones.close();
});
const open = (name: string): Promise<Clone> => clones.open(name);

const LATE = '900001,22423,CAKESTAND,500,12/3/10 10:00,12.75,17850,France';
const NEXT = '900002,22423,CAKESTAND,7,12/20/10 10:00,12.75,99999,Germany';
/** Days to what each line of them counts, worked out over the source's own file: `times` is SQL over `d`, the day. */
const byHand = async (files: readonly string[], times: string): Promise<string[][]> => {
  const raw = files.map((file) => `SELECT InvoiceDate, Quantity FROM read_csv('${file}', all_varchar = true)`);
  const rows = await clones.duckdb.query(
    `SELECT d::varchar AS d, sum(q * ${times})::varchar AS q, count(*)::varchar AS n
     FROM (SELECT ${TIME}::date AS d, Quantity::integer AS q FROM (${raw.join(' UNION ALL ')})) GROUP BY d HAVING d IS NOT NULL ORDER BY d`,
  );
  return rows.map((row) => [String(row['d']), String(row['q']), String(row['n'])]);
};
const SALES_BY_DAY = 'SELECT day::varchar AS d, sum(quantity) AS q, count(*) AS n FROM';
const salesByDay = async (place: Clone): Promise<string[][]> => {
  const rows = await place.rows(`${SALES_BY_DAY} gold.sales GROUP BY day ORDER BY day`);
  expect(await place.lakeRows(`${SALES_BY_DAY} {gold.sales} GROUP BY day ORDER BY day`)).toEqual(rows);
  return rows;
};
/** What reads the fact says the same as the fact, however its days were made. */
const childrenAgree = async (place: Clone): Promise<void> => {
  expect(await place.rows('SELECT day, quantity FROM gold.days ORDER BY day')).toEqual(
    await place.rows('SELECT day, sum(quantity) AS q FROM gold.sales GROUP BY day ORDER BY day'),
  );
  expect(await place.rows('SELECT country, quantity FROM gold.totals ORDER BY country')).toEqual(
    await place.rows('SELECT country, sum(quantity) AS q FROM gold.sales GROUP BY country ORDER BY country'),
  );
};
/** By meaning that made them, how many partitions of the published version of a table. */
const keptIn = async (place: Clone, table: string): Promise<string[]> => {
  const rows = await place.rows(`
    SELECT count(*)::text FROM assay.interval i
    JOIN assay.publication_table t ON t.version_id = i.version_id AND t.name = '${table}'
    JOIN assay.environment e ON e.revision = t.revision AND e.name = 'prod'
    WHERE i.route LIKE 'stays as %'`);
  return rows.map(([n]) => n ?? '');
};

describe('a change that holds from now on', () => {
  it('keeps the past in both copies, makes late and new days by the new SELECT, goes back, and is made whole when asked', async () => {
    const place = await open('twice');
    const before = await place.contents();
    const source = await byHand([sample], '1');
    expect(source).toHaveLength(11);
    expect(await salesByDay(place)).toEqual(source);
    place.steps();

    place.transforms = place.edited({ [SALES]: twice });
    const made = await place.plan();
    expect(made.blocked).toEqual([]);
    expect(made.changes.map(({ id, category }) => [id, category])).toEqual([
      ['gold.sales', 'forward_only'],
      ['gold.days', 'indirect'],
      ['gold.totals', 'indirect'],
    ]);
    const old = made.changes[0]?.before?.fingerprint.slice(0, 4) ?? '';
    const [first = '', last = ''] = [source[0]?.[0], source.at(-1)?.[0]];
    const text = planText(made);
    expect(text).toContain('FORWARD_ONLY +big boolean +had bigint');
    expect(text).toContain(
      `  keep    gold.sales ${first}..${last}  11 partitions as ${old} made them, big, had null there; no SELECT runs\n          the new SELECT makes partitions after ${last}, and any other when its data changes; assay restate gold.sales makes the past by it`,
    );
    expect(text).not.toMatch(/build {3}gold\.(sales|days) /);
    expect(text).toContain(`  keep    gold.days ${first}..${last}  11 partitions`);

    expect(await apply(place.parts(), made.id)).toMatchObject({ status: 'published', unmade: [] });
    const kept = await place.contents({ without: ['big', 'had'] });
    expect(kept).toEqual(before);
    expect(await place.rows('SELECT count(big) AS b, count(had) AS h FROM gold.sales')).toEqual([['0', '0']]);
    expect([await keptIn(place, 'gold.sales'), await keptIn(place, 'gold.days')]).toEqual([['11'], ['11']]);
    expect((await place.plan()).steps).toEqual([]);
    expect((await place.run()).status).toBe('unchanged');

    // A late line touches its day, and a new one makes its own. A customer of many days bought more: the old meaning never asked that.
    const files = [await place.ingest('late.csv', [LATE]), await place.ingest('next.csv', [NEXT])];
    expect(files).toHaveLength(2);
    expect(await place.run()).toMatchObject({ status: 'published', unmade: [] });
    const all = [sample, join(place.lake, '..', 'late.csv'), join(place.lake, '..', 'next.csv')];
    const mixed = "CASE WHEN d IN (DATE '2010-12-03', DATE '2010-12-20') THEN 2 ELSE 1 END";
    expect(await salesByDay(place)).toEqual(await byHand(all, mixed));
    expect(await place.rows('SELECT DISTINCT day::text FROM gold.sales WHERE big IS NOT NULL ORDER BY 1')).toEqual([
      ['2010-12-03'],
      ['2010-12-20'],
    ]);
    expect(await keptIn(place, 'gold.sales')).toEqual(['10']);
    await childrenAgree(place);
    await place.contents();
    expect((await place.run()).status).toBe('unchanged');

    // The past by the new SELECT, where it is asked for: one day, then all of it.
    expect((await restate(place.parts(), 'prod', 'gold.sales', { start: first, end: '2010-12-02' })).unmade).toEqual(
      [],
    );
    const three = "CASE WHEN d IN (DATE '2010-12-01', DATE '2010-12-03', DATE '2010-12-20') THEN 2 ELSE 1 END";
    expect(await salesByDay(place)).toEqual(await byHand(all, three));
    await childrenAgree(place);
    expect((await place.run()).status).toBe('unchanged');
    const { revision } = await place.publication();
    const whole = await restate(place.parts(), 'prod', 'gold.sales', { start: undefined, end: undefined });
    expect(whole.unmade).toEqual([]);
    expect(await salesByDay(place)).toEqual(await byHand(all, '2'));
    expect(await keptIn(place, 'gold.sales')).toEqual(['0']);
    await childrenAgree(place);
    await place.contents();

    // Back to the mixed table, and to the one before the change: rows and code.
    await rollback(place.parts(), 'prod', revision);
    expect(await salesByDay(place)).toEqual(await byHand(all, three));
    await childrenAgree(place);
    await rollback(place.parts(), 'prod', 1);
    expect(await place.contents()).toEqual(before);
    await place.close();
  });

  it('carries an earlier meaning through the next change, and says which made what', async () => {
    const place = await open('again');
    place.transforms = place.edited({ [SALES]: twice });
    expect((await place.forward()).unmade).toEqual([]);
    await place.ingest('next.csv', [NEXT]);
    expect((await place.run()).unmade).toEqual([]);
    place.transforms = place.edited({ [SALES]: (sql) => sql.replace('2 * l.quantity', '3 * l.quantity') });
    const made = await place.plan();
    const stays = made.steps.find(({ id }) => id === 'gold.sales')?.stays;
    expect(stays).toMatchObject({ partitions: 12, own: true, nulls: [] });
    expect(stays?.meanings).toHaveLength(2);
    expect((await apply(place.parts(), made.id)).unmade).toEqual([]);
    await place.ingest('late.csv', [LATE]);
    expect((await place.run()).unmade).toEqual([]);
    const all = [sample, join(place.lake, '..', 'late.csv'), join(place.lake, '..', 'next.csv')];
    expect(await salesByDay(place)).toEqual(
      await byHand(all, "CASE d WHEN DATE '2010-12-03' THEN 3 WHEN DATE '2010-12-20' THEN 2 ELSE 1 END"),
    );
    await childrenAgree(place);
    await place.contents();

    // Without the word a column more would make the past by the present SELECT: that must be asked for.
    const more = (sql: string) =>
      sql
        .replace('forward_only: true\n', '')
        .replace('checks:', '  - {name: small, type: boolean, nullable: true}\nchecks:')
        .replace('AS had\nFROM', 'AS had, l.quantity < 3 AS small\nFROM');
    place.transforms = place.edited({ [SALES]: more });
    expect((await place.plan()).blocked.join('\n')).toMatch(
      /^gold\.sales: 2010-12-01\.\.2010-12-20 hold rows of an earlier meaning \(forward_only\), which this change would make by the present SELECT: add forward_only: true, write sales\.v2\.sql .* --restate gold\.sales$/,
    );
    const asked = await place.forward({ restate: new Map([['gold.sales', undefined]]) });
    expect(asked.unmade).toEqual([]);
    expect(await salesByDay(place)).toEqual(await byHand(all, '3'));
    await childrenAgree(place);
    await place.close();
  });

  it('lets kinds that go on from what is there begin with the rows of before', async () => {
    const place = await open('whole');
    const before = await place.contents();
    const rows = await place.rows('SELECT country, day FROM gold.last_sold ORDER BY country');
    place.transforms = place.edited({
      'gold/last_sold.v1.sql': (sql) =>
        sql
          .replace(
            'name: day, type: date, nullable: false}',
            'name: day, type: date, nullable: false}\n  - {name: by, type: string, nullable: true}',
          )
          .replace('max(l.day) AS day FROM', "max(l.day) AS day, 'new' AS by FROM"),
      'gold/dim_countries.v1.sql': (sql) =>
        sql
          .replace('track: [many]', 'track: [many, lines]')
          .replace(
            'name: many, type: boolean, nullable: false}',
            'name: many, type: boolean, nullable: false}\n  - {name: lines, type: bigint, nullable: true}',
          )
          .replace('> 1000 AS many FROM', '> 1000 AS many, count(*) AS lines FROM'),
    });
    const made = await place.plan();
    expect(made.blocked).toEqual([]);
    expect(planText(made)).toContain('keep    gold.last_sold all rows as ');
    expect((await apply(place.parts(), made.id)).unmade).toEqual([]);
    expect(await place.contents({ without: ['by', 'lines'] })).toEqual(before);
    expect((await place.run()).status).toBe('unchanged');
    await place.ingest('next.csv', [NEXT]);
    expect((await place.run()).unmade).toEqual([]);
    // The SELECT gave Germany alone; every other row is of before.
    expect(await place.rows('SELECT country, day, by FROM gold.last_sold ORDER BY country')).toEqual(
      rows.map(([country = '', day = '']) =>
        country === 'Germany' ? [country, '2010-12-20', 'new'] : [country, day, '∅'],
      ),
    );
    // Each country's history ends as it was, and goes on with what is tracked from now on.
    expect(
      await place.rows(
        'SELECT count(*) AS a, count(*) FILTER (WHERE valid_to IS NULL AND lines IS NOT NULL) AS b, count(*) FILTER (WHERE valid_to IS NOT NULL AND lines IS NULL) AS c FROM gold.dim_countries',
      ),
    ).toEqual([[String(2 * rows.length), String(rows.length), String(rows.length)]]);
    expect(
      await place.rows("SELECT lines FROM gold.dim_countries WHERE country = 'Germany' AND valid_to IS NULL"),
    ).toEqual(await place.rows("SELECT count(*) FROM silver.lines WHERE country = 'Germany'"));
    await place.contents();
    await place.close();
  });

  it('begins with the rows of before where its inputs have moved meanwhile', async () => {
    const place = await open('moved');
    await place.ingest('next.csv', [NEXT]);
    await place.ingest('late.csv', [LATE]);
    place.transforms = place.edited({
      [SALES]: twice,
      'gold/last_sold.v1.sql': (sql) =>
        sql
          .replace(
            'name: day, type: date, nullable: false}',
            'name: day, type: date, nullable: false}\n  - {name: by, type: string, nullable: true}',
          )
          .replace('max(l.day) AS day FROM', "max(l.day) AS day, 'new' AS by FROM"),
    });
    expect(planText(await place.plan())).toContain(
      'because gold.dim_people, silver.lines, never made; perhaps: only if that comes out changed, otherwise they stay as they are',
    );
    expect((await place.forward()).unmade).toEqual([]);
    const all = [sample, join(place.lake, '..', 'late.csv'), join(place.lake, '..', 'next.csv')];
    expect(await salesByDay(place)).toEqual(
      await byHand(all, "CASE WHEN d IN (DATE '2010-12-03', DATE '2010-12-20') THEN 2 ELSE 1 END"),
    );
    expect(await place.rows("SELECT country, day FROM gold.last_sold WHERE by = 'new'")).toEqual([
      ['Germany', '2010-12-20'],
    ]);
    expect(Number((await place.rows('SELECT count(*) FROM gold.last_sold'))[0]?.[0])).toBeGreaterThan(10);
    await childrenAgree(place);
    await place.contents();
    await place.close();
  });

  it('is refused where something would be lost, and where the past was made anew elsewhere', async () => {
    const place = await open('refused');
    const blockedBy = async (edit: (sql: string) => string): Promise<string> => {
      place.transforms = clones.dir;
      place.transforms = place.edited({ [SALES]: edit });
      return (await place.plan()).blocked.join('\n');
    };
    const cannot = 'gold.sales: forward_only cannot hold for this change of gold.sales: ';
    const way = '; take forward_only away, write sales.v2.sql with deprecates: 1, or plan with --restate gold.sales';
    expect(await blockedBy((sql) => sql.replace(/ {2}- \{name: country.*\n/, '').replace('l.country, ', ''))).toContain(
      `${cannot}column country is gone${way}`,
    );
    expect(
      await blockedBy((sql) =>
        twice(sql).replace('name: big, type: boolean, nullable: true', 'name: big, type: boolean, nullable: false'),
      ),
    ).toBe(`${cannot}column big is new and must be nullable, because rows that stay have no value of it${way}`);
    expect(await blockedBy((sql) => sql.replace('natural: [file, row]', 'natural: [row, file]'))).toContain(
      'the natural key changed',
    );
    expect(
      await blockedBy((sql) => sql.replace('inputs: {silver.lines: day}', 'lookback: 1, inputs: {silver.lines: day}')),
    ).toContain('what its partitions follow (lookback, inputs, sources) changed');

    place.transforms = clones.dir;
    const plain = place.edited({ [SALES]: (sql) => twice(sql).replace('forward_only: true\n', '') });
    const forward = place.edited({ [SALES]: twice });
    place.transforms = plain;
    const pr = await place.forward({ environment: 'pr_1', restate: new Map([['gold.sales', undefined]]) });
    expect(pr.unmade).toEqual([]);
    place.transforms = forward;
    expect((await place.plan()).blocked.join('\n')).toMatch(
      /^gold\.sales: 2010-12-01\.\.2010-12-13 were made by the new SELECT already, in another environment or before a rollback/,
    );
    await place.close();
  });

  it('is not applied where what it would take over has moved since it was planned', async () => {
    const place = await open('overtaken');
    place.transforms = place.edited({ [SALES]: twice });
    const made = await place.plan({ environment: 'pr_1' });
    const forward = place.transforms;
    place.transforms = clones.dir;
    place.transforms = place.edited({
      [SALES]: (sql) => sql.replace('l.quantity\nFROM', '3 * l.quantity AS quantity\nFROM'),
    });
    expect((await place.forward()).unmade).toEqual([]);
    place.transforms = forward;
    await expect(apply(place.parts(), made.id)).rejects.toMatchObject({
      ...{ code: 'plan-stale', message: expect.stringContaining('readers have another version of gold.sales by now') },
    });
    await place.close();
  });

  it('tried beside production and promoted gives what it gave there, and production goes on from it', async () => {
    const place = await open('beside');
    const before = await place.contents();
    place.transforms = place.edited({ [SALES]: twice });
    expect((await place.forward({ environment: 'pr_1' })).unmade).toEqual([]);
    expect(await place.contents({ environment: 'pr_1', without: ['big', 'had'] })).toEqual(before);
    const made = await place.plan();
    expect(made.blocked).toEqual([]);
    // All is there already.
    expect(made.steps).toEqual([]);
    expect((await apply(place.parts(), made.id)).unmade).toEqual([]);
    await place.ingest('next.csv', [NEXT]);
    expect((await place.run()).unmade).toEqual([]);
    const all = [sample, join(place.lake, '..', 'next.csv')];
    expect(await salesByDay(place)).toEqual(await byHand(all, "CASE d WHEN DATE '2010-12-20' THEN 2 ELSE 1 END"));
    await childrenAgree(place);
    await place.close();
  });
});
