// Benchmark 4: the thirteen questions of the Star Schema Benchmark over 6,000,000 made order lines (BENCH_LINES=60000000 for more),
// from the tables and from five rollups; 3.4 and 4.3 ask so finely that a rollup would have as many rows as the lines. Limit and peer of raw: the same
// question in SQL by hand in bare DuckDB on the same tables. Limit of rollups: rows read at 220 million rows a second.
// Every answer is compared with the hand-written SQL, to the cent, before anything is timed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAsk } from '../dist/answer/run/index.js';
import { buildRollups, openRollups } from '../dist/build/rollup/index.js';
import { loadModel } from '../dist/model/cube/index.js';
import { accessOf } from '../dist/model/policy/index.js';
import { localCaller, valueText } from '../dist/query/index.js';
import { openDuckDb } from '../dist/store/engine/index.js';
import { openKv } from '../dist/store/kv/index.js';
import { report, spread } from './measure.js';

const LINES = Number(process.env.BENCH_LINES ?? 6_000_000);
const RUNS = 5;
const dir = mkdtempSync(join(tmpdir(), 'assay-bench4-'));
const emit = (name, event) => {
  if (name === 'bug') process.stderr.write(`${name} ${JSON.stringify(event)}\n`);
};

const NATIONS = `['ALGERIA','ARGENTINA','BRAZIL','CANADA','EGYPT','ETHIOPIA','FRANCE','GERMANY','INDIA','INDONESIA','IRAN','IRAQ','JAPAN','JORDAN','KENYA','MOROCCO','MOZAMBIQUE','PERU','CHINA','ROMANIA','SAUDI ARABIA','VIETNAM','RUSSIA','UNITED KINGDOM','UNITED STATES']`;
const REGION = `['AFRICA','AMERICA','AMERICA','AMERICA','MIDDLE EAST','AFRICA','EUROPE','EUROPE','ASIA','ASIA','MIDDLE EAST','MIDDLE EAST','ASIA','MIDDLE EAST','AFRICA','AFRICA','AFRICA','AMERICA','ASIA','EUROPE','MIDDLE EAST','ASIA','EUROPE','EUROPE','AMERICA']`;
const place = (n) => `CAST((${n}) % 25 AS INTEGER) + 1`;
const who = (n) =>
  `SELECT i AS key, ${REGION}[${place('hash(i)')}] AS region, ${NATIONS}[${place('hash(i)')}] AS nation, left(rpad(${NATIONS}[${place('hash(i)')}], 9, ' '), 9) || (hash(i, 7) % 10) AS city FROM range(1, ${n + 1}) t(i)`;
const TABLES = {
  dates: `SELECT CAST(strftime(d, '%Y%m%d') AS INTEGER) AS key, CAST(d AS TIMESTAMPTZ) AS day, year(d)::INTEGER AS year, (year(d) * 100 + month(d))::INTEGER AS yearmonth, strftime(d, '%b%Y') AS yearmonth_name, week(d)::INTEGER AS week FROM (SELECT DATE '1992-01-01' + CAST(i AS INTEGER) AS d FROM range(2556) t(i))`,
  customers: who(30_000 * Math.max(1, Math.round(LINES / 6e6))),
  suppliers: who(2_000 * Math.max(1, Math.round(LINES / 6e6))),
  parts: `SELECT i AS key, 'MFGR#' || (1 + hash(i) % 5) AS mfgr, 'MFGR#' || (1 + hash(i) % 5) || (1 + hash(i, 1) % 5) AS category, 'MFGR#' || (1 + hash(i) % 5) || (1 + hash(i, 1) % 5) || (1 + hash(i, 2) % 40) AS brand FROM range(1, 200001) t(i)`,
  lines: `SELECT i AS key, (1 + hash(i, 1) % (SELECT count(*) FROM ssb.customers))::BIGINT AS customer, (1 + hash(i, 2) % (SELECT count(*) FROM ssb.suppliers))::BIGINT AS supplier, (1 + hash(i, 3) % 200000)::BIGINT AS part, d.key AS day_key, d.day AS ordered_at, (1 + hash(i, 4) % 50)::INTEGER AS quantity, (hash(i, 5) % 11)::INTEGER AS discount, CAST((90000 + hash(i, 6) % 9910000) / 100 AS DECIMAL(12,2)) AS price, CAST((hash(i, 7) % 6000000) / 100 AS DECIMAL(12,2)) AS cost FROM range(${LINES}) t(i) JOIN (SELECT *, row_number() OVER (ORDER BY key) - 1 AS n FROM ssb.dates) d ON d.n = hash(i, 8) % 2556`,
};

