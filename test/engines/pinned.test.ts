import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, type AskParts, makeAsk } from '../../src/answer/run/index.js';
import { buildRollups } from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import type { AssayError } from '../../src/errors/index.js';
import { localCaller, type MetricQuery, noEmit, type Value, valueText } from '../../src/query/index.js';
import { openKv } from '../../src/store/kv/index.js';
import { pinnedRelation, pinnedStatement } from '../../src/store/state/index.js';
import { openWorld, type World } from '../star/world.js';
import { openTargets, type Targets } from './targets.js';

const boss = localCaller(['boss']);
/** Two tables in one question: what is sold, by the shops' names. */
const byShop: MetricQuery = { measures: ['shop.lines', 'shop.amount'], dimensions: ['shop.shop'] };
const LINES = 50;
/** Those over tables that move here. */
const ROLLUPS = ['sales.by_day', 'sales.by_buyer'];

let place: Targets;
let world: World;
let versions: { readonly sales: number; readonly shops: number };

/**
 * State k: every line amounts to k, and the shop's name is k; in each third state the table of shops holds nothing, so lines meet no
 * shop and a guard that waits for a match would not be asked.
 */
const moveTo = async (client: pg.Client, k: number): Promise<void> => {
  await client.query('BEGIN');
  await client.query(
    `DELETE FROM phys_star.sales; INSERT INTO phys_star.sales SELECT i, 0, 'a', 'b', false, 1, ${k}, '2010-12-01' FROM generate_series(1, ${LINES}) i`,
  );
  await client.query(
    `DELETE FROM phys_star.shops; INSERT INTO phys_star.shops SELECT 0, 'shop ${k}', NULL WHERE ${k} % 3 <> 0`,
  );
  await client.query(`UPDATE assay.physical_table SET changed_at = ${k}`);
  await client.query('COMMIT');
};

const publicationAt = (k: number): Publication => ({
  revision: k,
  tables: new Map(
    (['sales', 'shops'] as const).map((name) => [
      `star.${name}`,
      {
        ...{ name: `star.${name}`, lake: undefined, dataVersion: `v${k}`, rows: 0, since: k },
        postgres: pinnedRelation(`"phys_star"."${name}"`, versions[name], k),
      },
    ]),
  ),
});
const stateNow = async (): Promise<number> =>
  Number((await place.rows('SELECT max(changed_at) FROM assay.physical_table'))[0]?.[0]);

const askWith = (publications: AskParts['publications']): Ask =>
  makeAsk({
    ...world.parts,
    engines: { ...world.parts.engines, postgres: place.warehouse.engine },
    rollups: { ...world.parts.rollups, inventory: () => ({ states: new Map() }) },
    // Without a cache each question is asked of the server, so readers that are told nothing find out there.
    ...{ publications, rawSource: 'postgres', cacheBytes: 0 },
  });

/** Readers that learn of a publication only when they ask: the furthest behind that readers can be. */
const behind = (): AskParts['publications'] & { asked: number } => {
  let known = publicationAt(1);
  const self = {
    asked: 0,
    current: () => known,
    refresh: async () => {
      self.asked += 1;
      known = publicationAt(await stateNow());
      return known;
    },
  };
  return self;
};

/** An answer's rows, and the data versions that it says it is of. */
const read = async (ask: Ask, query: MetricQuery, limits = {}) => {
  const answer = await ask.query(query, boss, { surface: 'cli', requestId: 'r', limits });
  const rows: (string | null)[][] = [];
  for await (const batch of answer.rows)
    for (let row = 0; row < batch.length; row++)
      rows.push(answer.columns.map((c, i) => valueText(c.type, (batch.columns[i]?.[row] ?? null) as Value)));
  return { rows, of: answer.provenance().tables.map(({ version }) => version) };
};
const stateRow = (k: number) => ({
  rows: [[k % 3 === 0 ? null : `shop ${k}`, String(LINES), `${k * LINES}.00`]],
  of: [`v${k}`, `v${k}`],
});

