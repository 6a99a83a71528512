import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPins, run } from '../../src/build/transform/index.js';
import { type Spark, sparkSessions } from '../../src/build/transform/step/spark-sessions.js';
import { noEmit } from '../../src/query/index.js';
import { putBronze, routesIn, transformsOf } from '../engines/small-transforms.js';
import { hasSpark, NO_SPARK } from '../engines/spark-server.js';
import { openPlace, type Place } from '../engines/warehouse-and-lake.js';

const assay = resolve(import.meta.dirname, '../../bin/assay.js');
const skip = !hasSpark && process.env['CI'] !== 'true';
const dir = mkdtempSync(join(tmpdir(), 'assay-spark-kill-'));

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly gone: Promise<unknown>;
}
/** A server of this test's own, which it may kill; port 0 picks a free one. */
const start = async (port: string): Promise<Server> => {
  const child = spawn(process.execPath, [assay, 'spark', 'up', '--dir', dir, '--port', port, '--memory', '1g'], {
    env: { ...process.env, ASSAY_HOME: join(dir, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = new Promise((done) => child.once('exit', done));
  let text = '';
  const url = await new Promise<string>((found, failed) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const line = /^ASSAY_SPARK=(\S+)$/m.exec(text)?.[1];
        if (line) found(line);
      });
    void gone.then(() => failed(new Error(text)));
  });
  return { child, url, gone };
};
/** The JVM behind the server, by its port. */
const jvmOf = ({ url }: Server): number => {
  const pattern = `^[^ ]*java .*connect\\.grpc\\.binding\\.port=${portOf(url)}`;
  const pid = Number(spawnSync('pgrep', ['-f', pattern], { encoding: 'utf8' }).stdout.trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) throw new Error('the JVM is not there');
  return pid;
};
const portOf = (url: string): string => new URL(url.replace('sc:', 'http:')).port;

let place: Place;
let spark: Spark;
let server: Server;
beforeAll(async () => {
  if (skip) return;
  server = await start('0');
  place = await openPlace();
  spark = sparkSessions({ url: server.url, emit: noEmit, patience: 120_000 });
});
afterAll(async () => {
  if (skip) return;
  await spark.close();
  server.child.kill('SIGTERM');
  await server.gone;
  await place.close();
  rmSync(dir, { recursive: true, force: true });
});

const COLUMNS = [
  { name: 'n', type: { kind: 'bigint' } },
  { name: 'day', type: { kind: 'date' } },
] as const;

describe.skipIf(skip)(`a Spark server that is killed (${hasSpark ? 'Java, Maven' : NO_SPARK})`, () => {
  it('in the middle of a step costs that step and nothing else', { timeout: 600_000 }, async () => {
    await putBronze(
      place,
      'numbers',
      COLUMNS,
      `SELECT i AS n, DATE '2020-01-01' + CAST(i % 3 AS INTEGER) AS day FROM range(3000) t(i)`,
    );
    // Each row is multiplied, so that Spark is at work for some seconds.
    const text = `/* @transform
name: gold.sums
version: 1
description: a sum by day
kind: incremental_by_partition
role: fact
keys: {natural: [day]}
partition: {column: day, unit: day, sources: {bronze.numbers: day}}
engine: {allow: [duckdb, spark]}
targets: [delta, postgres]
owner: somebody
columns: [{name: day, type: date, nullable: false}, {name: total, type: bigint, nullable: false}]
*/
SELECT numbers.day, CAST(sum(numbers.n) AS bigint) AS total
FROM {{source('bronze.numbers')}} AS numbers
CROSS JOIN range(0, 60000) AS many
WHERE numbers.day >= {{partition.start}} AND numbers.day < {{partition.end}} AND sqrt(numbers.n + many.id) >= 0
GROUP BY numbers.day`.replaceAll('many.id', 'many.range');
    const transformsDir = transformsOf(place, 'killed', {
      'gold/sums.v1.sql': text,
      'gold/sums.v1.spark.sql': text.slice(text.indexOf('*/') + 2).replaceAll('many.range', 'many.id'),
    });
    const notices: string[] = [];
    let again: Promise<void> | undefined;
    const emit: typeof noEmit = (name, event) => {
      if (name === 'notice') notices.push((event as { message: string }).message);
      if (name !== 'transform.computing' || again) return;
      // It is at work: gone from one moment to the next, and there again under its address some time later.
      process.kill(jvmOf(server), 'SIGKILL');
      again = server.gone.then(async () => {
        server = await start(portOf(server.url));
      });
    };
    const parts = place.parts({ transformsDir, spark, pins: readPins(['gold.sums=spark']), emit });
    const result = await run(parts, 'prod');
    await again;
    expect(again).toBeDefined();
    expect(result).toMatchObject({ status: 'published', unmade: [], changed: ['gold.sums'] });
    expect(notices.filter((text) => text.includes('its step begins again')).length).toBeGreaterThanOrEqual(1);
    // 60,000 times the sum of 0, 3, 6, ... and so on, by hand.
    const sums = [0, 1, 2].map(
      (d) => 60_000 * Array.from({ length: 1000 }, (_, i) => 3 * i + d).reduce((a, b) => a + b),
    );
    const days = ['2020-01-01', '2020-01-02', '2020-01-03'];
    expect(await place.postgres('SELECT day::text, total FROM gold.sums ORDER BY day')).toEqual(
      days.map((day, i) => [day, String(sums[i])]),
    );
    const routes = await routesIn(place, 'gold.sums');
    expect(routes.map(([partition, engine, , status]) => [partition, engine, status])).toEqual(
      days.map((day) => [day, 'spark', 'published']),
    );
    const leases =
      "SELECT count(*) FROM assay.interval WHERE lease_run IS NOT NULL OR staged IS NOT NULL OR status <> 'published'";
    expect(await place.postgres(leases)).toEqual([['0']]);
    expect(await place.postgres("SELECT count(*) FROM assay.build WHERE status = 'running'")).toEqual([['0']]);
  });
});
