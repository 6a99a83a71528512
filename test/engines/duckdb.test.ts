import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Column, type ColumnBatch, noEmit, parseType, type RowStream, type Value } from '../../src/query/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';

const column = (name: string, type: string): Column => {
  const parsed = parseType(type);
  if (!parsed) throw new TypeError(type);
  return { name, type: parsed, role: 'dimension' };
};
const columnsOf = (types: Record<string, string>) => Object.entries(types).map(([name, type]) => column(name, type));
const rowsOf = (batches: readonly ColumnBatch[]): Value[][] =>
  batches.flatMap((b) => Array.from({ length: b.length }, (_, r) => b.columns.map((c) => c[r] ?? null)));
const all = async (stream: RowStream): Promise<Value[][]> => {
  const batches: ColumnBatch[] = [];
  for await (const batch of stream) batches.push(batch);
  return rowsOf(batches);
};

let dir: string;
let db: DuckDb;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-duckdb-'));
  db = await openDuckDb({ memory: '512MB', threads: 2, tempDir: dir, sessions: 2, emit: noEmit });
});
afterAll(async () => {
  await db.close();
  await rm(dir, { recursive: true, force: true });
});

const SLOW = 'SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3';
const slow = { sql: SLOW, parameters: [], columns: columnsOf({ n: 'bigint' }) };

describe('values', () => {
  it('come out exact, whatever their width', async () => {
    const statement = {
      sql: `SELECT 9007199254740993::BIGINT, (-170141183460469231731687303715884105727)::HUGEINT, 12.5::DECIMAL(4,1),
        123456789012.123456::DECIMAL(18,6), 12345678901234567890123456789012.123456::DECIMAL(38,6), 7::HUGEINT, true,
        DATE '1969-12-31', TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', TIMESTAMP '2010-12-01 08:26:00', 0.1::DOUBLE,
        'é' || chr(128512), 2147483647::INTEGER, DATE '0001-01-01', TIMESTAMP_S '2010-12-01 08:26:00', 0.57::DECIMAL(9,2)`,
      parameters: [],
      columns: columnsOf({
        big: 'bigint',
        huge: 'string',
        small_decimal: 'decimal(18,6)',
        decimal64: 'decimal(18,6)',
        decimal128: 'decimal(38,6)',
        sum: 'bigint',
        yes: 'boolean',
        day: 'date',
        before: 'timestamp',
        local: 'timestamp',
        tenth: 'double',
        text: 'string',
        int: 'integer',
        early: 'date',
        seconds: 'timestamp',
        ratio: 'double',
      }),
    };
    expect(await all(await db.engine.run(statement))).toEqual([
      [
        9007199254740993n,
        '-170141183460469231731687303715884105727',
        12_500_000n,
        123456789012123456n,
        12345678901234567890123456789012123456n,
        7n,
        true,
        '1969-12-31',
        -1n,
        1291191960000000n,
        0.1,
        'é😀',
        2147483647,
        '0001-01-01',
        1291191960000000n,
        0.57,
      ],
    ]);
  });

  it('bind exactly when they are given as text', async () => {
    const read = await db.read({
      sql: 'SELECT $1::DECIMAL(38,6), $2::BIGINT, $3::TIMESTAMPTZ, $4::BOOLEAN, $5::VARCHAR, $6::INTEGER',
      parameters: [
        '12345678901234567890123456789012.123456',
        '9007199254740993',
        '1969-12-31T23:59:59.999999Z',
        true,
        null,
        3,
      ],
      columns: columnsOf({ a: 'decimal(38,6)', b: 'bigint', c: 'timestamp', d: 'boolean', e: 'string', f: 'integer' }),
    });
    expect(rowsOf([read])).toEqual([[12345678901234567890123456789012123456n, 9007199254740993n, -1n, true, null, 3]]);
  });

  it.each([
    ['3000000000::BIGINT', 'integer'],
    ['1.005::DECIMAL(10,3)', 'decimal(10,2)'],
    ['123.45::DECIMAL(10,2)', 'decimal(4,2)'],
    ['9223372036854775808::HUGEINT', 'bigint'],
    ['1.5::DOUBLE', 'decimal(10,2)'],
    [`TIMESTAMP 'infinity'`, 'timestamp'],
    [`TIMESTAMP '2010-12-01 08:26:00'`, 'date'],
  ])('that do not fit are an error: %s as %s', async (sql, type) => {
    const run = db.engine.run({ sql: `SELECT ${sql}`, parameters: [], columns: columnsOf({ 'sales.x': type }) });
    await expect(run).rejects.toMatchObject({ code: 'value-does-not-fit', parameters: { column: 'sales.x', type } });
  });

  it('of small queries keep their natural exact form', async () => {
    const [row] = await db.query(
      `SELECT 1 AS i, 9007199254740993 AS b, 1.50::DECIMAL(5,2) AS d, [1, 2] AS l, {'a': 'x'} AS s, MAP {'k': 'v'} AS m,
        'ab'::BLOB AS y, DATE '2010-12-01' AS t`,
    );
    expect(row).toEqual({
      i: 1,
      b: 9007199254740993n,
      d: '1.50',
      l: [1, 2],
      s: { a: 'x' },
      m: new Map([['k', 'v']]),
      y: Buffer.from('ab'),
      t: '2010-12-01',
    });
  });

  it('are in UTC on every connection', async () => {
    const zones = await Promise.all([1, 2, 3].map(() => db.query(`SELECT current_setting('TimeZone') AS zone`)));
    expect(zones.flat()).toEqual([{ zone: 'UTC' }, { zone: 'UTC' }, { zone: 'UTC' }]);
  });
});

