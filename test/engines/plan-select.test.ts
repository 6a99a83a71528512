import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, plan, planStatus, planText, rollback } from '../../src/build/transform/index.js';
import { type FewSales, openFewSales, SALES } from './few-sales.js';

let clones: FewSales;
beforeAll(async () => {
  clones = await openFewSales();
}, 120_000);
afterAll(async () => {
  await clones.close();
});

const LAST = 'gold/last_sold.v1.sql';
const COUNTRIES = 'gold/dim_countries.v1.sql';
const NEXT = ['900002,22423,CAKESTAND,7,12/20/10 10:00,12.75,99999,Germany'];
/** Twice the quantity, whatever was before. */
const twice = (sql: string): string =>
  sql.replace('forward_only: true\n', '').replace('l.quantity\nFROM', '2 * l.quantity AS quantity\nFROM');
const firstDay = (sql: string): string =>
  sql.replace('forward_only: true\n', '').replace('max(l.day) AS day FROM', 'min(l.day) AS day FROM');
const all = (id: string) => new Map([[id, undefined]]);

describe('a plan of some tables', () => {
  it('leaves the rest as it is, files of which changed too, and lets no run make that without a plan', async () => {
    const place = await clones.open('part');
    const before = await place.contents();
    const was = await place.publication();
    place.transforms = place.edited({ [SALES]: twice, [LAST]: firstDay });
    const made = await place.plan({ select: ['gold.last_sold'], restate: all('gold.last_sold') });
    expect(made.blocked).toEqual([]);
    expect(made.changes.map(({ id }) => id)).toEqual(['gold.last_sold']);
    expect(made.steps.map(({ id }) => id)).toEqual(['gold.last_sold']);
    expect(planText(made)).toContain('  only    gold.last_sold; all other tables stay as they are\n');
    expect(await apply(place.parts(), made.id)).toMatchObject({
      ...{ status: 'published', unmade: [], changed: ['gold.last_sold'] },
    });
    const now = await place.publication();
    for (const [id, table] of was.tables) if (id !== 'gold.last_sold') expect(now.tables.get(id)).toEqual(table);
    expect(await place.rows('SELECT DISTINCT day::text FROM gold.last_sold ORDER BY 1 LIMIT 1')).toEqual([
      ['2010-12-01'],
    ]);
    const after = await place.contents();
    expect({ ...after, 'gold.last_sold': 0 }).toEqual({ ...before, 'gold.last_sold': 0 });
    // The other file waits for a plan of its own, and so do runs.
    await expect(place.run()).rejects.toMatchObject({
      code: 'plan-needed',
      parameters: { models: expect.arrayContaining(['gold.sales']) },
    });
    await expect(place.plan({ select: ['gold.last_sold'] }).then(planStatus)).resolves.toBe('none');
    expect((await place.plan()).changes.map(({ id }) => id)).toContain('gold.sales');
    const restate = new Map(['gold.sales', 'gold.totals', 'gold.days'].map((id) => [id, undefined]));
    expect((await place.forward({ restate })).unmade).toEqual([]);
    expect(await place.rows('SELECT sum(quantity) AS q FROM gold.totals')).toEqual(
      await place.rows('SELECT 2 * sum(quantity) AS q FROM silver.lines'),
    );
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });

  it('makes new rows of what it is of, and of nothing else; the next run makes the rest', async () => {
    const place = await clones.open('rows');
    await place.ingest('next.csv', NEXT);
    place.steps();
    const made = await place.plan({ select: ['silver.*', 'gold.sales'] });
    expect(made.steps.map(({ id }) => id)).toEqual(['silver.lines', 'gold.sales']);
    expect((await apply(place.parts(), made.id)).unmade).toEqual([]);
    expect(place.steps()).toEqual(['silver.lines 1', 'gold.sales 1']);
    expect(await place.rows("SELECT count(*) AS n FROM gold.sales WHERE day = '2010-12-20'")).toEqual([['1']]);
    expect(await place.rows("SELECT count(*) AS n FROM gold.days WHERE day = '2010-12-20'")).toEqual([['0']]);
    expect((await place.run()).unmade).toEqual([]);
    expect(await place.rows("SELECT quantity FROM gold.days WHERE day = '2010-12-20'")).toEqual([['7']]);
    await place.contents();
    await place.close();
  });

  it('is blocked where it would read what has changed and is left out; a table that went is kept until it is asked for', async () => {
    const place = await clones.open('blocked');
    place.transforms = place.edited({ [SALES]: twice });
    const blocked = await place.plan({ select: ['gold.days'], restate: all('gold.days') });
    expect(blocked.blocked).toEqual([
      'gold.days reads gold.sales, which has changed and is left out: it would be made from what is not published with it; select gold.sales, too',
    ]);
    await expect(apply(place.parts(), blocked.id)).rejects.toMatchObject({ code: 'plan-blocked' });
    await expect(place.plan({ select: ['gold.nothing'] })).rejects.toThrow(
      /--select gold\.nothing: there is no such table/,
    );
    await expect(place.plan({ select: ['gold.days'], restate: all('gold.sales') })).rejects.toThrow(
      /--restate gold\.sales is not among the tables of --select/,
    );
    await expect(place.plan({ environment: 'pr_9', select: ['gold.days'] })).rejects.toThrow(
      /plan it as a whole first/,
    );

    rmSync(join(place.transforms, 'sql', COUNTRIES));
    expect((await place.forward({ select: ['gold.last_sold'] })).status).toBe('unchanged');
    expect((await place.publication()).tables.has('gold.dim_countries')).toBe(true);
    expect((await place.forward({ select: ['gold.dim_c*'] })).status).toBe('published');
    expect((await place.publication()).tables.has('gold.dim_countries')).toBe(false);
    await place.close();
  });

  it('and any run prints commands that ask for the same engines again', async () => {
    const place = await clones.open('engines');
    place.transforms = place.edited({
      [SALES]: (sql) =>
        `${sql.slice(0, sql.indexOf('*/'))}  - {type: expression, name: few, columns: [quantity], expression: "quantity < 100000", severity: critical}\n${sql.slice(sql.indexOf('*/'))}`,
    });
    expect((await place.forward()).unmade).toEqual([]);
    await place.ingest('many.csv', ['900003,22423,CAKESTAND,200000,12/21/10 10:00,12.75,99999,Germany']);
    const pins = new Map([['gold.*', 'duckdb' as const]]);
    const made = await plan(place.parts({ pins }), { environment: 'prod', select: ['silver.*', 'gold.sales'] });
    const { unmade } = await apply(place.parts(), made.id);
    expect(unmade).toMatchObject([
      {
        ...{ model: 'gold.sales', partition: '2010-12-21', status: 'quarantined' },
        retry: "assay restate gold.sales --start 2010-12-21 --end 2010-12-22 --engine 'gold.*=duckdb'",
      },
    ]);
    await place.close();
  });

  it('does not take in what another environment has made of the rest, and leaves a held environment held', async () => {
    const place = await clones.open('held');
    const before = await place.contents();
    const files = place.edited({ [SALES]: twice, [LAST]: firstDay });
    place.transforms = files;
    const restate = new Map(['gold.sales', 'gold.days', 'gold.totals', 'gold.last_sold'].map((id) => [id, undefined]));
    expect((await place.forward({ environment: 'pr_1', restate })).unmade).toEqual([]);
    expect((await place.forward({ select: ['gold.last_sold'], restate: all('gold.last_sold') })).unmade).toEqual([]);
    const after = await place.contents();
    expect({ ...after, 'gold.last_sold': 0 }).toEqual({ ...before, 'gold.last_sold': 0 });

    await rollback(place.parts(), 'prod', 1);
    const made = await place.plan({ select: ['gold.last_sold'], restate: all('gold.last_sold') });
    expect(made.risks.join('\n')).toContain('applying a part leaves scheduled runs waiting');
    expect((await apply(place.parts(), made.id)).unmade).toEqual([]);
    await expect(place.run()).rejects.toMatchObject({ code: 'environment-held' });
    await place.close();
  });
});
