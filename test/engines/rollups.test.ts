import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type BuildRollupsOptions,
  buildRollups,
  type OpenRollupsOptions,
  openRollups,
  type RollupInventory,
  type Rollups,
  rollupStatus,
  sweepRollups,
} from '../../src/build/rollup/index.js';
import type { RollupDefinition } from '../../src/model/catalog/index.js';
import { type Column, type Events, noEmit, type Value } from '../../src/query/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { hasRedis, startRedis } from './redis-servers.js';
import {
  AT_GRAIN,
  BY_COUNTRY,
  BY_DAY,
  catalogueOf,
  type Fault,
  makeFacts,
  publicationOf,
  starLegs,
  watched,
} from './rollup-star.js';

let dir: string;
let db: DuckDb;
const closing: (() => Promise<unknown> | unknown)[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-rollups-'));
  await chmod(dir, 0o755);
  await mkdir(join(dir, 'spill'));
  db = await openDuckDb({ memory: '1GB', tempDir: join(dir, 'spill'), emit: noEmit });
  await makeFacts(db);
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await db.close();
  await rm(dir, { recursive: true, force: true });
});

const one = async (sql: string): Promise<Value[]> => {
  const wide = await db.read({
    sql: `SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${sql})`,
    parameters: [],
    columns: await shape(sql),
  });
  return wide.columns.map((c) => c[0] ?? null);
};
const shape = async (sql: string): Promise<Column[]> => {
  const described = await db.query<{ column_name: string }>(`DESCRIBE ${sql}`);
  return described.map((d) => ({ name: d.column_name, type: { kind: 'string' }, role: 'dimension' }));
};

