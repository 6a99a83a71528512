import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Column, type ColumnBatch, noEmit, parseType, type RowStream, type Value } from '../../src/query/index.js';
import {
  type Cluster,
  connectPostgres,
  openWarehouse,
  startCluster,
  type Tx,
  type Warehouse,
} from '../../src/store/engine/index.js';

const columnsOf = (types: Record<string, string>): Column[] =>
  Object.entries(types).map(([name, text]) => {
    const type = parseType(text);
    if (!type) throw new TypeError(text);
    return { name, type, role: 'dimension' };
  });
const all = async (stream: RowStream): Promise<Value[][]> => {
  const batches: ColumnBatch[] = [];
  for await (const batch of stream) batches.push(batch);
  return batches.flatMap((b) => Array.from({ length: b.length }, (_, r) => b.columns.map((c) => c[r] ?? null)));
};
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((r) => setTimeout(r, 5));
};
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const homes: string[] = [];
const clusters = new Set<Cluster>();
const newHome = async (): Promise<string> => {
  const home = await mkdtemp(join(tmpdir(), 'assay-pg-'));
  await chmod(home, 0o755);
  homes.push(home);
  return home;
};
const start = async (home: string, options: Partial<Parameters<typeof startCluster>[0]> = {}): Promise<Cluster> => {
  const cluster = await startCluster({ kind: 'durable', home, emit: noEmit, ...options });
  clusters.add(cluster);
  return cluster;
};

let home: string;
let cluster: Cluster;
let db: Warehouse;
beforeAll(async () => {
  home = await newHome();
  cluster = await start(home);
  db = await openWarehouse({ url: cluster.url, readers: 2, writers: 3, emit: noEmit });
});
afterAll(async () => {
  await db?.close();
  for (const each of clusters) await each.stop();
  for (const each of homes) await rm(each, { recursive: true, force: true });
});

describe('values', () => {
  it('come out exact, whatever their width', async () => {
    const statement = {
      sql: `SELECT 9007199254740993::bigint, 12.5::numeric, 12345678901234567890123456789012.123456::numeric(38,6),
        sum(x)::bigint, true, '1969-12-31'::date, '1969-12-31 23:59:59.999999+00'::timestamptz,
        '2010-12-01 08:26:00'::timestamp, 0.1::float8, 'é😀', (-2147483648)::integer, '-0.01'::numeric, '0001-01-01'::date,
        '1890-06-01 12:00:00+05:53:28'::timestamptz, NULL::numeric
        FROM (VALUES (9007199254740992::numeric), (1)) v(x)`,
      parameters: [],
      columns: columnsOf({
        big: 'bigint',
        wider: 'decimal(18,6)',
        widest: 'decimal(38,6)',
        sum: 'bigint',
        yes: 'boolean',
        day: 'date',
        before: 'timestamp',
        local: 'timestamp',
        tenth: 'double',
        text: 'string',
        int: 'integer',
        cent: 'decimal(10,2)',
        early: 'date',
        odd: 'timestamp',
        nothing: 'decimal(10,2)',
      }),
    };
    expect(await all(await db.engine.run(statement))).toEqual([
      [
        9007199254740993n,
        12_500_000n,
        12345678901234567890123456789012123456n,
        9007199254740993n,
        true,
        '1969-12-31',
        -1n,
        1291191960000000n,
        0.1,
        'é😀',
        -2147483648,
        -1n,
        '0001-01-01',
        BigInt(Date.UTC(1890, 5, 1, 6, 6, 32)) * 1000n,
        null,
      ],
    ]);
  });

  it('bind exactly when they are given as text', async () => {
    const statement = {
      sql: 'SELECT $1::numeric(38,6), $2::bigint, $3::timestamptz, $4::boolean, $5::text, $6::integer',
      parameters: [
        '12345678901234567890123456789012.123456',
        '9007199254740993',
        '1969-12-31T23:59:59.999999Z',
        true,
        null,
        3,
      ],
      columns: columnsOf({ a: 'decimal(38,6)', b: 'bigint', c: 'timestamp', d: 'boolean', e: 'string', f: 'integer' }),
    };
    expect(await all(await db.engine.run(statement))).toEqual([
      [12345678901234567890123456789012123456n, 9007199254740993n, -1n, true, null, 3],
    ]);
  });

  it.each([
    ['3000000000::bigint', 'integer'],
    ['1.005::numeric', 'decimal(10,2)'],
    ['123.45::numeric', 'decimal(4,2)'],
    ['9223372036854775808::numeric', 'bigint'],
    [`'NaN'::numeric`, 'decimal(10,2)'],
    [`'infinity'::timestamptz`, 'timestamp'],
    [`'2010-12-01 08:26:00'::timestamp`, 'date'],
  ])('that do not fit are an error: %s as %s', async (sql, type) => {
    const run = db.engine.run({ sql: `SELECT ${sql}`, parameters: [], columns: columnsOf({ 'sales.x': type }) });
    await expect(run).rejects.toMatchObject({ code: 'value-does-not-fit', parameters: { column: 'sales.x', type } });
  });

  it('of small queries keep their exact text', async () => {
    const { rows } = await db.query(
      `SELECT 1 AS i, 9007199254740993 AS b, 1.50::numeric AS n, '2010-12-01 08:26:00.123456+02'::timestamptz AS t, '{"a":1}'::jsonb AS j`,
    );
    expect(rows).toEqual([{ i: 1, b: '9007199254740993', n: '1.50', t: '2010-12-01 06:26:00.123456+00', j: { a: 1 } }]);
  });
});

