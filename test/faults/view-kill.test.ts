import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clone, type Clones, type Contents, openClones } from '../engines/transform-clones.js';
import { root, sample } from '../engines/warehouse-and-lake.js';
import { child, endChildren, type Moment } from './transform-child.js';

const LINES = 'silver/order_lines.v1.sql';
const SOLD = 'silver/sold_lines.v1.sql';
const sold = `/* @transform
name: silver.sold_lines
version: 1
description: Order lines that are no returns.
kind: view
role: fact
keys: {natural: [order_line_key]}
engine: {allow: [duckdb, postgres]}
targets: [delta, postgres]
columns:
  - {name: order_line_key, type: bigint, nullable: false}
  - {name: invoice_date, type: date, nullable: false}
  - {name: amount, type: "decimal(12,2)", nullable: false}
checks:
  - {type: unique, columns: [order_line_key], severity: critical}
owner: sales-data
*/
SELECT lines.order_line_key, lines.invoice_date, lines.amount FROM {{ref('silver.order_lines')}} AS lines
WHERE NOT lines.is_return
`;
const totals = `/* @transform
name: gold.day_totals
version: 1
description: What was sold by day.
kind: incremental_by_partition
role: fact
partition: {column: day, unit: day, inputs: {silver.sold_lines: invoice_date}}
keys: {natural: [day]}
targets: [delta, postgres]
columns:
  - {name: day, type: date, nullable: false}
  - {name: amount, type: "decimal(18,2)", nullable: false}
owner: sales-data
*/
SELECT sold.invoice_date AS day, sum(sold.amount)::decimal(18, 2) AS amount FROM {{ref('silver.sold_lines')}} AS sold
WHERE sold.invoice_date >= {{partition.start}} AND sold.invoice_date < {{partition.end}} GROUP BY sold.invoice_date
`;
/** Another meaning of the view: what comes to more than ten. Its readers are made again. */
const dearer = sold.replace('NOT lines.is_return', 'lines.amount > 10');
const COMMIT = '^COMMIT of a publication$';
const MOMENTS: readonly (readonly [name: string, moment: Moment, published?: true])[] = [
  ['after its lease', { sql: "SET status = 'leased'", nth: 1 }],
  ['before what its checks came to is written down', { sql: '^insert into "assay"."check_result"', when: 'before' }],
  ['before it is staged in the ledger', { sql: 'SET status = done\\.status', when: 'before' }],
  ['after it is staged', { event: 'transform.settled', model: 'silver.sold_lines' }],
  ['when what reads it is made', { event: 'transform.step', model: 'gold.day_totals' }],
  ['before the views are swapped', { sql: 'CREATE OR REPLACE VIEW', when: 'before' }],
  ['after one view is swapped', { sql: 'CREATE OR REPLACE VIEW' }],
  ['with everything done, before it commits', { sql: COMMIT, when: 'before' }],
  ['right after it has committed', { sql: COMMIT }, true],
];

let clones: Clones;
let dir: string;
let changed: string;
let before: Contents;
let after: Contents;
/** Rows that the view shows, counted in the source's own file: distinct lines that the silver table takes and that pass the condition. */
const shown = (place: Clone): Promise<string[][]> => place.rows('SELECT count(*), sum(amount) FROM silver.sold_lines');
beforeAll(async () => {
  clones = await openClones();
  const made = await clones.empty('made');
  await made.ingest(sample);
  dir = join(made.lake, '..', 'transforms');
  for (const file of [LINES, 'gold/data_quality_metrics.v1.sql']) {
    mkdirSync(dirname(join(dir, 'sql', file)), { recursive: true });
    cpSync(join(root, 'transforms/sql', file), join(dir, 'sql', file));
  }
  writeFileSync(join(dir, 'sql', SOLD), sold);
  writeFileSync(join(dir, 'sql/gold/day_totals.v1.sql'), totals);
  changed = `${dir}-changed`;
  cpSync(dir, changed, { recursive: true });
  writeFileSync(join(changed, 'sql', SOLD), dearer);
  made.transforms = dir;
  expect((await made.run()).unmade).toEqual([]);
  before = await made.contents();
  expect(await shown(made)).toEqual([['27487', '538729.28']]);
  await made.close();
  const whole = await clones.copy('made', 'undisturbed');
  whole.transforms = changed;
  expect((await whole.forward({ restate: new Map([['silver.sold_lines', undefined]]) })).unmade).toEqual([]);
  after = await whole.contents();
  expect(await shown(whole)).toEqual(
    await whole.rows('SELECT count(*), sum(amount) FROM silver.order_lines WHERE amount > 10'),
  );
  await whole.close();
}, 120_000);
afterAll(async () => {
  endChildren();
  await clones.close();
  rmSync(changed, { recursive: true, force: true });
});

describe('SIGKILL while a view gets another meaning', () => {
  it.each(MOMENTS.map(([name], at) => [name, at] as const))(
    '%s: readers have all of the old one or all of the new one, and the same again ends right',
    async (_name, at) => {
      const [, moment, published] = MOMENTS[at] as (typeof MOMENTS)[number];
      const place = await clones.copy('made', `killed_${at}`);
      place.transforms = changed;
      const killed = await child(place, ['forward', 'prod', 'silver.sold_lines'], moment).ended;
      expect(killed).toEqual({ signal: 'SIGKILL', told: undefined });
      expect(await place.contents()).toEqual(published ? after : before);
      expect((await place.forward({ restate: new Map([['silver.sold_lines', undefined]]) })).unmade).toEqual([]);
      expect(await place.contents()).toEqual(after);
      expect(
        await place.rows(
          'SELECT count(*) FROM assay.interval WHERE lease_until > clock_timestamp() OR staged IS NOT NULL',
        ),
      ).toEqual([['0']]);
      expect((await place.run()).status).toBe('unchanged');
      await place.close();
    },
  );
});
