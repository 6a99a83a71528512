import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssayError } from '../../src/errors/index.js';
import type { Emit } from '../../src/query/index.js';
import { noEmit } from '../../src/query/index.js';
import { openSpark, type SparkGateway } from '../../src/store/engine/index.js';
import { startProxy, type TcpProxy } from './proxy.js';
import { hasSpark, NO_SPARK, sparkServer } from './spark-server.js';

let url: string;
let spark: SparkGateway;
let proxy: TcpProxy;
beforeAll(async () => {
  if (!hasSpark) return;
  url = await sparkServer();
  spark = await openSpark({ url, emit: noEmit });
  proxy = await startProxy(Number(new URL(url.replace('sc:', 'http:')).port));
});
afterAll(async () => {
  await spark?.close();
  await proxy?.close();
});

const failure = (work: Promise<unknown>): Promise<AssayError> =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (thrown: AssayError) => thrown,
  );
const drain = async (gateway: SparkGateway, sql: string, options = {}): Promise<bigint[]> => {
  const values: bigint[] = [];
  for await (const batch of gateway.query(sql, options)) values.push(...(batch.values[0] as bigint[]));
  return values;
};
/** Opens a session through the proxy and counts how often a statement was attached again. */
const through = async (options: { silence?: number } = {}) => {
  const states: string[] = [];
  const emit: Emit = (name, event) => {
    if (name === 'spark.session') states.push((event as { state: string }).state);
  };
  const gateway = await openSpark({ url: `sc://127.0.0.1:${proxy.port}`, emit, ...options });
  return { gateway, reattached: () => states.filter((s) => s === 'reattached').length };
};
const numbers = (n: number) => Array.from({ length: n }, (_, i) => BigInt(i));

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')(
  `the connection to Spark (${hasSpark ? 'server' : NO_SPARK})`,
  () => {
    it('is cut in the middle of rows, again and again: each row comes once, in order', async () => {
      const { gateway, reattached } = await through();
      let rows = 0;
      const values: bigint[] = [];
      const wide = "SELECT id, concat('x', sha2(CAST(id AS STRING), 512)) AS s FROM range(0, 200000, 1, 4)";
      proxy.cutAfter(300_000);
      for await (const batch of gateway.query(wide)) {
        values.push(...(batch.values[0] as bigint[]));
        rows += batch.length;
        if (rows % 3 === 0) proxy.cutAfter(1_000_000);
      }
      expect(values.length).toBe(200_000);
      expect(values).toEqual(numbers(200_000));
      expect(reattached()).toBeGreaterThan(0);
      await gateway.close();
    });
    it('is cut before the first answer: the statement runs once', async () => {
      const { gateway } = await through();
      await gateway.execute('CREATE OR REPLACE TEMPORARY VIEW base AS SELECT id FROM range(1000)');
      const many = Array.from({ length: 6 }, async () => drain(gateway, 'SELECT id FROM base ORDER BY id'));
      proxy.cut();
      for (const values of await Promise.all(many)) expect(values).toEqual(numbers(1000));
      await gateway.close();
    });
    it('hangs without a word: another one is made, and the rows go on', async () => {
      const { gateway, reattached } = await through({ silence: 500 });
      const values: bigint[] = [];
      const before = proxy.taken();
      for await (const batch of gateway.query('SELECT id FROM range(0, 100000, 1, 2)')) {
        if (values.length === 0) proxy.freeze();
        values.push(...(batch.values[0] as bigint[]));
      }
      expect(values).toEqual(numbers(100_000));
      expect([reattached() > 0, proxy.taken() > before]).toEqual([true, true]);
      await gateway.close();
    });
    it('is gone for good: one clear error, when patience ends', async () => {
      const closed = await startProxy(1);
      await closed.close();
      const failed = await failure(openSpark({ url: `sc://127.0.0.1:${closed.port}`, emit: noEmit, patience: 200 }));
      expect([failed.code, failed.parameters]).toEqual([
        'spark-unavailable',
        { server: `127.0.0.1:${closed.port}`, why: 'nobody listens there' },
      ]);
    });
  },
);

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')('a session of Spark', () => {
  it('that was closed says so, and the next one knows nothing of its views', async () => {
    const first = await openSpark({ url, emit: noEmit });
    await first.execute('CREATE TEMPORARY VIEW mine AS SELECT 1 AS a');
    await first.close();
    await first.close();
    expect((await failure(first.execute('SELECT 1'))).code).toBe('spark-session-lost');
    expect((await failure(drain(spark, 'SELECT * FROM mine'))).parameters['condition']).toBe('TABLE_OR_VIEW_NOT_FOUND');
  });
});
