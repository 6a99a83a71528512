import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { makeAsk } from '../../src/answer/run/index.js';
import { buildRollups, openRollups, type RollupSource } from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import { AssayError } from '../../src/errors/index.js';
import { loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import { type Caller, localCaller, type MetricQuery, noEmit, type Value, valueText } from '../../src/query/index.js';
import { openDuckDb } from '../../src/store/engine/index.js';
import { openKv } from '../../src/store/kv/index.js';
import { hasRedis, startCluster, startSentinels } from '../engines/redis-servers.js';
import { MODEL } from '../star/model.js';

/** By hand: `ASSAY_SOAK_SECONDS=300 CI=true npx vitest run test/faults/rollup-cluster.test.ts`. */
const SECONDS = Number(process.env['ASSAY_SOAK_SECONDS'] ?? '15');
const ONLY = ['sales.by_day', 'sales.by_buyer'];
const QUERY: MetricQuery = {
  measures: ['shop.amount', 'shop.lines', 'shop.buyers'],
  time: [{ dimension: 'shop.sold_at', granularity: 'month' }],
};
/** What an answer may fail with while parts are away, and the longest that it may take to say so. */
const CLEAR = new Set([
  'redis-unavailable',
  'rollup-unavailable',
  'no-rollup',
  'versions-moved',
  'data-moved',
  'overloaded',
]);
const LONGEST = 30_000;

/** The same sequence for each run of the same length. */
const random = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
};

