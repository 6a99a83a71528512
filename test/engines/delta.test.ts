import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appendFiles,
  createTable,
  findCommit,
  openTable,
  overwritePartitions,
  overwriteTable,
  relation,
  type Snapshot,
  vacuum,
  writeParquet,
} from '../../src/store/delta/index.js';
import { NO_READER, python, readForeign } from './delta-rs.js';
import { duckdb } from './parquet-engine.js';

const COLUMNS = [
  { name: 'id', type: { kind: 'bigint' }, nullable: false },
  { name: 'day', type: { kind: 'date' }, nullable: true },
  { name: 'name', type: { kind: 'string' }, nullable: true },
  { name: 'amount', type: { kind: 'decimal', precision: 12, scale: 2 }, nullable: true },
  { name: 'big', type: { kind: 'decimal', precision: 38, scale: 6 }, nullable: true },
  { name: 'count', type: { kind: 'integer' }, nullable: true },
  { name: 'rate', type: { kind: 'double' }, nullable: true },
  { name: 'flag', type: { kind: 'boolean' }, nullable: true },
  { name: 'stamp', type: { kind: 'timestamp' }, nullable: true },
] as const;
const SELECT = `SELECT * FROM (VALUES
  (9007199254740993, DATE '2010-12-01', 'a/b c=%é', 475412.72, 12345678901234567890123456789012.123456, 1, 0.5, true, TIMESTAMPTZ '2010-12-01 08:26:00.123456+00'),
  (2, DATE '2010-12-01', '', -0.01, -0.000001, -2, 'nan'::DOUBLE, false, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (-9223372036854775808, DATE '1969-01-01', repeat('𝄞', 40), 9999999999.99, 0, 2147483647, -1e300, true, TIMESTAMPTZ '9999-12-31 23:59:59.999999+00')
) t(id, day, name, amount, big, count, rate, flag, stamp)`;

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let path: string;
let steps = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-delta-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  path = join(root, `t${++steps}`);
});
const open = async (version?: number): Promise<Snapshot> => {
  const found = await openTable(path, engine, version);
  if (!found) throw new Error(`no table at ${path}`);
  return found;
};
const stage = async (select: string, snapshot: Snapshot) => {
  const stepId = `step-${++steps}`;
  return { snapshot, staged: await writeParquet({ snapshot, select, sortBy: ['id'], stepId }), txnId: stepId };
};
/** Our own reading, in the form of the other reader's. */
const ours = async (snapshot: Snapshot) => {
  const columns = COLUMNS.map(({ name, type }) =>
    type.kind === 'timestamp' ? `strftime("stamp" AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')` : `"${name}"::VARCHAR`,
  ).map((c, i) => `${c} AS c${i}`);
  const rows = await engine.query(`SELECT ${columns.join(', ')} FROM ${relation(snapshot)} ORDER BY id::VARCHAR`);
  return rows.map((row) => Object.values(row));
};
const doubles = (rows: readonly (readonly unknown[])[]) =>
  rows
    .map((row) => row.map((v, i) => (COLUMNS[i]?.type.kind === 'double' && typeof v === 'string' ? Number(v) : v)))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

