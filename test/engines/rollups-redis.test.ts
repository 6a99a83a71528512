import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRollups, openRollups, type Rollups } from '../../src/build/rollup/index.js';
import { noEmit, type Value } from '../../src/query/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { hasRedis, type RedisServer, startRedis } from './redis-servers.js';
import { BY_DAY, catalogueOf, makeFacts, publicationOf, starLegs } from './rollup-star.js';
import { slowWay } from './slow-way.js';

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((r) => setTimeout(r, 20));
};

describe.skipIf(!hasRedis)(`rollups${hasRedis ? '' : ' (skipped: redis-server is not installed)'}`, () => {
  let dir: string;
  let db: DuckDb;
  let redis: RedisServer;
  let kv: Kv;
  let made = 0;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'assay-rollups-redis-'));
    db = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(dir, 'spill'), emit: noEmit });
    await makeFacts(db);
    redis = await startRedis(['--maxmemory-policy', 'noeviction']);
    kv = await openKv({ redisUrl: redis.url, dir: '', emit: noEmit });
  });
  afterAll(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await kv?.close();
    await redis?.remove();
    await db?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const build = async (n: number) => {
    const [result] = await buildRollups({
      ...{ catalogue: catalogueOf([BY_DAY]), legs: starLegs, publication: publicationOf(n), duckdb: db, kv },
      ...{ source: { engine: db.engine, resolve: () => `fact_${n}` }, dir: join(dir, 'build'), emit: noEmit },
      namespace: 'trouble',
    });
    return result;
  };
  const node = async (store: Kv): Promise<Rollups> => {
    made += 1;
    const rollups = await openRollups({
      ...{ kv: store, duckdb: db, dir: join(dir, `node-${made}`), emit: noEmit, namespace: 'trouble' },
      model: () => ({ catalogue: catalogueOf([BY_DAY]), legs: starLegs }),
      pollMilliseconds: 3_600_000,
    });
    ends.push(() => rollups.close());
    return rollups;
  };
  const lines = async (rollups: Rollups): Promise<Value> => {
    const pinned = await rollups.pin(rollups.inventory().states.get(BY_DAY.id)?.partitions ?? []);
    try {
      const column = rollups.layout(BY_DAY.id)?.columns.get('sales.revenue');
      const tables = pinned.tables.map((t) => `SELECT "${column}" AS v FROM ${t}`).join(' UNION ALL ');
      return await revenue(`SELECT sum(v) AS n FROM (${tables})`);
    } finally {
      pinned.release();
    }
  };
  const revenue = async (sql: string): Promise<Value> =>
    (await db.query<{ n: string }>(`SELECT CAST(n AS VARCHAR) AS n FROM (${sql})`))[0]?.n ?? null;
  const raw = (n: number) => revenue(`SELECT sum(amount) AS n FROM fact_${n}`);
  const config = (name: string, value: string) =>
    expect(spawnSync('redis-cli', ['-p', String(redis.port), 'config', 'set', name, value]).status).toBe(0);

  it('that cannot be stored because Redis is full are told so, and what is published serves on', async () => {
    expect(await build(1)).toMatchObject({ outcome: 'built' });
    config('maxmemory', '1');
    const failed = await build(2);
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'redis-unavailable' } });
    expect(failed?.error?.message).toContain('out of memory (maxmemory)');
    expect(await lines(await node(kv))).toBe(await raw(1));
    config('maxmemory', '0');
    expect(await build(2)).toMatchObject({ outcome: 'built', changed: ['2010-12'] });
    expect(await lines(await node(kv))).toBe(await raw(2));
  });

  it('come right over a way that takes half a second for each answer', async () => {
    const way = await slowWay(redis.port, 500);
    const slow = await openKv({ redisUrl: `redis://127.0.0.1:${way.port}`, dir: '', emit: noEmit });
    ends.push(
      () => way.close(),
      () => slow.close(),
    );
    expect(await lines(await node(slow))).toBe(await raw(2));
  });

  it('that a node holds go on while Redis is gone; others are an error at once, and come back by themselves', async () => {
    const holds = await node(kv);
    expect(await lines(holds)).toBe(await raw(2));
    const empty = await node(kv);
    await redis.kill();
    expect(await lines(holds)).toBe(await raw(2));
    await expect(lines(empty)).rejects.toMatchObject({ code: 'rollup-unavailable' });
    // it no longer offers what it cannot have: the next plan goes to the source
    expect(empty.inventory().states.get(BY_DAY.id)?.partitions.length).toBeLessThan(
      holds.inventory().states.get(BY_DAY.id)?.partitions.length ?? 0,
    );
    expect(await build(2)).toMatchObject({ outcome: 'failed', error: { code: 'redis-unavailable' } });
    await redis.restart(); // with nothing in it
    await until(async () => (await build(2))?.outcome === 'built');
    await empty.refresh();
    expect(await lines(empty)).toBe(await raw(2));
  });
});
