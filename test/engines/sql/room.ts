import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { error } from '../../../src/errors/index.js';
import type { Caller, Emit } from '../../../src/query/index.js';
import { openSqlServer, type SqlServer } from '../../../src/serve/pgwire/index.js';
import { startCluster } from '../../../src/store/engine/index.js';
import { type AskFixture, askFixture } from './fixture-ask.js';
import { accessFor, CATALOGUE } from './fixture-model.js';
import { rawTable } from './fixture-rows.js';

/** A SQL server over a real scratch cluster, with the model and rows of the fixtures. */
export interface Room {
  readonly server: SqlServer;
  readonly ask: AskFixture;
  readonly bugs: unknown[];
  readonly port: number;
  /** Runs a statement written by hand on the raw rows. */
  readonly raw: (sql: string, values?: readonly unknown[]) => Promise<unknown[][]>;
  readonly admin: pg.Client;
  readonly connect: (user?: string, more?: pg.ClientConfig) => Promise<pg.Client>;
  readonly close: () => Promise<void>;
}

export const TOKEN = 'a-token';
/** A token that has expired, and will not be taken for valid any longer within the second: clocks may be 30 s off. */
export const SHORT_TOKEN = 'a-short-token';

export const openRoom = async (sessions = 40): Promise<Room> => {
  const home = mkdtempSync(join(tmpdir(), 'assay-sql-'));
  const bugs: unknown[] = [];
  const emit: Emit = (name, event) => {
    if (name === 'bug') bugs.push(event);
  };
  const cluster = await startCluster({ kind: 'scratch', home, emit });
  const ask = askFixture();
  const authenticate = async (_user: string, password: string): Promise<Caller> => {
    if (password !== TOKEN && password !== SHORT_TOKEN)
      throw error('unauthenticated', { why: 'the token is not valid' });
    const ann: Caller = { subject: 'ann', tenant: 'default', roles: ['admin', 'analyst'], attributes: {}, via: 'jwt' };
    return password === SHORT_TOKEN ? { ...ann, expiresAt: Date.now() / 1000 - 29 } : ann;
  };
  const server = await openSqlServer({
    host: '127.0.0.1',
    port: 0,
    cluster: () => cluster.url,
    ask,
    catalogue: () => CATALOGUE,
    access: (_catalogue, caller) => accessFor(caller.roles),
    authenticate,
    emit,
    sessions,
  });
  const admin = new pg.Client({ connectionString: cluster.url });
  await admin.connect();
  await admin.query(rawTable());
  const clients: pg.Client[] = [];
  return {
    server,
    ask,
    bugs,
    port: server.port,
    admin,
    raw: async (sql, values) =>
      (await admin.query({ text: sql, values: [...(values ?? [])], rowMode: 'array' })).rows as unknown[][],
    connect: async (user = 'admin', more = {}) => {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: server.port,
        user,
        password: TOKEN,
        database: 'assay',
        ...more,
      });
      client.on('error', () => {}); // tests that end sessions look at what their statements give
      await client.connect();
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) await client.end();
      await server.close();
      await admin.end();
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};

/** Rows as arrays of text, in PostgreSQL's own notation. Without values the simple protocol is used, unless asked otherwise. */
export const rowsOf = async (
  client: pg.Client,
  text: string,
  values: readonly unknown[] = [],
  queryMode?: 'extended',
): Promise<unknown[][]> => {
  const query = {
    text,
    values: [...values],
    rowMode: 'array',
    ...(queryMode ? { queryMode } : {}),
  } as pg.QueryArrayConfig;
  return (await client.query(query)).rows as unknown[][];
};