describe.each([
  { name: 'not partitioned', partitionColumns: [] },
  { name: 'partitioned by date', partitionColumns: ['day'] },
  { name: 'partitioned by boolean and timestamp', partitionColumns: ['flag', 'stamp'] },
])('a table $name', ({ partitionColumns }) => {
  it('gives rows and types exactly as they were written, and no rows when empty', async () => {
    const empty = await createTable(path, engine, { columns: COLUMNS, partitionColumns });
    expect(await ours(empty)).toEqual([]);
    await appendFiles(await stage(SELECT, empty));
    const raw = await engine.query(`SELECT count(*)::VARCHAR n FROM (
      (SELECT * FROM (${SELECT}) EXCEPT ALL SELECT * FROM ${relation(await open())})
      UNION ALL (SELECT * FROM ${relation(await open())} EXCEPT ALL SELECT * FROM (${SELECT})))`);
    expect(raw).toEqual([{ n: '0' }]);
    const types = await engine.query(`SELECT column_type FROM (DESCRIBE SELECT * FROM ${relation(await open())})`);
    expect(types.map((t) => t['column_type'])).toEqual([
      'BIGINT',
      'DATE',
      'VARCHAR',
      'DECIMAL(12,2)',
      'DECIMAL(38,6)',
      'INTEGER',
      'DOUBLE',
      'BOOLEAN',
      'TIMESTAMP WITH TIME ZONE',
    ]);
    const emptyTypes = await engine.query(`SELECT column_type FROM (DESCRIBE SELECT * FROM ${relation(empty)})`);
    expect(emptyTypes).toEqual(types);
  });

  it('reads the same in delta-rs after create, append, overwrite, partition overwrite and checkpoint', async ({
    skip,
  }) => {
    if (!python) skip(NO_READER);
    await createTable(path, engine, { columns: COLUMNS, partitionColumns });
    const same = async () => {
      const snapshot = await open();
      const foreign = readForeign(path, ['id']);
      expect(foreign.version).toBe(snapshot.version);
      expect(foreign.files).toBe(snapshot.adds.length);
      expect(foreign.partitions).toEqual(partitionColumns);
      const order = foreign.columns.map(([name]) => COLUMNS.findIndex((c) => c.name === name));
      const rows = foreign.rows.map((row) => COLUMNS.map((_, i) => row[order.indexOf(i)] ?? null));
      expect(doubles(rows)).toEqual(doubles(await ours(snapshot)));
      return foreign;
    };
    await same();
    await appendFiles(await stage(SELECT, await open()));
    const written = await same();
    expect(Object.fromEntries(written.columns)).toEqual({
      id: 'int64',
      day: 'date32[day]',
      name: 'string',
      amount: 'decimal128(12, 2)',
      big: 'decimal128(38, 6)',
      count: 'int32',
      rate: 'double',
      flag: 'bool',
      stamp: 'timestamp[us, tz=UTC]',
    });
    expect(written.rows.length).toBe(4);
    await overwriteTable(await stage(`SELECT * REPLACE (id + 1 AS id) FROM (${SELECT}) WHERE id < 100`, await open()));
    expect((await same()).rows.length).toBe(3);
    if (partitionColumns.length > 0) {
      await overwritePartitions(
        await stage(`SELECT * REPLACE (77 AS id) FROM (${SELECT}) WHERE id = 9007199254740993`, await open()),
      );
      const rows = (await same()).rows;
      expect(rows.length).toBe(partitionColumns.includes('day') ? 3 : 4);
      expect(rows.flat()).toContain('77');
    }
    while ((await open()).version < 12) await appendFiles(await stage(SELECT, await open()));
    expect(await readdir(join(path, '_delta_log'))).toContain('00000000000000000010.checkpoint.parquet');
    await same();
    // The checkpoint alone must carry everything that came before it.
    for (let v = 0; v < 10; v++) await rm(join(path, '_delta_log', `${String(v).padStart(20, '0')}.json`));
    await same();
  });
});

describe('statistics', () => {
  it('never hide a row from delta-rs: filters at the bounds find what is there', async ({ skip }) => {
    if (!python) skip(NO_READER);
    const table = await createTable(path, engine, { columns: COLUMNS, partitionColumns: ['day'] });
    await appendFiles(await stage(SELECT, table));
    expect(readForeign(path, ['id'], undefined, [['name', '=', '𝄞'.repeat(40)]]).rows.length).toBe(1);
    expect(readForeign(path, ['id'], undefined, [['count', '>=', 2147483647]]).rows.length).toBe(1);
    const stats = (await open()).adds.map((add) => JSON.parse(add.stats ?? '{}') as { numRecords: number });
    expect(stats.reduce((n, s) => n + s.numRecords, 0)).toBe(4);
  });
});

