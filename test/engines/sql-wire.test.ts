import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoom, type Room, rowsOf, TOKEN } from './sql/room.js';

const GROUPS = 'SELECT country, MEASURE(orders) AS orders FROM retail GROUP BY country ORDER BY country';
const RAW = `SELECT country, count(DISTINCT invoice) FILTER (WHERE quantity >= 0) FROM raw_sales GROUP BY country ORDER BY country`;
let room: Room;
let client: pg.Client;
let expected: unknown[][];
beforeAll(async () => {
  room = await openRoom();
  client = await room.connect();
  expected = await room.raw(RAW);
});
afterAll(async () => {
  await room?.close();
});
const failing = async (sql: string | pg.QueryConfig, on = client) =>
  on.query(sql).then(
    () => ({ code: 'none', message: '', position: '' }),
    (e: pg.DatabaseError) => ({ code: e.code, message: e.message, position: e.position }),
  );

describe('logins', () => {
  const attempt = async (config: pg.ClientConfig) => {
    const one = new pg.Client({
      host: '127.0.0.1',
      port: room.port,
      user: 'admin',
      password: TOKEN,
      database: 'assay',
      ...config,
    });
    one.on('error', () => {});
    return one.connect().then(
      async () => {
        await one.end();
        return 'connected';
      },
      (e: pg.DatabaseError) => e.code,
    );
  };
  it('takes a role of the token or its subject, with the token as password', async () => {
    expect(await attempt({})).toBe('connected');
    expect(await attempt({ user: 'ann' })).toBe('connected');
    expect(await attempt({ user: 'root' })).toBe('28000');
    expect(await attempt({ password: 'wrong' })).toBe('28000');
    expect(await attempt({ database: 'other' })).toBe('3D000');
    expect(await attempt({ replication: 'database' } as pg.ClientConfig)).toBe('0A000');
    expect(await attempt({ options: '-c standard_conforming_strings=off' })).toBe('0A000');
  });
});

describe('the extended protocol', () => {
  it('runs a named statement again with other values', async () => {
    const text = 'SELECT country, MEASURE(net_revenue) FROM retail WHERE quantity > $1 GROUP BY 1 ORDER BY 1';
    for (const value of [1, 5, 100, -9])
      expect((await client.query({ name: 'by_quantity', text, values: [value], rowMode: 'array' })).rows).toEqual(
        await room.raw('SELECT country, sum(amount) FROM raw_sales WHERE quantity > $1 GROUP BY 1 ORDER BY 1', [value]),
      );
  });
  it('gives binary results equal to text ones', async () => {
    const text = 'SELECT sum(lines)::int8, bool_and(is_return), max(quantity) FROM retail';
    const query = { text, values: [], rowMode: 'array', binary: true } as unknown as pg.QueryArrayConfig;
    expect((await client.query(query)).rows).toEqual((await client.query({ text, rowMode: 'array' })).rows);
  });
  it.each([1, 3, 7, 1000])('reads a portal in pieces of %i', async (size) => {
    const cursor = client.query(new Cursor(GROUPS, [], { rowMode: 'array' }));
    const rows: unknown[] = [];
    for (let part = await cursor.read(size); part.length > 0; part = await cursor.read(size)) rows.push(...part);
    await cursor.close();
    expect(rows).toEqual(expected);
  });
  it('describes what it gives: types, modifiers, table of a column', async () => {
    const { fields } = await client.query({
      text: 'SELECT country, unit_price, MEASURE(net_revenue), SUM(orders), 1 FROM retail GROUP BY 1, 2',
      values: [],
    });
    expect(fields.map((f) => [f.name, f.dataTypeID])).toEqual([
      ['country', 25],
      ['unit_price', 1700],
      ['net_revenue', 1700],
      ['sum', 1700],
      ['?column?', 23],
    ]);
    expect(fields[0]?.tableID).toBeGreaterThan(0);
    expect(fields[1]?.dataTypeModifier).toBe(((10 << 16) | 3) + 4);
  });
});