describe('streams', () => {
  const numbers = (to: number) => ({
    sql: `SELECT n, 'text ' || n FROM (SELECT generate_series(1, $1::bigint) AS n) g`,
    parameters: [String(to)],
    columns: columnsOf({ n: 'bigint', text: 'string' }),
  });
  const openStatements = async (): Promise<string[]> =>
    (
      await db.query<{ state: string }>(
        `SELECT state FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND state <> 'idle' AND pid <> pg_backend_pid()`,
      )
    ).rows.map((row) => row.state);

  it('carry many batches in order, each row once', async () => {
    let rows = 0;
    let next = 1n;
    for await (const batch of await db.engine.run(numbers(100_000)))
      for (const value of batch.columns[0] ?? []) {
        expect(value === next).toBe(true);
        next += 1n;
        rows += 1;
      }
    expect(rows).toBe(100_000);
  });

  it('make the server wait for a slow reader, and free their connection when it breaks off', async () => {
    for (let i = 0; i < 4; i++) {
      let batches = 0;
      for await (const batch of await db.engine.run(numbers(50_000_000)))
        if (batch.length > 0 && ++batches === 2) break;
      expect(batches).toBe(2);
    }
    await until(async () => (await openStatements()).length === 0);
  });

  it('cannot write', async () => {
    const run = db.engine.run({ sql: 'CREATE TABLE wrong (n int)', parameters: [], columns: [] });
    await expect(run).rejects.toMatchObject({ code: 'engine-failed', parameters: { sqlstate: '25006' } });
  });

  it('go on after a table of a prepared shape was made anew', async () => {
    const statement = { sql: 'SELECT * FROM shape', parameters: [], columns: columnsOf({ n: 'string' }) };
    await db.query(`CREATE TABLE shape AS SELECT 1 AS n`);
    const seen = [await all(await db.engine.run(statement))];
    await db.query(`DROP TABLE shape; CREATE TABLE shape AS SELECT 'two' AS n`);
    seen.push(await all(await db.engine.run(statement)), await all(await db.engine.run(statement)));
    expect(seen).toEqual([[['1']], [['two']], [['two']]]);
  });

  it('work for more shapes than a connection keeps', async () => {
    for (let i = 0; i < 300; i++)
      expect(
        await all(await db.engine.run({ sql: `SELECT ${i}`, parameters: [], columns: columnsOf({ n: 'integer' }) })),
      ).toEqual([[i]]);
  });

  it('fail where they stand: a wrong statement at once, a broken row when it comes, and the next one runs', async () => {
    const wrong = db.engine.run({ sql: 'SELECT nothing', parameters: [], columns: columnsOf({ n: 'integer' }) });
    await expect(wrong).rejects.toMatchObject({ code: 'engine-failed', parameters: { sqlstate: '42703' } });
    const late = await db.engine.run({
      sql: 'SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n',
      parameters: [],
      columns: columnsOf({ n: 'bigint' }),
    });
    await expect(all(late)).rejects.toMatchObject({ code: 'engine-failed', parameters: { sqlstate: '22012' } });
    expect(await all(await db.engine.run(numbers(1)))).toEqual([[1n, 'text 1']]);
  });

  it('read one snapshot inside a transaction', async () => {
    await db.query('CREATE TABLE moving AS SELECT 1 AS n');
    const statement = { sql: 'SELECT n FROM moving', parameters: [], columns: columnsOf({ n: 'integer' }) };
    await db.transaction(
      async (tx) => {
        const before = await all(await db.runIn(tx, statement));
        await db.query('UPDATE moving SET n = 2');
        expect(await all(await db.runIn(tx, statement))).toEqual(before);
        const broken = await db.runIn(tx, numbers(10_000_000));
        for await (const batch of broken) if (batch.length > 0) break;
        expect((await tx.query('SELECT n FROM moving')).rows).toEqual([{ n: 1 }]);
      },
      { isolation: 'repeatable read', readOnly: true },
    );
  });
});