it.skipIf(!hasRedis).each([
  ['a Redis Cluster', startCluster],
  ['Redis with Sentinels', startSentinels],
] as const)(
  `three nodes on %s whose masters die, with builders that are ended: no wrong answer for ${SECONDS} s${hasRedis ? '' : ' (skipped: redis-server is not installed)'}`,
  async (_, start) => {
    const dir = await mkdtemp(join(tmpdir(), 'assay-soak-'));
    const ends: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
    try {
      for (const [name, text] of Object.entries(MODEL)) {
        await mkdir(dirname(join(dir, 'model', name)), { recursive: true });
        await writeFile(join(dir, 'model', name), text);
      }
      const model = await loadModel(join(dir, 'model'));
      const db = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(dir, 'tmp'), emit: noEmit });
      ends.push(() => db.close());
      await db.execute(`CREATE SCHEMA star; CREATE TABLE star.shops AS SELECT i AS id, 'S' || i AS name, 'R' || (i % 2) AS region FROM range(3) AS r(i);
        CREATE TABLE star.all_sales AS SELECT i AS id, i % 3 AS shop_id, ['a', 'b', NULL][1 + i % 3] AS kind, 'B' || (i % 7) AS buyer, i % 11 = 0 AS returned,
          CAST(i % 9 AS INTEGER) AS qty, CAST(i * 1.25 AS DECIMAL(12,2)) AS amount, TIMESTAMPTZ '2010-10-15 00:00:00+00' + to_hours(CAST(i AS INTEGER)) AS sold_at FROM range(1, 3000) AS r(i)`);
      let revision = 1;
      /** Each publication has a few rows less: none is like another. */
      const relation = (n: number) => `(SELECT * FROM star.all_sales WHERE id % 500 <> ${n % 500})`;
      const publication = (n = revision): Publication => ({
        revision: n,
        tables: new Map(
          (['sales', 'shops'] as const).map((name) => {
            const lake = { path: name === 'sales' ? relation(n) : 'star.shops', version: 1 };
            const dataVersion = name === 'sales' ? String(n) : 'shops';
            return [
              `star.${name}`,
              { name: `star.${name}`, postgres: undefined, lake, dataVersion, rows: 1, since: n },
            ];
          }),
        ),
      });
      const truth = async (n: string): Promise<(string | null)[][]> => {
        const rows = await db.query<Record<string, string>>(
          `SELECT strftime(sold_at, '%Y-%m') || '-01' AS m, CAST(sum(amount) AS DECIMAL(18,2))::VARCHAR AS a, count(*)::VARCHAR AS n, count(DISTINCT buyer)::VARCHAR AS b FROM ${relation(Number(n))} GROUP BY 1 ORDER BY 1`,
        );
        return rows.map((r) => [r['m'] ?? null, r['a'] ?? null, r['n'] ?? null, r['b'] ?? null]);
      };
      const cluster = await start();
      ends.push(() => cluster.remove());
      const build = async (signal: AbortSignal) => {
        const kv = await openKv({ redisUrl: cluster.url, dir: '', emit: noEmit });
        const of = publication();
        const source: RollupSource = {
          engine: db.engine,
          here: true,
          resolve: (table) => of.tables.get(table)?.lake?.path ?? table,
        };
        try {
          return await buildRollups({
            ...{ catalogue: model.catalogue, legs: model.legs, publication: of, source, duckdb: db, kv, signal },
            ...{ dir: join(dir, 'build'), emit: noEmit, namespace: 'soak', only: ONLY, leaseMilliseconds: 2_000 },
          });
        } finally {
          await kv.close();
        }
      };
      const node = async (i: number) => {
        const kv = await openKv({ redisUrl: cluster.url, dir: '', emit: noEmit });
        const rollups = await openRollups({
          ...{ kv, duckdb: db, dir: join(dir, `node-${i}`), model: () => model, emit: noEmit, namespace: 'soak' },
          pollMilliseconds: 200,
        });
        const ask = makeAsk({
          model: () => ({ ...model, accessOf: (caller: Caller) => accessOf(model.catalogue, caller) }),
          publications: { current: () => publication(), refresh: async () => publication() },
          rollups,
          engines: { postgres: db.engine, lake: db.engine, rollup: db.engine },
          lakeRelation: async (path) => path,
          rawSource: 'lake',
          emit: noEmit,
          kv,
          cacheBytes: 1,
          namespace: 'soak',
        });
        return {
          ask,
          close: async () => {
            await rollups.close();
            await kv.close();
          },
        };
      };
      const [primary] = cluster.servers;
      // who starts while a master is being elected waits for it, and can use every slot then
      await primary?.kill();
      const early = await openKv({ redisUrl: cluster.url, dir: '', emit: noEmit });
      for (let i = 0; i < 64; i++) await early.set(`early:${i}`, Buffer.from(String(i)));
      await early.close();
      await primary?.restart();
      /** A node that cannot reach the store at its start says so, and is started again. */
      const started = async (i: number): ReturnType<typeof node> => {
        for (;;) {
          const one = await node(i).catch((thrown: unknown) => {
            if (!(thrown instanceof AssayError)) throw thrown;
          });
          if (one) return one;
        }
      };
      const seen = { rollup: 0, lake: 0, failed: 0, longest: 0, kills: 0, builds: 0 };
      const askOnce = async (of: Awaited<ReturnType<typeof node>>, query: MetricQuery) => {
        const began = performance.now();
        try {
          const answer = await of.ask.query(query, localCaller(['boss']), { surface: 'cli', requestId: 'soak' });
          const rows: (string | null)[][] = [];
          for await (const batch of answer.rows)
            for (let r = 0; r < batch.length; r++)
              rows.push(answer.columns.map((c, i) => valueText(c.type, (batch.columns[i]?.[r] ?? null) as Value)));
          const { tables, source } = answer.provenance();
          const sales = new Set(tables.filter((t) => t.table === 'star.sales').map((t) => t.version));
          expect(sales.size, 'versions of the fact in one answer').toBe(1);
          const [version = ''] = sales;
          expect(rows, `revision ${version} from ${source}`).toEqual(await truth(version));
          if (source === 'rollup') seen.rollup += 1;
          else seen.lake += 1;
          return source;
        } catch (thrown) {
          if (!(thrown instanceof AssayError) || !CLEAR.has(thrown.code)) throw thrown;
          seen.failed += 1;
          await pause(50);
          return undefined;
        } finally {
          seen.longest = Math.max(seen.longest, performance.now() - began);
        }
      };

      expect((await build(new AbortController().signal)).map((r) => [r.outcome, r.error?.message])).toEqual([
        ['built', undefined],
        ['built', undefined],
      ]);
      const until = performance.now() + SECONDS * 1_000;
      const going = () => performance.now() < until;
      const chance = random(7);
      const reader = async (i: number) => {
        let of = await started(i);
        while (going()) {
          await askOnce(of, { ...QUERY, source: chance(4) === 0 ? 'raw' : 'auto' });
          if (chance(60) > 0) continue;
          await of.close(); // a node goes and another one comes
          of = await started(i);
        }
        await of.close();
      };
      const builder = async () => {
        while (going()) {
          revision += 1;
          const stop = new AbortController();
          const timer = setTimeout(() => stop.abort(), chance(3) === 0 ? chance(400) : 60_000);
          await build(stop.signal).catch((thrown: unknown) => {
            if (!(thrown instanceof AssayError)) throw thrown;
          });
          clearTimeout(timer);
          seen.builds += 1;
          await pause(chance(300));
        }
      };
      const killer = async () => {
        while (going()) {
          const victim = cluster.servers[chance(cluster.servers.length)];
          await victim?.kill();
          seen.kills += 1;
          await pause(5_000 + chance(2_000)); // another master is chosen by then, or what it held is lost: both must be survived
          await victim?.restart();
          await pause(4_000);
        }
      };
      await Promise.all([reader(0), reader(1), reader(2), builder(), killer()]);

      // recovery without hands: the rollups come to the present data, and a fresh node serves them
      const last = await started(9);
      ends.push(() => last.close());
      for (;;) {
        await build(new AbortController().signal).catch((thrown: unknown) => {
          if (!(thrown instanceof AssayError)) throw thrown;
        });
        if ((await askOnce(last, { ...QUERY, source: 'rollup', fresh: 'current' })) === 'rollup') break;
      }
      process.stdout.write(`${JSON.stringify({ seconds: SECONDS, ...seen, longest: Math.round(seen.longest) })}\n`);
      expect(seen.rollup).toBeGreaterThan(0);
      expect(seen.longest).toBeLessThan(LONGEST);
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
  SECONDS * 1_000 + 240_000,
);