describe('statements around a query', () => {
  it('comments columns in sentences that end once', async () => {
    const comment = (column: string) =>
      `SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'retail'::regclass AND attname = '${column}'`;
    expect(await rowsOf(client, comment('net_revenue'))).toEqual([
      ['net_revenue. What was sold, less returns. unit: GBP'],
    ]);
    expect(await rowsOf(client, comment('country'))).toEqual([['country. the country of sales']]);
  });
  it('keeps transactions: an error fails one, ROLLBACK ends it, READ ONLY works', async () => {
    await client.query('BEGIN');
    expect((await failing('SELECT nothing FROM retail')).code).toBe('42703');
    expect((await failing(GROUPS)).code).toBe('25P02');
    await client.query('ROLLBACK');
    await client.query('BEGIN READ ONLY');
    expect(await rowsOf(client, GROUPS)).toEqual(expected);
    await client.query('SAVEPOINT s');
    expect((await failing('SELECT * FROM retail')).code).toBe('0A000');
    await client.query('ROLLBACK TO s');
    expect((await client.query({ text: GROUPS, rowMode: 'array' })).rows).toEqual(expected);
    await client.query('COMMIT');
  });
  it('runs several statements of one query as one implicit transaction', async () => {
    const results = (await client.query(
      `CREATE TEMP TABLE m (c text, o bigint); INSERT INTO m ${GROUPS}; SELECT count(*)::int FROM m; ${GROUPS}`,
    )) as unknown as pg.QueryResult[];
    expect(results.map((r) => r.rowCount)).toEqual([null, expected.length, 1, expected.length]);
    expect(results[3]?.fields.map((f) => f.name)).toEqual(['country', 'orders']);
    expect((await failing(`INSERT INTO m VALUES ('x', 1); ${GROUPS}; SELECT 1/0`)).code).toBe('22012');
    expect(await rowsOf(client, 'SELECT count(*)::int FROM m')).toEqual([[expected.length]]);
    expect(
      await rowsOf(
        client,
        `SELECT m.c, q.orders FROM m JOIN (${GROUPS}) q ON q.country = m.c AND q.orders = m.o WHERE m.c > $1`,
        ['F'],
      ),
    ).toEqual(await room.raw(`SELECT * FROM (${RAW}) q WHERE country > 'F'`));
  });
  it('declares cursors, and fetches from them', async () => {
    await client.query('BEGIN');
    await client.query(`DECLARE c SCROLL CURSOR FOR ${GROUPS}`);
    expect(await rowsOf(client, 'FETCH 2 FROM c')).toEqual(expected.slice(0, 2));
    expect(await rowsOf(client, 'FETCH ALL FROM c')).toEqual(expected.slice(2));
    expect(await rowsOf(client, 'FETCH FIRST FROM c')).toEqual(expected.slice(0, 1));
    await client.query('COMMIT');
  });
  it('copies a query out', async () => {
    const stream = client.query(copyTo(`COPY (${GROUPS}) TO STDOUT WITH (FORMAT csv, HEADER)`));
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    const lines = Buffer.concat(parts).toString('utf8').trim().split('\n');
    expect(lines[0]).toBe('country,orders');
    expect(lines.length).toBe(expected.length + 1);
    expect(lines[1]).toBe(`${expected[0]?.[0]},${expected[0]?.[1]}`);
  });
  it('prepares and executes in SQL', async () => {
    await client.query(
      `PREPARE p (text, int) AS SELECT country, MEASURE(orders) FROM retail WHERE country > $1 AND quantity > $2 GROUP BY 1 ORDER BY 1`,
    );
    const raw =
      'SELECT country, count(DISTINCT invoice) FILTER (WHERE quantity >= 0) FROM raw_sales WHERE country > $1 AND quantity > $2 GROUP BY 1 ORDER BY 1';
    expect(await rowsOf(client, `EXECUTE p ('E', 1 + 2)`)).toEqual(await room.raw(raw, ['E', 3]));
    expect((await client.query({ text: `EXECUTE p (lower('F'), 0)`, rowMode: 'array' })).rows).toEqual(
      await room.raw(raw, ['f', 0]),
    );
    await client.query('DEALLOCATE p');
    expect((await failing(`EXECUTE p ('E', 1)`)).code).toBe('26000');
  });
  it('explains with its own plan', async () => {
    const lines = (await rowsOf(client, `EXPLAIN ${GROUPS}`)).flat();
    expect(lines[0]).toBe('Block 1: source (postgres)');
    expect(lines).toContain('  rollup sales.by_day: member-missing (sales.invoice)');
  });
  it('takes the database before a table name', async () => {
    expect(await rowsOf(client, GROUPS.replace('retail', '"assay"."public"."retail"'))).toEqual(expected);
  });
});

