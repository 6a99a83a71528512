import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, type Parts, parquetSession, plan, planText, readPins, run } from '../../src/build/transform/index.js';
import { makeStep } from '../../src/build/transform/step/make-step.js';
import { type Spark, sparkSessions } from '../../src/build/transform/step/spark-sessions.js';
import { runTransformTests } from '../../src/build/transform/unit/run-tests.js';
import { noEmit } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { openDuckDb } from '../../src/store/engine/index.js';
import { putBronze, routesIn, transformsOf } from './small-transforms.js';
import { hasSpark, NO_SPARK, sparkServer } from './spark-server.js';
import { orderOf, readable, transformOf, withParts } from './step-parts.js';
import { openPlace, type Place, root, sample } from './warehouse-and-lake.js';

let spark: Spark;
let place: Place;
const skip = !hasSpark && process.env['CI'] !== 'true';
const zone = process.env['TZ'];
beforeAll(async () => {
  if (skip) return;
  // The client's own time zone must not matter.
  process.env['TZ'] = 'Pacific/Auckland';
  spark = sparkSessions({ url: await sparkServer(), emit: noEmit });
  place = await openPlace();
});
afterAll(async () => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
  await spark?.close();
  await place?.close();
});
const MINUTES = 600_000;

const head = (name: string, more: string, columns: string) => `/* @transform
name: ${name}
version: 1
description: a table
kind: full
role: fact
targets: [delta]
owner: somebody
${more}
columns: [${columns}]
*/
`;
const NUMBERS = [
  { name: 'n', type: { kind: 'bigint' } },
  { name: 'day', type: { kind: 'date' } },
] as const;

