import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileText } from '../../../../test/fixtures/transforms.js';
import { orderTransforms } from './graph.js';
import { readTransforms } from './read-transforms.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'versions-'));
  await Promise.all(['silver', 'gold'].map((layer) => mkdir(join(dir, 'sql', layer), { recursive: true })));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const put = (version: number, more = '', body = 'SELECT 1 AS id', table = 'x') =>
  writeFile(
    join(dir, `sql/gold/${table}.v${version}.sql`),
    fileText({ name: `gold.${table}`, version, columns: 'id integer', body, more }),
  );
const ids = async (today?: string): Promise<string[]> =>
  (await readTransforms(dir, today)).map(({ id, version }) => `${id} ${version}`).sort();
const problem = async (work: () => Promise<unknown>): Promise<string> =>
  work().then(
    () => 'none',
    (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
  );

describe('versions of a table', () => {
  it('are served side by side until the sunset of the older is over', async () => {
    await put(1);
    await put(2, 'deprecates: 1\nsunset: 2027-03-01\n');
    expect(await ids()).toEqual(['gold.x 2', 'gold.x_v1 1']);
    expect(await ids('2027-03-01')).toEqual(['gold.x 2', 'gold.x_v1 1']);
    expect(await ids('2027-03-02')).toEqual(['gold.x 2']);
  });
  it('go on, each with its own sunset; 10 is higher than 9', async () => {
    await put(8);
    await put(9, 'deprecates: 8\nsunset: 2027-01-01\n');
    await put(10, 'deprecates: 9\n');
    expect(await ids('2027-02-01')).toEqual(['gold.x 10', 'gold.x_v9 9']);
  });
  it('must all be mentioned, and be there', async () => {
    await put(1);
    await put(2);
    expect(await problem(() => ids())).toBe(
      'sql/gold/x.v1.sql:1: version 2 stands beside it and does not say what becomes of it; write deprecates: 1 (and sunset) in sql/gold/x.v2.sql, or delete this file',
    );
    await put(2, 'deprecates: 1\nsunset: 2027-03-01\n');
    await rm(join(dir, 'sql/gold/x.v1.sql'));
    expect(await problem(() => ids('2027-03-01'))).toContain(
      'version 1 of gold.x is to be served until 2027-03-01 and its file is not there',
    );
    expect(await ids('2027-03-02')).toEqual(['gold.x 2']);
  });
  it('are referred to by their number, or the highest by the name alone', async () => {
    await put(1);
    await put(2, 'deprecates: 1\n');
    await put(1, '', "SELECT id FROM {{ref('gold.x')}} JOIN {{ref('gold.x', 1)}} USING (id)", 'y');
    await put(1, '', "SELECT id FROM {{ref('gold.x', 2)}}", 'z');
    const nodes = orderTransforms(await readTransforms(dir), new Set());
    const reads = new Map(nodes.map(({ transform, reads: of }) => [transform.id, [...of].sort()]));
    expect(reads.get('gold.y')).toEqual(['gold.x', 'gold.x_v1']);
    expect(reads.get('gold.z')).toEqual(['gold.x']);
    await put(1, '', "SELECT id FROM {{ref('gold.x', 3)}}", 'z');
    expect(await problem(async () => orderTransforms(await readTransforms(dir), new Set()))).toContain(
      'version 3 of gold.x is not served; there is 1, 2',
    );
  });
  it('do not take the name of another table', async () => {
    await put(1);
    await put(2, 'deprecates: 1\n');
    await put(1, '', 'SELECT 1 AS id', 'x_v1');
    expect(await problem(() => ids())).toContain('gold.x_v1 is the name of version 1 of gold.x; choose another');
  });
});

describe('a body for another engine', () => {
  const override = (name: string, text: string) => writeFile(join(dir, `sql/gold/${name}`), text);
  const engines = 'engine: {allow: [duckdb, postgres]}\n';
  it('stands beside the file, without front matter', async () => {
    await put(1, engines);
    await override('x.v1.postgres.sql', 'SELECT 1::integer AS id');
    const [transform] = await readTransforms(dir);
    expect([...(transform?.overrides ?? [])]).toEqual([
      ['postgres', { file: 'sql/gold/x.v1.postgres.sql', text: 'SELECT 1::integer AS id', line: 1 }],
    ]);
  });
  it.each([
    ['x.v1.postgre.sql', 'SELECT 1', 'postgre is no engine; did you mean postgres?'],
    ['x.v1.spark.sql', 'SELECT 1', 'engine.allow of sql/gold/x.v1.sql does not hold spark'],
    ['x.v1.duckdb.sql', 'SELECT 1', 'sql/gold/x.v1.sql is itself written for duckdb'],
    ['x.v2.postgres.sql', 'SELECT 1', 'there is no x.v2.sql beside it'],
    ['x.v1.postgres.sql', '/* @transform\nname: gold.x\n*/ SELECT 1', 'the front matter stands in x.v1.sql only'],
    ['x.v1.postgres.sql', '\n', 'a SELECT is wanted'],
    [
      'x.v1.postgres.sql',
      "SELECT 1\nFROM {{source('bronze.s')}}",
      ':2: source bronze.s is not read by sql/gold/x.v1.sql',
    ],
  ])('%s is refused: %s', async (name, text, message) => {
    await put(1, engines);
    await override(name, text);
    const found = await problem(async () => orderTransforms(await readTransforms(dir), new Set()));
    expect(found).toContain(message);
    expect(found).toContain(name);
  });
});
