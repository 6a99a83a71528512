import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { noEmit } from '../../src/query/index.js';
import { openSqlServer } from '../../src/serve/pgwire/index.js';
import { startCluster } from '../../src/store/engine/index.js';
import { askFixture } from '../engines/sql/fixture-ask.js';
import { accessFor, CATALOGUE } from '../engines/sql/fixture-model.js';

it('a session cluster that is lost ends its sessions with 57P01, and new ones work on the next cluster', async () => {
  const home = mkdtempSync(join(tmpdir(), 'assay-sql-fault-'));
  let cluster = await startCluster({ kind: 'scratch', home, emit: noEmit });
  const server = await openSqlServer({
    host: '127.0.0.1',
    port: 0,
    cluster: () => cluster.url,
    ask: askFixture(),
    catalogue: () => CATALOGUE,
    access: (_c, caller) => accessFor(caller.roles),
    authenticate: async () => ({ subject: 'ann', tenant: 'default', roles: ['admin'], attributes: {}, via: 'jwt' }),
    emit: noEmit,
    sessions: 10,
  });
  const connect = async () => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: server.port,
      user: 'admin',
      password: 'x',
      database: 'assay',
    });
    const lost = new Promise<pg.DatabaseError>((resolve) => client.on('error', (e) => resolve(e as pg.DatabaseError)));
    await client.connect();
    return { client, lost };
  };
  try {
    const sessions = [await connect(), await connect()];
    process.kill(cluster.pid, 'SIGQUIT'); // PostgreSQL's immediate shutdown: no word to anybody that can be relied on
    for (const { lost } of sessions) expect((await lost).code).toMatch(/^57P0[12]$/);
    cluster = await startCluster({ kind: 'scratch', home, emit: noEmit });
    const began = Date.now();
    const { client } = await connect();
    expect((await client.query('SELECT SUM(lines) AS n FROM retail')).rows).toEqual([{ n: '400' }]);
    expect(Date.now() - began).toBeLessThan(10_000);
    await client.end();
  } finally {
    await server.close();
    await cluster.stop();
    rmSync(home, { recursive: true, force: true });
  }
});