describe('order and files', () => {
  it('keeps rows of each partition together and sorted, but for a few at the edges of batches', async () => {
    const table = await createTable(path, engine, { columns: COLUMNS, partitionColumns: ['day'] });
    const select = `SELECT range AS id, DATE '2010-12-01' + (range % 7)::INTEGER AS day, 'x' AS name, 1.5 AS amount, 0 AS big,
      1 AS count, 1.0 AS rate, true AS flag, TIMESTAMPTZ '2010-12-01 00:00:00+00' AS stamp FROM range(300000) ORDER BY hash(range)`;
    const { staged } = await stage(select, table);
    expect(staged.rows).toBe(300000);
    expect(staged.adds.length).toBe(7);
    const files = staged.adds.map((a) => `'${join(path, a.path)}'`).join(', ');
    const wrong = await engine.query(`SELECT count(*)::VARCHAR n FROM (SELECT id, lag(id) OVER (PARTITION BY filename
      ORDER BY file_row_number) AS earlier FROM read_parquet([${files}], filename=true, file_row_number=true)) WHERE earlier >= id`);
    // A partition's first rows may wait in a small buffer (64 rows) while the next batch goes past it.
    expect(Number(wrong[0]?.['n'])).toBeLessThan(7 * 2 * 64);
  });

  it('keeps rows sorted where the table is not partitioned, cut into files of the wanted size', async () => {
    const table = await createTable(path, engine, { columns: COLUMNS, partitionColumns: [] });
    const select = `SELECT range AS id, DATE '2010-12-01' AS day, md5(range::VARCHAR) AS name, 1.5 AS amount, 0 AS big,
      1 AS count, 1.0 AS rate, true AS flag, TIMESTAMPTZ '2010-12-01 00:00:00+00' AS stamp FROM range(500000) ORDER BY hash(range)`;
    for (const targetFileMb of [undefined, 1]) {
      const staged = await writeParquet({
        ...{ snapshot: table, select, sortBy: ['id'], stepId: `step-${++steps}` },
        ...(targetFileMb === undefined ? {} : { targetFileMb }),
      });
      expect(staged.rows).toBe(500000);
      if (targetFileMb === undefined) expect(staged.adds.length).toBe(1);
      else expect(staged.adds.length).toBeGreaterThan(3);
      const files = staged.adds.map((a) => `'${join(path, a.path)}'`).join(', ');
      const wrong = await engine.query(`SELECT count(*)::VARCHAR n FROM (SELECT id, lag(id) OVER (PARTITION BY filename
        ORDER BY file_row_number) AS earlier FROM read_parquet([${files}], filename=true, file_row_number=true)) WHERE earlier >= id`);
      // The engine's threads may hand in a group of rows out of its turn; unsorted rows would step back 250,000 times.
      expect(Number(wrong[0]?.['n'])).toBeLessThan(10);
      // So files hardly overlap either: together they span hardly more than the rows do.
      const [spans] =
        await engine.query(`SELECT sum(b - a + 1)::DOUBLE AS all_files FROM (SELECT min(id) AS a, max(id) AS b
        FROM read_parquet([${files}], filename=true) GROUP BY filename)`);
      expect(Number(spans?.['all_files'])).toBeLessThan(2 * 500000);
    }
  });

  it('reads files of an older schema and of other writers: missing columns are null, partitions come from the log', async () => {
    const table = await createTable(path, engine, { columns: COLUMNS, partitionColumns: ['day'] });
    const { staged, txnId } = await stage(SELECT, table);
    const untagged = staged.adds.map(({ tags: _, ...add }) => add);
    await appendFiles({ snapshot: table, staged: { adds: untagged, rows: staged.rows }, txnId });
    const plain = await open();
    const wider: Snapshot = {
      ...plain,
      schema: {
        type: 'struct',
        fields: [...plain.schema.fields, { name: 'late', type: 'decimal(5,1)', nullable: true, metadata: {} }],
      },
    };
    const rows = await engine.query(
      `SELECT id::VARCHAR id, day::VARCHAR AS "day", late, typeof(late) AS "type" FROM ${relation(wider)} ORDER BY id`,
    );
    expect(rows.map((r) => [r['id'], r['day'], r['late'], r['type']])).toEqual([
      ['-9223372036854775808', '1969-01-01', null, 'DECIMAL(5,1)'],
      ['2', '2010-12-01', null, 'DECIMAL(5,1)'],
      ['3', null, null, 'DECIMAL(5,1)'],
      ['9007199254740993', '2010-12-01', null, 'DECIMAL(5,1)'],
    ]);
  });
});