const dim = (name, type, meta) =>
  `      - {name: ${name}, sql: "{CUBE}.${name}", type: ${type}${meta ? `, meta: {type: ${meta}}` : ''} }\n`;
const cubeOf = (name, dims) =>
  `cubes:\n  - name: ${name}\n    sql_table: ssb.${name}\n    public: false\n    dimensions:\n      - {name: key, sql: "{CUBE}.key", type: number, primary_key: true, meta: {type: bigint} }\n${dims}`;
const join_ = (to, own) => `      - {name: ${to}, relationship: many_to_one, sql: "{CUBE}.${own} = {${to}}.key"}\n`;
const rollup = (name, measures, dims, granularity) =>
  `      - {name: ${name}, type: rollup, measures: [${measures}], dimensions: [${dims}], time_dimension: ordered_at, granularity: ${granularity}, partition_granularity: year}\n`;
const MODEL = {
  'cubes/dates.yml': cubeOf(
    'dates',
    dim('year', 'number', 'integer') +
      dim('yearmonth', 'number', 'integer') +
      dim('yearmonth_name', 'string') +
      dim('week', 'number', 'integer'),
  ),
  'cubes/customers.yml': cubeOf('customers', dim('region', 'string') + dim('nation', 'string') + dim('city', 'string')),
  'cubes/suppliers.yml': cubeOf('suppliers', dim('region', 'string') + dim('nation', 'string') + dim('city', 'string')),
  'cubes/parts.yml': cubeOf('parts', dim('mfgr', 'string') + dim('category', 'string') + dim('brand', 'string')),
  'cubes/lines.yml': `${cubeOf('lines', dim('quantity', 'number', 'integer') + dim('discount', 'number', 'integer') + dim('ordered_at', 'time'))}    joins:
${join_('dates', 'day_key')}${join_('customers', 'customer')}${join_('suppliers', 'supplier')}${join_('parts', 'part')}    measures:
      - {name: lines, type: count, meta: {type: bigint} }
      - {name: revenue, sql: "{CUBE}.price", type: sum, meta: {type: "decimal(18,2)"} }
      - {name: profit, sql: "{CUBE}.price - {CUBE}.cost", type: sum, meta: {type: "decimal(18,2)"} }
      - {name: saved, sql: "{CUBE}.price * {CUBE}.discount", type: sum, meta: {type: "decimal(20,2)"} }
    pre_aggregations:
${rollup('discounts', 'saved', 'discount, quantity, dates.year, dates.yearmonth, dates.week', 'month')}${rollup('brands', 'revenue', 'parts.category, parts.brand, suppliers.region, dates.year', 'year')}${rollup('cities', 'revenue', 'customers.region, customers.nation, suppliers.region, suppliers.nation, dates.year', 'year')}${rollup('towns', 'revenue', 'customers.nation, customers.city, suppliers.nation, suppliers.city, dates.year', 'year')}${rollup('profits', 'profit', 'customers.region, customers.nation, suppliers.region, suppliers.nation, parts.mfgr, parts.category, dates.year', 'year')}`,
  'views/ssb.yml': `views:
  - name: ssb
    cubes:
      - {join_path: lines, includes: [lines, revenue, profit, saved, quantity, discount, ordered_at]}
      - {join_path: lines.dates, includes: [year, yearmonth, yearmonth_name, week]}
      - {join_path: lines.customers, prefix: true, includes: [region, nation, city]}
      - {join_path: lines.suppliers, prefix: true, includes: [region, nation, city]}
      - {join_path: lines.parts, includes: [mfgr, category, brand]}
`,
};

const eq = (member, ...values) => ({ member: `ssb.${member}`, op: values.length > 1 ? 'in' : 'eq', values });
const between = (member, from, to) => ({
  and: [
    { member: `ssb.${member}`, op: 'gte', values: [from] },
    { member: `ssb.${member}`, op: 'lte', values: [to] },
  ],
});
const ask_ = (measure, dims, where) => ({
  measures: [`ssb.${measure}`],
  dimensions: dims.map((d) => `ssb.${d}`),
  where: { and: where },
});
const FROM =
  'FROM ssb.lines l JOIN ssb.dates d ON l.day_key = d.key JOIN ssb.customers c ON l.customer = c.key JOIN ssb.suppliers s ON l.supplier = s.key JOIN ssb.parts p ON l.part = p.key';