beforeAll(async () => {
  place = await openTargets();
  world = await openWorld();
  await place.warehouse.query(`CREATE SCHEMA phys_star;
    CREATE TABLE phys_star.shops (id bigint, name text, region text);
    CREATE TABLE phys_star.sales (id bigint, shop_id bigint, kind text, buyer text, returned boolean, qty integer, amount numeric(12,2), sold_at timestamptz)`);
  const versionOf = async (name: string): Promise<number> => {
    const { rows } = await place.warehouse.query<{ id: string }>(
      `INSERT INTO assay.model_version (name, version, fingerprint, data_hash, meta_hash, definition) VALUES ($1, 1, 'f', 'd', 'm', '{}') RETURNING id`,
      [name],
    );
    await place.warehouse.query(`INSERT INTO assay.physical_table (version_id, changed_at) VALUES ($1, 1)`, [
      rows[0]?.id ?? '',
    ]);
    return Number(rows[0]?.id);
  };
  versions = { sales: await versionOf('star.sales'), shops: await versionOf('star.shops') };
});
afterAll(async () => {
  await world.close();
  await place.close();
});
const withClient = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: place.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

describe('answers while tables change in place', () => {
  it('are of one published state each, and say which, however fast publications follow each other', async () => {
    await withClient((client) => moveTo(client, 1));
    const publications = behind();
    const ask = askWith(publications);
    let publishing = true;
    const seen = new Set<string>();
    let answers = 0;
    const poll = async () => {
      while (publishing) {
        const answer = await read(ask, byShop);
        const k = Number(answer.of[0]?.slice(1));
        expect(answer).toEqual(stateRow(k));
        seen.add(answer.of[0] ?? '');
        answers += 1;
      }
    };
    const pollers = Promise.all([poll(), poll(), poll()]);
    await withClient(async (client) => {
      for (let k = 2; k <= 201; k++) await moveTo(client, k);
    }).finally(() => {
      publishing = false;
    });
    await pollers;
    expect(publications.asked).toBeGreaterThan(10);
    expect(seen.size).toBeGreaterThan(10);
    expect(answers).toBeGreaterThan(seen.size);
    await publications.refresh();
    expect(await read(ask, byShop)).toEqual(stateRow(201));
  });

  it('wait for a publication that is told late', async () => {
    await withClient((client) => moveTo(client, 301));
    let late = 5;
    let known = publicationAt(1);
    const ask = askWith({
      current: () => known,
      refresh: async () => {
        late -= 1;
        if (late === 0) known = publicationAt(301);
        return known;
      },
    });
    expect(await read(ask, byShop)).toEqual(stateRow(301));
    expect(late).toBe(0);
  });

  it('are refused as something to ask again when it never comes', async () => {
    await withClient((client) => moveTo(client, 302));
    const stuck = publicationAt(1);
    const ask = askWith({ current: () => stuck, refresh: async () => stuck });
    const refused = await read(ask, byShop, { milliseconds: 200 }).catch((thrown: AssayError) => thrown);
    expect(refused).toMatchObject({ code: 'data-moved', status: 503, sqlstate: '40001' });
  });

  it('end by the guard although no row meets the other table', async () => {
    await withClient((client) => moveTo(client, 303));
    const { rows } = await place.warehouse.query<{ n: string }>(
      `SELECT count(*) AS n FROM phys_star.sales s LEFT JOIN phys_star.shops h ON h.id = s.shop_id WHERE h.id IS NULL`,
    );
    expect(rows).toEqual([{ n: String(LINES) }]);
    const relations = new Map([
      ['sales', pinnedRelation('phys_star.sales', versions.sales, 303)],
      ['shops', pinnedRelation('phys_star.shops', versions.shops, 302)],
    ]);
    const sql = pinnedStatement(
      relations,
      (of) => `SELECT h.name FROM ${of('sales')} s LEFT JOIN ${of('shops')} h ON h.id = s.shop_id`,
    );
    await expect(place.warehouse.query(sql)).rejects.toMatchObject({ parameters: { sqlstate: 'AS001' } });
  });
});

