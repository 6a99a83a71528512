import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parquetSession, type RunResult, restate } from '../../src/build/transform/index.js';
import { openTable } from '../../src/store/delta/index.js';
import { type Clone, type Clones, openBuilt } from './transform-clones.js';

let clones: Clones;
beforeAll(async () => {
  clones = await openBuilt();
});
afterAll(async () => {
  await clones.close();
});

const LINES = 'silver/order_lines.v1.sql';
/** Some lines without a country are let through, two in a hundred of a day. */
const tolerant = (sql: string): string =>
  sql.replace(
    '{type: not_null, columns: [country], severity: error}',
    '{type: not_null, columns: [country], severity: error, tolerance: 0.02}',
  );
/** The same, and another meaning of the table. */
const wider = (sql: string): string =>
  tolerant(sql)
    .replace('  - {name: source_file,', '  - {name: is_large, type: boolean, nullable: false}\n  - {name: source_file,')
    .replace('  _source_file AS source_file,', '  quantity_value > 100 AS is_large,\n  _source_file AS source_file,');
const lines = (from: number, n: number, country: string): string[] =>
  Array.from(
    { length: n },
    (_, i) => `81${from + i},22423,REGENCY CAKESTAND 3 TIER,1,12/5/2010 9:15,1.00,99001,${country}`,
  );

const commandsOf = ({ unmade }: RunResult): string[] => [...new Set(unmade.map(({ retry }) => retry))];
const failedOf = ({ unmade }: RunResult): string[] =>
  unmade.flatMap(({ model, partition, status }) => (status === 'blocked' ? [] : [`${model} ${partition} ${status}`]));
/** Partitions made of the order lines since this was asked last. */
const madeOf = (place: Clone, model: string): number =>
  place.steps().reduce((sum, step) => sum + (step.startsWith(`${model} `) ? Number(step.split(' ')[1]) : 0), 0);
const namesOf = async (place: Clone, environment = 'prod'): Promise<string[]> => [
  ...(await place.publication(environment)).tables.keys(),
];

describe('a first build of which one day cannot be made', () => {
  it('is gone on with by the command that it prints, which makes that day and what waits for it', async () => {
    const place = await clones.copy('bronze', 'first');
    place.transforms = place.edited({ [LINES]: tolerant });
    await place.ingest('bad.csv', lines(1000, 100, ''));
    const first = await place.run();
    expect(first.status).toBe('partial');
    expect(failedOf(first)).toContain('silver.order_lines 2010-12-05 quarantined');
    expect(commandsOf(first)).toEqual(['assay run']);
    expect(madeOf(place, 'silver.order_lines')).toBe(11);
    // Readers find a table when all of it is made; one that waits for another is not there either.
    const there = await namesOf(place);
    for (const missing of ['silver.order_lines', 'gold.fact_sales', 'gold.dim_customers'])
      expect(there).not.toContain(missing);
    expect(
      await place.rows(`SELECT count(*) FROM pg_views WHERE schemaname = 'gold' AND viewname = 'fact_sales'`),
    ).toEqual([['0']]);

    // As it is it is refused again: that day is tried, and nothing else is made.
    const again = await place.run();
    expect([again.status, failedOf(again), commandsOf(again)]).toEqual(['refused', failedOf(first), ['assay run']]);
    expect(madeOf(place, 'silver.order_lines')).toBe(1);
    expect(await namesOf(place)).toEqual(there);

    await place.ingest('good.csv', lines(4000, 5000, 'France'));
    const mended = await place.run();
    expect([mended.status, mended.unmade]).toEqual(['published', []]);
    const steps = place.steps();
    expect(steps).toContain('silver.order_lines 1');
    expect(steps.filter((step) => step.startsWith('gold.fact_sales '))).toEqual(['gold.fact_sales 11']);
    expect(await place.rows('SELECT sum(total_amount), count(*) FROM gold.fact_sales')).toEqual([
      ['480512.72', '32996'],
    ]);
    await place.contents();
    expect((await place.run()).status).toBe('unchanged');
    expect(place.steps()).toEqual([]);
    await place.close();
  });
});