const sql = (select, dims, where) =>
  `SELECT ${[...dims, `CAST(${select} AS DECIMAL(20,2))`].join(', ')} ${FROM.split(' JOIN ')
    .filter((part, i) => i === 0 || new RegExp(`\\b${part.split(' ')[1]}\\.`).test([...dims, where].join(' ')))
    .join(
      ' JOIN ',
    )} WHERE ${where}${dims.length ? ` GROUP BY ALL ORDER BY ${dims.map((_, i) => i + 1).join(', ')}` : ''}`;
const UK = ['UNITED KI1', 'UNITED KI5'];
const QUESTIONS = [
  [
    '1.1',
    ask_(
      'saved',
      [],
      [eq('year', 1993), between('discount', 1, 3), { member: 'ssb.quantity', op: 'lt', values: [25] }],
    ),
    sql('sum(l.price * l.discount)', [], 'd.year = 1993 AND l.discount BETWEEN 1 AND 3 AND l.quantity < 25'),
  ],
  [
    '1.2',
    ask_('saved', [], [eq('yearmonth', 199401), between('discount', 4, 6), between('quantity', 26, 35)]),
    sql(
      'sum(l.price * l.discount)',
      [],
      'd.yearmonth = 199401 AND l.discount BETWEEN 4 AND 6 AND l.quantity BETWEEN 26 AND 35',
    ),
  ],
  [
    '1.3',
    ask_('saved', [], [eq('week', 6), eq('year', 1994), between('discount', 5, 7), between('quantity', 26, 35)]),
    sql(
      'sum(l.price * l.discount)',
      [],
      'd.week = 6 AND d.year = 1994 AND l.discount BETWEEN 5 AND 7 AND l.quantity BETWEEN 26 AND 35',
    ),
  ],
  [
    '2.1',
    ask_('revenue', ['year', 'brand'], [eq('category', 'MFGR#12'), eq('suppliers_region', 'AMERICA')]),
    sql('sum(l.price)', ['d.year', 'p.brand'], "p.category = 'MFGR#12' AND s.region = 'AMERICA'"),
  ],
  [
    '2.2',
    ask_('revenue', ['year', 'brand'], [between('brand', 'MFGR#2221', 'MFGR#2228'), eq('suppliers_region', 'ASIA')]),
    sql('sum(l.price)', ['d.year', 'p.brand'], "p.brand BETWEEN 'MFGR#2221' AND 'MFGR#2228' AND s.region = 'ASIA'"),
  ],
  [
    '2.3',
    ask_('revenue', ['year', 'brand'], [eq('brand', 'MFGR#2239'), eq('suppliers_region', 'EUROPE')]),
    sql('sum(l.price)', ['d.year', 'p.brand'], "p.brand = 'MFGR#2239' AND s.region = 'EUROPE'"),
  ],
  [
    '3.1',
    ask_(
      'revenue',
      ['customers_nation', 'suppliers_nation', 'year'],
      [eq('customers_region', 'ASIA'), eq('suppliers_region', 'ASIA'), between('year', 1992, 1997)],
    ),
    sql(
      'sum(l.price)',
      ['c.nation', 's.nation', 'd.year'],
      "c.region = 'ASIA' AND s.region = 'ASIA' AND d.year BETWEEN 1992 AND 1997",
    ),
  ],
  [
    '3.2',
    ask_(
      'revenue',
      ['customers_city', 'suppliers_city', 'year'],
      [eq('customers_nation', 'UNITED STATES'), eq('suppliers_nation', 'UNITED STATES'), between('year', 1992, 1997)],
    ),
    sql(
      'sum(l.price)',
      ['c.city', 's.city', 'd.year'],
      "c.nation = 'UNITED STATES' AND s.nation = 'UNITED STATES' AND d.year BETWEEN 1992 AND 1997",
    ),
  ],
  [
    '3.3',
    ask_(
      'revenue',
      ['customers_city', 'suppliers_city', 'year'],
      [eq('customers_city', ...UK), eq('suppliers_city', ...UK), between('year', 1992, 1997)],
    ),
    sql(
      'sum(l.price)',
      ['c.city', 's.city', 'd.year'],
      "c.city IN ('UNITED KI1', 'UNITED KI5') AND s.city IN ('UNITED KI1', 'UNITED KI5') AND d.year BETWEEN 1992 AND 1997",
    ),
  ],
  [
    '3.4',
    ask_(
      'revenue',
      ['customers_city', 'suppliers_city', 'year'],
      [eq('customers_city', ...UK), eq('suppliers_city', ...UK), eq('yearmonth_name', 'Dec1997')],
    ),
    sql(
      'sum(l.price)',
      ['c.city', 's.city', 'd.year'],
      "c.city IN ('UNITED KI1', 'UNITED KI5') AND s.city IN ('UNITED KI1', 'UNITED KI5') AND d.yearmonth_name = 'Dec1997'",
    ),
  ],
  [
    '4.1',
    ask_(
      'profit',
      ['year', 'customers_nation'],
      [eq('customers_region', 'AMERICA'), eq('suppliers_region', 'AMERICA'), eq('mfgr', 'MFGR#1', 'MFGR#2')],
    ),
    sql(
      'sum(l.price - l.cost)',
      ['d.year', 'c.nation'],
      "c.region = 'AMERICA' AND s.region = 'AMERICA' AND p.mfgr IN ('MFGR#1', 'MFGR#2')",
    ),
  ],
  [
    '4.2',
    ask_(
      'profit',
      ['year', 'suppliers_nation', 'category'],
      [
        eq('customers_region', 'AMERICA'),
        eq('suppliers_region', 'AMERICA'),
        eq('year', 1997, 1998),
        eq('mfgr', 'MFGR#1', 'MFGR#2'),
      ],
    ),
    sql(
      'sum(l.price - l.cost)',
      ['d.year', 's.nation', 'p.category'],
      "c.region = 'AMERICA' AND s.region = 'AMERICA' AND d.year IN (1997, 1998) AND p.mfgr IN ('MFGR#1', 'MFGR#2')",
    ),
  ],
  [
    '4.3',
    ask_(
      'profit',
      ['year', 'suppliers_city', 'brand'],
      [
        eq('customers_region', 'AMERICA'),
        eq('suppliers_nation', 'UNITED STATES'),
        eq('year', 1997, 1998),
        eq('category', 'MFGR#14'),
      ],
    ),
    sql(
      'sum(l.price - l.cost)',
      ['d.year', 's.city', 'p.brand'],
      "c.region = 'AMERICA' AND s.nation = 'UNITED STATES' AND d.year IN (1997, 1998) AND p.category = 'MFGR#14'",
    ),
  ],
];