describe('an end before the end', () => {
  const slow = { sql: 'SELECT 1 FROM pg_sleep(600)', parameters: [], columns: columnsOf({ n: 'integer' }) };
  const sleeping = async (): Promise<number> =>
    (
      await db.query(
        `SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()`,
      )
    ).rowCount;

  it('by an abort reaches the server', async () => {
    const abort = new AbortController();
    const run = db.engine.run(slow, { signal: abort.signal });
    const outcome = run.catch((e: unknown) => e);
    await until(async () => (await sleeping()) === 1);
    abort.abort();
    expect(await outcome).toMatchObject({ code: 'cancelled' });
    await until(async () => (await sleeping()) === 0);
  });

  it('by the time limit reaches the server', async () => {
    await expect(db.engine.run(slow, { milliseconds: 60 })).rejects.toMatchObject({
      code: 'time-limit',
      parameters: { milliseconds: 60 },
    });
    await until(async () => (await sleeping()) === 0);
    expect((await all(await db.engine.run({ ...slow, sql: 'SELECT 1' }))).length).toBe(1);
  });

  it('by the time limit comes while waiting for a connection too', async () => {
    const abort = new AbortController();
    const held = [1, 2].map(() => db.engine.run(slow, { signal: abort.signal }).catch((e: unknown) => e));
    await until(async () => (await sleeping()) === 2);
    await expect(db.engine.run({ ...slow, sql: 'SELECT 1' }, { milliseconds: 30 })).rejects.toMatchObject({
      code: 'time-limit',
    });
    abort.abort();
    await Promise.all(held);
    await until(async () => (await sleeping()) === 0);
  });

  it('by an abort rolls a transaction back', async () => {
    const abort = new AbortController();
    const outcome = db
      .transaction(
        async (tx) => {
          await tx.query('CREATE TABLE undone (n int)');
          await tx.query('SELECT pg_sleep(600)');
        },
        { signal: abort.signal },
      )
      .catch((e: unknown) => e);
    await until(async () => (await sleeping()) === 1);
    abort.abort();
    expect(await outcome).toMatchObject({ code: 'cancelled' });
    expect((await db.query(`SELECT to_regclass('undone') AS t`)).rows).toEqual([{ t: null }]);
  });

  it('by a lost server is told as such, and the pool recovers', async () => {
    const outcome = db.engine.run(slow).catch((e: unknown) => e);
    await until(async () => (await sleeping()) === 1);
    await db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()`,
    );
    expect(await outcome).toMatchObject({ code: 'postgres-unavailable' });
    expect(await all(await db.engine.run({ ...slow, sql: 'SELECT 1' }))).toEqual([[1]]);
  });
});

describe('writers', () => {
  it('commit together or not at all, through SQL, COPY and kysely alike', async () => {
    await db.query('CREATE TABLE sales (id bigint PRIMARY KEY, name text, amount numeric(12,2))');
    const write = async (tx: Tx) => {
      const copied = await db.copyIn(
        tx,
        'sales',
        ['id', 'name', 'amount'],
        Readable.from([`1,"a ""b""",1.50\n2,`, ',\n']),
      );
      const tables = new Kysely<{ sales: { id: string; name: string | null; amount: string } }>({
        dialect: tx.dialect,
      });
      const added = await tables
        .insertInto('sales')
        .values({ id: '9007199254740993', name: 'k', amount: '3.25' })
        .executeTakeFirst();
      return [
        copied,
        added.numInsertedOrUpdatedRows,
        await tables.selectFrom('sales').selectAll().orderBy('id').execute(),
      ];
    };
    const fails = db.transaction(async (tx) => {
      await write(tx);
      throw new RangeError('no');
    });
    await expect(fails).rejects.toThrow(RangeError);
    expect((await db.query('SELECT count(*)::int AS n FROM sales')).rows).toEqual([{ n: 0 }]);
    expect(await db.transaction(write)).toEqual([
      2,
      1n,
      [
        { id: '1', name: 'a "b"', amount: '1.50' },
        { id: '2', name: null, amount: null },
        { id: '9007199254740993', name: 'k', amount: '3.25' },
      ],
    ]);
    const outside = new Kysely<{ sales: { id: string } }>({ dialect: db.dialect });
    const changed = await outside
      .transaction()
      .execute((t) => t.deleteFrom('sales').where('id', '=', '2').executeTakeFirst());
    expect(changed.numDeletedRows).toBe(1n);
  });

  it('see the SQLSTATE of what failed, and not its data', async () => {
    const failed = await db.query(`INSERT INTO sales VALUES (1, 'secret', 0)`).catch((e: unknown) => e);
    expect(failed).toMatchObject({ code: 'engine-failed', parameters: { sqlstate: '23505' } });
    expect(JSON.stringify(failed)).not.toContain('secret');
  });

  it('can give up a COPY, by its source or by a signal', async () => {
    const broken = async function* () {
      yield '5,x,1\n';
      throw new RangeError('source');
    };
    await expect(db.transaction((tx) => db.copyIn(tx, 'sales', ['id', 'name', 'amount'], broken()))).rejects.toThrow(
      RangeError,
    );
    const abort = new AbortController();
    const endless = async function* () {
      for (let i = 100; ; i++) {
        if (i === 5000) abort.abort();
        yield `${i},x,1\n`;
      }
    };
    const aborted = db.transaction((tx) =>
      db.copyIn(tx, 'sales', ['id', 'name', 'amount'], endless(), { signal: abort.signal }),
    );
    await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
    const bad = db.transaction((tx) => db.copyIn(tx, 'sales', ['id'], Readable.from(['not a number\n'])));
    await expect(bad).rejects.toMatchObject({ code: 'engine-failed', parameters: { sqlstate: '22P02' } });
    expect((await db.query('SELECT count(*)::int AS n FROM sales WHERE id > 2')).rows).toEqual([{ n: 1 }]);
  });

  it('tell their listeners, also after the listening connection broke', async () => {
    const heard: string[] = [];
    const stop = await db.listen('news "x"', (message) => heard.push(message));
    await db.query(`SELECT pg_notify('news "x"', 'one')`);
    await until(async () => heard.includes('one'));
    await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'assay listens'`);
    await until(async () => {
      await db.query(`SELECT pg_notify('news "x"', 'two')`);
      return heard.includes('two');
    });
    await stop();
  });
});