describe.each([
  { kind: 'local' as const, there: true },
  { kind: 'redis' as const, there: hasRedis },
])('rollups in the $kind store', ({ kind, there }) => {
  let redisUrl: string | undefined;
  let kv: Kv;
  let namespace: string;
  let folder: string;
  let n = 0;
  let events: { name: string; event: unknown }[] = [];
  const emit: BuildRollupsOptions['emit'] = (name, event) => {
    events.push({ name, event });
  };
  const of = <N extends keyof Events>(name: N): Events[N][] =>
    events.filter((e) => e.name === name).map((e) => e.event as Events[N]);
  const opened: Rollups[] = [];

  beforeAll(async () => {
    if (kind === 'redis' && hasRedis) {
      const server = await startRedis();
      closing.push(() => server.remove());
      redisUrl = server.url;
    }
    if (there) kv = await openKv({ redisUrl, dir: join(dir, `kv-${kind}`), emit: noEmit });
    if (there) closing.push(() => kv.close());
  });
  beforeEach(async (context) => {
    if (!there) context.skip('redis-server is not on the PATH');
    n += 1;
    namespace = `t${n}`;
    folder = join(dir, `${kind}-${n}`);
    events = [];
    return async () => {
      for (const rollups of opened.splice(0)) await rollups.close();
      const left = await db.query<{ name: string }>(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_name LIKE 'rollup%'`,
      );
      expect(left, 'tables left behind').toEqual([]);
      if (existsSync(join(folder, 'tmp'))) expect(await readdir(join(folder, 'tmp')), 'files left behind').toEqual([]);
    };
  });

  const build = (
    revision: number,
    more: Partial<BuildRollupsOptions> = {},
    definitions: readonly RollupDefinition[] = [BY_DAY],
  ) =>
    buildRollups({
      catalogue: catalogueOf(definitions),
      legs: starLegs,
      publication: publicationOf(revision),
      source: { engine: db.engine, resolve: () => `fact_${revision}` },
      duckdb: db,
      kv,
      dir: join(folder, 'tmp'),
      emit,
      namespace,
      ...more,
    });
  const node = async (
    more: Partial<OpenRollupsOptions> = {},
    definitions: readonly RollupDefinition[] = [BY_DAY],
  ): Promise<Rollups> => {
    const catalogue = catalogueOf(definitions);
    const rollups = await openRollups({
      kv,
      duckdb: db,
      dir: join(folder, `node-${opened.length}`),
      model: () => ({ catalogue, legs: starLegs }),
      emit,
      namespace,
      pollMilliseconds: 3_600_000,
      ...more,
    });
    opened.push(rollups);
    return rollups;
  };
  const partitionsOf = (inventory: RollupInventory, id = BY_DAY.id) => inventory.states.get(id)?.partitions ?? [];
  /** A SELECT over a rollup's pinned tables; `{sales.x}` stands for the column that holds it. */
  const ask = async (
    rollups: Rollups,
    select: string,
    id = BY_DAY.id,
    inventory = rollups.inventory(),
  ): Promise<Value[]> => {
    const pinned = await rollups.pin(partitionsOf(inventory, id));
    try {
      const columns = rollups.layout(id)?.columns;
      const text = select.replace(/\{([^}]+)\}/g, (_, m: string) => `"${columns?.get(m)}"`);
      const tables = pinned.tables.map((t) => `SELECT * FROM ${t}`).join(' UNION ALL ');
      return await one(`SELECT ${text} FROM (${tables})`);
    } finally {
      pinned.release();
    }
  };
  const TOTALS =
    'sum({sales.revenue}), sum({sales.units}), sum({sales.lines}), max({sales.largest}), count(DISTINCT CASE WHEN {sales.is_return} THEN NULL ELSE {sales.invoice} END), count(*)';
  const rawTotals = (table: string) =>
    one(`SELECT sum(amount), sum(quantity), count(*), max(amount), count(DISTINCT CASE WHEN NOT is_return THEN invoice END),
      (SELECT count(*) FROM (SELECT DISTINCT country, product, invoice, is_return, CAST(sold_at AS DATE) FROM ${table})) FROM ${table}`);

  it('hold what raw holds, in partitions by month, with rows without time and a month without rows', async () => {
    const [result] = await build(1);
    expect(result).toMatchObject({
      rollup: 'sales.by_day',
      outcome: 'built',
      changed: ['null', '2010-11', '2010-12', '2011-02'],
    });
    const rollups = await node();
    const state = rollups.inventory().states.get(BY_DAY.id);
    expect(state?.partitions.map((p) => [p.key, p.rows > 0])).toEqual([
      ['null', true],
      ['2010-11', true],
      ['2010-12', true],
      ['2011-01', false],
      ['2011-02', true],
    ]);
    expect(state).toMatchObject({
      hash: BY_DAY.hash,
      complete: true,
      refused: undefined,
      covers: { from: BigInt(Date.UTC(2010, 10, 1)) * 1000n, to: BigInt(Date.UTC(2011, 2, 1)) * 1000n },
      builtFrom: new Map([['gold.fact_sales', '1']]),
    });
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
    expect(of('rollup.published').map((e) => e.partition)).toEqual(result?.changed);
  });

  it('store no distinct count that the kept keys give, and mark one that only the exact grain gives', async () => {
    await build(1, {}, [BY_DAY, AT_GRAIN, BY_COUNTRY]);
    const rollups = await node({}, [BY_DAY, AT_GRAIN, BY_COUNTRY]);
    expect(rollups.layout(BY_DAY.id)?.columns.get('sales.orders')).toBeUndefined();
    expect([...(rollups.layout(AT_GRAIN.id)?.exactGrain ?? [])]).toEqual(['sales.products']);
    expect(rollups.layout(AT_GRAIN.id)?.columns.get('sales.sold_at.day')).toBe('r1');
    expect(await ask(rollups, 'sum({sales.lines}), sum({sales.products})', AT_GRAIN.id)).toEqual(
      await one(
        'SELECT sum(n), sum(p) FROM (SELECT count(*) AS n, count(DISTINCT product) AS p FROM fact_1 GROUP BY country, CAST(sold_at AS DATE))',
      ),
    );
    const whole = rollups.inventory().states.get(BY_COUNTRY.id);
    expect(whole).toMatchObject({ covers: null, complete: true, partitions: [{ key: 'all', span: null, rows: 6 }] });
    expect(await ask(rollups, 'sum({sales.revenue})', BY_COUNTRY.id)).toEqual(
      await one('SELECT sum(amount) FROM fact_1'),
    );
  });

  it('are left alone when nothing moved: no statement reaches the source', async () => {
    await build(1);
    const source = watched(db.engine);
    const again = await build(1, { source: { engine: source.engine, resolve: () => 'fact_1' } });
    expect(again).toMatchObject([{ outcome: 'current' }]);
    expect(source.count()).toBe(0);
  });

  it('get a new version for the partition of a changed day only', async () => {
    await build(1);
    const rollups = await node();
    const before = new Map(partitionsOf(rollups.inventory()).map((p) => [p.key, p.version]));
    expect(await build(2)).toMatchObject([
      { outcome: 'built', changed: ['2010-12'], kept: ['null', '2010-11', '2011-02'] },
    ]);
    await rollups.refresh();
    const moved = partitionsOf(rollups.inventory()).filter((p) => before.get(p.key) !== p.version);
    expect(moved.map((p) => p.key)).toEqual(['2010-12']);
    expect(moved[0]?.builtFrom).toEqual(new Map([['gold.fact_sales', '2']]));
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_2'));
  });

  const column = (name: string): number =>
    Number(
      [
        'sales.country',
        'sales.product',
        'sales.invoice',
        'sales.is_return',
        'day',
        'sales.revenue',
        'sales.units',
        'sales.lines',
      ].indexOf(name),
    );
  const swap =
    (a: number, b: number): Fault =>
    (rows) =>
      rows.map((r) => r.map((v, i) => (i === a ? r[b] : i === b ? r[a] : v)));
  const december = BigInt(Date.UTC(2010, 11, 1)) * 1000n;
  const day = 86_400_000_000n;
  const faults: readonly [string, RegExp, Fault][] = [
    [
      'a partition that came twice',
      /groups stand in it twice/,
      (rows) => [...rows, ...rows.filter((r) => r[4] === december)],
    ],
    [
      'one row counted twice',
      /sales\.units/,
      (rows) => rows.map((r, i) => (i === 7 ? r.map((v, c) => (c === 6 ? (v as bigint) * 2n : v)) : r)),
    ],
    ['two measures in each other’s place', /sales\.(units|lines)/, swap(column('sales.units'), column('sales.lines'))],
    [
      'two dimensions in each other’s place',
      /sales\.(country|product)/,
      swap(column('sales.country'), column('sales.product')),
    ],
    ['a missing day', /raw/, (rows) => rows.filter((r) => r[4] !== december + 4n * day)],
    ['missing rows without a time', /raw/, (rows) => rows.filter((r) => r[4] !== null)],
    [
      'rows moved to the next day',
      /2010-12-04/,
      (rows) =>
        rows.map((r) => (r[4] === december + 3n * day ? r.map((v, c) => (c === 4 ? december + 9n * day : v)) : r)),
    ],
    [
      'a row moved to another country',
      /sales\.country|groups/,
      (rows) => rows.map((r, i) => (i === 3 ? ['Atlantis', ...r.slice(1)] : r)),
    ],
    [
      'values moved between two products of one day and country',
      /sales\.product/,
      (rows) => {
        const [a, b] = rows.flatMap((r, i) => {
          const other = rows.findIndex(
            (o, j) => j > i && o[4] === r[4] && o[0] === r[0] && o[1] !== r[1] && r[4] !== null,
          );
          return other < 0 ? [] : [i, other];
        });
        const shift = (r: readonly unknown[], by: bigint) => r.map((v, c) => (c === 5 ? (v as bigint) + by : v));
        return rows.map((r, i) => (i === a ? shift(r, -100n) : i === b ? shift(r, 100n) : r));
      },
    ],
    [
      'a cent too much',
      /sales\.revenue/,
      (rows) => rows.map((r, i) => (i === 0 ? r.map((v, c) => (c === 5 ? (v as bigint) + 1n : v)) : r)),
    ],
    ['no rows at all', /no rows came, but gold\.fact_sales has 3000/, () => []],
  ];
  it.each(faults)('are refused with %s, and the last good version stays', async (_, reason, fault) => {
    await build(1);
    const source = watched(db.engine, { fault });
    const [refused] = await build(2, { source: { engine: source.engine, resolve: () => 'fact_2' } });
    expect(refused).toMatchObject({ outcome: 'refused', changed: [] });
    expect(refused?.reason).toMatch(reason);
    expect(refused?.error?.code).toBe('proof-failed');
    expect(of('rollup.refused')).toMatchObject([{ rollup: BY_DAY.id, reason: refused?.reason }]);
    const rollups = await node();
    const state = rollups.inventory().states.get(BY_DAY.id);
    expect(state?.refused?.reason).toBe(refused?.reason);
    expect(state?.builtFrom.get('gold.fact_sales')).toBe('1');
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
    expect(await build(2)).toMatchObject([{ outcome: 'built' }]);
    await rollups.refresh();
    expect(rollups.inventory().states.get(BY_DAY.id)?.refused).toBeUndefined();
  });

  it('are refused when the builder read older data than the publication’s', async () => {
    const source = watched(db.engine, { readInstead: ['fact_2', 'fact_1'] });
    const [refused] = await build(2, { source: { engine: source.engine, resolve: () => 'fact_2' } });
    expect(refused).toMatchObject({ outcome: 'refused' });
    expect(refused?.reason).toMatch(/sales\.(revenue|largest)/);
    const rollups = await node();
    expect(rollups.inventory().states.get(BY_DAY.id)).toMatchObject({ partitions: [], complete: false, covers: null });
  });

  it('are refused when a distinct count over the kept keys is not raw’s', async () => {
    const legs = {
      ...starLegs,
      measureOver: (m: string, c: ReadonlyMap<string, string>) =>
        m === 'sales.orders' ? `count(DISTINCT ${c.get('sales.invoice')})` : undefined,
    };
    expect(await build(1, { legs })).toMatchObject([
      { outcome: 'refused', reason: expect.stringMatching(/sales\.orders/) },
    ]);
  });

  it('are nothing, but proven nothing, when the source has no rows', async () => {
    expect(await build(0, { publication: publicationOf(0, 0) })).toMatchObject([{ outcome: 'built', rows: 0 }]);
    const rollups = await node();
    expect(rollups.inventory().states.get(BY_DAY.id)).toMatchObject({ partitions: [], complete: false, covers: null });
    expect(await build(0, { publication: publicationOf(0, 0) })).toMatchObject([{ outcome: 'current' }]);
  });

  const chunkOf = async (key: string): Promise<string> => {
    const all = await kv.keys(`assay:${namespace}:rollup:`);
    const found = all.find((k) => k.includes(`/${key}}:`) && k.endsWith(':0'));
    if (!found) throw new Error(`no chunk of ${key}`);
    return found;
  };
  const damages: readonly [string, RegExp, (chunk: Buffer, key: string) => Promise<unknown>][] = [
    [
      'with a flipped bit',
      /SHA-256 differs/,
      (chunk, key) => {
        const bad = Buffer.from(chunk);
        bad[bad.length >> 1] = (bad[bad.length >> 1] ?? 0) ^ 1;
        return kv.set(key, bad);
      },
    ],
    ['that is cut short', /bytes/, (chunk, key) => kv.set(key, chunk.subarray(0, chunk.length - 1))],
    ['that is gone', /chunk 0 is missing/, (_, key) => kv.delete([key])],
  ];
  it.each(damages)('are absent where a chunk is found %s, and healed by a build', async (_, why, damage) => {
    await build(1);
    const key = await chunkOf('2010-12');
    await damage((await kv.get(key)) ?? Buffer.alloc(0), key);
    const missing: string[] = [];
    const rollups = await node({ onMissing: (id) => missing.push(id) });
    await expect(ask(rollups, TOTALS)).rejects.toMatchObject({
      code: 'rollup-unavailable',
      message: expect.stringMatching(why),
    });
    expect(missing).toEqual([BY_DAY.id]);
    const state = rollups.inventory().states.get(BY_DAY.id);
    expect(state?.partitions.map((p) => p.key)).toEqual(['null', '2010-11', '2011-01', '2011-02']);
    expect(state).toMatchObject({ complete: false, covers: { from: BigInt(Date.UTC(2011, 0, 1)) * 1000n } });
    expect(await build(1)).toMatchObject([{ outcome: 'built', changed: [] }]);
    await rollups.refresh();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
  });

  it('are served to a second node from the store, without a statement to the source', async () => {
    const source = watched(db.engine);
    await build(1, { source: { engine: source.engine, resolve: () => 'fact_1' } });
    const statements = source.count();
    const first = await node();
    const second = await node();
    expect(await ask(first, TOTALS)).toEqual(await rawTotals('fact_1'));
    expect(await ask(second, TOTALS)).toEqual(await rawTotals('fact_1'));
    expect(source.count()).toBe(statements);
    expect(await build(1, { source: { engine: source.engine, resolve: () => 'fact_1' } })).toMatchObject([
      { outcome: 'current' },
    ]);
    expect(source.count()).toBe(statements);
  });

  it('are loaded once however many ask at once', async () => {
    await build(1);
    const rollups = await node();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(rollups, TOTALS)));
    expect(new Set(answers.map((a) => JSON.stringify(a))).size).toBe(1);
    expect(of('rollup.loaded').length).toBe(4);
    expect(rollups.loaded().tables).toBe(5);
  });

  it('stay right under a budget that holds one partition only, and pinned ones stay', async () => {
    await build(1);
    const rollups = await node({ memoryBudget: 60_000 });
    const keys = ['2010-11', '2010-12', '2011-02', 'null'];
    const expected = new Map<string, Value[]>();
    for (const key of keys) {
      const where = key === 'null' ? 'sold_at IS NULL' : `strftime(sold_at, '%Y-%m') = '${key}'`;
      expected.set(key, await one(`SELECT sum(amount) FROM fact_1 WHERE ${where}`));
    }
    const revenue = `"${rollups.layout(BY_DAY.id)?.columns.get('sales.revenue')}"`;
    const held = await rollups.pin(partitionsOf(rollups.inventory()).filter((p) => p.key === '2011-02'));
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const key = keys[(i * 7) % 4] ?? '';
        const pinned = await rollups.pin(partitionsOf(rollups.inventory()).filter((p) => p.key === key));
        expect(await one(`SELECT sum(${revenue}) FROM ${pinned.tables[0]}`)).toEqual(expected.get(key));
        pinned.release();
      }),
    );
    expect(await one(`SELECT sum(${revenue}) FROM ${held.tables[0]}`)).toEqual(expected.get('2011-02'));
    held.release();
    const last = await rollups.pin(partitionsOf(rollups.inventory()).filter((p) => p.key === 'null'));
    last.release();
    await expect.poll(() => rollups.loaded().bytes).toBeLessThanOrEqual(60_000);
    expect(of('rollup.loaded').length).toBeGreaterThan(4);
  });

  it('show readers the old set or the new one during a swap, never both', async () => {
    await build(1);
    const rollups = await node();
    const old = rollups.inventory();
    const before = await rawTotals('fact_1');
    const after = await rawTotals('fact_2');
    const seen = new Set<string>();
    let swapping = true;
    const readers = Array.from({ length: 2 }, async () => {
      while (swapping) {
        seen.add(JSON.stringify(await ask(rollups, TOTALS)));
        await rollups.refresh();
      }
    });
    for (const revision of [2, 1, 2]) await build(revision, { current: async () => publicationOf(revision) });
    swapping = false;
    await Promise.all(readers);
    seen.add(JSON.stringify(await ask(rollups, TOTALS)));
    for (const answer of seen) expect([JSON.stringify(before), JSON.stringify(after)]).toContain(answer);
    expect(await ask(rollups, TOTALS)).toEqual(after);
    expect(await ask(rollups, TOTALS, BY_DAY.id, old)).toEqual(before);
  });

  it('are never published by a builder that was paused and comes back', async () => {
    let resume = () => {};
    const paused = new Promise<void>((resolve) => {
      resume = resolve;
    });
    let reached = () => {};
    const inside = new Promise<void>((resolve) => {
      reached = resolve;
    });
    // a process that stands still: it neither renews its lease nor goes on
    const sleepy: Kv = {
      ...bound(kv),
      lease: async (key, milliseconds) => {
        const lease = await kv.lease(key, milliseconds);
        return (
          lease && { fence: lease.fence, release: () => lease.release(), renew: () => paused.then(() => lease.renew()) }
        );
      },
    };
    const source = watched(db.engine, {
      before: () => {
        reached();
        return paused;
      },
    });
    const slow = build(1, {
      kv: sleepy,
      leaseMilliseconds: 150,
      source: { engine: source.engine, resolve: () => 'fact_1' },
    });
    await inside;
    expect(await build(2, { waitMilliseconds: 20_000 })).toMatchObject([{ outcome: 'built' }]);
    resume();
    expect(await slow).toMatchObject([{ outcome: 'overtaken', changed: [] }]);
    const rollups = await node();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_2'));
  });

  it('are not published by the fence even where the late builder believes in its lease', async () => {
    let resume = () => {};
    const paused = new Promise<void>((resolve) => {
      resume = resolve;
    });
    let reached = () => {};
    const inside = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const deaf: Kv = {
      ...bound(kv),
      lease: async (key, milliseconds) => {
        const lease = await kv.lease(key, milliseconds);
        return lease && { fence: lease.fence, release: () => lease.release(), renew: async () => true };
      },
    };
    const source = watched(db.engine, {
      before: () => {
        reached();
        return paused;
      },
    });
    const slow = build(1, {
      kv: deaf,
      leaseMilliseconds: 150,
      source: { engine: source.engine, resolve: () => 'fact_1' },
    });
    await inside;
    expect(await build(2, { waitMilliseconds: 20_000 })).toMatchObject([{ outcome: 'built' }]);
    resume();
    expect(await slow).toMatchObject([{ outcome: 'overtaken' }]);
    const rollups = await node();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_2'));
  });

  it('are built once by builders that begin at the same time', async () => {
    const outcomes = (await Promise.all([build(1), build(1), build(1)])).map(([r]) => r?.outcome);
    expect(outcomes.sort()).toEqual(['built', 'current', 'current']);
  });

  it('of a newer publication are not replaced by an older one', async () => {
    await build(2);
    expect(await build(1)).toMatchObject([{ outcome: 'superseded' }]);
    expect(await build(1, { current: async () => publicationOf(1) })).toMatchObject([{ outcome: 'built' }]);
  });

  it('are gone with the store’s keys, said so once, and come back by a build', async () => {
    await build(2);
    const missing: string[] = [];
    const rollups = await node({ onMissing: (id) => missing.push(id) });
    const reading = rollups.inventory();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_2'));
    for (const key of await kv.keys(`assay:${namespace}:`)) await kv.delete([key]);
    expect(await ask(rollups, TOTALS, BY_DAY.id, reading)).toEqual(await rawTotals('fact_2'));
    await rollups.refresh();
    await rollups.refresh();
    expect(rollups.inventory().states.size).toBe(0);
    expect(missing).toEqual([BY_DAY.id]);
    expect(await build(2)).toMatchObject([{ outcome: 'built' }]);
    await rollups.refresh();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_2'));
  });

  it('are told to other nodes by announcement', async () => {
    const rollups = await node();
    expect(rollups.inventory().states.size).toBe(0);
    await build(1);
    await expect.poll(() => rollups.inventory().states.size, { timeout: 10_000 }).toBe(1);
  });

  it('are served from the node’s disk when the store lost a chunk, and from the store when the disk is damaged', async () => {
    await build(1);
    const copies = join(folder, 'copies');
    const first = await node({ dir: copies });
    await ask(first, TOTALS);
    await opened.pop()?.close();
    const key = await chunkOf('2010-12');
    const chunk = (await kv.get(key)) ?? Buffer.alloc(0);
    await kv.delete([key]);
    const second = await node({ dir: copies });
    expect(await ask(second, TOTALS)).toEqual(await rawTotals('fact_1'));
    await opened.pop()?.close();
    await kv.set(key, chunk);
    for (const file of await readdir(copies)) await writeFile(join(copies, file), 'not what it was');
    const third = await node({ dir: copies });
    expect(await ask(third, TOTALS)).toEqual(await rawTotals('fact_1'));
  });

  // the embedded store lives in this process and is never away
  const awayTest = kind === 'redis' ? it : undefined;
  awayTest?.('go on from what the node holds while the store is away, and come back with it', async () => {
    if (!hasRedis) return;
    const server = await startRedis();
    closing.push(() => server.remove());
    const own = await openKv({ redisUrl: server.url, dir: join(folder, 'kv'), emit: noEmit });
    closing.push(() => own.close());
    await build(1, { kv: own });
    const missing: string[] = [];
    const rollups = await node({ kv: own, onMissing: (id) => missing.push(id) });
    const all = partitionsOf(rollups.inventory());
    const december = all.filter((p) => p.key === '2010-12');
    const revenue = `"${rollups.layout(BY_DAY.id)?.columns.get('sales.revenue')}"`;
    (await rollups.pin(december)).release();
    await server.kill();
    await expect(rollups.refresh()).rejects.toMatchObject({ code: 'redis-unavailable' });
    const held = await rollups.pin(december);
    expect(await one(`SELECT sum(${revenue}) FROM ${held.tables[0]}`)).toEqual(
      await one(`SELECT sum(amount) FROM fact_1 WHERE strftime(sold_at, '%Y-%m') = '2010-12'`),
    );
    held.release();
    await expect(rollups.pin(all)).rejects.toMatchObject({ code: 'rollup-unavailable' });
    expect(rollups.inventory().states.get(BY_DAY.id)?.complete).toBe(false);
    expect(missing).toEqual([]);
    const again = await startRedis([], server.port);
    closing.push(() => again.remove());
    await expect
      .poll(
        () =>
          rollups.refresh().then(
            () => 'read',
            () => 'away',
          ),
        { timeout: 30_000 },
      )
      .toBe('read');
    expect(rollups.inventory().states.size).toBe(0);
    expect(missing).toEqual([BY_DAY.id]);
    expect(await build(1, { kv: own })).toMatchObject([{ outcome: 'built' }]);
    await rollups.refresh();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
  });

  it('lose replaced versions after the grace, and unpublished ones by a sweep', async () => {
    const versions = async () =>
      new Set((await kv.keys(`assay:${namespace}:rollup:`)).flatMap((k) => /\/2010-12\}:([^:]+):/.exec(k)?.[1] ?? []))
        .size;
    await build(1);
    await build(2);
    expect(await versions()).toBe(2);
    await build(1, { graceMilliseconds: 0, current: async () => publicationOf(1) });
    expect(await versions()).toBe(1);
    const stray = (await chunkOf('2010-12')).replace(/:[^:]+:0$/, ':0123456789abcdef:0');
    await kv.set(stray, Buffer.from('written by a builder that died'));
    const sweep = { kv, catalogue: catalogueOf([BY_DAY]), legs: starLegs, namespace };
    expect(await sweepRollups(sweep)).toBe(1);
    const rollups = await node();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
    expect(await sweepRollups({ ...sweep, catalogue: catalogueOf([]) })).toBe(0);
    await sweepRollups({ ...sweep, catalogue: catalogueOf([]), orphanMilliseconds: -1 });
    expect(
      (await kv.keys(`assay:${namespace}:rollup:`)).filter(
        (k) => /:(entry|manifest|\d+)$/.test(k) && !k.endsWith('fence'),
      ),
    ).toEqual([]);
  });

  it('over tables of others are made again when their refresh key says so, else in every round', async () => {
    const outside = { ...publicationOf(1), tables: new Map() };
    let fact = 'fact_1';
    const rounds = async (refresh: RollupDefinition['refresh']) => {
      const definition = { ...BY_COUNTRY, ...(refresh ? { refresh } : {}) };
      const source = { engine: db.engine, resolve: () => fact };
      const [built] = await build(1, { catalogue: catalogueOf([definition]), publication: outside, source });
      return built?.outcome;
    };
    const sql = { seconds: 60, sql: 'SELECT max(revenue) AS a, count(*) AS b FROM key_of_others;' };
    await db.execute('CREATE OR REPLACE TABLE key_of_others AS SELECT 1 AS revenue');
    expect([await rounds(sql), await rounds(sql)]).toEqual(['built', 'current']);
    fact = 'fact_2';
    expect(await rounds(sql), 'the key says that nothing moved').toBe('current');
    await db.execute('INSERT INTO key_of_others VALUES (2)');
    expect([await rounds(sql), await rounds(sql)]).toEqual(['built', 'current']);
    const century = { seconds: 100 * 365 * 86_400, sql: undefined };
    expect([await rounds(century), await rounds(century)]).toEqual(['built', 'current']);
    expect([await rounds(undefined), await rounds(undefined)]).toEqual(['built', 'built']);
    const status = { kv, catalogue: catalogueOf([BY_COUNTRY]), legs: starLegs, publication: outside, namespace };
    expect((await rollupStatus(status)).map((r) => r.state)).toEqual(['current']);
  });

  it('of a model that another process has in use are left alone: its copies, and what it published', async () => {
    await build(1);
    const at = join(folder, 'copies');
    const rollups = await node({ dir: at });
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
    const copies = async () => (await readdir(at)).filter((name) => name.endsWith('.parquet'));
    const before = await copies();
    expect(before.length).toBeGreaterThan(0);
    const other = catalogueOf([BY_COUNTRY]);
    await build(1, { catalogue: other });
    const command = await node({ dir: at, model: () => ({ catalogue: other, legs: starLegs }), tidies: false });
    await command.refresh();
    expect(await copies()).toEqual(before);
    const sweep = { kv, catalogue: other, legs: starLegs, namespace, orphanMilliseconds: 0 };
    await sweepRollups({ ...sweep, keepOthers: true });
    await rollups.refresh();
    expect(await ask(rollups, TOTALS)).toEqual(await rawTotals('fact_1'));
    expect(await sweepRollups(sweep)).toBeGreaterThan(0);
  });

  it('end at once when a build is cancelled, and leave nothing behind', async () => {
    const control = new AbortController();
    const source = watched(db.engine, { before: async () => control.abort() });
    await expect(
      build(1, { signal: control.signal, source: { engine: source.engine, resolve: () => 'fact_1' } }),
    ).rejects.toMatchObject({ code: 'cancelled' });
    expect(await build(1)).toMatchObject([{ outcome: 'built' }]);
  });

  it('that cannot be stored are told with file and line, and the others are built', async () => {
    const weekly = { ...BY_DAY, id: 'sales.by_week', granularity: 'week' };
    const results = await build(1, {}, [weekly, BY_COUNTRY]);
    expect(results).toMatchObject([
      {
        rollup: 'sales.by_week',
        outcome: 'failed',
        error: { code: 'rollup-unsupported', message: expect.stringMatching(/^cubes\/sales\.yml:3: /) },
      },
      { rollup: 'sales.by_country', outcome: 'built' },
    ]);
  });

  it('are told to operators: current, stale, refused, missing', async () => {
    const status = (revision: number) =>
      rollupStatus({
        kv,
        catalogue: catalogueOf([BY_DAY]),
        legs: starLegs,
        publication: publicationOf(revision),
        namespace,
      });
    expect(await status(1)).toMatchObject([{ state: 'missing', rows: 0, revision: undefined }]);
    await build(1);
    expect(await status(1)).toMatchObject([
      { state: 'current', revision: 1, proof: expect.stringMatching(/equal to raw/) },
    ]);
    expect(await status(2)).toMatchObject([{ state: 'stale', revision: 1 }]);
    const source = watched(db.engine, { fault: (rows) => rows.slice(1) });
    await build(2, { source: { engine: source.engine, resolve: () => 'fact_2' } });
    expect(await status(2)).toMatchObject([{ state: 'refused', revision: 1, refused: { reason: expect.any(String) } }]);
  });
});

/** A store with its methods bound, so that one of them can be replaced. */
const bound = (kv: Kv): Kv => ({
  kind: kv.kind,
  get: (...a) => kv.get(...a),
  set: (...a) => kv.set(...a),
  delete: (...a) => kv.delete(...a),
  keys: (...a) => kv.keys(...a),
  publish: (...a) => kv.publish(...a),
  lease: (...a) => kv.lease(...a),
  increment: (...a) => kv.increment(...a),
  announce: (...a) => kv.announce(...a),
  listen: (...a) => kv.listen(...a),
  check: () => kv.check(),
  close: () => kv.close(),
});