describe('a plan of a new meaning of which one day cannot be made', () => {
  it('leaves readers on the old one, and is gone on with by a run; other files want a plan first', async () => {
    const place = await clones.copy('built', 'planned');
    await place.ingest('bad.csv', lines(1000, 100, ''));
    place.transforms = place.edited({ [LINES]: wider });
    const before = await place.publication();
    const first = await place.forward();
    expect(first.status).toBe('partial');
    expect(failedOf(first)).toContain('silver.order_lines 2010-12-05 quarantined');
    expect(commandsOf(first)).toEqual(['assay run']);
    expect(madeOf(place, 'silver.order_lines')).toBe(11);
    const after = await place.publication();
    for (const id of ['silver.order_lines', 'gold.fact_sales'])
      expect(after.tables.get(id)?.lake).toEqual(before.tables.get(id)?.lake);
    expect(await place.rows('SELECT sum(total_amount), count(*) FROM gold.fact_sales')).toEqual([
      ['475412.72', '27896'],
    ]);
    expect(
      await place.rows(
        `SELECT count(*) FROM information_schema.columns WHERE table_schema = 'silver' AND table_name = 'order_lines' AND column_name = 'is_large'`,
      ),
    ).toEqual([['0']]);

    // Only the files that were planned are gone on with.
    const planned = place.transforms;
    place.transforms = place.edited({ 'gold/dim_country.v1.sql': (sql) => sql.replace(/'Unknown'/g, "'Elsewhere'") });
    await expect(place.run()).rejects.toMatchObject({ code: 'plan-needed' });
    await expect(
      restate(place.parts(), 'prod', 'gold.fact_sales', { start: undefined, end: undefined }),
    ).rejects.toMatchObject({ code: 'plan-needed' });
    place.transforms = planned;

    expect((await place.run()).status).toBe('refused');
    expect(madeOf(place, 'silver.order_lines')).toBe(1);
    await place.ingest('good.csv', lines(4000, 5000, 'France'));
    const mended = await restate(place.parts(), 'prod', 'silver.order_lines', {
      start: '2010-12-05',
      end: '2010-12-06',
    });
    expect([mended.status, mended.unmade]).toEqual(['published', []]);
    const steps = place.steps();
    expect(steps.filter((step) => step.startsWith('silver.order_lines '))).toEqual(['silver.order_lines 1']);
    // The other days' lines are those of before, so the facts of those days stay.
    expect(await place.rows('SELECT sum(total_amount), count(*) FROM gold.fact_sales')).toEqual([
      ['480512.72', '32996'],
    ]);
    expect(await place.rows('SELECT count(*) FROM silver.order_lines WHERE is_large')).not.toEqual([['0']]);
    await place.contents();
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });

  it('in an environment beside production says so in the command, and production goes on', async () => {
    const place = await clones.copy('built', 'beside');
    await place.ingest('bad.csv', lines(1000, 100, ''));
    place.transforms = place.edited({ [LINES]: wider });
    const contents = await place.contents();
    const first = await place.forward({ environment: 'pr_1' });
    expect(first.status).toBe('partial');
    expect(commandsOf(first)).toEqual(['assay run --env pr_1']);
    expect(await namesOf(place, 'pr_1')).not.toContain('silver.order_lines');
    expect(await place.contents()).toEqual(contents);
    madeOf(place, '');
    expect((await place.run('pr_1')).status).toBe('refused');
    expect(madeOf(place, 'silver.order_lines')).toBe(1);
    await place.close();
  });
});

describe('a day whose input is a damaged file', () => {
  it('is told with the name of the file, and made once the file is back', async () => {
    const place = await clones.copy('built', 'damaged');
    const contents = await place.contents();
    const lake = (await place.publication()).tables.get('silver.order_lines')?.lake?.path ?? '';
    const snapshot = await clones.duckdb.session((session) => openTable(lake, parquetSession(session)));
    const add = snapshot?.adds.find((one) => one.partitionValues['invoice_date'] === '2010-12-05');
    const path = join(lake, decodeURIComponent(add?.path ?? ''));
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    const facts = (start: string, end: string) => restate(place.parts(), 'prod', 'gold.fact_sales', { start, end });
    const damage = expect.stringMatching(
      /\.parquet is damaged: it cannot be read as Parquet; it has \d+ bytes and not \d+$/,
    );
    const refused = await facts('2010-12-05', '2010-12-06');
    expect(refused.status).toBe('refused');
    expect(refused.unmade).toEqual([
      expect.objectContaining({ partition: '2010-12-05', status: 'failed', code: 'delta-corrupt', reason: damage }),
    ]);
    // The checks of the whole table read every day of its input, so other days cannot be judged either.
    await expect(facts('2010-12-06', '2010-12-08')).rejects.toMatchObject({
      code: 'delta-corrupt',
      message: damage,
    });
    writeFileSync(path, whole);
    expect((await facts('2010-12-03', '2010-12-07')).unmade).toEqual([]);
    expect(await place.contents()).toEqual(contents);
    await place.close();
  });
});
