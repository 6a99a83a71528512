import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DialectName, Partition, Scd2, Transform } from '../../src/build/transform/files/definition.js';
import { readTransforms } from '../../src/build/transform/files/read-transforms.js';
import { readSeeds } from '../../src/build/transform/files/seeds.js';
import { parquetSession } from '../../src/build/transform/index.js';
import { isPartitioned } from '../../src/build/transform/plan/state.js';
import { postgresType } from '../../src/build/transform/sql-text.js';
import { auditTable } from '../../src/build/transform/step/audit-table.js';
import { makeStep } from '../../src/build/transform/step/make-step.js';
import { keysBetween } from '../../src/build/transform/step/partition-keys.js';
import { sparkFiles } from '../../src/build/transform/step/spark-input.js';
import { type Spark, sparkSessions } from '../../src/build/transform/step/spark-sessions.js';
import type { Readable, StepOrder } from '../../src/build/transform/step/step.js';
import { noEmit } from '../../src/query/index.js';
import { openTable, relation, relationOf } from '../../src/store/delta/index.js';
import { hasSpark, sparkServer } from './spark-server.js';
import { inLake, orderOf, readable, textsOf, transformOf, withParts } from './step-parts.js';
import { openPlace, type Place, root, sample } from './warehouse-and-lake.js';

let place: Place;
let spark: Spark | undefined;
beforeAll(async () => {
  place = await openPlace();
  // Where Spark is missing the other two are compared; CI has all three.
  if (hasSpark || process.env['CI'] === 'true') spark = sparkSessions({ url: await sparkServer(), emit: noEmit });
});
afterAll(async () => {
  await spark?.close();
  await place.close();
});

interface Made {
  readonly rows: string[][];
  readonly hashes: readonly string[];
  readonly engine: string;
}
/** The same table on one engine, through files. */
const madeOn = (engine: DialectName, transform: Transform, over: Partial<StepOrder>): Promise<Made> =>
  withParts(
    place,
    transform,
    async (parts) => {
      const order = orderOf(transform, { ...over, engine });
      const step = await makeStep(parts, order);
      const staged = relationOf(parts.snapshot, step.adds);
      const audit = await auditTable(parts, order, { duckdb: staged, postgres: undefined }, step.partitions);
      expect([...audit.partitions.values()].map((p) => p.refused)).toEqual([...step.partitions].map(() => undefined));
      return {
        rows: await textsOf(parts.engine, staged),
        hashes: [...step.partitions.values()].map((p) => p.contentHash),
        engine: step.engine,
      };
    },
    spark,
  );
/** Every engine makes the same rows with the same hashes; gives them. */
const onAll = async (transform: Transform, over: Partial<StepOrder>): Promise<string[][]> => {
  const duckdb = await madeOn('duckdb', transform, over);
  const postgres = await madeOn('postgres', transform, over);
  expect(postgres.rows).toEqual(duckdb.rows);
  expect(postgres.hashes).toEqual(duckdb.hashes);
  expect(postgres.engine).toBe('postgres');
  if (!spark) return duckdb.rows;
  const inputs = new Map<string, Readable>();
  for (const [name, input] of over.inputs ?? []) inputs.set(name, await inLake(place, input));
  const existing = over.existing && (await inLake(place, over.existing));
  const third = await madeOn('spark', transform, { ...over, inputs, existing });
  expect(third.rows).toEqual(duckdb.rows);
  expect(third.hashes).toEqual(duckdb.hashes);
  expect(third.engine).toBe('spark');
  return duckdb.rows;
};