describe('rules', () => {
  it('refuses rows that break NOT NULL or a CHECK before a file is named, and leaves nothing behind', async () => {
    const table = await createTable(path, engine, {
      columns: COLUMNS,
      partitionColumns: [],
      constraints: { positive: 'count > 0' },
    });
    expect(table.protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 3 });
    await expect(stage(SELECT, table)).rejects.toMatchObject({
      code: 'delta-constraint',
      parameters: { constraint: 'CHECK positive (count > 0)', rows: '2' },
    });
    await expect(stage(`SELECT * REPLACE (NULL AS id) FROM (${SELECT})`, table)).rejects.toMatchObject({
      code: 'delta-constraint',
    });
    expect(await readdir(join(path, 'd'))).toEqual([]);
  });

  it('refuses to open a table as one of another shape', async () => {
    await createTable(path, engine, { columns: COLUMNS, partitionColumns: [] });
    await expect(createTable(path, engine, { columns: COLUMNS.slice(1), partitionColumns: [] })).rejects.toMatchObject({
      code: 'delta-schema',
    });
    await expect(createTable(path, engine, { columns: COLUMNS, partitionColumns: ['day'] })).rejects.toMatchObject({
      code: 'delta-schema',
    });
  });

  it('publishes an id once, finds it again, and keeps writers of one partition apart', async () => {
    const table = await createTable(path, engine, { columns: COLUMNS, partitionColumns: ['day'] });
    const first = await stage(`${SELECT} WHERE day = DATE '2010-12-01'`, table);
    const other = await stage(`${SELECT} WHERE day = DATE '1969-01-01'`, table);
    const rival = await stage(`${SELECT} WHERE id = 2`, table);
    expect(await overwritePartitions(first)).toEqual({ version: 1, already: false });
    expect(await overwritePartitions(other)).toEqual({ version: 2, already: false });
    await expect(overwritePartitions(rival)).rejects.toMatchObject({
      code: 'delta-conflict',
      parameters: { version: 1, kind: 'ConcurrentAppend' },
    });
    expect(await overwritePartitions(first)).toEqual({ version: 1, already: true });
    expect(await findCommit(table.table, other.txnId, 0)).toBe(2);
    expect(await findCommit(table.table, rival.txnId, 0)).toBeUndefined();
    expect((await open(1)).adds.length).toBe(1);
  });
});

describe('vacuum', () => {
  it('removes replaced files and orphans after the retention, never what a version in use needs', async () => {
    const table = await createTable(path, engine, { columns: COLUMNS, partitionColumns: [] });
    const first = await stage(SELECT, table);
    await appendFiles(first);
    await stage(SELECT, await open());
    await overwriteTable(await stage(SELECT, await open()));
    const folders = async () => (await readdir(join(path, 'd'))).length;
    const week = 168 * 3_600_000;
    expect(await vacuum(table.table)).toBe(0);
    await expect(vacuum(table.table, { retention: 1 })).rejects.toMatchObject({ code: 'usage' });
    const later = { now: Date.now() + week + 60_000 };
    expect(await vacuum(table.table, { ...later, keepVersions: [1] })).toBe(1);
    expect((await ours(await open(1))).length).toBe(4);
    expect(await folders()).toBe(2);
    expect(await vacuum(table.table, { ...later, keepSteps: [first.txnId] })).toBe(0);
    expect(await vacuum(table.table, later)).toBe(1);
    expect(await folders()).toBe(1);
    expect((await ours(await open())).length).toBe(4);
  });
});