describe.skipIf(skip)(`transforms on Spark (${hasSpark ? 'server' : NO_SPARK})`, () => {
  it(
    'make the example as DuckDB and PostgreSQL do, row for row, whatever the time zone of the client is',
    async () => {
      await place.ingest(sample);
      const { publication } = await place.build();
      // The key of the pseudonyms stays here, and so do the checks' own rows: two tables stay on DuckDB.
      const stay = ['gold.data_quality_metrics', 'silver.customers'];
      const made = [...publication.tables.keys()].filter((name) => !stay.includes(name));
      expect(made).toEqual(expect.arrayContaining(['silver.order_lines', 'silver.order_line_rejects']));
      expect(made.length).toBeGreaterThanOrEqual(12);
      const pins = readPins(['gold.*=spark', 'silver.*=spark']);
      const parts = place.parts({ spark, pins });
      const request = { environment: 'prod', restate: new Map(made.map((name) => [name, undefined])) };
      const planned = await plan(parts, request);
      expect(planned.engines).toEqual([
        ['gold.*', 'spark'],
        ['silver.*', 'spark'],
      ]);
      expect(planned.steps.map(({ id, engine }) => `${id} ${engine}`).sort()).toEqual(
        [...made.map((name) => `${name} spark`), 'silver.customers duckdb'].sort(),
      );
      expect(planText(planned)).toContain(
        'gold.data_quality_metrics stays on duckdb, spark was asked for by hand: {{checks}} is made in DuckDB only',
      );
      expect(planText(planned)).toMatch(
        /silver\.customers whole \(perhaps\) on duckdb .*not spark, which is asked for by hand: its file allows duckdb/,
      );
      // Pins are the plan's: whoever applies it need not say them again.
      const result = await apply(place.parts({ spark }), planned.id);
      // Contents are compared by a hash of all rows: equal ones move no reader.
      expect(result.changed).toEqual(['gold.data_quality_metrics']);
      expect(result.unmade).toEqual([]);
      for (const name of made)
        for (const [, engine, route, status] of await routesIn(place, name)) {
          expect(engine).toBe('spark');
          expect(route).toMatch(/^spark: asked for by hand, est \d/);
          expect(status).toBe('published');
        }
    },
    MINUTES,
  );

  it(
    'pass the tests of the example there, too',
    async () => {
      const results = await runTransformTests({
        ...{ transformsDir: join(root, 'transforms'), duckdb: place.duckdb, spark },
      });
      const there = results.filter(({ engine }) => engine === 'spark');
      expect(there.length).toBeGreaterThanOrEqual(14);
      expect(there.filter(({ status }) => status !== 'pass')).toEqual([]);
    },
    MINUTES,
  );

  it('are taken there by size, and say so before and after', async () => {
    await putBronze(
      place,
      'numbers',
      NUMBERS,
      `SELECT i AS n, DATE '2020-01-01' + CAST(i % 3 AS INTEGER) AS day FROM range(3000) t(i)`,
    );
    const file = `${head('gold.sums', 'keys: {natural: [total]}\nengine: {allow: [duckdb, spark]}', '{name: total, type: bigint, nullable: false}')}SELECT CAST(sum(n) AS bigint) AS total FROM {{source('bronze.numbers')}}`;
    const transformsDir = transformsOf(place, 'by-size', { 'gold/sums.v1.sql': file });
    const here = (over: Partial<Parts>) => place.parts({ transformsDir, ...over });
    const ask = async (over: Partial<Parts>) => {
      const { steps, blocked } = await plan(here(over), { environment: 'by_size' });
      return [steps[0]?.engine, steps[0]?.route, blocked];
    };
    expect(await ask({ spark })).toEqual(['duckdb', expect.stringMatching(/^duckdb: est .* <= /), []]);
    const small = { limits: { duckdbBytes: 10 } };
    expect(await ask({ ...small, spark })).toEqual([
      'spark',
      expect.stringMatching(/^spark: est .* > 10 bytes? of duckdb|> 10 B/),
      [],
    ]);
    expect(await ask(small)).toEqual([
      undefined,
      expect.stringContaining('not spark: no Spark server is configured'),
      [expect.stringContaining('gold.sums')],
    ]);
    const away = sparkSessions({ url: 'sc://127.0.0.1:1', emit: noEmit });
    expect(await ask({ ...small, spark: away })).toEqual([
      undefined,
      expect.stringContaining('nobody listens there'),
      [expect.anything()],
    ]);
    const result = await run(here({ ...small, spark }), 'by_size');
    expect(result.changed).toContain('gold.sums');
    expect(await routesIn(place, 'gold.sums')).toEqual([
      ['*', 'spark', expect.stringMatching(/^spark: est .* of duckdb/), 'published', '1'],
    ]);
    await expect(
      plan(here({ pins: readPins(['gold.summs=spark']) }), { environment: 'by_size' }),
    ).rejects.toMatchObject({ code: 'usage' });
  });

  it('read views, whose rows DuckDB makes for them, and leave nothing of these behind', async () => {
    await putBronze(place, 'viewed', NUMBERS, `SELECT i AS n, DATE '2020-01-01' AS day FROM range(1000) t(i)`);
    const day = 'keys: {natural: [day]}\nengine: {allow: [duckdb, spark]}';
    const columns = '{name: n, type: bigint, nullable: true}, {name: day, type: date, nullable: true}';
    const transformsDir = transformsOf(place, 'viewed', {
      'silver/numbers.v1.sql': `${head('silver.numbers', 'keys: {natural: [n]}', columns)}SELECT n, day FROM {{source('bronze.viewed')}}`,
      // Only DuckDB knows this SELECT.
      'silver/odd.v1.sql': `${head('silver.odd', 'keys: {natural: [n]}', columns).replace('kind: full', 'kind: view')}SELECT * EXCLUDE (day), day FROM {{ref('silver.numbers')}} WHERE n % 2 = 1`,
      'gold/odd_sums.v1.sql': `${head('gold.odd_sums', day, '{name: day, type: date, nullable: true}, {name: total, type: bigint, nullable: false}')}SELECT day, CAST(sum(n) AS bigint) AS total FROM {{ref('silver.odd')}} GROUP BY day`,
    });
    const pins = readPins(['gold.odd_sums=spark']);
    const result = await run(place.parts({ transformsDir, spark, pins }), 'viewed');
    expect([result.status, result.unmade]).toEqual(['published', []]);
    expect(await routesIn(place, 'gold.odd_sums')).toEqual([
      ['*', 'spark', expect.stringMatching(/^spark: asked for by hand/), 'published', '1'],
    ]);
    // 1 + 3 + ... + 999.
    const [[folder = ''] = []] = await place.postgres(
      "SELECT e.lake || '/' || t.lake_path FROM assay.environment e JOIN assay.publication_table t USING (revision) WHERE e.name = 'viewed' AND t.name = 'gold.odd_sums'",
    );
    const made = await openTable(folder, parquetSession(place.duckdb));
    expect(
      made && (await place.duckdb.query(`SELECT day::VARCHAR AS day, total::VARCHAR AS total FROM ${relation(made)}`)),
    ).toEqual([{ day: '2020-01-01', total: '250000' }]);
    expect(readdirSync(join(place.lake, '_staging'), { recursive: true })).toEqual([]);
  });

  it('are taken there when DuckDB runs out of memory, once, and it is written down', async () => {
    await putBronze(place, 'texts', NUMBERS, `SELECT i AS n, DATE '2020-01-01' AS day FROM range(100000) t(i)`);
    // A text of one group cannot be spilled.
    const columns = '{name: bytes, type: bigint, nullable: false}';
    const transformsDir = transformsOf(place, 'memory', {
      'gold/long.v1.sql': `${head('gold.long', 'keys: {natural: [bytes]}\nengine: {allow: [duckdb, spark]}', columns)}SELECT CAST(length(string_agg(repeat('x', 5000), '')) AS bigint) AS bytes FROM {{source('bronze.texts')}}`,
      'gold/long.v1.spark.sql':
        "SELECT CAST(sum(length(repeat('x', 5000))) AS bigint) AS bytes FROM {{source('bronze.texts')}}",
    });
    const duckdb = await openDuckDb({ memory: '200MB', threads: 1, tempDir: join(place.home, 'little'), emit: noEmit });
    try {
      const parts = place.parts({ transformsDir, duckdb, spark });
      const result = await run(parts, 'memory');
      expect(result.unmade).toEqual([]);
      expect(await routesIn(place, 'gold.long')).toEqual([
        ['*', 'spark', expect.stringMatching(/^spark: duckdb ran out of memory \(duckdb: est /), 'published', '1'],
      ]);
      const published = await place.publication();
      expect(published).toBeDefined();
    } finally {
      await duckdb.close();
    }
  });

  it('end when they are cancelled, and leave nothing behind', async () => {
    const transform = transformOf(
      `keys: {natural: [n]}
engine: {allow: [duckdb, spark]}
columns: [{name: n, type: bigint, nullable: false}]`,
      'SELECT count(*) AS n FROM range(0, 200000000000, 1, 8) AS t(id) WHERE sqrt(id) < 0',
    );
    await withParts(
      place,
      transform,
      async (parts) => {
        const stop = new AbortController();
        const emit: typeof noEmit = (name) => {
          if (name === 'transform.computing') stop.abort();
        };
        const order = orderOf(transform, { engine: 'spark', signal: stop.signal, stepId: 'stopped' });
        await expect(makeStep({ ...parts, emit }, order)).rejects.toMatchObject({ code: 'cancelled' });
        const left = readdirSync(parts.snapshot.table.path, { recursive: true }).map(String);
        expect(left.filter((name) => name.includes('stopped'))).toEqual([]);
        // The server is free again.
        await spark.session((gateway) => gateway.execute('SELECT 1'));
      },
      spark,
    );
  });

  it('are refused before anything runs when Spark sees other types, or cannot read an input', async () => {
    const columns =
      'keys: {natural: [n]}\nengine: {allow: [duckdb, spark]}\ncolumns: [{name: n, type: bigint, nullable: false}]';
    const ask = (body: string, inputs = new Map([['bronze.x', readable('SELECT 1::bigint AS n')]])) => {
      const transform = transformOf(columns, body);
      return withParts(
        place,
        transform,
        (parts) => makeStep(parts, orderOf(transform, { engine: 'spark', inputs })),
        spark,
      );
    };
    await expect(ask('SELECT 1 AS n')).rejects.toMatchObject({
      code: 'transform-invalid',
      message: expect.stringContaining('spark: column 1 of the SELECT is n int, the contract says n bigint'),
    });
    await expect(ask('SELECT\n  nosuch AS n\n')).rejects.toMatchObject({
      message: expect.stringMatching(/gold\/t\.v1\.sql:1[0-9].*UNRESOLVED_COLUMN/),
    });
    await expect(ask("SELECT n FROM {{source('bronze.x')}}")).rejects.toMatchObject({
      message: expect.stringContaining('Spark cannot read bronze.x'),
    });
  });
});

describe('a step that is too large for the memory', () => {
  it('is made in more statements where there is no Spark', async () => {
    const own = await openPlace();
    try {
      const rows = "SELECT i AS n, DATE '2020-01-01' + CAST(i % 8 AS INTEGER) AS day FROM range(80000) t(i)";
      await putBronze(own, 'texts', NUMBERS, rows);
      const by = 'keys: {natural: [day]}\npartition: {column: day, unit: day, sources: {bronze.texts: day}}';
      const columns = '{name: day, type: date, nullable: false}, {name: bytes, type: bigint, nullable: false}';
      const front = head('gold.by_day', by, columns).replace('kind: full', 'kind: incremental_by_partition');
      const body = `SELECT day, CAST(length(string_agg(repeat('x', 5000), '')) AS bigint) AS bytes
FROM {{source('bronze.texts')}} WHERE day >= {{partition.start}} AND day < {{partition.end}} GROUP BY day`;
      const transformsDir = transformsOf(own, 'batches', { 'gold/by_day.v1.sql': `${front}${body}` });
      const duckdb = await openDuckDb({ memory: '250MB', threads: 1, tempDir: join(own.home, 'little'), emit: noEmit });
      const notices: string[] = [];
      try {
        const emit: typeof noEmit = (name, event) => {
          if (name === 'notice') notices.push((event as { message: string }).message);
        };
        const result = await run(own.parts({ transformsDir, duckdb, emit }), 'prod');
        expect(result.unmade).toEqual([]);
      } finally {
        await duckdb.close();
      }
      expect(notices.filter((text) => text.includes('ran out of memory'))).toHaveLength(1);
      const routes = await routesIn(own, 'gold.by_day');
      expect(routes).toHaveLength(8);
      for (const [, engine, route, status, count] of routes)
        expect([engine, route, status, count]).toEqual([
          'duckdb',
          expect.stringMatching(/^duckdb: duckdb ran out of memory \(.*\), so in 2 batches$/),
          'published',
          '1',
        ]);
    } finally {
      await own.close();
    }
  });
});
