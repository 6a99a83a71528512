import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promote } from '../../src/build/transform/index.js';
import { type Clone, type Clones, openClones } from './transform-clones.js';
import { sample } from './warehouse-and-lake.js';

const DAY = `try_strptime(trim(InvoiceDate), ['%m/%d/%y %H:%M', '%m/%d/%Y %H:%M'])`;
const head = (name: string, kind: string, rest: string): string => `/* @transform
name: ${name}
version: 1
description: a table of this test
kind: ${kind}
role: ${name.includes('.dim_') ? 'dimension' : 'fact'}
targets: [delta, postgres]
owner: somebody
${rest}
*/
`;

const VIEW = 'gold.seen';
/** Each of these has a line that begins with \`--more\` where one more column goes, in the contract and in the SELECT. */
const FILES: Readonly<Record<string, string>> = {
  'silver/lines.v1.sql': `${head(
    'silver.lines',
    'incremental_by_partition',
    `partition: {column: day, unit: day, sources: {bronze.online_retail: "${DAY}"}}
keys: {natural: [file, row]}
columns:
  - {name: file, type: string, nullable: false}
  - {name: row, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: sold_at, type: timestamp, nullable: false}
  - {name: customer, type: string, nullable: true}
  - {name: country, type: string, nullable: true}
  - {name: quantity, type: integer, nullable: false}
#more`,
  )}SELECT _source_file AS file, _row_number::bigint AS row, ${DAY}::date AS day, ${DAY} AT TIME ZONE 'UTC' AS sold_at,
  nullif(CustomerID, '') AS customer, nullif(Country, '') AS country, Quantity::integer AS quantity
  --more
FROM {{source('bronze.online_retail')}}
WHERE ${DAY} AT TIME ZONE 'UTC' >= {{partition.start}} AND ${DAY} AT TIME ZONE 'UTC' < {{partition.end}}
`,
  'gold/dim_people.v1.sql': `${head(
    'gold.dim_people',
    'full',
    `keys: {natural: [customer], surrogate: person_key}
columns:
  - {name: person_key, type: bigint, nullable: false}
  - {name: customer, type: string, nullable: false}
  - {name: first_day, type: date, nullable: false}
#more`,
  )}SELECT {{key(customer)}} AS person_key, customer, min(day) AS first_day
  --more
FROM {{ref('silver.lines')}} WHERE customer IS NOT NULL GROUP BY customer
`,
  'gold/dim_regions.v1.sql': `${head(
    'gold.dim_regions',
    'seed',
    `keys: {natural: [country_name]}
columns:
  - {name: country_name, type: string, nullable: false}
  - {name: region, type: string, nullable: false}
#more`,
  )}SELECT country_name, region
  --more
FROM {{seed('countries')}}
`,
  'gold/sales.v1.sql': `${head(
    'gold.sales',
    'incremental_by_partition',
    `partition: {column: day, unit: day, inputs: {silver.lines: day}}
lookups: [{dimension: gold.dim_people, key: customer, as_of: sold_at, into: person_key}]
keys: {natural: [file, row]}
columns:
  - {name: file, type: string, nullable: false}
  - {name: row, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: person_key, type: bigint, nullable: false}
  - {name: region, type: string, nullable: true}
  - {name: quantity, type: integer, nullable: false}
#more
checks:
  - {type: relationship, columns: [region], to: gold.dim_regions, field: region, severity: critical}`,
  )}SELECT l.file, l.row, l.day, coalesce(p.person_key, -1) AS person_key, r.region, l.quantity
  --more
FROM {{ref('silver.lines')}} AS l
LEFT JOIN {{ref('gold.dim_people')}} AS p ON p.customer = l.customer
LEFT JOIN {{ref('gold.dim_regions')}} AS r ON r.country_name = l.country
WHERE l.day >= {{partition.start}} AND l.day < {{partition.end}}
`,
  'gold/seen.v1.sql': `${head(
    'gold.seen',
    'view',
    `engine: {allow: [duckdb, postgres]}
keys: {natural: [file, row]}
columns:
  - {name: file, type: string, nullable: false}
  - {name: row, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: quantity, type: integer, nullable: false}`,
  )}SELECT file, row, day, quantity FROM {{ref('silver.lines')}}
`,
  'gold/by_day.v1.sql': `${head(
    'gold.by_day',
    'full',
    `keys: {natural: [day]}
columns:
  - {name: day, type: date, nullable: false}
  - {name: quantity, type: bigint, nullable: false}`,
  )}SELECT day, sum(quantity)::bigint AS quantity FROM {{ref('gold.seen')}} GROUP BY day
`,
  'gold/totals.v1.sql': `${head(
    'gold.totals',
    'full',
    `keys: {natural: [region]}
columns:
  - {name: region, type: string, nullable: true}
  - {name: quantity, type: bigint, nullable: false}
#more`,
  )}SELECT region, sum(quantity)::bigint AS quantity
  --more