for (const [file, text] of Object.entries(MODEL)) {
  mkdirSync(join(dir, 'model', file, '..'), { recursive: true });
  writeFileSync(join(dir, 'model', file), text);
}
const duckdb = await openDuckDb({
  memory: process.env.BENCH_MEMORY ?? '4GB',
  threads: 2,
  tempDir: join(dir, 'tmp'),
  emit,
});
await duckdb.execute('CREATE SCHEMA ssb');
for (const [name, text] of Object.entries(TABLES)) await duckdb.execute(`CREATE TABLE ssb.${name} AS ${text}`);
const model = await loadModel(join(dir, 'model'));
const kv = await openKv({ redisUrl: undefined, dir: join(dir, 'kv'), emit });
const publication = {
  revision: 1,
  tables: new Map(
    Object.keys(TABLES).map((n) => [
      `ssb.${n}`,
      {
        name: `ssb.${n}`,
        postgres: undefined,
        lake: { path: `ssb.${n}`, version: 1 },
        dataVersion: '1',
        rows: LINES,
        since: 1,
      },
    ]),
  ),
};
const began = performance.now();
const built = await buildRollups({
  ...{ ...model, publication, duckdb, kv, dir, emit, namespace: 'bench' },
  source: { engine: duckdb.engine, here: true, resolve: (t) => t },
});
const building = performance.now() - began;
for (const b of built)
  if (b.outcome !== 'built')
    throw new Error(`${b.rollup}: ${b.outcome} ${b.reason ?? b.error?.cause ?? b.error?.message ?? ''}`);
