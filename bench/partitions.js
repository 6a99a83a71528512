// 12 transforms x 1,000 daily partitions: a plan and a run with nothing new, a plan and a build with one new day.
// Limit: what every plan must read at least, the logs of the Delta tables and the rows of the ledger, by plain reads.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, parquetSession, plan, planStatus, run } from '../dist/build/transform/index.js';
import { appendFiles, createTable, openTable, writeParquet } from '../dist/store/delta/index.js';
import { report } from './measure.js';
import { clocked, openPlace } from './place.js';

const DAYS = Number(process.env.BENCH_DAYS ?? 1000);
const ROWS = 200;
const dir = mkdtempSync(join(tmpdir(), 'assay-bench-transforms-'));
for (const folder of ['sql/silver', 'sql/gold', 'seeds', 'tests']) mkdirSync(join(dir, folder), { recursive: true });

const COLUMNS = `
  - {name: id, type: bigint, nullable: false}
  - {name: happened_on, type: date, nullable: false}
  - {name: customer, type: string, nullable: false}
  - {name: amount, type: "decimal(12,2)", nullable: false}`;
const head = (name, partition, targets, columns = COLUMNS) => `/* @transform
name: ${name}
version: 1
description: a table of the benchmark
kind: ${partition ? 'incremental_by_partition' : 'full'}
role: fact
${partition ? `partition: {column: happened_on, unit: day, ${partition}}\n` : ''}keys: {natural: [${partition ? 'id' : 'customer'}]}
targets: [${targets}]
columns:${columns}
checks:
  - {type: unique, columns: [${partition ? 'id' : 'customer'}], severity: critical}
  - {type: expression, name: has_amount, columns: [amount], expression: "amount >= 0", severity: error}
quality: {min_score: 95}
owner: bench
*/
`;
const table = (layer, name, partition, targets, select, columns) =>
  writeFileSync(
    join(dir, 'sql', layer, `${name}.v1.sql`),
    head(`${layer}.${name}`, partition, targets, columns) + select,
  );
const from = (parent) =>
  `SELECT id, happened_on, customer, amount FROM {{ref('${parent}')}}
WHERE happened_on >= {{partition.start}} AND happened_on < {{partition.end}}\n`;
table(
  'silver',
  'events',
  'sources: {bronze.events: "happened_on"}',
  'delta, postgres',
  `SELECT id, happened_on, customer, amount FROM {{source('bronze.events')}}
WHERE happened_on >= {{partition.start}} AND happened_on < {{partition.end}}\n`,
);
// Three in a chain, then seven beside each other.
for (const [i, parent] of ['silver.events', 'silver.step1', 'silver.step2'].entries())
  table('silver', `step${i + 1}`, `inputs: {${parent}: happened_on}`, 'delta', from(parent));
for (let i = 1; i <= 7; i++)
  table(
    'gold',
    `fact${i}`,
    'inputs: {silver.step3: happened_on}',
    i <= 2 ? 'delta, postgres' : 'delta',
    from('silver.step3'),
  );
table(
  'gold',
  'mart',
  undefined,
  'delta, postgres',
  `SELECT customer, sum(amount)::decimal(18,2) AS amount FROM {{ref('gold.fact1')}} GROUP BY customer\n`,
  `
  - {name: customer, type: string, nullable: false}
  - {name: amount, type: "decimal(18,2)", nullable: false}`,
);

const place = await openPlace({ transformsDir: dir });
const { parts, duckdb, warehouse, lake } = place;
const column = (name, type) => ({ name, type: { kind: type }, nullable: true });
const bronze = join(lake, 'bronze/events');
const definition = {
  columns: [
    column('id', 'bigint'),
    column('happened_on', 'date'),
    column('customer', 'string'),
    { name: 'amount', type: { kind: 'decimal', precision: 12, scale: 2 }, nullable: true },
  ],
  partitionColumns: [],
};
/** Days as one file each, as daily loads leave them. */
const load = (first, days) =>
  duckdb.session(async (session) => {
    const engine = parquetSession(session);
    await createTable(bronze, engine, definition);
    const adds = [];
    let rows = 0;
    for (let day = first; day < first + days; day++) {
      const snapshot = await openTable(bronze, engine);
      const staged = await writeParquet({
        ...{ engine, snapshot, stepId: `day-${day}`, sortBy: [] },
        select: `SELECT ${day} * 100000 + i AS id, DATE '2020-01-01' + ${day} AS happened_on, 'c' || (i * 7 % 50) AS customer,
          (i * 13 % 1000 / 100)::decimal(12,2) AS amount FROM range(${ROWS}) t(i)`,
      });
      adds.push(...staged.adds);
      rows += staged.rows;
    }
    await appendFiles({ snapshot: await openTable(bronze, engine), staged: { adds, rows }, txnId: `load-${first}` });
  });
