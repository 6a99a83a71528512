// Benchmark 2: a new query (other values and limit each time, so no result cache helps) on rollups of 175 and 128,000 rows.
// Limit: the same statement prepared once in bare DuckDB. Peer: Cube's getSql with a new limit, and its statement on DuckDB.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { makeAsk } from '../dist/answer/run/index.js';
import { buildRollups, openRollups } from '../dist/build/rollup/index.js';
import { loadModel } from '../dist/model/cube/index.js';
import { accessOf } from '../dist/model/policy/index.js';
import { localCaller } from '../dist/query/index.js';
import { openDuckDb } from '../dist/store/engine/index.js';
import { openKv } from '../dist/store/kv/index.js';
import { report, timed } from './measure.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-bench2-'));
const emit = (name, event) => {
  if (name === 'bug' || name === 'rollup.refused')
    process.stderr.write(
      `${name} ${JSON.stringify(event, (_, v) => (v instanceof Error ? String(v.cause ?? v) : v))}\n`,
    );
};
const cube = (name) => `cubes:
  - name: ${name}
    sql_table: gold.${name}
    public: false
    dimensions:
      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: {type: bigint} }
      - {name: country, sql: "{CUBE}.country", type: string}
      - {name: category, sql: "{CUBE}.category", type: string}
      - {name: sold_at, sql: "{CUBE}.sold_at", type: time}
    measures:
      - {name: amount, sql: "{CUBE}.amount", type: sum, meta: {type: "decimal(18,2)"} }
      - {name: lines, type: count, meta: {type: bigint} }
    pre_aggregations:
      - {name: by_day, type: rollup, measures: [amount, lines], dimensions: [country, category], time_dimension: sold_at, granularity: day}
`;
for (const part of ['cubes', 'views']) mkdirSync(join(dir, 'model', part), { recursive: true });
for (const name of ['small', 'large']) {
  writeFileSync(join(dir, 'model/cubes', `${name}.yml`), cube(name));
  writeFileSync(
    join(dir, 'model/views', `${name}_view.yml`),
    `views:\n  - name: ${name}_view\n    cubes:\n      - {join_path: ${name}, includes: "*"}\n`,
  );
}
const SHAPES = { small: { days: 1, categories: 7 }, large: { days: 365, categories: 14 } };
const fill = ({
  days,
  categories,
}) => `SELECT row_number() OVER ()::BIGINT AS id, 'country ' || c AS country, 'category ' || g AS category,
  TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_days(d::INTEGER) AS sold_at, ((c * 31 + g * 17 + d) % 997)::DECIMAL(12,2) AS amount
  FROM range(25) t(c), range(${categories}) u(g), range(${days}) v(d)`;

const duckdb = await openDuckDb({ memory: '2GB', tempDir: join(dir, 'tmp'), emit });
await duckdb.execute('CREATE SCHEMA gold');
for (const [name, shape] of Object.entries(SHAPES)) await duckdb.execute(`CREATE TABLE gold.${name} AS ${fill(shape)}`);
const model = await loadModel(join(dir, 'model'));
const kv = await openKv({ redisUrl: undefined, dir: join(dir, 'kv'), emit });
const tables = new Map(
  Object.keys(SHAPES).map((n) => [
    `gold.${n}`,
    { name: `gold.${n}`, postgres: undefined, lake: undefined, dataVersion: '1', rows: 1, since: 1 },
  ]),
);
const publication = { revision: 1, tables };
const built = await buildRollups({
  ...model,
  publication,
  source: { engine: duckdb.engine, resolve: (t) => t },
  duckdb,
  kv,
  dir,
  emit,
  namespace: 'bench',
});
for (const b of built)
  if (b.outcome !== 'built') throw new Error(`${b.rollup}: ${b.outcome} ${b.reason ?? b.error?.message ?? ''}`);
const rollups = await openRollups({
  kv,
  duckdb,
  dir: join(dir, 'rollups'),
  model: () => model,
  emit,
  namespace: 'bench',
});
const ask = makeAsk({
  model: () => ({ ...model, accessOf: (caller) => accessOf(model.catalogue, caller) }),
  publications: { current: () => publication, refresh: async () => publication },
  rollups,
  engines: { postgres: duckdb.engine, lake: duckdb.engine, rollup: duckdb.engine },
  lakeRelation: async (path) => path,
  rawSource: 'postgres',
  emit,
});
const caller = localCaller(['anyone']);
const query = (name, i) => ({
  measures: [`${name}_view.amount`, `${name}_view.lines`],
  dimensions: [`${name}_view.country`],
  where: { member: `${name}_view.category`, op: 'ne', values: [`no such ${i}`] },
  order: [{ by: `${name}_view.amount`, dir: 'desc' }],
  limit: 25 + (i % 7),
});
const ours = async (name, i) => {
  const answer = await ask.query(query(name, i), caller, { surface: 'cli', requestId: String(i) });
  let rows = 0;
  for await (const batch of answer.rows) rows += batch.length;
  const { source, cached } = answer.provenance();
  if (rows !== 25 || source !== 'rollup' || cached) throw new Error(`${rows} rows from ${source}, cached ${cached}`);
};

