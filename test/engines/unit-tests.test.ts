import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTransforms } from '../../src/build/transform/files/read-transforms.js';
import { runTransformTests, type TransformTestResult } from '../../src/build/transform/unit/run-tests.js';
import { openPlace, type Place, root } from './warehouse-and-lake.js';

let place: Place;
let results: readonly TransformTestResult[] = [];
let milliseconds = 0;
let cpuSeconds = 0;
const shipped = join(root, 'transforms');
beforeAll(async () => {
  place = await openPlace();
  const started = performance.now();
  const before = process.cpuUsage();
  results = await runTransformTests({ transformsDir: shipped, duckdb: place.duckdb, warehouse: place.warehouse });
  milliseconds = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  cpuSeconds = (user + system) / 1e6;
});
afterAll(async () => {
  await place.close();
});

describe('the tests of the shipped transforms', () => {
  it('pass on every engine that their files allow', () => {
    const wrong = results.filter(({ status }) => status !== 'pass');
    expect(wrong.map((r) => [r.model, r.test, r.engine, r.message])).toEqual([]);
  });
  it('stand for every transform, and for at least five on PostgreSQL too', async () => {
    const all = await readTransforms(shipped);
    const models = (of: readonly TransformTestResult[]) => [...new Set(of.map(({ model }) => model))].sort();
    expect(models(results)).toEqual(all.map(({ id }) => id).sort());
    expect(models(results.filter(({ engine }) => engine === 'postgres')).length).toBeGreaterThanOrEqual(5);
  });
  it('say what each of them took, and take less than 20 s of work', () => {
    // Machines do other work, too: only this process' own is held to the limit. Alone all of them take about 5 s.
    console.info(
      `${results.length} tests of transforms in ${(milliseconds / 1000).toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU`,
    );
    expect(cpuSeconds).toBeLessThan(20);
    expect(results.every((result) => result.milliseconds >= 0)).toBe(true);
  });
  it('are skipped, with the reason, where an engine is not at hand', async () => {
    const found = await runTransformTests({ transformsDir: shipped, duckdb: place.duckdb, select: 'gold.dim_invoice' });
    expect(found.map(({ engine, status, message }) => [engine, status, message])).toEqual([
      ['duckdb', 'pass', undefined],
      ['postgres', 'skip', 'no warehouse is at hand'],
    ]);
  });
});

/** The shipped transforms with a file edited. */
const edited = (name: string, file: string, edit: (sql: string) => string): string => {
  const dir = join(place.home, name);
  cpSync(shipped, dir, { recursive: true });
  const path = join(dir, file);
  const before = readFileSync(path, 'utf8');
  expect(edit(before)).not.toBe(before);
  writeFileSync(path, edit(before));
  return dir;
};
const run = (transformsDir: string, select: string) =>
  runTransformTests({ transformsDir, duckdb: place.duckdb, warehouse: place.warehouse, select });

describe('a transform that breaks a rule', () => {
  it.each([
    ['silver.order_lines', 'sql/silver/order_lines.v1.sql', 'price_value > 0', 'price_value >= 0'],
    ['silver.order_lines', 'sql/silver/order_lines.v1.sql', '_source_file, _row_number\n', '_source_file\n'],
    ['silver.order_lines', 'sql/silver/order_lines.v1.sql', '[0-9]{5}[A-Za-z]*', '[0-9]{5}[A-Z]*'],
    ['silver.stock_levels', 'sql/silver/stock_levels.v1.sql', "date_trunc('week'", "date_trunc('month'"],
    ['gold.dim_customers', 'sql/gold/dim_customers.v1.sql', 'ORDER BY monetary)', 'ORDER BY monetary, customer_id)'],
    ['gold.dim_customers', 'sql/gold/dim_customers.v1.sql', 'ORDER BY frequency)', 'ORDER BY frequency, customer_id)'],
    ['gold.dim_customers', 'sql/gold/dim_customers.v1.sql', 'NULLS FIRST)', 'NULLS FIRST, customer_id)'],
    ['gold.dim_customers', 'sql/gold/dim_customers.v1.sql', 'age < 7', 'age <= 7'],
    [
      'gold.dim_date',
      'sql/gold/dim_date.v1.sql',
      'isodow(make_date(begin_year, 2, 1)) <= 4',
      'isodow(make_date(begin_year, 2, 1)) <= 3',
    ],
    ['gold.fact_sales', 'sql/gold/fact_sales.v1.sql', 'lines.sold_at < coalesce', 'lines.sold_at <= coalesce'],
  ])('%s fails its tests (%s)', async (model, file, from, to) => {
    const found = await run(
      edited(`wrong-${Math.abs(hash(from + to))}`, file, (sql) => sql.replace(from, to)),
      model,
    );
    expect(found.some(({ status, engine }) => status === 'fail' && engine === 'duckdb')).toBe(true);
  });
  it('is told which engine differs, and by which rows', async () => {
    const dir = edited('wrong-postgres', 'sql/silver/invoices.v1.postgres.sql', (sql) =>
      sql.replace('min(sold_at)', 'max(sold_at)'),
    );
    const found = await run(dir, 'earliest line');
    expect(found.map(({ engine, status, message }) => [engine, status, message])).toEqual([
      ['duckdb', 'pass', undefined],
      [
        'postgres',
        'fail',
        [
          '2 rows expected, 2 found',
          '  different   invoice_no="536365": invoiced_at is "2010-12-01 08:27:00+00", expected "2010-12-01 08:26:00+00"',
        ].join('\n'),
      ],
    ]);
  });
});
const hash = (text: string) => [...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7);

