import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssayError } from '../../src/errors/index.js';
import { noEmit } from '../../src/query/index.js';
import { openSpark, type SparkBatch, type SparkGateway, type SparkOptions } from '../../src/store/engine/index.js';
import { hasSpark, NO_SPARK, sparkServer } from './spark-server.js';

let spark: SparkGateway;
beforeAll(async () => {
  if (!hasSpark) return;
  spark = await openSpark({ url: await sparkServer(), emit: noEmit });
});
afterAll(async () => {
  await spark?.close();
});

const collect = async (sql: string, options?: SparkOptions): Promise<readonly SparkBatch[]> => {
  const batches: SparkBatch[] = [];
  for await (const batch of spark.query(sql, options)) batches.push(batch);
  return batches;
};
/** The rows of a small result. */
const rowsOf = async (sql: string): Promise<readonly unknown[][]> =>
  (await collect(sql)).flatMap(({ length, values }) =>
    Array.from({ length }, (_, row) => values.map((column) => column[row])),
  );
const failure = (work: Promise<unknown>): Promise<AssayError> =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (thrown: AssayError) => thrown,
  );

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')(
  `values of Spark (${hasSpark ? 'server' : NO_SPARK})`,
  () => {
    it('come exact, of every type, at its ends and null', async () => {
      const types: readonly (readonly [ddl: string, type: string, values: readonly (readonly [string, unknown])[]])[] =
        [
          [
            'tinyint',
            'integer',
            [
              ['-128Y', -128],
              ['127Y', 127],
            ],
          ],
          [
            'smallint',
            'integer',
            [
              ['-32768S', -32_768],
              ['32767S', 32_767],
            ],
          ],
          [
            'int',
            'integer',
            [
              ['-2147483648', -2_147_483_648],
              ['2147483647', 2_147_483_647],
            ],
          ],
          [
            'bigint',
            'bigint',
            [
              ['-9223372036854775808L', -9_223_372_036_854_775_808n],
              ['9007199254740993L', 9_007_199_254_740_993n],
            ],
          ],
          [
            'decimal(9,2)',
            'decimal',
            [
              ["'-9999999.99'", -999_999_999n],
              ["'0.01'", 1n],
            ],
          ],
          [
            'decimal(18,4)',
            'decimal',
            [
              ["'99999999999999.9999'", 999_999_999_999_999_999n],
              ["'-0.0001'", -1n],
            ],
          ],
          [
            'decimal(38,0)',
            'decimal',
            [
              [`'${'9'.repeat(38)}'`, 10n ** 38n - 1n],
              [`'-${'9'.repeat(38)}'`, 1n - 10n ** 38n],
            ],
          ],
          [
            'decimal(38,18)',
            'decimal',
            [
              ["'-9223372036.854775809'", -9_223_372_036_854_775_809n * 10n ** 9n],
              ["'18.446744073709551616'", 1n << 64n],
            ],
          ],
          [
            'float',
            'double',
            [
              ["'1.5'", 1.5],
              ["'-Infinity'", Number.NEGATIVE_INFINITY],
            ],
          ],
          [
            'double',
            'double',
            [
              ["'NaN'", Number.NaN],
              ["'5e-324'", 5e-324],
            ],
          ],
          [
            'boolean',
            'boolean',
            [
              ['true', true],
              ['false', false],
            ],
          ],
          [
            'string',
            'string',
            [
              ["''", ''],
              ["'häß 😀 \\'q\\''", "häß 😀 'q'"],
            ],
          ],
          [
            'date',
            'date',
            [
              ["'0001-01-01'", '0001-01-01'],
              ["'9999-12-31'", '9999-12-31'],
            ],
          ],
          [
            'timestamp',
            'timestamp',
            [
              ["'1969-12-31 23:59:59.999999'", -1n],
              ["'2010-12-01 08:26:00.123456'", 1_291_191_960_123_456n],
            ],
          ],
          [
            'timestamp_ntz',
            '-',
            [
              ["'1582-10-04 00:00:00'", -12_220_243_200_000_000n],
              ["'2010-12-01 08:26:00'", 1_291_191_960_000_000n],
            ],
          ],
          [
            'binary',
            '-',
            [
              ["X'00ff'", Uint8Array.of(0, 255)],
              ["X''", new Uint8Array(0)],
            ],
          ],
          [
            'array<int>',
            '-',
            [
              ['array(1, NULL, 3)', [1, null, 3]],
              ['array()', []],
            ],
          ],
          [
            'map<string,decimal(5,1)>',
            '-',
            [
              [
                "map('a', 1.5BD, 'b', NULL)",
                new Map([
                  ['a', 15n],
                  ['b', null],
                ]),
              ],
              ['map()', new Map()],
            ],
          ],
          [
            'struct<`a b`:bigint,`c`:array<date>>',
            '-',
            [
              [
                "named_struct('a b', 1L, 'c', array(DATE'2010-12-01'))",
                new Map<string, unknown>([
                  ['a b', 1n],
                  ['c', ['2010-12-01']],
                ]),
              ],
              [
                "named_struct('a b', NULL, 'c', NULL)",
                new Map([
                  ['a b', null],
                  ['c', null],
                ]),
              ],
            ],
          ],
          [
            'interval year to month',
            '-',
            [
              ["INTERVAL '1-2' YEAR TO MONTH", 14],
              ["INTERVAL '-0-1' YEAR TO MONTH", -1],
            ],
          ],
          [
            'interval day to second',
            '-',
            [
              ["INTERVAL '1 00:00:00.000001' DAY TO SECOND", 86_400_000_001n],
              ["INTERVAL '-1' SECOND", -1_000_000n],
            ],
          ],
        ];
      const lines = ['1', '2', '3'].map((row, i) => {
        const cells = types.map(([ddl, , values]) => `CAST(${i < 2 ? values[i]?.[0] : 'NULL'} AS ${ddl})`);
        return `SELECT ${row} AS n, ${cells.map((cell, c) => `${cell} AS c${c}`).join(', ')}`;
      });
      const sql = `SELECT * FROM (${lines.join(' UNION ALL ')}) ORDER BY n`;
      const dry = await spark.dryRun(sql);
      expect(dry.map(({ ddl, type }) => [ddl, type?.kind ?? '-'])).toEqual([
        ['int', 'integer'],
        ...types.map(([ddl, type]) => [ddl, type]),
      ]);
      const [batch] = await collect(sql);
      expect(batch?.columns).toEqual(dry);
      expect(batch?.values).toEqual([[1, 2, 3], ...types.map(([, , [a, b]]) => [a?.[1], b?.[1], null])]);
    });
    it('have their columns when there is no row', async () => {
      const [batch, ...more] = await collect('SELECT 1 AS a, CAST(NULL AS DECIMAL(12,2)) AS b WHERE false');
      expect([more.length, batch?.length, batch?.columns.map((c) => c.ddl)]).toEqual([0, 0, ['int', 'decimal(12,2)']]);
    });
    it('follow our settings, not those of the server', async () => {
      const found = await rowsOf(
        "SELECT CAST(TIMESTAMP'2010-12-01 00:00:00' AS STRING), current_timezone(), CAST(0.1BD + 0.2BD AS STRING)",
      );
      expect(found).toEqual([['2010-12-01 00:00:00', 'UTC', '0.3']]);
      expect((await failure(collect('SELECT 2147483647 + 1'))).parameters['condition']).toBe('ARITHMETIC_OVERFLOW');
    });
    it('of a million rows come whole, in small batches, while others get their turn', async () => {
      let turns = 0;
      let most = 0;
      let rows = 0;
      let sum = 0n;
      let ticking = true;
      const tick = (): void => {
        turns += 1;
        if (ticking) setImmediate(tick);
      };
      tick();
      const started = process.memoryUsage();
      let peak = 0;
      for await (const { length, values } of spark.query(
        "SELECT id, CAST(id AS DECIMAL(38,2)) AS d, concat('customer number ', id) AS s, TIMESTAMP_MICROS(id) AS t FROM range(1000000)",
      )) {
        rows += length;
        most = Math.max(most, length);
        for (const id of values[0] ?? []) sum += id as bigint;
        peak = Math.max(peak, process.memoryUsage().arrayBuffers + process.memoryUsage().external);
      }
      ticking = false;
      expect([rows, sum]).toEqual([1_000_000, 499_999_500_000n]);
      expect(most).toBeLessThanOrEqual(20_000);
      expect(turns).toBeGreaterThan(100);
      // The result is about 60 MB on the wire; what is held at one time must not grow with it.
      expect(peak - started.arrayBuffers - started.external).toBeLessThan(64 << 20);
    });
  },
);

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')('statements of Spark', () => {
  it('fail with condition and SQLSTATE, and without a word of their data', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['SELECT 1 / 0', 'DIVIDE_BY_ZERO', '22012'],
      ['SELECT 1 / (id - 5) FROM range(10)', 'DIVIDE_BY_ZERO', '22012'],
      ["SELECT CAST(concat('geheim', id) AS INT) FROM range(10)", 'CAST_INVALID_INPUT', '22018'],
      ['SELECT nope FROM range(1)', 'UNRESOLVED_COLUMN.WITH_SUGGESTION', '42703'],
      ['SELECT * FROM nope', 'TABLE_OR_VIEW_NOT_FOUND', '42P01'],
      ['SELEC 1', 'PARSE_SYNTAX_ERROR', '42601'],
      ['SELECT CAST(1000 AS DECIMAL(3,2))', 'NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION', '22003'],
    ];
    for (const [sql, condition, sqlstate] of cases) {
      const failed = await failure(collect(sql));
      expect([sql, failed.code, failed.parameters]).toEqual([
        sql,
        'engine-failed',
        { engine: 'spark', condition, sqlstate },
      ]);
      expect(`${failed.message} ${failed.hint}`).not.toContain('geheim');
    }
    const refused = await failure(collect("SELECT raise_error('geheim')"));
    expect([refused.code, refused.message.includes('geheim')]).toEqual(['engine-failed', false]);
  });
  it('are checked without being run, with the place of what is wrong', async () => {
    await spark.execute('CREATE OR REPLACE TEMPORARY VIEW kept AS SELECT 1 AS a');
    for (const sql of [
      'DROP VIEW kept',
      'INSERT INTO kept VALUES (2)',
      'FROM kept INSERT INTO kept SELECT 2',
      'SET x=1',
    ])
      expect((await failure(spark.dryRun(sql))).code, sql).toBe('spark-sql-invalid');
    expect(await rowsOf('SELECT * FROM kept')).toEqual([[1]]);
    await spark.dropView('kept');
    expect((await failure(spark.dryRun('SELECT a\nFROM range(1) -- none'))).parameters).toMatchObject({
      condition: 'UNRESOLVED_COLUMN.WITH_SUGGESTION',
      line: 1,
      column: 8,
      name: '`a`',
    });
    expect((await failure(spark.dryRun('SELECT 1\nFROM range(1) WHERE WHERE'))).parameters).toMatchObject({ line: 2 });
    const columns = await spark.dryRun(
      'WITH w AS (SELECT id FROM range(1)) SELECT id, sum(id) AS s FROM w GROUP BY id; ',
    );
    expect(columns.map((c) => [c.name, c.ddl, c.nullable])).toEqual([
      ['id', 'bigint', false],
      ['s', 'bigint', true],
    ]);
  });
  it('tell how far they are', async () => {
    const seen: number[] = [];
    const options = { onProgress: (p: { completed: number }) => seen.push(p.completed), inputBytes: 1 << 20 };
    await collect('SELECT count(*) FROM range(0, 40000000, 1, 8) WHERE sqrt(id) > 3', options);
    expect(Math.max(...seen)).toBeGreaterThan(0);
  });
});