describe('measures without a name of their own', () => {
  const sql = 'SELECT country, MEASURE(net_revenue), agg(orders) FROM retail GROUP BY 1 ORDER BY 1';
  const names = ['country', 'net_revenue', 'orders'];
  const namesOf = (fields: readonly pg.FieldDef[]) => fields.map((f) => f.name);
  it('have the name of the measure, in every protocol', async () => {
    const wanted = await rowsOf(
      client,
      `SELECT country, SUM(net_revenue), MIN(orders) FROM retail GROUP BY 1 ORDER BY 1`,
    );
    for (const query of [{ text: sql }, { text: sql, queryMode: 'extended' }, { text: sql, name: 'measures' }]) {
      const { fields, rows } = await client.query<Record<string, unknown>>(query as pg.QueryConfig);
      expect(namesOf(fields)).toEqual(names);
      expect(rows.map((r) => names.map((n) => r[n]))).toEqual(wanted);
    }
    await client.query(`PREPARE named_measures AS ${sql}`);
    expect(namesOf((await client.query('EXECUTE named_measures')).fields)).toEqual(names);
    await client.query(`BEGIN; DECLARE named_cursor CURSOR FOR ${sql}`);
    expect(namesOf((await client.query('FETCH ALL FROM named_cursor')).fields)).toEqual(names);
    await client.query('COMMIT');
    await client.query(`CREATE TEMP TABLE named_table AS ${sql}`);
    expect(await rowsOf(client, 'SELECT country, net_revenue, orders FROM named_table ORDER BY 1')).toEqual(wanted);
    expect(namesOf((await client.query(`${sql} LIMIT 0`)).fields)).toEqual(names);
  });
  it('keep the name of the function where another one would change the statement', async () => {
    for (const [text, wanted] of [
      ['SELECT MEASURE(orders) FROM retail ORDER BY measure', ['measure']],
      ['SELECT country AS orders, MEASURE(orders) FROM retail GROUP BY 1', ['orders', 'measure']],
      ['SELECT MEASURE(lines) FILTER (WHERE is_return) FROM retail', ['measure']],
      ['SELECT q.measure FROM (SELECT MEASURE(orders) FROM retail) q', ['measure']],
      [
        'SELECT MEASURE(orders) n, MEASURE(orders) + 1, MEASURE(lines), AGG(lines) FROM retail',
        ['n', '?column?', 'lines', 'agg'],
      ],
    ] as const)
      expect(namesOf((await client.query(text)).fields), text).toEqual(wanted);
  });
});