describe('streams', () => {
  const million = {
    sql: `SELECT range AS a, range * 2 AS b, (range / 7)::DECIMAL(18,2) AS c, 'text ' || range AS d,
      DATE '2010-01-01' + (range % 1000)::INTEGER AS e, range % 3 = 0 AS f FROM range($1::BIGINT)`,
    parameters: ['1000000'],
    columns: columnsOf({ a: 'bigint', b: 'bigint', c: 'decimal(18,2)', d: 'string', e: 'date', f: 'boolean' }),
  };

  it('carry a million rows in flat memory', async () => {
    let rows = 0;
    let sum = 0n;
    let most = 0;
    const before = process.memoryUsage().rss;
    for await (const batch of await db.engine.run(million)) {
      rows += batch.length;
      for (const value of batch.columns[0] ?? []) sum += value as bigint;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    expect([rows, sum]).toEqual([1_000_000, 499_999_500_000n]);
    expect(most).toBeLessThan(200 << 20);
  });

  it('make the engine wait for a slow reader', async () => {
    const stream = await db.engine.run({ ...million, parameters: ['100000000'] });
    const memory = async () =>
      (await db.query<{ bytes: bigint }>('SELECT sum(memory_usage_bytes)::BIGINT AS bytes FROM duckdb_memory()'))[0]
        ?.bytes ?? 0n;
    const rows = stream[Symbol.asyncIterator]();
    await rows.next();
    await rows.next();
    // Were the engine not waiting, it would by now hold (or spill) some of the ten gigabytes that are left.
    expect(await memory()).toBeLessThan(100n << 20n);
    await stream.cancel();
  });

  it('free their connection when the reader breaks off, and when they are read to the end', async () => {
    for (let i = 0; i < 5; i++) for await (const batch of await db.engine.run(million)) if (batch.length > 0) break;
    for (let i = 0; i < 5; i++) await all(await db.engine.run({ ...million, parameters: ['10'] }));
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('never end early without an error', async () => {
    const stream = await db.engine.run({
      sql: `SELECT CASE WHEN range < 500000 THEN range ELSE error('boom') END FROM range(1000000)`,
      parameters: [],
      columns: columnsOf({ n: 'bigint' }),
    });
    await expect(all(stream)).rejects.toMatchObject({ code: 'engine-failed' });
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('give the same rows each time a prepared shape is run, small or large, and after its table was made anew', async () => {
    await db.execute('CREATE TABLE shape AS SELECT range AS n FROM range(5000)');
    const statement = (most: string) => ({
      sql: 'SELECT n FROM shape WHERE n < $1::BIGINT ORDER BY n',
      parameters: [most],
      columns: columnsOf({ n: 'bigint' }),
    });
    const count = async (most: string) => (await all(await db.engine.run(statement(most)))).length;
    const seen = [];
    for (const most of ['10', '10', '5000', '5000', '3']) seen.push(await count(most));
    await db.execute('DROP TABLE shape; CREATE TABLE shape AS SELECT range::INTEGER AS n FROM range(7)');
    seen.push(await count('5000'));
    expect(seen).toEqual([10, 10, 5000, 5000, 3, 7]);
  });
});

describe('an end before the end', () => {
  it('comes from an abort and stops the engine', async () => {
    const abort = new AbortController();
    const run = db.engine.run(slow, { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('comes from the time limit', async () => {
    await expect(db.engine.run(slow, { milliseconds: 50 })).rejects.toMatchObject({
      code: 'time-limit',
      parameters: { milliseconds: 50 },
    });
    await expect(db.execute(SLOW, [], { milliseconds: 50 })).rejects.toMatchObject({ code: 'time-limit' });
  });

  it('comes in the middle of a stream', async () => {
    const abort = new AbortController();
    const stream = await db.engine.run(
      { sql: 'SELECT range FROM range(100000000)', parameters: [], columns: columnsOf({ n: 'bigint' }) },
      { signal: abort.signal },
    );
    const reading = (async () => {
      for await (const batch of stream) if (batch.length > 0) abort.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('comes while waiting for a free connection', async () => {
    const held = await Promise.all(
      [1, 2].map(() => db.engine.run({ ...slow, sql: 'SELECT range FROM range(100000)' })),
    );
    await expect(db.engine.run(slow, { milliseconds: 20 })).rejects.toMatchObject({ code: 'time-limit' });
    await Promise.all(held.map((stream) => stream.cancel()));
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('tells nothing of the engine’s own message', async () => {
    const failed = await db.query(`SELECT 'secret'::INTEGER`).catch((e: unknown) => e);
    expect(failed).toMatchObject({ code: 'engine-failed', parameters: { engine: 'duckdb', sqlstate: '22P02' } });
    expect(String(failed)).not.toContain('secret');
  });
});

describe('a session', () => {
  it('keeps temporary tables and transactions on one connection', async () => {
    const seen = await db.session(async (session) => {
      await session.execute('BEGIN');
      await session.execute('CREATE TEMP TABLE mine AS SELECT 42 AS n');
      const rows = await session.query('SELECT n FROM mine');
      await session.execute('ROLLBACK');
      return rows;
    });
    expect(seen).toEqual([{ n: 42 }]);
  });

  it('copies to Parquet with bound values and reads it back', async () => {
    const file = join(dir, 'x.parquet');
    await db.execute(
      `COPY (SELECT range::BIGINT AS n FROM range(10) WHERE range < $1::BIGINT) TO '${file}' (FORMAT parquet)`,
      ['4'],
    );
    expect(await db.query('SELECT count(*) AS n FROM read_parquet($1)', [file])).toEqual([{ n: 4n }]);
  });

  it('refuses a second statement while a stream is open', async () => {
    await db.session(async (session) => {
      const stream = await session.stream({ ...slow, sql: 'SELECT range FROM range(100000)' });
      await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: 'internal' });
      await stream.cancel();
      expect(await session.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });
});

describe('closing', () => {
  it('stops what runs, and leaves no files', async () => {
    const own = join(dir, 'own');
    const other = await openDuckDb({ memory: '128MB', tempDir: own, emit: noEmit });
    const unread = await other.engine.run({ ...slow, sql: 'SELECT range FROM range(100000)' });
    const running = other.query(SLOW).catch((e: unknown) => e);
    await other.close();
    expect(await running).toMatchObject({ code: 'cancelled' });
    expect(unread.columns).toHaveLength(1);
    expect(await readdir(own)).toEqual([]);
  });
});
