import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, makeAsk } from '../../src/answer/run/index.js';
import {
  type BuildRollupsOptions,
  buildRollups,
  openRollups,
  proveRollups,
  type RollupSource,
  type Rollups,
} from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import { type LoadedModel, loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import { type Caller, localCaller, type MetricQuery, noEmit } from '../../src/query/index.js';
import { type DuckDb, type Engine, openDuckDb } from '../../src/store/engine/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { MODEL } from '../star/model.js';
import { cellsOf } from '../star/world.js';

/** Versions of the star's fact: 2 has another row in one day of December, 3 has a new month besides, 4 another shop's name. */
const SALES = `SELECT i AS id, i % 3 AS shop_id, ['a', 'b', NULL][1 + i % 3] AS kind, 'B' || (i % 7) AS buyer, i % 11 = 0 AS returned,
  CAST(i % 9 AS INTEGER) AS qty, CAST(i * 1.25 AS DECIMAL(12,2)) AS amount,
  CASE WHEN i % 50 = 0 THEN NULL ELSE TIMESTAMPTZ '2010-10-15 00:00:00+00' + to_hours(CAST(i * 4 AS INTEGER)) END AS sold_at FROM range(1, 400) AS r(i)`;
const ONE = (id: number, at: string) =>
  `SELECT ${id}, 1, 'a', 'B1', false, 5, CAST(12.34 AS DECIMAL(12,2)), TIMESTAMPTZ '${at} 08:00:00+00'`;

const OF_SALES = ['sales.by_day', 'sales.by_buyer'];

let dir: string;
let db: DuckDb;
let model: LoadedModel;
let kv: Kv;
let rollups: Rollups;
let ask: Ask;
let version = 1;
/** Statements that the raw engine ran, and relations that were asked for, since they were last looked at. */
let ran = 0;
let read: string[] = [];

const publication = (n = version): Publication => ({
  revision: n,
  tables: new Map(
    (['sales', 'shops'] as const).map((name) => {
      const at = name === 'sales' ? Math.min(n, 3) : n < 4 ? 1 : 4;
      const lake = { path: `star.${name}_v${at}`, version: at };
      const of = { name: `star.${name}`, postgres: undefined, lake, dataVersion: `${name}.${at}`, rows: 1, since: at };
      return [`star.${name}`, of];
    }),
  ),
});
const sourceAt = (of: Publication, more: Partial<RollupSource> = {}): RollupSource => {
  const path = (table: string) => of.tables.get(table)?.lake?.path ?? table;
  return {
    engine: db.engine,
    here: true,
    resolve: path,
    snapshot: path,
    moved: async (table, before) =>
      `(SELECT * FROM (SELECT * FROM ${before} EXCEPT ALL SELECT * FROM ${path(table)}) UNION ALL SELECT * FROM (SELECT * FROM ${path(table)} EXCEPT ALL SELECT * FROM ${before}))`,
    ...more,
  };
};
const build = (n = version, more: Partial<BuildRollupsOptions> = {}) =>
  buildRollups({
    ...{ catalogue: model.catalogue, legs: model.legs, publication: publication(n), duckdb: db, kv },
    ...{ source: sourceAt(publication(n)), dir: join(dir, 'build'), emit: noEmit, namespace: 'edge', only: OF_SALES },
    ...more,
  });
const totalsOf = async (n: number, where = 'true'): Promise<(string | null)[][]> => {
  const at = publication(n).tables.get('star.sales')?.lake?.path;
  const rows = await db.query<Record<string, string | null>>(
    `SELECT strftime(sold_at, '%Y-%m') AS m, CAST(sum(amount) AS DECIMAL(18,2))::VARCHAR AS a, count(*)::VARCHAR AS n, count(DISTINCT buyer)::VARCHAR AS b FROM ${at} WHERE ${where} GROUP BY 1 ORDER BY 1 NULLS LAST`,
  );
  return rows.map((r) => [r['m'] === null ? null : `${r['m']}-01`, r['a'] ?? null, r['n'] ?? null, r['b'] ?? null]);
};
const QUERY: MetricQuery = {
  measures: ['shop.amount', 'shop.lines', 'shop.buyers'],
  time: [{ dimension: 'shop.sold_at', granularity: 'month' }],
};
const within = (from: string, to: string): MetricQuery => ({
  ...QUERY,
  time: [{ dimension: 'shop.sold_at', granularity: 'month', range: [from, to] }],
});
const asked = async (query: MetricQuery, caller?: Caller) => {
  [ran, read] = [0, []];
  const rows = await cellsOf(ask, query, caller);
  return { rows: rows.rows, ran, read };
};
const plan = (query: MetricQuery) => ask.explain(query, localCaller(['boss']), { surface: 'cli', requestId: 'x' });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-edge-'));
  for (const [name, text] of Object.entries(MODEL)) {
    await mkdir(dirname(join(dir, 'model', name)), { recursive: true });
    await writeFile(join(dir, 'model', name), text);
  }
  model = await loadModel(join(dir, 'model'));
  db = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(dir, 'tmp'), emit: noEmit });
  await db.execute(`CREATE SCHEMA star; CREATE TABLE star.sales_v1 AS ${SALES};
    CREATE TABLE star.sales_v2 AS SELECT * FROM star.sales_v1 UNION ALL ${ONE(1000, '2010-12-03')};
    CREATE TABLE star.sales_v3 AS SELECT * FROM star.sales_v2 UNION ALL ${ONE(1001, '2011-02-03')};
    CREATE TABLE star.shops_v1 AS SELECT i AS id, 'S' || i AS name, 'R' || (i % 2) AS region FROM range(3) AS r(i);
    CREATE TABLE star.shops_v4 AS SELECT * REPLACE (name || '!' AS name) FROM star.shops_v1`);
  kv = await openKv({ redisUrl: undefined, dir: join(dir, 'kv'), emit: noEmit });
  rollups = await openRollups({
    ...{ kv, duckdb: db, dir: join(dir, 'node'), model: () => model, emit: noEmit, namespace: 'edge' },
    pollMilliseconds: 3_600_000,
    sourcesAt: ({ revision }) => ({ source: sourceAt(publication(revision)) }),
  });
  const counted: Engine = {
    ...db.engine,
    run: (statement, options) => {
      ran += 1;
      return db.engine.run(statement, options);
    },
  };
  ask = makeAsk({
    model: () => ({ ...model, accessOf: (caller: Caller) => accessOf(model.catalogue, caller) }),
    publications: { current: () => publication(), refresh: async () => publication() },
    rollups,
    engines: { postgres: counted, lake: counted, rollup: db.engine },
    lakeRelation: async (path) => {
      read.push(path);
      return path;
    },
    rawSource: 'lake',
    emit: noEmit,
  });
  expect((await build(1)).map((r) => [r.outcome, r.error?.message])).toEqual([
    ['built', undefined],
    ['built', undefined],
  ]);
  await rollups.refresh();
});
afterAll(async () => {
  await rollups?.close();
  await kv?.close();
  await db?.close();
  await rm(dir, { recursive: true, force: true });
});