describe('an outside server', () => {
  it('is checked: reachable, of this age, with this user, and the password is in no message', async () => {
    expect(await connectPostgres(cluster.url)).toEqual({ version: 180004, superuser: true });
    const failures = await Promise.all(
      [
        connectPostgres(cluster.url, { atLeast: 99 }),
        connectPostgres(cluster.url.replace(cluster.password, 'hunter2')),
        connectPostgres('postgres://u:hunter2@127.0.0.1:1/x'),
        connectPostgres('mysql://u:hunter2@h/x'),
      ].map((p) => p.catch((e: unknown) => e)),
    );
    expect(failures).toMatchObject([
      { code: 'config-invalid' },
      { code: 'postgres-unavailable' },
      { code: 'postgres-unavailable' },
      { code: 'config-invalid' },
    ]);
    expect(failures.join('\n')).not.toContain('hunter2');
    expect(failures.join('\n')).not.toContain(cluster.password);
  });
});

/** Another process that starts the cluster of a home, and says its pid; it can be killed. */
const startElsewhere = async (
  of: string,
  environment: Record<string, string>,
): Promise<{ child: ChildProcess; pid: number }> => {
  const room = resolve(import.meta.dirname, '../../dist/store/engine/index.js');
  const code = `import { startCluster } from ${JSON.stringify(room)};
    const c = await startCluster({ kind: 'durable', home: ${JSON.stringify(of)}, emit: () => {} });
    process.stdout.write(c.pid + '\\n'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = await new Promise<number>((resolvePid, reject) => {
    child.stdout?.once('data', (data: Buffer) => resolvePid(Number(data.toString())));
    child.once('exit', (code_) => reject(new TypeError(`the other process ended (${code_})`)));
  });
  return { child, pid };
};

describe('a cluster', () => {
  it('is adopted after its process was killed, and made in the same way whatever the caller’s locale and zone', async () => {
    const other = await newHome();
    const { child, pid } = await startElsewhere(other, {
      LC_ALL: 'xx_XX',
      LANG: 'de_DE.UTF-8',
      TZ: 'Asia/Tokyo',
      PGTZ: 'Asia/Tokyo',
    });
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(isAlive(pid)).toBe(true);
    const adopted = await start(other);
    expect([adopted.adopted, adopted.pid]).toEqual([true, pid]);
    const warehouse = await openWarehouse({ url: adopted.url, emit: noEmit });
    const { rows } = await warehouse.query(
      `SELECT current_setting('server_encoding') AS encoding, datlocprovider AS provider, datlocale AS locale, 'Z' < 'a' AS by_code,
        (SELECT boot_val || '/' || reset_val FROM pg_settings WHERE name = 'log_timezone') AS zone
        FROM pg_database WHERE datname = current_database()`,
    );
    expect(rows).toEqual([{ encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8', by_code: true, zone: 'GMT/UTC' }]);
    await warehouse.close();
    await adopted.stop();
    await expect(connectPostgres(adopted.url)).rejects.toMatchObject({ code: 'postgres-unavailable' });
  });

  it('survives a crash of the server and a pid file that names another program', async () => {
    const other = await newHome();
    const first = await start(other);
    const warehouse = await openWarehouse({ url: first.url, emit: noEmit });
    await warehouse.query('CREATE TABLE kept AS SELECT 1 AS n');
    await warehouse.close();
    process.kill(first.pid, 'SIGKILL');
    await until(async () => !isAlive(first.pid));
    const file = join(first.dir, 'data', 'postmaster.pid');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^\d+/, String(process.pid)));
    const second = await start(other);
    expect([second.adopted, second.port]).toEqual([false, first.port]);
    const again = await openWarehouse({ url: second.url, emit: noEmit });
    expect((await again.query('SELECT n FROM kept')).rows).toEqual([{ n: 1 }]);
    await again.close();
    await second.stop();
  });

  it('is made once when two ask for it at the same time, and redone after an initdb that was killed', async () => {
    const other = await newHome();
    const halfMade = join(other, 'postgres', 'durable.init-dead');
    await mkdir(join(halfMade, 'data'), { recursive: true });
    const both = await Promise.all([start(other), start(other)]);
    expect(both.map((c) => c.pid)).toEqual([both[0]?.pid, both[0]?.pid]);
    expect(both.map((c) => c.adopted).sort()).toEqual([false, true]);
    await expect(stat(halfMade)).rejects.toMatchObject({ code: 'ENOENT' });
    const password = await stat(join(both[0]?.dir ?? '', 'password'));
    expect(password.mode & 0o777).toBe(0o600);
    for (const each of both) await each.stop();
  });

  it('takes the port it is given, or says that it is in use', async () => {
    const taken = createServer();
    const port = await new Promise<number>((done) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        done(typeof address === 'object' && address ? address.port : 0);
      });
    });
    await expect(start(home, { kind: 'scratch', port })).rejects.toMatchObject({
      code: 'port-in-use',
      parameters: { port },
    });
    await new Promise((done) => taken.close(done));
    const scratch = await start(home, { kind: 'scratch', port });
    expect(scratch.port).toBe(port);
    await scratch.stop();
  });

  it('for sessions is empty at each start, and syncs nothing', async () => {
    const first = await start(home, { kind: 'scratch' });
    const one = await openWarehouse({ url: first.url, emit: noEmit });
    await one.query('CREATE DATABASE facade');
    await one.close();
    // As if its process had been killed: the server is left, and not used on.
    const second = await start(home, { kind: 'scratch' });
    expect([second.adopted, isAlive(first.pid)]).toEqual([false, false]);
    const two = await openWarehouse({ url: second.url, emit: noEmit });
    const { rows } = await two.query(
      `SELECT current_setting('fsync') AS fsync, current_setting('max_connections')::int AS most,
        (SELECT count(*)::int FROM pg_database WHERE datname = 'facade') AS left`,
    );
    expect(rows).toEqual([{ fsync: 'off', most: 160, left: 0 }]);
    await two.close();
    await second.stop();
  });

  it('listens on this machine only and asks for its password', async () => {
    const { rows } = await db.query(
      `SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories', 'fsync') ORDER BY name`,
    );
    expect(rows).toEqual([
      { name: 'fsync', setting: 'on' },
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'unix_socket_directories', setting: '' },
    ]);
    const rules = await db.query('SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(rules.rows).toEqual([{ auth_method: 'scram-sha-256' }]);
  });

  it('says what is wrong when its folder is not whole, and leaves it alone', async () => {
    const other = await newHome();
    await mkdir(join(other, 'postgres', 'durable'), { recursive: true });
    await expect(start(other)).rejects.toMatchObject({ code: 'postgres-cannot-run' });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'of root moves to where its user can go when the home is below a closed folder, and says so once (only root has this case)',
    async () => {
      const closed = await newHome();
      await chmod(closed, 0o700);
      const deep = join(closed, 'home');
      const told: string[] = [];
      const emit = (name: string, event: unknown) => told.push(`${name}: ${(event as { message: string }).message}`);
      const moved = await start(deep, { emit });
      expect(moved.dir).toMatch(/^\/var\/lib\/assay\/[0-9a-f]{12}\/durable$/);
      expect(told).toHaveLength(1);
      expect(told[0]).toContain('/var/lib/assay/');
      await moved.stop();
      const again = await start(deep, { emit });
      expect([again.dir, told.length]).toEqual([moved.dir, 1]);
      await again.stop();
      await expect(start(deep, { pgDir: join(closed, 'x') })).rejects.toMatchObject({ code: 'postgres-cannot-run' });
      await rm(join(moved.dir, '..'), { recursive: true, force: true });
      // A folder that is asked for and cannot be entered is an error that names it.
      await expect(start(join(closed, 'b'), { pgDir: join(closed, 'x') })).rejects.toMatchObject({
        code: 'postgres-cannot-run',
      });
    },
  );
});