/** Values that travel badly, as all engines read them as texts and as DuckDB prints them. */
const VALUES: readonly (readonly [type: string, values: readonly (readonly [text: string, printed: string])[]])[] = [
  [
    'integer',
    [
      ['-2147483648', '-2147483648'],
      ['2147483647', '2147483647'],
      ['0', '0'],
    ],
  ],
  [
    'bigint',
    [
      ['-9223372036854775808', '-9223372036854775808'],
      ['9223372036854775807', '9223372036854775807'],
      ['9007199254740993', '9007199254740993'],
    ],
  ],
  [
    'decimal(38,10)',
    [
      ['9999999999999999999999999999.9999999999', '9999999999999999999999999999.9999999999'],
      ['-0.0000000001', '-0.0000000001'],
      ['-0', '0.0000000000'],
    ],
  ],
  [
    'decimal(5,5)',
    [
      ['0.99999', '.99999'],
      ['-0.1', '-.10000'],
    ],
  ],
  [
    'double',
    [
      ['-0', '-0.0'],
      ['0.1', '0.1'],
      ['1e308', '1e+308'],
      ['5e-324', '5e-324'],
      ['0.30000000000000004', '0.30000000000000004'],
      ['9007199254740993', '9007199254740992.0'],
      ['NaN', 'nan'],
      ['-Infinity', '-inf'],
    ],
  ],
  [
    'boolean',
    [
      ['true', 'true'],
      ['false', 'false'],
    ],
  ],
  [
    'date',
    [
      ['0001-01-01', '0001-01-01'],
      ['2012-02-29', '2012-02-29'],
      ['9999-12-31', '9999-12-31'],
    ],
  ],
  [
    'timestamp',
    [
      ['1969-12-31 23:59:59.999999+00', '1969-12-31 23:59:59.999999+00'],
      ['2010-12-01 08:26:00+05:30', '2010-12-01 02:56:00+00'],
      ['9999-12-31 23:59:59.999999+00', '9999-12-31 23:59:59.999999+00'],
    ],
  ],
  [
    'string',
    [
      '',
      ' ',
      '\\N',
      'NULL',
      'null',
      '"',
      '""',
      ',',
      'a"b,c\nd',
      'line\r\nbreak',
      '\r',
      '\t',
      'back\\slash',
      '\u001f',
      '\u0001',
      'a\ufeffbom',
      'ё é e\u0301',
      '👩‍👩‍👧',
      '\u{10ffff}',
      "it's",
      ' spaces ',
      'x'.repeat(100_000),
    ].map((text) => [text, text] as const),
  ],
];

const literalOf = (text: string) => `'${text.replaceAll("'", "''")}'`;

describe('a column of each type', () => {
  it.each(VALUES)('%s is the same from every engine', async (type, values) => {
    const transform = transformOf(
      `keys: {natural: [id]}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: value, type: "${type}", nullable: true}`,
      `SELECT id, value FROM {{source('bronze.x')}}`,
    );
    const column = transform.columns[1];
    const sqlType = column ? postgresType(column.type) : '';
    // NULL at the end, and the CSV's own null sign among the texts: neither may be taken for the other.
    const rows = [...values.map(([text]) => `CAST(${literalOf(text)} AS ${sqlType})`), `CAST(NULL AS ${sqlType})`];
    const sql = rows.map((value, i) => `SELECT CAST(${i} AS integer) AS id, ${value} AS value`).join(' UNION ALL ');
    const made = await onAll(transform, { inputs: new Map([['bronze.x', readable(sql)]]) });
    const printed = new Map(made.map(([id, value]) => [Number(id), value]));
    expect(values.map((_, i) => printed.get(i))).toEqual(values.map(([, text]) => text));
    expect(printed.get(values.length)).toBe('∅');
  });
  it('alone in its table may be null', async () => {
    const transform = transformOf(
      `keys: {natural: [name]}
columns: [{name: name, type: string, nullable: true}]`,
      `SELECT name FROM {{source('bronze.x')}}`,
    );
    const sql = `SELECT * FROM (VALUES (NULL::text), (''), ('a')) v(name)`;
    expect(await onAll(transform, { inputs: new Map([['bronze.x', readable(sql)]]) })).toEqual([['∅'], [''], ['a']]);
  });
});

const byDay: Partition = {
  ...{ column: 'day', unit: 'day', start: undefined, lookback: 0, maxBatch: undefined },
  ...{ inputs: new Map(), sources: new Map() },
};
const byHour: Partition = { ...byDay, column: 'since', unit: 'hour' };
const byMonth: Partition = { ...byDay, column: 'month_key', unit: 'month' };
const INPUT = readable(
  `SELECT id::bigint AS id, name::text AS name, amount::decimal(12,2) AS amount, since::timestamptz AS since FROM (VALUES
    (1, 'a', 1.10, '2010-12-01 08:00:00+00'), (2, 'Ä', NULL, '2010-12-01 09:00:00+00'), (3, NULL, -0.05, '2010-12-02 00:00:00+00'),
    (1, 'b', 2.00, '2010-12-03 00:00:00+00')) v(id, name, amount, since)`,
);
const inputs = new Map<string, Readable>([['bronze.x', INPUT]]);
const SCD2: Scd2 = {
  ...{ key: ['id'], track: ['name'], history: true, updatedAt: undefined, deletes: 'ignore', deleted: undefined },
  ...{ validFrom: 'since', validTo: 'until', current: 'is_current', version: 'version' },
};
const HISTORY = `keys: {natural: [id, since], surrogate: row_key}
columns:
  - {name: row_key, type: bigint, nullable: false}
  - {name: id, type: bigint, nullable: false}
  - {name: name, type: string, nullable: true}
  - {name: since, type: timestamp, nullable: false}
  - {name: until, type: timestamp, nullable: true}
  - {name: is_current, type: boolean, nullable: false}
  - {name: version, type: integer, nullable: false}`;
const PLAIN = `keys: {natural: [id]}
columns: [{name: id, type: bigint, nullable: false}, {name: name, type: string, nullable: true}]`;