describe('the guard', () => {
  const plan = async (sql: string, parameter?: number): Promise<string> =>
    place.warehouse.transaction(async (tx) => {
      await tx.query('SET LOCAL plan_cache_mode = force_generic_plan');
      await tx.query(`PREPARE asked${parameter === undefined ? '' : '(int)'} AS ${sql}`);
      const { rows } = await tx.query<{ 'QUERY PLAN': string }>(
        `EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) EXECUTE asked${parameter === undefined ? '' : `(${parameter})`}`,
      );
      await tx.query('DEALLOCATE asked');
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });

  it('is asked once for each table, before rows are read, and leaves are pruned by constants and parameters', async () => {
    await place.warehouse.query(`CREATE TABLE phys_star.days (day integer NOT NULL, shop bigint) PARTITION BY RANGE (day);
      CREATE TABLE phys_star.days_1 PARTITION OF phys_star.days FOR VALUES FROM (20101201) TO (20110101);
      CREATE TABLE phys_star.days_2 PARTITION OF phys_star.days FOR VALUES FROM (20110101) TO (20110201);
      INSERT INTO phys_star.days SELECT 20101201 + i % 2 * 8900, i FROM generate_series(1, 2000) i; ANALYZE phys_star.days`);
    await withClient((client) => moveTo(client, 304));
    const relations = new Map([
      ['days', pinnedRelation('phys_star.days', versions.sales, 304)],
      ['shops', pinnedRelation('phys_star.shops', versions.shops, 304)],
    ]);
    const ask = (where: string) =>
      pinnedStatement(
        relations,
        (of) =>
          `SELECT h.name, count(*) AS n FROM ${of('days')} d LEFT JOIN ${of('shops')} h ON h.id = d.shop LEFT JOIN ${of('shops')} g ON g.id = d.shop WHERE ${where} GROUP BY 1 ORDER BY 2 DESC`,
      );
    const byConstant = await plan(ask('d.day >= 20110101 AND d.day < 20110108'));
    expect(byConstant.match(/InitPlan \d\n/g)).toHaveLength(2);
    expect(byConstant).toMatch(
      /^(Subquery Scan|Result)[^\n]*\n +One-Time Filter: \(\(InitPlan 1\)\.col1 AND \(InitPlan 2\)\.col1\)/,
    );
    expect(byConstant.match(/loops=(\d+)/g)?.every((loops) => loops === 'loops=1')).toBe(true);
    expect(byConstant).toContain('days_2');
    expect(byConstant).not.toContain('days_1');
    const byParameter = await plan(ask('d.day = $1'), 20101201);
    expect(byParameter).toContain('Subplans Removed: 1');
    expect(byParameter).toContain('days_1');
    expect(byParameter).not.toContain('days_2');
  });
  it('leaves the order of rows alone', async () => {
    const sql = pinnedStatement(
      new Map([['days', pinnedRelation('phys_star.days', versions.sales, 304)]]),
      (of) => `SELECT shop FROM ${of('days')} d ORDER BY shop % 7, shop DESC LIMIT 500`,
    );
    const asked = (await place.rows(sql)).map(([shop]) => Number(shop));
    const sorted = Array.from({ length: 2000 }, (_, i) => i + 1).sort((a, b) => (a % 7) - (b % 7) || b - a);
    expect(asked).toEqual(sorted.slice(0, 500));
  });
});

describe('rollups whose tables change while they are built', () => {
  it('are given up and built on the newer publication, or told to be asked for again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'assay-pinned-'));
    const kv = await openKv({ redisUrl: undefined, dir: join(dir, 'kv'), emit: noEmit });
    try {
      await withClient((client) => moveTo(client, 305));
      const model = world.parts.model();
      const from = (k: number) => ({
        publication: publicationAt(k),
        source: {
          engine: place.warehouse.engine,
          resolve: (table: string) => publicationAt(k).tables.get(table)?.postgres ?? table,
        },
      });
      const options = {
        ...{
          catalogue: model.catalogue,
          legs: model.legs,
          duckdb: world.duckdb,
          kv,
          dir,
          emit: noEmit,
          namespace: 'n',
        },
        ...from(304),
        only: ROLLUPS,
      };
      expect(await buildRollups(options)).toMatchObject([
        { outcome: 'failed', error: { code: 'data-moved' } },
        { outcome: 'failed', error: { code: 'data-moved' } },
      ]);
      let renewed = 0;
      const renew = async () => {
        renewed += 1;
        return from(await stateNow());
      };
      const built = await buildRollups({ ...options, renew });
      expect(built.map(({ outcome }) => outcome)).toEqual(['built', 'built']);
      expect(renewed).toBe(1);
      expect((await buildRollups({ ...options, ...from(305) })).map(({ outcome }) => outcome)).toEqual([
        'current',
        'current',
      ]);
    } finally {
      await kv.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