describe('errors', () => {
  it('have the position in the text that was sent', async () => {
    const text = 'SELECT country, measure(nett_revenue) FROM retail GROUP BY 1';
    expect(await failing(text)).toMatchObject({ code: '42703', position: String(text.indexOf('nett') + 1) });
    const second = `SELECT 'ö'; ${text}`;
    expect(await failing(second)).toMatchObject({ code: '42703', position: String(second.indexOf('nett') + 1) });
    const declared = `DECLARE x CURSOR WITH HOLD FOR ${text}`;
    expect(await failing(declared)).toMatchObject({ code: '42703', position: String(declared.indexOf('nett') + 1) });
    const named = `SELECT 'ö', MEASURE(orders), AGG(lines), nett_revenue FROM retail`;
    const position = (t: string) => ({ code: '42703', position: String(t.indexOf('nett') + 1) });
    for (const start of [
      '',
      `SELECT 'ö'; `,
      'DECLARE y CURSOR WITH HOLD FOR ',
      'CREATE TEMP TABLE y AS ',
      'PREPARE y AS ',
    ])
      expect(await failing(start + named), start).toMatchObject(position(start + named));
    expect(await failing({ text: named, values: [], name: 'named' })).toMatchObject(position(named));
    expect((await failing('SELEC 1')).code).toBe('42601');
    expect((await failing('SELECT country FROM retail GROUP BY 2')).code).toBe('42P10');
    expect((await failing('SELECT country, sold_at FROM retail GROUP BY 1')).code).toBe('42803');
    expect((await failing('SELECT net_revenue FROM retail GROUP BY 1')).code).toBe('42803');
  });
  it('of values reach the client as PostgreSQL says them', async () => {
    expect(
      (await failing({ text: `SELECT SUM(lines) FROM retail WHERE quantity > 1 / $1::int`, values: [0] })).code,
    ).toBe('22012');
    expect((await failing({ text: `SELECT SUM(lines) FROM retail WHERE sold_at > $1`, values: ['never'] })).code).toBe(
      '22007',
    );
    expect(await rowsOf(client, 'SELECT 1')).toEqual([[1]]);
  });
});

describe('settings of ours', () => {
  it('choose the source, exactly also inside transactions', async () => {
    const last = () => room.ask.asked.at(-1)?.source;
    await client.query('BEGIN');
    await client.query('SET LOCAL assay.source = raw');
    await client.query(GROUPS);
    expect(last()).toBe('raw');
    await client.query('ROLLBACK');
    await client.query(GROUPS);
    expect(last()).toBe('auto');
    await client.query(`SET assay.source = rollup; ${GROUPS}`);
    expect(last()).toBe('rollup');
    await client.query('SET assay.source = elsewhere');
    expect((await failing(GROUPS)).code).toBe('22023');
    await client.query('RESET assay.source');
  });
  it('give provenance on demand', async () => {
    const notices: string[] = [];
    client.on('notice', (n) => notices.push(n.message ?? ''));
    await client.query('SET assay.provenance = on');
    await client.query(GROUPS);
    await client.query('SET assay.provenance = off');
    await client.query(GROUPS);
    client.removeAllListeners('notice');
    expect(notices.map((n) => JSON.parse(n.replace('provenance: ', '')).modelVersion)).toEqual(['0123456789abcdef']);
  });
  it('lets a block apply its own order and limit', async () => {
    await client.query('SELECT country, MEASURE(orders) o FROM retail GROUP BY 1 ORDER BY o DESC LIMIT 3 OFFSET 2');
    expect(room.ask.asked.at(-1)).toMatchObject({
      order: [{ by: 'retail.orders', dir: 'desc', nulls: 'first' }],
      limit: 5,
    });
    await client.query(
      'SELECT country, MEASURE(orders) o FROM retail GROUP BY 1 HAVING SUM(orders) > 5 ORDER BY o DESC LIMIT 3',
    );
    expect(room.ask.asked.at(-1)).not.toHaveProperty('limit');
    await client.query(`SELECT MEASURE(orders) FROM retail WHERE sold_at >= '2010-12-01' AND sold_at < '2010-12-14'`);
    expect(room.ask.asked.at(-1)?.time).toEqual([
      { dimension: 'retail.sold_at', range: ['2010-12-01T00:00:00Z', '2010-12-14T00:00:00Z'] },
    ]);
  });
});