// The limit: bare DuckDB, one table like the rollup's, one prepared statement, values bound.
const bare = await (await DuckDBInstance.create(':memory:')).connect();
const limits = {};
for (const [name, shape] of Object.entries(SHAPES)) {
  await bare.run(
    `CREATE TABLE ${name} AS SELECT country, category, sold_at, amount::DECIMAL(18,2) AS amount, 1::BIGINT AS lines FROM (${fill(shape)})`,
  );
  limits[name] = await bare.prepare(
    `SELECT country, sum(amount), sum(lines) FROM ${name} WHERE category <> $1 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 25`,
  );
}
const limit = async (name, i) => {
  limits[name].bindVarchar(1, `no such ${i}`);
  await (await limits[name].run()).getColumns();
};

// The peer: Cube compiles every new limit; its statement runs on the same table.
for (const variable of Object.keys(process.env)) if (variable.startsWith('CUBEJS_')) delete process.env[variable];
process.env.CUBEJS_TESSERACT_SQL_PLANNER = 'false';
process.env.CUBEJS_DB_TYPE = 'duckdb';
const require = createRequire(import.meta.url);
const { CompilerApi } = require('@cubejs-backend/server-core/dist/src/core/CompilerApi');
const { DuckDBDriver } = require('@cubejs-backend/duckdb-driver');
const refuse = () => {
  throw new Error('not used');
};
class WithoutNative extends CompilerApi {
  createNativeInstance() {
    return { newJinjaEngine: () => ({ loadTemplate() {}, renderTemplate: refuse }), loadPythonContext: refuse };
  }
}
const peerModel = Object.keys(SHAPES).map((name) => ({
  fileName: `${name}.yml`,
  content: `cubes:\n  - name: ${name}\n    sql_table: ${name}\n    dimensions:\n      - {name: country, sql: country, type: string, primary_key: true, public: true}\n      - {name: category, sql: category, type: string}\n    measures:\n      - {name: amount, sql: amount, type: sum}\n      - {name: lines, sql: lines, type: sum}\n`,
}));
const api = new WithoutNative(
  { localPath: () => 'model', dataSchemaFiles: async () => peerModel },
  async () => 'duckdb',
  {
    dialectClass: () => DuckDBDriver.dialectClass(),
    devServer: false,
    logger: () => {},
    sqlCache: true,
    allowNodeRequire: true,
    standalone: true,
    allowUngroupedWithoutPrimaryKey: true,
    compileContext: {},
    contextToGroups: async () => [],
  },
);
const peer = async (name, i) => {
  const { sql } = await api.getSql({
    measures: [`${name}.amount`, `${name}.lines`],
    dimensions: [`${name}.country`],
    timezone: 'UTC',
    filters: [{ member: `${name}.category`, operator: 'notEquals', values: [`no such ${i}`] }],
    timeDimensions: [],
    order: [{ id: `${name}.amount`, desc: true }],
    rowLimit: 25 + i,
  });
  const [text, values] = sql;
  await (await bare.runAndReadAll(text, values)).getRowObjectsJson();
};

const rows = [];
for (const [name, label] of [
  ['small', '175 rows'],
  ['large', '127,750 rows'],
]) {
  let i = 0;
  const [l, p, o] = [
    await timed(200, () => limit(name, i++)),
    await timed(100, () => peer(name, i++)),
    await timed(200, () => ours(name, i++)),
  ];
  rows.push({
    id: 2,
    name: `new query on a rollup of ${label} (p50)`,
    unit: 'ms',
    limit: l.p50,
    peer: p.p50,
    ours: o.p50,
    ratio: o.p50 / l.p50,
    aim: '<= limit + .5 ms and <= 1/3 of peer',
    met: o.p50 <= l.p50 + 0.5 && o.p50 <= p.p50 / 3,
  });
  rows.push({
    id: 2,
    name: `the same (p99)`,
    unit: 'ms',
    limit: l.p99,
    peer: p.p99,
    ours: o.p99,
    ratio: o.p99 / l.p99,
    aim: '',
    met: null,
  });
}
report(rows);
await rollups.close();
await duckdb.close();
await kv.close();
rmSync(dir, { recursive: true, force: true });
process.exit(0);