const MODEL = (kind: string, rest: string, body: string) => `/* @transform
name: gold.t
version: 1
description: a table
kind: ${kind}
role: fact
keys: {natural: [id]}
targets: [delta, postgres]
engine: {allow: [duckdb, postgres]}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
${rest}
owner: somebody
*/
${body}
`;
/** A folder of one transform and its tests. */
const folder = (name: string, sql: string, tests: string): string => {
  const dir = join(place.home, name);
  for (const part of ['sql/silver', 'sql/gold', 'seeds', 'tests']) mkdirSync(join(dir, part), { recursive: true });
  writeFileSync(join(dir, 'sql/gold/t.v1.sql'), sql);
  writeFileSync(join(dir, 'tests/t.yml'), tests);
  return dir;
};

describe('what a test can say', () => {
  const sources = 'model: gold.t\nsources: {bronze.x: [id, day]}\ntests:';
  const body = `SELECT id::bigint AS id, day::date AS day FROM {{source('bronze.x')}}`;
  const both = async (dir: string) => {
    const found = await run(dir, 'gold.t');
    expect(found.map(({ engine }) => engine)).toEqual(['duckdb', 'postgres']);
    return found.map(({ status, message }) => (message === undefined ? status : `${status}: ${message}`));
  };
  it('that an error comes, and which', async () => {
    const partition = 'partition: {column: day, unit: day, sources: {bronze.x: "day::date"}}';
    const dir = folder(
      'error',
      MODEL('incremental_by_partition', partition, body),
      `${sources}
  - name: rows of other days are refused
    partitions: [2010-12-01]
    given: {bronze.x: [{id: 1, day: 2010-12-01}, {id: 2, day: 2010-12-05}]}
    expect: {error: {code: contract-broken, says: partition 2010-12-05}}`,
    );
    expect(await both(dir)).toEqual(['pass', 'pass']);
  });
  it('fails when the error does not come, or another does', async () => {
    const dir = folder(
      'no-error',
      MODEL('full', '', body),
      `${sources}
  - name: none
    given: {bronze.x: [{id: 1, day: 2010-12-01}]}
    expect: {error: contract-broken}`,
    );
    expect(await both(dir)).toEqual(Array(2).fill('fail: the error contract-broken was expected, and there was none'));
  });
  it('what is there already', async () => {
    const dir = folder(
      'existing',
      MODEL('incremental_by_key', '', body),
      `${sources}
  - name: rows of the same key are replaced
    given: {bronze.x: [{id: 1, day: 2010-12-09}]}
    existing: [{id: 1, day: 2010-12-01}, {id: 2, day: 2010-12-02}]
    expect: [{id: 2, day: 2010-12-02}, {id: 1, day: 2010-12-09}]`,
    );
    expect(await both(dir)).toEqual(['pass', 'pass']);
  });
  it('nulls that the contract forbids are an error', async () => {
    const dir = folder(
      'nulls',
      MODEL('full', '', body),
      `${sources}
  - name: a null
    given: {bronze.x: [{id: 1, day: null}]}
    expect: []`,
    );
    const [message] = await both(dir);
    expect(message).toContain('day may not be null, and is so in 1 rows');
  });
});
