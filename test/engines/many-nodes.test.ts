import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, type AskParts, makeAsk } from '../../src/answer/run/index.js';
import { localCaller, type MetricQuery, noEmit } from '../../src/query/index.js';
import type { Engine } from '../../src/store/engine/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { cellsOf, openWorld, type World } from '../star/world.js';
import { hasRedis, type RedisServer, startRedis } from './redis-servers.js';
import { slowWay } from './slow-way.js';

/** Questions of different texts have different answers in the store; all of them have these rows. */
const numbered = (n: number): MetricQuery => ({
  measures: ['shop.amount', 'shop.lines'],
  dimensions: ['shop.kind'],
  where: { member: 'shop.qty', op: 'ne', values: [10_000 + n] },
  source: 'raw',
});
const ROWS = [
  ['a', '30.00', '2'],
  ['b', '5.00', '1'],
];

describe.skipIf(!hasRedis)(`many nodes${hasRedis ? '' : ' (skipped: redis-server is not installed)'}`, () => {
  let world: World;
  let redis: RedisServer;
  const kvs: Kv[] = [];
  let asked = 0;
  /** What a statement waits for before it runs; nothing by default. */
  let gate: Promise<void> = Promise.resolve();
  const counted = (): Engine => ({
    ...world.duckdb.engine,
    run: async (statement, options) => {
      asked += 1;
      await gate;
      return world.duckdb.engine.run(statement, options);
    },
  });
  const node = async (url: string, more: Partial<AskParts> = {}): Promise<Ask> => {
    const kv = await openKv({ redisUrl: url, dir: '', emit: noEmit });
    kvs.push(kv);
    const engine = counted();
    return makeAsk({ ...world.parts, kv, engines: { postgres: engine, lake: engine, rollup: engine }, ...more });
  };
  const rowsOf = async (ask: Ask, n: number) => (await cellsOf(ask, numbered(n))).rows;

  beforeAll(async () => {
    world = await openWorld();
    const line = { buyer: 'x', returned: false, shop: 'S', region: 'R', sold_at: 1_290_000_000_000_000n };
    await world.load([
      { ...line, id: 1, kind: 'a', qty: 1, amount: 1000n },
      { ...line, id: 2, kind: 'a', qty: 2, amount: 2000n },
      { ...line, id: 3, kind: 'b', qty: 3, amount: 500n },
    ]);
    redis = await startRedis(['--maxmemory-policy', 'noeviction']);
  });
  afterAll(async () => {
    for (const kv of kvs) await kv.close();
    await redis?.remove();
    await world?.close();
  });

  it('ask the source once for a thousand equal questions that come to three of them at the same time', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => node(redis.url)));
    asked = 0;
    const all = await Promise.all(Array.from({ length: 1_000 }, (_, i) => rowsOf(nodes[i % 3] as Ask, 1)));
    for (const rows of all) expect(rows).toEqual(ROWS);
    expect(asked).toBe(1);
    // a node that comes later reads what the others have
    expect(await rowsOf(await node(redis.url), 1)).toEqual(ROWS);
    expect(asked).toBe(1);
  });

  it('ask again when the store was emptied, and when what it holds is damaged', async () => {
    const [first, second] = await Promise.all([node(redis.url), node(redis.url)]);
    await rowsOf(first, 2);
    const kv = kvs[0] as Kv;
    const [key = ''] = (await kv.keys('assay:default:answer:')).slice(-1);
    const bytes = (await kv.get(key)) as Buffer;
    for (const k of await kv.keys('assay:default:answer:')) {
      const bad = Buffer.from(bytes);
      bad[bad.length - 3] = (bad[bad.length - 3] ?? 0) ^ 1;
      await kv.set(k, bad);
    }
    asked = 0;
    expect(await rowsOf(second, 2)).toEqual(ROWS);
    expect(asked).toBe(1);
    await kv.delete(await kv.keys('assay:default:answer:'));
    expect(await rowsOf(await node(redis.url), 2)).toEqual(ROWS);
    expect(asked).toBe(2);
  });

  it('go on by themselves where the store is slow, full or gone', async () => {
    const way = await slowWay(redis.port, 500);
    const slow = await node(`redis://127.0.0.1:${way.port}`);
    asked = 0;
    for (const n of [10, 11, 12]) expect(await rowsOf(slow, n)).toEqual(ROWS);
    expect(asked).toBe(3);

    const full = await startRedis(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
    const packed = await node(full.url);
    for (const n of [20, 21]) expect(await rowsOf(packed, n)).toEqual(ROWS);

    const dying = await startRedis();
    const lonely = await node(dying.url);
    expect(await rowsOf(lonely, 30)).toEqual(ROWS);
    await dying.kill();
    for (const n of [31, 32]) expect(await rowsOf(lonely, n)).toEqual(ROWS);
    expect(asked).toBe(8);
    for (const kv of kvs.splice(-3)) await kv.close();
    await Promise.all([way.close(), full.remove(), dying.remove()]);
  });

  it('take over from a node that died with a question', async () => {
    const taker = await node(redis.url);
    const told: string[] = [];
    const key = (await taker.query(numbered(40), localCaller(['boss']), { surface: 'cli', requestId: 'k' })).cacheKey;
    const kv = kvs[kvs.length - 1] as Kv;
    await kv.delete([`assay:default:answer:{${key}}`]);
    await kv.lease(`assay:default:answer:{${key}}:lease`, 400); // as a node does that is killed right after
    const other = await node(redis.url);
    asked = 0;
    expect(await rowsOf(other, 40)).toEqual(ROWS);
    expect([asked, told]).toEqual([1, []]);
  });

  it('refuse what is more than they can do, at once and with a time to come back', async () => {
    const ask = await node(redis.url, { admission: { running: 2, waiting: 3 } });
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const all = Promise.allSettled(Array.from({ length: 20 }, (_, i) => rowsOf(ask, 100 + i)));
    // those beyond running and waiting are told before anything has ended
    const refused = await Promise.race(Array.from({ length: 1 }, () => rowsOf(ask, 200).catch((e: unknown) => e)));
    expect(refused).toMatchObject({ code: 'overloaded', status: 503, sqlstate: '53300', parameters: { seconds: 1 } });
    open();
    const settled = await all;
    expect(settled.filter((s) => s.status === 'fulfilled')).toHaveLength(5);
    for (const s of settled) if (s.status === 'fulfilled') expect(s.value).toEqual(ROWS);
    gate = Promise.resolve();
    expect(await rowsOf(ask, 300)).toEqual(ROWS);
  });
});
