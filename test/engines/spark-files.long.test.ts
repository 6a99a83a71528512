import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssayError } from '../../src/errors/index.js';
import { noEmit } from '../../src/query/index.js';
import {
  addsOfFolder,
  createTable,
  openTable,
  overwritePartitions,
  relation,
  type TableColumn,
} from '../../src/store/delta/index.js';
import { openSpark, type SparkGateway } from '../../src/store/engine/index.js';
import { duckdb } from './parquet-engine.js';
import { hasSpark, NO_SPARK, sparkServer } from './spark-server.js';

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let spark: SparkGateway;
beforeAll(async () => {
  if (!hasSpark) return;
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-spark-files-'));
  spark = await openSpark({ url: await sparkServer(), emit: noEmit });
});
afterAll(async () => {
  await spark?.close();
  await engine?.close();
  if (root) await rm(root, { recursive: true, force: true });
});

const rowsOf = async (sql: string): Promise<readonly unknown[][]> => {
  const rows: unknown[][] = [];
  for await (const { length, values } of spark.query(sql))
    for (let row = 0; row < length; row++) rows.push(values.map((column) => column[row]));
  return rows;
};
const failure = (work: Promise<unknown>): Promise<AssayError> =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (thrown: AssayError) => thrown,
  );
const COLUMNS: readonly TableColumn[] = [
  { name: 'id', type: { kind: 'bigint' }, nullable: false },
  { name: 'amount', type: { kind: 'decimal', precision: 38, scale: 2 }, nullable: true },
  { name: 'note', type: { kind: 'string' }, nullable: true },
  { name: 'at', type: { kind: 'timestamp' }, nullable: true },
  { name: 'ratio', type: { kind: 'double' }, nullable: true },
  { name: 'day', type: { kind: 'date' }, nullable: true },
  { name: 'place', type: { kind: 'string' }, nullable: true },
];
/** Ten rows on two days, in places whose names folders cannot have as they are. */
const SELECT = `SELECT id, CAST(9007199254740993.25BD * (id + 1) AS DECIMAL(38,2)) AS amount,
  CASE WHEN id = 3 THEN NULL ELSE concat(repeat('ä', 40), '\\\\', id) END AS note,
  TIMESTAMP'1969-12-31 23:59:58.000001' + make_dt_interval(0, 0, 0, CAST(id AS DECIMAL(18,6))) AS at,
  IF(id = 4, double('NaN'), id / 2D) AS ratio,
  DATE'2010-12-01' + CAST(id % 2 AS INT) AS day,
  CASE id % 3 WHEN 0 THEN 'a/b c=%é' WHEN 1 THEN 'x\\'y"z' END AS place
FROM range(10)`;

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')(`files of Spark (${hasSpark ? 'server' : NO_SPARK})`, () => {
  const create = (name: string, columns = COLUMNS, partitionColumns = ['day', 'place']) =>
    createTable(join(root, name), engine, { columns, partitionColumns });

  it('become a commit of ours, which Spark and we read alike', async () => {
    const snapshot = await create('sales');
    const folder = 'd/step-1';
    const partitionBy = snapshot.metadata.partitionColumns;
    const path = snapshot.table.files.location(folder);
    await spark.writeParquet({ sql: SELECT, path, partitionBy, sortBy: ['id'] });
    const staged = await addsOfFolder({ snapshot, folder });
    expect(staged.rows).toBe(10);
    expect(new Set(staged.adds.map((a) => `${a.partitionValues['day']} ${a.partitionValues['place']}`))).toEqual(
      new Set(['2010-12-01', '2010-12-02'].flatMap((d) => ['a/b c=%é', `x'y"z`, 'null'].map((p) => `${d} ${p}`))),
    );
    await overwritePartitions({ snapshot, staged, txnId: 'step-1' });
    const now = await openTable(snapshot.table.path, engine);
    if (!now) return expect.unreachable('no table');
    // Values from arithmetic in here, not from either engine.
    const expected = Array.from({ length: 10 }, (_, i) => [
      BigInt(i),
      900719925474099325n * BigInt(i + 1),
      i === 3 ? null : `${'ä'.repeat(40)}\\${i}`,
      -1_999_999n + BigInt(i) * 1_000_000n,
      i === 4 ? Number.NaN : i / 2,
      i % 2 === 0 ? '2010-12-01' : '2010-12-02',
      i % 3 === 0 ? 'a/b c=%é' : i % 3 === 1 ? `x'y"z` : null,
    ]);
    const names = COLUMNS.map((c) => c.name).join(', ');
    expect(await rowsOf(`SELECT ${names} FROM delta.\`${now.table.path}\` ORDER BY id`)).toEqual(expected);
    const ours = await engine.query(
      `SELECT id, amount::VARCHAR AS amount, note, epoch_us("at")::VARCHAR AS "at", day::VARCHAR AS day, place FROM ${relation(now)} ORDER BY id`,
    );
    expect(ours.map((r) => [r['amount'], r['at'], r['note'], r['day'], r['place']])).toEqual(
      expected.map(([, amount, note, at, , day, place]) => [
        String(amount).replace(/(\d\d)$/, '.$1'),
        String(at),
        note,
        day,
        place,
      ]),
    );
    // Files are skipped by statistics from the footers, and no row with it.
    for (const condition of [
      'id >= 8',
      "at < TIMESTAMP'1970-01-01 00:00:01'",
      'amount > 90000000000000000',
      'ratio > 100',
    ])
      expect(
        (await rowsOf(`SELECT count(*) FROM delta.\`${now.table.path}\` WHERE ${condition}`))[0],
        condition,
      ).toEqual([
        {
          'id >= 8': 2n,
          "at < TIMESTAMP'1970-01-01 00:00:01'": 3n,
          'amount > 90000000000000000': 1n,
          'ratio > 100': 1n,
        }[condition],
      ]);
    const left = (await readdir(path, { recursive: true, withFileTypes: true })).filter((e) => e.isFile());
    expect(left.every((e) => e.name.endsWith('.parquet'))).toBe(true);
  });
  it('have statistics that hold for every row, and none where they are not sure', async () => {
    const snapshot = await create('flat', COLUMNS, []);
    const path = snapshot.table.files.location('d/one');
    await spark.writeParquet({ sql: SELECT, path, partitionBy: [], sortBy: ['id'] });
    const { adds } = await addsOfFolder({ snapshot, folder: 'd/one' });
    const merged = adds.map((a) => a.stats ?? '').join('');
    expect(merged).toContain('"id":0');
    expect(merged).toMatch(/"amount":9007199254740993.25[,}]/);
    expect(merged).toContain('"at":"1969-12-31T23:59:58.000Z"');
    for (const { stats } of adds) expect(Object.keys(JSON.parse(stats ?? '').maxValues)).not.toContain('ratio');
    expect(merged).toContain('"note":1');
    expect(merged).toContain(`${'ä'.repeat(32)}\ufffd`);
  });
  it('are refused, and removed, when they are not what the table is', async () => {
    const columns: readonly TableColumn[] = [{ name: 'id', type: { kind: 'bigint' }, nullable: false }];
    const snapshot = await create('strict', columns, []);
    const cases: readonly (readonly [string, string])[] = [
      ['SELECT CAST(1 AS INT) AS id', 'delta-schema'],
      ['SELECT 1L AS id, 2 AS more', 'delta-schema'],
      ['SELECT 1L AS other', 'delta-schema'],
      ['SELECT CAST(NULL AS BIGINT) AS id', 'delta-constraint'],
    ];
    for (const [n, [sql, code]] of cases.entries()) {
      const folder = `d/bad-${n}`;
      await spark.writeParquet({ sql, path: snapshot.table.files.location(folder), partitionBy: [] });
      expect((await failure(addsOfFolder({ snapshot, folder }))).code, sql).toBe(code);
      expect(await snapshot.table.files.walk(folder)).toEqual([]);
    }
    const none = await addsOfFolder({ snapshot, folder: 'd/none' });
    expect(none).toEqual({ adds: [], rows: 0, bytes: 0 });
    await spark.writeParquet({
      sql: 'SELECT 1L AS id WHERE false',
      path: snapshot.table.files.location('d/empty'),
      partitionBy: [],
    });
    expect(await addsOfFolder({ snapshot, folder: 'd/empty' })).toEqual({ adds: [], rows: 0, bytes: 0 });
  });
  it('are replaced when a step writes again', async () => {
    const path = join(root, 'again');
    await spark.writeParquet({ sql: 'SELECT 1L AS id', path, partitionBy: [] });
    await spark.writeParquet({ sql: 'SELECT 2L AS id', path, partitionBy: [] });
    expect(await rowsOf(`SELECT id FROM parquet.\`${path}\``)).toEqual([[2n]]);
  });
});

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')('a temporary view of Spark over files', () => {
  const write = (file: string, select: string): Promise<string> => writeAs(file, select, 0);
  const writeAs = async (file: string, select: string, n: number): Promise<string> => {
    const path = join(root, file);
    await mkdir(dirname(path), { recursive: true });
    // A plain name for the engine, which reads patterns; then the name that is wanted.
    const plain = join(root, `written-${n}.parquet`);
    await engine.execute(`COPY (${select}) TO '${plain}' (FORMAT parquet)`);
    await rename(plain, path);
    return path;
  };
  it('has the columns of its schema, constants with their types, and nulls for what a file lacks', async () => {
    const a = await write('v/a b%20c/day=1/{x}[1]*?.parquet', 'SELECT 1::BIGINT AS id, 1.5::DECIMAL(12,2) AS amount');
    const b = await write('v/b.parquet', 'SELECT 2::BIGINT AS id');
    const c = await write('v/c.parquet', "SELECT 3::BIGINT AS id, 2.5::DECIMAL(12,2) AS amount, 'kept' AS extra");
    await writeFile(join(root, 'v/x1.parquet'), 'no Parquet: must not be read for the pattern above');
    await spark.tempView('sales view', {
      columns: [
        { name: 'id', ddl: 'bigint' },
        { name: 'day', ddl: 'date' },
        { name: 'amount', ddl: 'decimal(12,2)' },
        { name: "o'clock", ddl: 'string' },
      ],
      groups: [
        { files: [a], constants: { day: '2010-12-01', "o'clock": "1 o'clock\\" } },
        { files: [b], constants: { day: null, "o'clock": '' } },
        { files: [c], constants: { day: '2010-12-01', "o'clock": "1 o'clock\\" } },
      ],
    });
    expect(await rowsOf('SELECT * FROM `sales view` ORDER BY id')).toEqual([
      [1n, '2010-12-01', 150n, "1 o'clock\\"],
      [2n, null, null, null],
      [3n, '2010-12-01', 250n, "1 o'clock\\"],
    ]);
    expect((await spark.dryRun('SELECT * FROM `sales view`')).map((x) => x.ddl)).toEqual([
      'bigint',
      'date',
      'decimal(12,2)',
      'string',
    ]);
    await spark.tempView('sales view', { columns: [{ name: 'id', ddl: 'bigint' }], groups: [] });
    expect(await rowsOf('SELECT count(*) FROM `sales view`')).toEqual([[0n]]);
    await spark.dropView('sales view');
    expect((await failure(rowsOf('SELECT * FROM `sales view`'))).parameters['condition']).toBe(
      'TABLE_OR_VIEW_NOT_FOUND',
    );
  });
  it('over many partitions gives each row the constants of its file', async () => {
    const names = ['v/plain.parquet', 'v/a b%20c/[é😀]{x}.parquet', "v/it's=#1;&+,@$!~(2)^`|.parquet", 'v/q?*.parquet'];
    const files = await Promise.all(
      Array.from({ length: 4 }, (_, n) => n).map((n) => writeAs(names[n] ?? '', `SELECT ${n}::BIGINT AS id`, n)),
    );
    const groups = Array.from({ length: 100 }, (_, n) => ({
      files: [files[n % 4] ?? ''],
      constants: { n: n === 99 ? null : String(n), p: `place ${n}` },
    }));
    const columns = [
      { name: 'n', ddl: 'int' },
      { name: 'id', ddl: 'bigint' },
      { name: 'p', ddl: 'string' },
    ];
    await spark.tempView('many', { columns, groups });
    expect(await rowsOf('SELECT * FROM many WHERE n IN (6, 97) ORDER BY n')).toEqual([
      [6, 2n, 'place 6'],
      [97, 1n, 'place 97'],
    ]);
    expect(await rowsOf('SELECT count(*), count(n), sum(n), sum(n % 4 - id) FROM many')).toEqual([
      [100n, 99n, 4851n, 0n],
    ]);
  });
});
