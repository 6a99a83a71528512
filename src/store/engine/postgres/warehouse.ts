import { type AssayError, error } from '../../../errors/index.js';
import type { Engine } from '../engine.js';
import { deadline } from '../time-limit.js';
import { connectPostgres } from './connect.js';
import { copyInto } from './copy.js';
import { postgresFailure } from './failures.js';
import { poolDialect, transactionDialect } from './kysely.js';
import { listenOn } from './listen.js';
import { readOn } from './read.js';
import { openSessions, type Session } from './sessions.js';
import type { QueryResult, Row, SqlParameter, TransactionOptions, Tx, Warehouse, WarehouseOptions } from './types.js';

const WHAT = 'the PostgreSQL warehouse';

/** Opens the pools of one database. Errors: `postgres-unavailable`, `config-invalid` (server too old). */
export const openWarehouse = async (options: WarehouseOptions): Promise<Warehouse> => {
  const { url, emit } = options;
  const { version } = await connectPostgres(url);
  const pool = (most: number, readOnly: boolean) => openSessions({ url, what: WHAT, most, readOnly, emit });
  const readers = pool(options.readers ?? 8, true);
  const writers = pool(options.writers ?? 6, false);
  // Of its own: the pools may be full of the very statements that are to be cancelled.
  const canceller = pool(2, false);
  const held = new Map<pgClient, Session>();

  const cancel = async (pid: number): Promise<void> => {
    const session = await canceller.take();
    try {
      await session.client.query('SELECT pg_cancel_backend($1)', [pid]);
    } catch (e) {
      throw postgresFailure(e, WHAT);
    } finally {
      session.release();
    }
  };

  const engine: Engine = {
    name: 'postgres',
    dialect: 'postgres',
    async run(statement, run = {}) {
      const watch = deadline(run);
      try {
        const session = await readers.take(watch.signal);
        const done = (broken: boolean) => session.release(broken);
        return await readOn(session, statement, { ...run, what: WHAT, inTransaction: false, cancel, done, watch });
      } catch (e) {
        watch.clear();
        throw watch.reason() ?? e;
      }
    },
    // The warehouse closes its pools.
    close: async () => {},
  };

  const transaction = async <T>(fn: (tx: Tx) => Promise<T>, how: TransactionOptions = {}): Promise<T> => {
    const session = await writers.take(how.signal);
    const { client } = session;
    let broken = false;
    let stopping: Promise<void> | undefined;
    const ended = (): AssayError | undefined => (how.signal?.aborted ? error('cancelled', {}) : undefined);
    const abort = () => {
      stopping = cancel(session.pid);
      // Awaited below; a rejection in between must not end the process.
      stopping.catch(() => {});
    };
    how.signal?.addEventListener('abort', abort, { once: true });
    held.set(client, session);
    try {
      await client.query(
        `BEGIN ISOLATION LEVEL ${how.isolation ?? 'read committed'} ${how.readOnly ? 'READ ONLY' : 'READ WRITE'}`,
      );
      const result = await fn(transactionOn(client));
      if (ended()) throw ended();
      await client.query('COMMIT');
      return result;
    } catch (e) {
      await stopping?.catch(() => {
        broken = true;
      });
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      const known = 'severity' in Object(e) || broken ? postgresFailure(e, WHAT, ended()) : e;
      throw ended() ?? known;
    } finally {
      how.signal?.removeEventListener('abort', abort);
      held.delete(client);
      session.release(broken);
    }
  };

  return {
    engine,
    version,
    transaction,
    dialect: poolDialect(writers, WHAT),
    async query<R = Row>(sql: string, parameters?: readonly SqlParameter[]) {
      const session = await writers.take();
      let broken = false;
      try {
        return await runQuery<R>(session.client, sql, parameters);
      } catch (e) {
        broken = (e as AssayError).code === 'postgres-unavailable';
        throw e;
      } finally {
        session.release(broken);
      }
    },
    async runIn(tx, statement, run = {}) {
      const session = held.get(tx.client);
      if (!session) throw error('internal', {}, new ReferenceError('the transaction has ended'));
      return readOn(session, statement, { ...run, what: WHAT, inTransaction: true, cancel, done: () => {} });
    },
    copyIn: (tx, table, columns, source, copy = {}) => copyInto(tx, table, columns, source, copy, WHAT),
    listen: (channel, on) =>
      listenOn(url, channel, on, emit).catch((e: unknown) => Promise.reject(postgresFailure(e, WHAT))),
    async close() {
      await Promise.all([readers.close(), writers.close(), canceller.close()]);
    },
  };
};

type pgClient = Tx['client'];

const runQuery = async <R>(
  client: pgClient,
  sql: string,
  parameters: readonly SqlParameter[] = [],
): Promise<QueryResult<R>> => {
  try {
    const result = await client.query({ text: sql, values: [...parameters] });
    // Several statements in one text give several results; the last one is meant.
    const last = Array.isArray(result) ? result.at(-1) : result;
    return { rows: last.rows as R[], rowCount: last.rowCount ?? last.rows.length };
  } catch (e) {
    throw postgresFailure(e, WHAT);
  }
};

const transactionOn = (client: pgClient): Tx => ({
  client,
  dialect: transactionDialect(client, WHAT),
  query: (sql, parameters) => runQuery(client, sql, parameters),
});