/** Each kind with a body that all dialects read, and what must come out, written by hand. */
const KINDS: readonly (readonly [
  kind: string,
  transform: () => Transform,
  over: Partial<StepOrder>,
  rows: string[][],
])[] = [
  [
    'full, with a surrogate key of every type',
    () =>
      transformOf(
        `keys: {natural: [id], surrogate: k}
columns: [{name: k, type: bigint, nullable: false}, {name: id, type: bigint, nullable: false}]`,
        `SELECT {{key(id, name, amount, timestamp since, CAST(since AS date), amount IS NULL)}} AS k, id FROM {{source('bronze.x')}} WHERE amount IS NULL`,
      ),
    {},
    // printf '2\x1fÄ\x1f\\N\x1f2010-12-01T09:00:00.000000Z\x1f2010-12-01\x1ftrue' | md5sum | cut -c1-15, as a number
    [['KEY', '2']],
  ],
  [
    'incremental_by_partition, days',
    () =>
      transformOf(
        `keys: {natural: [id]}
columns: [{name: id, type: bigint, nullable: false}, {name: day, type: date, nullable: false}]`,
        `SELECT id, CAST(since AS date) AS day FROM {{source('bronze.x')}} WHERE since >= {{partition.start}} AND since < {{partition.end}}`,
        { kind: 'incremental_by_partition', partition: byDay },
      ),
    { partitions: ['2010-12-01', '2010-12-02'] },
    [
      ['1', '2010-12-01'],
      ['2', '2010-12-01'],
      ['3', '2010-12-02'],
    ],
  ],
  [
    'incremental_by_partition, hours',
    () =>
      transformOf(
        `keys: {natural: [id]}
columns: [{name: id, type: bigint, nullable: false}, {name: since, type: timestamp, nullable: false}]`,
        `SELECT id, since FROM {{source('bronze.x')}} WHERE since >= {{partition.start}} AND since < {{partition.end}}`,
        { kind: 'incremental_by_partition', partition: byHour },
      ),
    { partitions: ['2010-12-01T09'] },
    [['2', '2010-12-01 09:00:00+00']],
  ],
  [
    'incremental_by_partition, months as numbers',
    () =>
      transformOf(
        `keys: {natural: [id, name]}
columns: [{name: id, type: bigint, nullable: false}, {name: name, type: string, nullable: true}, {name: month_key, type: integer, nullable: false}]`,
        `SELECT id, name, CAST(extract(year FROM since) * 100 + extract(month FROM since) AS integer) AS month_key
         FROM {{source('bronze.x')}} WHERE since >= {{partition.start}} AND since < {{partition.end}}`,
        { kind: 'incremental_by_partition', partition: byMonth },
      ),
    { partitions: ['2010-12'] },
    [
      ['1', 'a', '201012'],
      ['1', 'b', '201012'],
      ['2', 'Ä', '201012'],
      ['3', '∅', '201012'],
    ],
  ],
  [
    'incremental_by_key, over what is there',
    () =>
      transformOf(
        PLAIN,
        `SELECT id, name FROM {{source('bronze.x')}} WHERE since < {{run.ts}} AND NOT EXISTS (SELECT 1 FROM {{this}} t WHERE t.name = 'Ä')`,
        {
          kind: 'incremental_by_key',
        },
      ),
    { existing: readable(`SELECT 2::bigint AS id, 'old'::text AS name UNION ALL SELECT 7, 'kept'`) },
    [
      ['1', 'a'],
      ['2', 'Ä'],
      ['7', 'kept'],
    ],
  ],
  [
    'scd2 of all time',
    () => transformOf(HISTORY, `SELECT id, name, since FROM {{source('bronze.x')}}`, { kind: 'scd2', scd2: SCD2 }),
    {},
    [
      ['1', 'a', '2010-12-01 08:00:00+00', '2010-12-03 00:00:00+00', 'false', '1'],
      ['1', 'b', '2010-12-03 00:00:00+00', '∅', 'true', '2'],
      ['2', 'Ä', '2010-12-01 09:00:00+00', '∅', 'true', '1'],
      ['3', '∅', '2010-12-02 00:00:00+00', '∅', 'true', '1'],
    ],
  ],
  [
    'scd2 of the present state',
    () =>
      transformOf(HISTORY, `SELECT id, name FROM {{source('bronze.x')}} WHERE since < {{run.ts}}`, {
        kind: 'scd2',
        scd2: { ...SCD2, history: false, deletes: 'close' },
      }),
    {
      existing:
        readable(`SELECT 1::bigint AS row_key, 2::bigint AS id, 'A'::text AS name, '2010-11-01 00:00:00+00'::timestamptz AS since,
        NULL::timestamptz AS until, true AS is_current, 1 AS version
        UNION ALL SELECT 2, 9, 'gone', '2010-11-01 00:00:00+00'::timestamptz, NULL, true, 1`),
    },
    [
      ['1', 'a', '2010-12-02 00:00:00+00', '∅', 'true', '1'],
      ['2', 'A', '2010-11-01 00:00:00+00', '2010-12-02 00:00:00+00', 'false', '1'],
      ['2', 'Ä', '2010-12-02 00:00:00+00', '∅', 'true', '2'],
      ['9', 'gone', '2010-11-01 00:00:00+00', '2010-12-02 00:00:00+00', 'false', '1'],
    ],
  ],
];

