import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasRedis, type RedisServer, startRedis } from '../engines/redis-servers.js';
import { type Product, startProduct } from '../product.js';
import { plain, rest } from './ask.js';
import { TOTALS } from './totals.js';

let server: RedisServer;
let redis: Redis;
let url: string;
let first: Product;
let second: Product | undefined;

const totals = async (product: Product, source: 'auto' | 'raw' | 'rollup') => {
  const names = Object.keys(TOTALS);
  const told = await rest(product, 'admin', { measures: names.map((n) => `retail.${n}`), source });
  expect(told.error).toBeUndefined();
  expect(names.map((n, i) => [n, plain(told.rows[0]?.[i] ?? null)])).toEqual(
    names.map((n) => [n, plain(TOTALS[n] ?? '')]),
  );
  return told;
};
const net = async (product: Product, source: 'auto' | 'rollup') =>
  rest(product, 'admin', {
    measures: ['retail.net_revenue'],
    dimensions: ['retail.country'],
    limit: 3,
    order: [{ by: 'retail.net_revenue', dir: 'desc' }],
    source,
  });

describe.skipIf(!hasRedis)(`with a real Redis${hasRedis ? '' : ' (skipped: redis-server is not installed)'}`, () => {
  beforeAll(async () => {
    server = await startRedis(['--bind', '127.0.0.1', '--maxmemory-policy', 'noeviction']);
    url = server.url;
    redis = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    redis.on('error', () => {}); // until the server listens
    await redis.ping();
    first = await startProduct({ env: { ASSAY_REDIS_URL: url } });
  });
  afterAll(async () => {
    await second?.remove();
    await first?.remove();
    redis?.disconnect();
    await server?.remove();
  });

  it('holds the rollups as chunks of one hash tag each', async () => {
    const keys = await redis.keys('assay:*:rollup:{*}:*');
    expect(keys.length).toBeGreaterThanOrEqual(2);
    for (const key of keys) expect(key).toMatch(/^assay:[^{]+:rollup:\{[^}]+\}:/);
    await totals(first, 'auto');
  });

  it('lets a second process serve from them without touching the source', async () => {
    const run = JSON.parse(readFileSync(join(first.home, 'run.json'), 'utf8')) as { warehouse: string };
    const secrets = JSON.parse(readFileSync(join(first.home, 'secrets.json'), 'utf8')) as {
      jwt: string;
      pseudonym: string;
    };
    const started = await startProduct({
      arguments: ['--no-demo'],
      env: {
        ASSAY_REDIS_URL: url,
        ASSAY_POSTGRES_URL: run.warehouse,
        ASSAY_LAKE: join(first.home, 'lake'),
        ASSAY_JWT_SECRET: secrets.jwt,
        ASSAY_PSEUDONYM_KEY: secrets.pseudonym,
      },
    });
    second = { ...started, tokens: first.tokens };
    const admin = new pg.Client({ connectionString: run.warehouse });
    await admin.connect();
    const scans = async () => {
      // Statistics of other backends arrive when their transactions end; this snapshot is taken anew.
      await admin.query('SELECT pg_stat_clear_snapshot()');
      const r = await admin.query(
        `SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::text AS n FROM pg_stat_user_tables WHERE schemaname LIKE 'phys%'`,
      );
      return (r.rows[0] as { n: string }).n;
    };
    const before = await scans();
    const told = await net(second, 'rollup');
    expect(told.rows.map((r) => r[0])).toEqual(['United Kingdom', 'Germany', 'Japan']);
    expect(told.provenance?.['source']).toBe('rollup');
    expect(await scans()).toBe(before);
    await admin.end();
  });

  it('stays right when it is emptied in the middle', async () => {
    let asking = true;
    const readers = [first, second ?? first].map(async (product) => {
      let asked = 0;
      while (asking || asked < 3) {
        const told = await net(product, 'auto');
        expect(told.error).toBeUndefined();
        expect(told.rows).toEqual([
          ['United Kingdom', '432570.00'],
          ['Germany', '7795.74'],
          ['Japan', '7705.07'],
        ]);
        asked += 1;
      }
    });
    await redis.flushall();
    await totals(first, 'auto');
    await totals(first, 'raw');
    asking = false;
    await Promise.all(readers);
    // and heals: the rollups are built and proven again
    for (;;) {
      const told = await net(first, 'rollup');
      if (!told.error && (await redis.keys('assay:*:rollup:{*}:*')).length >= 2) break;
    }
    await totals(first, 'auto');
  });
});