FROM {{ref('gold.sales')}} GROUP BY region
`,
};

let clones: Clones;
let home: string;
let days: number;
let dirs = 0;
/** The files of this test with one more column in some of them. */
const files = (more: Readonly<Record<string, readonly [name: string, type: string, sql: string]>> = {}): string => {
  dirs += 1;
  const dir = join(home, `transforms-${dirs}`);
  for (const folder of ['sql/silver', 'sql/gold', 'seeds', 'tests']) mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(
    join(dir, 'seeds/countries.yaml'),
    'description: where countries are\nsource: made up\ncolumns:\n  - {name: country_name, type: string, nullable: false}\n  - {name: region, type: string, nullable: false}\n',
  );
  writeFileSync(
    join(dir, 'seeds/countries.csv'),
    'country_name,region\nUnited Kingdom,North\nFrance,West\nGermany,West\n',
  );
  for (const [file, text] of Object.entries(FILES)) {
    const [name, type, sql] = more[file] ?? [];
    const column = name === undefined ? '' : `  - {name: ${name}, type: ${type}, nullable: true}`;
    const select = name === undefined ? '' : `  , ${sql} AS ${name}`;
    writeFileSync(join(dir, 'sql', file), text.replace('#more', column).replace('  --more', select));
  }
  return dir;
};

const LATE = ['900001,22423,CAKESTAND,5,12/3/10 10:00,12.75,17850,France'];
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'assay-additive-'));
  clones = await openClones();
  const made = await clones.empty('made');
  await made.ingest(sample);
  made.transforms = files();
  expect((await made.run()).unmade).toEqual([]);
  days = Number((await made.rows('SELECT count(DISTINCT day) FROM silver.lines'))[0]?.[0]);
  expect(days).toBe(11);
  await made.close();
});
afterAll(async () => {
  await clones.close();
  rmSync(home, { recursive: true, force: true });
});

/** Partitions made by table, and checks asked, since this was asked last. */
const work = async (place: Clone): Promise<Readonly<Record<string, number>>> => {
  const made: Record<string, number> = {};
  for (const step of place.steps()) {
    const [model = '', partitions] = step.split(' ');
    made[model] = (made[model] ?? 0) + Number(partitions);
  }
  return made;
};
const audited = (place: Clone): Promise<string[][]> =>
  place.rows(`SELECT DISTINCT table_name FROM assay.check_result
    WHERE build_id = (SELECT build_id FROM assay.build ORDER BY started_at DESC LIMIT 1) ORDER BY 1`);
/** What a build from nothing gives of the same files and sources. */
const fromNothing = async (name: string, transforms: string, late: boolean) => {
  const place = await clones.empty(name);
  await place.ingest(sample);
  if (late) await place.ingest('late.csv', LATE);
  place.transforms = transforms;
  await place.run();
  const contents = await place.contents();
  await place.close();
  return contents;
};

const LINES = ['is_large', 'boolean', 'Quantity::integer > 100'] as const;
/** One more column in one table, and how many partitions of which tables are made. */
const CASES: readonly (readonly [
  string,
  Parameters<typeof files>[0],
  (days: number) => Readonly<Record<string, number>>,
])[] = [
  [
    'of a table that others read by partitions, with look-ups and as a whole',
    { 'silver/lines.v1.sql': LINES },
    (n) => ({ 'silver.lines': n }),
  ],
  [
    'of a dimension that is looked up',
    { 'gold/dim_people.v1.sql': ['last_day', 'date', 'max(day)'] },
    () => ({ 'gold.dim_people': 1 }),
  ],
  [
    'of a seed',
    { 'gold/dim_regions.v1.sql': ['first_letter', 'string', 'left(region, 1)'] },
    () => ({ 'gold.dim_regions': 1 }),
  ],
  [
    'of a fact that is added up',
    { 'gold/sales.v1.sql': ['doubled', 'integer', '2 * l.quantity'] },
    (n) => ({ 'gold.sales': n }),
  ],
  [
    'of a table and of one of those that read it',
    { 'silver/lines.v1.sql': LINES, 'gold/sales.v1.sql': ['is_large', 'boolean', 'l.is_large'] },
    (n) => ({ 'silver.lines': n, 'gold.sales': n }),
  ],
  [
    'of a table and of those that read it, up to the last',
    {
      'silver/lines.v1.sql': LINES,
      'gold/sales.v1.sql': ['is_large', 'boolean', 'l.is_large'],
      'gold/totals.v1.sql': ['large', 'bigint', 'count(*) FILTER (WHERE is_large)'],
    },
    (n) => ({ 'silver.lines': n, 'gold.sales': n, 'gold.totals': 1 }),
  ],
];

describe('one more column', () => {
  it.each(CASES.map(([name], at) => [name, at] as const))(
    '%s: only what has it is made and audited',
    async (_name, at) => {
      const [, more, wanted] = CASES[at] as (typeof CASES)[number];
      const place = await clones.copy('made', `added_${at}`);
      const before = await place.publication();
      place.transforms = files(more);
      const made = await place.plan();
      expect(made.blocked).toEqual([]);
      // A view stands on other tables, so it is another one; it is looked at again, and nothing is made.
      const isTable = (id: string | undefined): boolean => id !== VIEW;
      const changes = made.changes.filter(({ id }) => isTable(id));
      expect(new Set(changes.map(({ category }) => category))).toEqual(new Set(['additive']));
      const changed = Object.keys(wanted(days)).sort();
      const steps = made.steps.flatMap(({ id }) => (isTable(id) ? [id] : []));
      expect(steps.sort()).toEqual(changed);
      expect(await place.forward()).toMatchObject({ status: 'published', unmade: [] });
      expect(await work(place)).toEqual(wanted(days));
      expect((await audited(place)).map(([table]) => table).filter(isTable)).toEqual(changed);
      // Who was not made is for its readers as it was.
      const after = await place.publication();
      for (const [id, table] of before.tables)
        if (!changed.includes(id) && isTable(id)) expect(after.tables.get(id)).toEqual(table);
      expect(await place.contents()).toEqual(await fromNothing(`nothing_${at}`, place.transforms, false));
      // Nothing is left to look at.
      expect((await place.plan()).steps).toEqual([]);
      expect((await place.run()).status).toBe('unchanged');
      expect(await work(place)).toEqual({});

      // And rows that change later touch those that read them, as ever.
      await place.ingest('late.csv', LATE);
      expect(await place.run()).toMatchObject({ status: 'published', unmade: [] });
      expect(await work(place)).toMatchObject({
        'silver.lines': 1,
        'gold.dim_people': 1,
        'gold.sales': 1,
        'gold.totals': 1,
      });
      expect(await place.contents()).toEqual(await fromNothing(`late_${at}`, place.transforms, true));
      await place.close();
    },
  );

  it('with other rows in the same run: the day that changed is made everywhere, the other days only where the column is', async () => {
    const place = await clones.copy('made', 'with_rows');
    await place.ingest('late.csv', LATE);
    place.transforms = files({ 'silver/lines.v1.sql': LINES });
    expect(await place.forward()).toMatchObject({ status: 'published', unmade: [] });
    expect(await work(place)).toEqual({
      ...{ 'silver.lines': days, 'gold.by_day': 1, 'gold.dim_people': 1, 'gold.sales': 1, 'gold.totals': 1 },
    });
    expect(await place.contents()).toEqual(await fromNothing('with_rows_wanted', place.transforms, true));
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });

  it('tried in an environment and promoted: the next run of production makes nothing', async () => {
    const place = await clones.copy('made', 'promoted');
    const shipped = place.transforms;
    place.transforms = files({ 'silver/lines.v1.sql': LINES });
    expect(await place.forward({ environment: 'pr_1' })).toMatchObject({ status: 'published', unmade: [] });
    expect(await work(place)).toEqual({ 'silver.lines': days });
    // Production moves on in between, and the environment after it.
    const changed = place.transforms;
    place.transforms = files();
    expect(shipped).not.toBe(place.transforms);
    await place.ingest('late.csv', LATE);
    await place.run();
    place.transforms = changed;
    expect((await place.run('pr_1')).unmade).toEqual([]);
    await work(place);
    await promote(place.parts(), 'pr_1', 'prod');
    expect((await place.run()).status).toBe('unchanged');
    expect(await work(place)).toEqual({});
    expect(await place.contents()).toEqual(await fromNothing('promoted_wanted', changed, true));
    // Without the column again, which readers then miss: what reads the others is not made either.
    place.transforms = files();
    expect(await place.forward({ restate: new Map([['silver.lines', { start: '2011', end: '2012' }]]) })).toMatchObject(
      {
        unmade: [],
      },
    );
    expect(await work(place)).toEqual({});
    expect(await place.contents()).toEqual(await fromNothing('promoted_back', place.transforms, true));
    await place.close();
  });

  it('that says when it was made is another thing: nobody can prove what it was', async () => {
    const place = await clones.copy('made', 'run_time');
    const dated = { 'silver/lines.v1.sql': ['made_at', 'timestamp', '{{run.ts}}'] as const };
    place.transforms = files(dated);
    expect((await place.forward()).unmade).toEqual([]);
    expect(await work(place)).toMatchObject({ 'silver.lines': days, 'gold.sales': days });
    await place.close();
  });
});