describe('rollups behind their tables', () => {
  it('serve what they hold by default, and say how far they are behind', async () => {
    version = 3;
    expect((await asked(QUERY)).rows).toEqual(await totalsOf(1));
    expect((await plan(QUERY)).source).toBe('rollup');
  });

  it('give current data as a union of what is settled and the part of the source that moved', async () => {
    const told = await asked({ ...QUERY, fresh: 'current' });
    expect(told.rows).toEqual(await totalsOf(3));
    expect(told).toMatchObject({ ran: 0, read: ['star.shops_v1', 'star.sales_v3'] });
    const explained = await plan({ ...QUERY, fresh: 'current' });
    expect(explained).toMatchObject({ source: 'rollup', plan: 'composed' });
    expect(explained.candidates.find((c) => c.verdict === 'used')?.detail).toMatch(/^2010-12, 2011-02 moved/);
  });

  it('send nothing to the source for history alone, and ask it again for no further question', async () => {
    const history = await asked({ ...within('2010-10-01', '2010-12-01'), fresh: 'current', limit: 7 });
    expect(history).toMatchObject({ ran: 0, read: [] });
    expect(history.rows).toEqual(await totalsOf(3, "sold_at < TIMESTAMPTZ '2010-12-01 00:00:00+00'"));
    const edge = await asked({ ...within('2011-02-01', '2011-03-01'), fresh: 'current' });
    expect(edge.rows).toEqual(await totalsOf(3, "sold_at >= TIMESTAMPTZ '2011-02-01 00:00:00+00'"));
  });

  it('keep the row rules of their caller at the edge, too', async () => {
    const clerk: Caller = { ...localCaller(['clerk']), attributes: { kinds: ['b'] } };
    expect((await asked({ ...QUERY, fresh: 'current' }, clerk)).rows).toEqual(await totalsOf(3, "kind = 'b'"));
  });

  it('have no edge when another table than the fact moved: the source answers', async () => {
    version = 4;
    const told = await asked({ ...QUERY, dimensions: ['shop.shop'], fresh: 'current' });
    expect(told.ran).toBe(1);
    expect(told.rows[0]?.[0]).toMatch(/^S\d!$/);
    const { candidates } = await plan({ ...QUERY, fresh: 'current' });
    expect(candidates.map((c) => c.verdict)).toContain('stale-not-allowed');
    version = 3;
  });
});