const rollups = await openRollups({
  kv,
  duckdb,
  dir: join(dir, 'rollups'),
  model: () => model,
  emit,
  namespace: 'bench',
  memoryBudget: 2 ** 31,
});
const ask = makeAsk({
  model: () => ({ ...model, accessOf: (caller) => accessOf(model.catalogue, caller) }),
  publications: { current: () => publication, refresh: async () => publication },
  rollups,
  engines: { postgres: duckdb.engine, lake: duckdb.engine, rollup: duckdb.engine },
  lakeRelation: async (path) => path,
  rawSource: 'lake',
  emit,
  cacheBytes: 1,
});
const caller = localCaller(['anyone']);
let asked = 0;
let servedBy = '';
const answer = async (query, source) => {
  asked += 1;
  // another limit each time: no answer is shared
  const got = await ask.query({ ...query, source, limit: 1_000_000 - asked }, caller, {
    surface: 'cli',
    requestId: String(asked),
  });
  const rows = [];
  for await (const batch of got.rows)
    for (let r = 0; r < batch.length; r++) rows.push(got.columns.map((c, i) => valueText(c.type, batch.columns[i][r])));
  servedBy = got.provenance().source;
  return rows;
};
const plain = (rows) => JSON.stringify([...rows].map((r) => r.map((v) => (v === null ? null : String(v)))).sort());
const bare = async (text) =>
  (await duckdb.query(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${text})`)).map((r) => Object.values(r));
const median = async (work) => {
  const samples = [];
  for (let i = 0; i < RUNS; i++) {
    const at = performance.now();
    await work();
    samples.push(performance.now() - at);
  }
  return spread(samples).p50;
};
const rows = [];
const sums = { bare: 0, raw: 0, served: 0, rollup: 0, count: 0 };
for (const [name, query, text] of QUESTIONS) {
  const truth = plain(await bare(text));
  for (const source of ['raw', 'auto'])
    if (plain(await answer(query, source)) !== truth)
      throw new Error(`question ${name} from ${source} is not what DuckDB says`);
  const [b, r, o] = [
    await median(() => bare(text)),
    await median(() => answer(query, 'raw')),
    await median(() => answer(query, 'auto')),
  ];
  const served = servedBy === 'rollup';
  sums.bare += b;
  sums.raw += r;
  if (served) {
    sums.served += r;
    sums.rollup += o;
    sums.count += 1;
  }
  rows.push({
    id: 4,
    name: `question ${name}: raw; rollup beside it`,
    unit: 'ms',
    limit: b,
    peer: b,
    ours: r,
    ratio: r / b,
    aim: served ? `rollup ${o.toFixed(1)} ms, ${(r / o).toFixed(0)}x` : 'no rollup',
    met: null,
  });
}
const loaded = rollups.loaded();
const kept = built.reduce((n, b) => n + b.rows, 0);
const bytes = built.reduce((n, b) => n + b.bytes, 0);
rows.push(
  {
    id: 4,
    name: `all thirteen from ${LINES} lines, raw`,
    unit: 'ms',
    limit: sums.bare,
    peer: sums.bare,
    ours: sums.raw,
    ratio: sums.raw / sums.bare,
    aim: '<= 1.1x DuckDB',
    met: sums.raw <= 1.1 * sums.bare,
  },
  {
    id: 4,
    name: `${sums.count} of them from rollups (${kept} rows)`,
    unit: 'ms',
    limit: null,
    peer: sums.served,
    ours: sums.rollup,
    ratio: sums.served / sums.rollup,
    aim: '>= 20x faster than raw',
    met: sums.served >= 20 * sums.rollup,
  },
  {
    id: 4,
    name: 'building and proving the five rollups',
    unit: 's',
    limit: null,
    peer: null,
    ours: building / 1000,
    ratio: null,
    aim: '',
    met: null,
  },
  {
    id: 4,
    name: 'a million rollup rows: in Redis, in memory',
    unit: 'MB',
    limit: null,
    peer: bytes / kept,
    ours: loaded.bytes / kept,
    ratio: null,
    aim: '',
    met: null,
  },
);
report(rows);
await rollups.close();
await duckdb.close();
await kv.close();
rmSync(dir, { recursive: true, force: true });
process.exit(0);