const say = (what, milliseconds) => process.stderr.write(`${what}: ${Math.round(milliseconds)} ms\n`);
/** Work by the wall clock, and what this process took of the processors for it, which moves less where others are at work. */
const weighed = async (what, work) => {
  const before = process.cpuUsage();
  const done = await clocked(work);
  const { user, system } = process.cpuUsage(before);
  process.stderr.write(
    `${what}: ${Math.round(done.milliseconds)} ms, ${((user + system) / 1e6).toFixed(1)} s of CPU beside PostgreSQL\n`,
  );
  return done;
};

const logBytes = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) =>
      entry.isFile() && entry.parentPath.endsWith('_delta_log') && !entry.name.startsWith('.')
        ? sum + readFileSync(join(entry.parentPath, entry.name)).length
        : sum,
    0,
  );
/** Reads of the logs and the ledger, nothing understood: what no plan of this design gets below. */
const bareRead = async () => {
  for (const name of ['bronze', 'silver', 'gold']) {
    const folder = join(lake, name);
    for (const path of logFolders(folder))
      for (const file of readdirSync(path))
        for (const line of readFileSync(join(path, file), 'utf8').split('\n'))
          if (file.endsWith('.json') && line !== '') JSON.parse(line);
  }
  await warehouse.query(
    'SELECT version_id, partition, status, in_versions, content_hash, row_count FROM assay.interval',
  );
};
const logFolders = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name === '_delta_log')
    .map((entry) => join(entry.parentPath, entry.name));

const median = async (work, times = 3) => {
  const found = [];
  for (let i = 0; i < times; i++) found.push((await clocked(work)).milliseconds);
  return found.sort((a, b) => a - b)[Math.floor(times / 2)];
};

const rows = [];
try {
  const expect = (found, wanted, what) => {
    if (found !== wanted) throw new Error(`${what}: ${found} where ${wanted} is right`);
  };
  say(`${DAYS} days into bronze`, (await clocked(() => load(0, DAYS))).milliseconds);
  const first = await weighed('first build', () => build(parts));
  expect(first.result.unmade.length, 0, 'partitions that were not made');
  const limit = await median(bareRead);
  const planned = [];
  const nothing = async () => planned.push(planStatus(await plan(parts, { environment: 'prod' })));
  const planMs = await median(nothing);
  expect([...new Set(planned)].join(), 'none', 'a plan with nothing new');
  const runMs = await median(async () =>
    expect((await run(parts, 'prod')).status, 'unchanged', 'a run with nothing new'),
  );
  await load(DAYS, 1);
  const dayPlan = await median(async () =>
    expect((await plan(parts, { environment: 'prod' })).steps.length, 12, 'steps of a new day'),
  );
  const day = await weighed('build of one new day', () => build(parts));
  expect(day.result.changed.length, 12, 'tables that a new day changes');
  const row = (name, ours, bare, aim) => ({
    ...{ id: 4, name: `12 transforms x ${DAYS} days: ${name}`, unit: 'ms', limit: bare, peer: null, ours },
    ...{
      ratio: bare === null ? null : ours / bare,
      aim: aim === null ? '' : `< ${aim} ms`,
      met: aim === null ? null : ours < aim,
    },
  });
  rows.push(
    row('first build', first.milliseconds, null, null),
    row('plan, nothing new', planMs, limit, 2000),
    row('run, nothing new', runMs, limit, 2000),
    row('plan, one new day', dayPlan, limit, 2000),
    row('build of one new day', day.milliseconds, null, null),
  );
  process.stderr.write(`logs: ${logBytes(lake)} bytes\n`);
} finally {
  await place.close();
  rmSync(dir, { recursive: true, force: true });
}
report(rows);
process.exit(0);