describe('a build after a few rows moved', () => {
  it('makes exactly the partitions that were made from them, and is compared with raw as a whole', async () => {
    const results = await build(3);
    for (const r of results) {
      expect(r.made).toEqual(['2010-12', '2011-02']);
      expect([...r.changed].sort()).toEqual(['2010-12', '2011-02']);
      expect(r.kept).toEqual(['null', '2010-10', '2010-11']);
    }
    await rollups.refresh();
    expect((await asked({ ...QUERY, source: 'rollup', fresh: 'current', limit: 99 })).rows).toEqual(await totalsOf(3));
    const options = { catalogue: model.catalogue, legs: model.legs, publication: publication(3), duckdb: db, kv };
    const proofs = await proveRollups({
      ...options,
      ...{ source: sourceAt(publication(3)), dir: join(dir, 'build'), namespace: 'edge', only: OF_SALES },
    });
    expect(proofs.map((p) => p.outcome)).toEqual(['proven', 'proven']);
  });

  it.each([
    [
      'the source tells too little of what moved',
      {
        moved: async (_: string, before: string) =>
          `(SELECT * FROM ${before} WHERE sold_at < TIMESTAMPTZ '2010-11-01')`,
      },
      /2010-12.*raw/,
    ],
    ['a partition of the source is read twice', { double: true }, /(raw|units|amount|lines)/],
  ] as const)('is refused when %s', async (_, fault, reason) => {
    await build(1, { anew: true, current: async () => publication(1) });
    let reads = 0;
    const broken: Partial<RollupSource> =
      'double' in fault
        ? {
            resolve: (table) => {
              const path = publication(3).tables.get(table)?.lake?.path ?? table;
              // the rows of the rollup are read by the first statement after what moved was found
              if (table !== 'star.sales') return path;
              reads += 1;
              if (reads > 1) return path;
              return `(SELECT * FROM ${path} UNION ALL SELECT * FROM ${path} WHERE sold_at >= TIMESTAMPTZ '2010-12-01')`;
            },
          }
        : fault;
    const [refused] = await build(3, { source: sourceAt(publication(3), broken), only: ['sales.by_day'] });
    expect(refused?.outcome).toBe('refused');
    expect(`${refused?.error?.message}`).toMatch(reason);
    expect(await build(3, { only: ['sales.by_day'] })).toMatchObject([{ outcome: 'built' }]);
  });

  /** What may be wrong with the lake's copy of the facts; the other copy has them right. */
  const wrong: readonly [string, RegExp, string][] = [
    [
      'a month twice',
      /^sales\.\w+: the other copy of the tables \d+, rollup \d+/,
      `(SELECT * FROM star.sales_v3 UNION ALL SELECT * FROM star.sales_v3 WHERE sold_at >= '2010-11-01' AND sold_at < '2010-12-01')`,
    ],
    [
      'two dimensions in each other’s place',
      /where sales\.buyer = .* and sales\.kind = /,
      `(SELECT * REPLACE (buyer AS kind, kind AS buyer) FROM star.sales_v3)`,
    ],
    [
      'two measures’ columns mixed up',
      /^sales\.(units|amount)/,
      `(SELECT * REPLACE (CAST(amount AS INTEGER) AS qty) FROM star.sales_v3)`,
    ],
    [
      'a day missing',
      /^sales\.\w+: the other copy/,
      `(SELECT * FROM star.sales_v3 WHERE sold_at IS NULL OR CAST(sold_at AS DATE) <> DATE '2010-11-09')`,
    ],
    ['an earlier snapshot', /./, 'star.sales_v2'],
  ];
  it.each(wrong)('is refused with %s in the whole lake', async (_, reason, relation) => {
    const right = sourceAt(publication(3));
    const resolve = (table: string) => (table === 'star.sales' ? relation : String(right.resolve(table)));
    const [refused] = await build(3, {
      ...{ anew: true, only: ['sales.by_buyer'], source: { ...right, resolve } },
      others: [{ ...right, here: false }],
    });
    expect(refused).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(reason) });
    expect(refused?.reason).toContain('the other copy');
  });
  it.each(wrong)('is refused with %s in what was read for the rollup alone', async (_, __, relation) => {
    const lied: BuildRollupsOptions['duckdb'] = {
      query: (sql, parameters, options) => db.query(sql, parameters, options),
      execute: (sql, parameters, options) =>
        db.execute(
          /^CREATE TABLE "\w+rows"/.test(sql) ? sql.replaceAll('star.sales_v3', relation) : sql,
          parameters,
          options,
        ),
    };
    const [refused] = await build(3, { anew: true, only: ['sales.by_buyer'], duckdb: lied });
    expect(refused).toMatchObject({ outcome: 'refused' });
    expect(refused?.reason, 'told to the row').toMatch(/first of the rows: .*where sales\.buyer = /);
  });
  it('is refused when another copy of the same tables has other rows', async () => {
    const other = sourceAt(publication(1), { here: false });
    const [refused] = await build(3, { anew: true, others: [other], only: ['sales.by_day'] });
    expect(refused).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(/the other copy/) });
    expect(await build(3, { only: ['sales.by_day'] })).toMatchObject([{ outcome: 'built' }]);
  });
});
