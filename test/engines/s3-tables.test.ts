import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parquetSession } from '../../src/build/transform/index.js';
import { noEmit } from '../../src/query/index.js';
import {
  appendFiles,
  createTable,
  holdNamed,
  type Mount,
  mountLake,
  openTable,
  overwritePartitions,
  type ParquetEngine,
  relation,
  tableAt,
  vacuumTable,
  writeParquet,
} from '../../src/store/delta/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';
import { NO_READER, python, readForeign } from './delta-rs.js';
import { type S3Proxy, startProxy } from './s3-proxy.js';
import { CREDENTIALS, hasS3, isStrict, NO_S3, type S3Server, startS3 } from './s3-server.js';

const ci = process.env['CI'] === 'true';
if (!hasS3 && !ci) process.stderr.write(`s3-tables is skipped: ${NO_S3}\n`);
if (!python && !ci) process.stderr.write(`s3-tables compares with no other reader: ${NO_READER}\n`);
const patience = { tries: 8, first: 1, longest: 20 };

describe.skipIf(!hasS3 && !ci)('tables in a bucket', () => {
  let server: S3Server;
  let proxy: S3Proxy;
  let home: string;
  let mount: Mount;
  let db: DuckDb;
  let engine: ParquetEngine;
  beforeAll(async () => {
    server = await startS3();
    proxy = await startProxy(server.endpoint, !isStrict);
    home = await mkdtemp(join(tmpdir(), 'assay-s3-'));
    mount = await mountLake({
      ...{ endpoint: proxy.endpoint, credentials: CREDENTIALS, patience, silence: 5000, writes: true },
      ...{ address: `s3://${await server.bucket()}/a lake/é`, cacheDir: join(home, 'copies') },
    });
    db = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(home, 'spill'), emit: noEmit, hold: holdNamed });
    engine = parquetSession(db);
  });
  afterAll(async () => {
    await db?.close();
    await mount?.close();
    await proxy?.stop();
    await server?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const create = (name: string) =>
    createTable(`${mount.address}/${name}`, engine, {
      columns: [
        { name: 'day', type: { kind: 'date' }, nullable: false },
        { name: 'who', type: { kind: 'string' }, nullable: true },
        { name: 'amount', type: { kind: 'decimal', precision: 18, scale: 2 }, nullable: true },
      ],
      partitionColumns: ['day'],
    });
  const select = (from: number, to: number) =>
    `SELECT DATE '2010-12-01' + (i % 3)::INTEGER AS day, 'w' || i AS who, (i * 1.01)::DECIMAL(18,2) AS amount FROM range(${from}, ${to}) t(i)`;
  const rowsOf = async (path: string, version?: number) => {
    const snapshot = await openTable(path, engine, version);
    if (!snapshot) return undefined;
    return engine.query(
      `SELECT count(*)::VARCHAR AS n, sum(amount)::VARCHAR AS sum, count(DISTINCT who)::VARCHAR AS who FROM ${relation(snapshot)}`,
    );
  };
  /** The same of the rows that were meant, asked of nobody but the engine. */
  const meant = (sql: string) =>
    engine.query(
      `SELECT count(*)::VARCHAR AS n, sum(amount)::VARCHAR AS sum, count(DISTINCT who)::VARCHAR AS who FROM (${sql})`,
    );
  const foreignOptions = () => ({
    AWS_ENDPOINT_URL: server.endpoint,
    AWS_ALLOW_HTTP: 'true',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  });

  it('are written, read, checkpointed, overwritten, travelled and vacuumed as in a folder', async () => {
    const path = `${mount.address}/gold/facts`;
    const first = await create('gold/facts');
    expect(first.table.path).toBe(path);
    for (let i = 0; i < 12; i++) {
      const snapshot = (await openTable(path, engine)) ?? first;
      const staged = await writeParquet({
        snapshot,
        select: select(i * 10, i * 10 + 10),
        sortBy: [],
        stepId: randomUUID(),
      });
      await appendFiles({ snapshot, staged, txnId: randomUUID() });
    }
    expect(await rowsOf(path)).toEqual(await meant(select(0, 120)));
    expect(await rowsOf(path, 5)).toEqual(await meant(select(0, 50)));
    const log = await tableAt(path, engine).files.list('_delta_log');
    expect(log).toContain('00000000000000000010.checkpoint.parquet');
    const snapshot = (await openTable(path, engine)) ?? first;
    const one = `SELECT DATE '2010-12-02' AS day, 'only' AS who, 5::DECIMAL(18,2) AS amount`;
    const staged = await writeParquet({ snapshot, select: one, sortBy: [], stepId: randomUUID() });
    await overwritePartitions({ snapshot, staged, txnId: randomUUID() });
    const wanted = `SELECT * FROM (${select(0, 120)}) WHERE day <> DATE '2010-12-02' UNION ALL ${one}`;
    expect(await rowsOf(path)).toEqual(await meant(wanted));
    const { files } = await vacuumTable(tableAt(path, engine), { retention: 0, force: true, now: Date.now() + 60_000 });
    expect(files.length).toBeGreaterThanOrEqual(12);
    expect(await rowsOf(path)).toEqual(await meant(wanted));
    if (!python) return;
    const foreign = readForeign(path, ['who'], undefined, undefined, foreignOptions());
    expect(foreign.rows).toHaveLength(81);
    expect(foreign.version).toBe(13);
  });

  it('keep every row of eight writers at once over a bad network, exactly once', async () => {
    const path = `${mount.address}/gold/race`;
    await create('gold/race');
    let seed = 7;
    const chance = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    proxy.rule(({ method }) => {
      const dice = chance();
      if (dice < 0.05) return { status: 503, code: 'SlowDown' };
      if (dice < 0.1) return 'break';
      return dice < 0.2 && method === 'PUT' ? 'lose-answer' : 'pass';
    });
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; i < 4; i++) {
          const at = (writer * 4 + i) * 10;
          const snapshot = await openTable(path, engine);
          if (!snapshot) throw new TypeError('the table is gone');
          const staged = await writeParquet({
            snapshot,
            select: select(at, at + 10),
            sortBy: [],
            stepId: randomUUID(),
          });
          await appendFiles({ snapshot, staged, txnId: randomUUID() });
        }
      }),
    );
    proxy.rule(() => 'pass');
    expect(await rowsOf(path)).toEqual(await meant(select(0, 320)));
    const log = (await tableAt(path, engine).files.list('_delta_log')).filter((name) => /^\d{20}\.json$/.test(name));
    expect(log).toEqual(Array.from({ length: 33 }, (_, i) => `${String(i).padStart(20, '0')}.json`));
    if (!python) return;
    const foreign = readForeign(path, ['who'], undefined, undefined, foreignOptions());
    expect(new Set(foreign.rows.map(([, who]) => who)).size).toBe(320);
    expect(foreign.rows).toHaveLength(320);
  });

  it('show nothing of a commit that did not come through', async () => {
    const path = `${mount.address}/gold/half`;
    const snapshot = await create('gold/half');
    const staged = await writeParquet({ snapshot, select: select(0, 10), sortBy: [], stepId: randomUUID() });
    proxy.rule(({ method, path: of }) =>
      method === 'PUT' && of.includes('_delta_log') ? { status: 500, code: 'InternalError' } : 'pass',
    );
    await expect(appendFiles({ snapshot, staged, txnId: 'one' })).rejects.toMatchObject({ code: 'bucket-unreachable' });
    expect((await openTable(path, engine))?.version).toBe(0);
    expect((await rowsOf(path))?.[0]?.['n']).toBe('0');
    proxy.rule(() => 'pass');
    expect(await appendFiles({ snapshot, staged, txnId: 'one' })).toMatchObject({ version: 1, already: false });
    expect(await appendFiles({ snapshot, staged, txnId: 'one' })).toMatchObject({ version: 1, already: true });
    expect(await rowsOf(path)).toEqual(await meant(select(0, 10)));
  });
});
