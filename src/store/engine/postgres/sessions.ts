import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Emit } from '../../../query/index.js';
import { slots } from '../slots.js';
import { postgresFailure } from './failures.js';
import { type StatementNames, statementNames } from './statements.js';

const CONNECT = 10_000;
const LONGEST_CLOSE = 3000;

/** A connection of the pool, held by one user at a time. */
export interface Session {
  readonly client: pg.PoolClient;
  /** Its server process, for cancelling. */
  readonly pid: number;
  readonly statements: StatementNames;
  /** The statement_timeout that is set on it, in milliseconds; 0: none. */
  timeout: number;
  /** Gives it back; a broken one is closed. */
  release(broken?: boolean): void;
}

export interface Sessions {
  /** Waits for a free connection. Errors: `cancelled` (or the signal's reason), `postgres-unavailable`. */
  take(signal?: AbortSignal): Promise<Session>;
  close(): Promise<void>;
}

/** Text as PostgreSQL prints it for every type whose value a JavaScript value would bend (see `Row`). */
const AS_JAVASCRIPT = new Set([16, 17, 21, 23, 26, 114, 700, 701, 3802, 1000, 1005, 1007, 1009, 1015]);
const text = (value: string): string => value;
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    AS_JAVASCRIPT.has(oid) ? pg.types.getTypeParser(oid, format ?? 'text') : text) as typeof pg.types.getTypeParser,
};

/** The same for each session, whatever the server's defaults are. */
const SETTINGS = `SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 1;
  SET bytea_output = 'hex'; SET client_min_messages = warning; SET standard_conforming_strings = on; SET jit = off`;

/** A pool of connections to one database, all set up alike. `readOnly` sessions cannot write. */
export const openSessions = (options: {
  readonly url: string;
  readonly what: string;
  readonly most: number;
  readonly readOnly: boolean;
  readonly emit: Emit;
}): Sessions => {
  const { url, what, most, readOnly, emit } = options;
  let closing = false;
  const known = new WeakMap<object, { pid: number; statements: StatementNames; timeout: number }>();
  const setUp = async (client: pg.ClientBase) => {
    // Without a listener a connection that breaks while it is held would end the process; its user's statement rejects as well.
    client.on('error', (e) => {
      // A server that is stopped right after us may end a connection before our own end of it is through: no news.
      if (!closing) emit('notice', { message: `a connection to ${what} broke: ${e.message}` });
    });
    await client.query(`${SETTINGS}; SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`);
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    known.set(client, { pid: rows[0]?.pid ?? 0, statements: statementNames(), timeout: 0 });
  };
  const pool = new pg.Pool({
    connectionString: url,
    max: most,
    connectionTimeoutMillis: CONNECT,
    idleTimeoutMillis: 300_000,
    keepAlive: true,
    application_name: readOnly ? 'assay answers' : 'assay',
    types,
    onConnect: setUp,
  });
  // An idle connection that broke: the pool has already dropped it, and `setUp` has told.
  pool.on('error', () => {});
  const free = slots(most);
  return {
    async take(signal) {
      const giveBack = await free.take(signal);
      try {
        const client = await pool.connect();
        const facts = known.get(client) ?? { pid: 0, statements: statementNames(), timeout: 0 };
        let held = true;
        return {
          client,
          pid: facts.pid,
          statements: facts.statements,
          get timeout() {
            return facts.timeout;
          },
          set timeout(milliseconds) {
            facts.timeout = milliseconds;
          },
          release(broken = false) {
            if (!held) return;
            held = false;
            client.release(broken);
            giveBack();
          },
        };
      } catch (e) {
        giveBack();
        throw postgresFailure(e, what);
      }
    },
    // A stream that nobody reads on would hold its connection, and this, for ever.
    close: () => {
      closing = true;
      return Promise.race([pool.end(), pause(LONGEST_CLOSE, undefined, { ref: false })]);
    },
  };
};