describe('a table of each kind', () => {
  it.each(KINDS)('%s is the same from every engine', async (kind, transform, over, rows) => {
    const of = transform();
    const made = await onAll(of, { inputs, ...over });
    const { createHash } = await import('node:crypto');
    const text = '2\u001fÄ\u001f\\N\u001f2010-12-01T09:00:00.000000Z\u001f2010-12-01\u001ftrue';
    const key = BigInt(`0x${createHash('md5').update(text).digest('hex').slice(0, 15)}`).toString();
    const shown = kind.startsWith('scd2') ? made.map(([, ...rest]) => rest) : made;
    expect(shown.map((row) => row.join('|')).sort()).toEqual(
      rows.map((row) => row.join('|').replace('KEY', key)).sort(),
    );
  });
  it('says which input is not in PostgreSQL', async () => {
    const transform = transformOf(PLAIN, `SELECT id, name FROM {{source('bronze.x')}}`);
    const only = new Map([['bronze.x', { duckdb: INPUT.duckdb, postgres: undefined }]]);
    await expect(madeOn('postgres', transform, { inputs: only })).rejects.toMatchObject({
      code: 'transform-invalid',
      message: expect.stringContaining('bronze.x is not in PostgreSQL'),
    });
  });
  it('gives nothing when its statement is cancelled, and leaves no file behind', async () => {
    const transform = transformOf(
      PLAIN,
      `SELECT id, name FROM {{source('bronze.x')}}, (SELECT count(*) FROM generate_series(1, 100000000)) AS slow(n)`,
    );
    const stop = new AbortController();
    const made = madeOn('postgres', transform, { inputs, signal: stop.signal });
    const ended = expect(made).rejects.toMatchObject({ code: 'cancelled' });
    const running = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (%' AND pid <> pg_backend_pid()`;
    while ((await place.warehouse.query<{ n: number }>(running)).rows[0]?.n !== 1);
    stop.abort();
    await ended;
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(`${place.home}/tmp`).filter((name) => name.endsWith('.csv'))).toEqual([]);
  });
});

describe('the real sample', () => {
  it('gives the same tables on every engine that a transform allows', { timeout: 600_000 }, async () => {
    await place.ingest(sample);
    const { publication } = await place.build();
    const transforms = await readTransforms(join(root, 'transforms'));
    const seeds = await readSeeds(join(root, 'transforms'));
    const tables = new Map<string, Readable>();
    const source = await openTable(join(place.lake, 'bronze/online_retail'), parquetSession(place.duckdb));
    if (source)
      tables.set('bronze.online_retail', {
        ...{ duckdb: relation(source), postgres: undefined, spark: sparkFiles(source, source.adds) },
      });
    for (const { name, lake, postgres } of publication.tables.values()) {
      const snapshot = lake && (await openTable(lake.path, parquetSession(place.duckdb), lake.version));
      if (snapshot)
        tables.set(name, { duckdb: relation(snapshot), postgres, spark: sparkFiles(snapshot, snapshot.adds) });
    }
    const ends = 'SELECT min(invoice_date)::VARCHAR, max(invoice_date)::VARCHAR FROM {silver.order_lines}';
    const [[first = '', last = ''] = []] = await place.delta(publication, ends);
    const days = keysBetween(first, last, 'day');
    const several = transforms.filter(({ engine }) => engine.allow.length > 1);
    expect(several.length).toBeGreaterThanOrEqual(5);
    for (const transform of several)
      await withParts(
        place,
        transform,
        async (parts) => {
          const published = publication.tables.get(transform.id);
          const hashes: string[] = [];
          const partitions = isPartitioned(transform) ? days : undefined;
          for (const engine of transform.engine.allow) {
            if (engine === 'spark' && !spark) continue;
            const step = await makeStep(parts, orderOf(transform, { engine, inputs: tables, seeds, partitions }));
            const all = [...step.partitions].map(([key, { rows, contentHash }]) => `${key} ${rows} ${contentHash}`);
            hashes.push(`${transform.id} ${step.rows} ${all.join(' ')}`);
          }
          for (const other of hashes) expect(other).toBe(hashes[0]);
          // All are what was published, which the control totals of the sample are asked of.
          expect(hashes[0]).toContain(` ${published?.rows} `);
        },
        spark,
      );
  });
});