describe('cancelling and losing', () => {
  it('cancels the question to the model', async () => {
    const one = await room.connect();
    const waiting = room.ask.hold();
    const running = failing(GROUPS, one);
    await waiting;
    const { processID, secretKey } = one as unknown as { processID: number; secretKey: number };
    const cancel = Buffer.alloc(16);
    for (const [i, v] of [16, 80_877_102, processID, secretKey].entries()) cancel.writeInt32BE(v | 0, i * 4);
    connect(room.port, '127.0.0.1').end(cancel);
    expect((await running).code).toBe('57014');
    room.ask.release();
    expect(await rowsOf(one, GROUPS)).toEqual(expected);
  });
  it('aborts the question of a client that goes away', async () => {
    const one = await room.connect();
    const waiting = room.ask.hold();
    const running = one.query(GROUPS).catch((e: Error) => e.message);
    await waiting;
    (one as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect(await running).toMatch(/terminated/);
    room.ask.release();
    expect(await rowsOf(client, GROUPS)).toEqual(expected);
  });
  it('loses one session with its backend, no other', async () => {
    const [one, two] = [await room.connect(), await room.connect()];
    const [[pid]] = (await rowsOf(one, 'SELECT pg_backend_pid()')) as [[number]];
    const lost = new Promise<pg.DatabaseError>((resolve) => one.once('error', (e) => resolve(e as pg.DatabaseError)));
    await room.admin.query('SELECT pg_terminate_backend($1)', [pid]);
    expect((await lost).code).toBe('57P01');
    expect(await rowsOf(two, GROUPS)).toEqual(expected);
  });
});

describe('psql', () => {
  const there = spawnSync('psql', ['--version']).status === 0;
  it.skipIf(!there)('lists and describes the model (skipped where psql is not installed)', async () => {
    // A child of this process: the server answers while the child runs, so it must not block this one.
    const run = (command: string, user = 'admin') =>
      new Promise<string>((resolve) => {
        const child = spawn(
          'psql',
          ['-X', '-A', '-t', '-h', '127.0.0.1', '-p', String(room.port), '-U', user, 'assay', '-c', command],
          {
            env: { PATH: process.env['PATH'], PGPASSWORD: TOKEN },
          },
        );
        let out = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (d: Buffer) => (out += d.toString('utf8')));
        child.on('close', () => resolve(out));
      });
    expect(await run('\\d')).toContain('public|retail|table|');
    expect(await run('\\d retail')).toContain('net_revenue|numeric(18,2)|');
    expect(await run('\\d+ retail')).toContain('What was sold, less returns. unit: GBP');
    expect(await run('\\d retail', 'analyst')).not.toContain('invoice');
    expect(await run('\\l')).toContain('UTF8');
    expect(await run('\\dt')).toContain('retail');
    expect(await run(GROUPS)).toContain(`${expected[0]?.[0]}|${expected[0]?.[1]}`);
    expect(await run(`\\copy (${GROUPS}) to stdout csv`)).toContain(`${expected[0]?.[0]},${expected[0]?.[1]}`);
    expect(await run('SELECT country, nope FROM retail GROUP BY 1')).toContain('LINE 1');
  });
});

describe('broken bytes', () => {
  it('end one connection, never the service', async () => {
    let seed = 7;
    const random = (n: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % n;
    };
    const attempts = Array.from({ length: 150 }, (_, i) => {
      const bytes = Buffer.from(Array.from({ length: 1 + random(60) }, () => random(256)));
      if (i % 3 === 0) {
        const startup = Buffer.from('\0\0\0\0\0\x03\0\0user\0admin\0database\0assay\0\0', 'latin1');
        startup.writeInt32BE(startup.length, 0);
        return Buffer.concat([
          startup,
          Buffer.from(`p\0\0\0${String.fromCharCode(5 + TOKEN.length)}${TOKEN}\0`, 'latin1'),
          bytes,
        ]);
      }
      return bytes;
    });
    await Promise.all(
      attempts.map(
        (bytes) =>
          new Promise<void>((resolve) => {
            const socket = connect(room.port, '127.0.0.1', () => socket.end(bytes));
            socket.on('error', () => socket.destroy());
            socket.on('close', () => resolve());
            socket.resume();
          }),
      ),
    );
    expect(await rowsOf(client, GROUPS)).toEqual(expected);
    expect(room.bugs).toEqual([]);
  });
});
