import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import type pg from 'pg';
import { error } from '../../../errors/index.js';
import { postgresFailure } from './failures.js';
import type { Session, Sessions } from './sessions.js';

/** What kysely runs on: one held connection. */
const connectionOf = (client: pg.PoolClient, what: string): DatabaseConnection => ({
  async executeQuery<R>(compiled: CompiledQuery) {
    try {
      const result = await client.query({ text: compiled.sql, values: [...compiled.parameters] });
      const changes = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(result.command);
      return {
        rows: result.rows as R[],
        ...(changes ? { numAffectedRows: BigInt(result.rowCount ?? 0) } : {}),
      };
    } catch (e) {
      throw postgresFailure(e, what);
    }
  },
  streamQuery(): never {
    throw error('internal', {});
  },
});

const dialect = (driver: Driver): Dialect => ({
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => driver,
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
});

/** kysely on the connection of an open transaction; it begins and ends none of its own. */
export const transactionDialect = (client: pg.PoolClient, what: string): Dialect => {
  const connection = connectionOf(client, what);
  const refuse = async () => {
    throw error('internal', {});
  };
  return dialect({
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  });
};

/** kysely on the pool of the writers. */
export const poolDialect = (sessions: Sessions, what: string): Dialect => {
  const held = new Map<DatabaseConnection, Session>();
  const run = async (connection: DatabaseConnection, sql: string) => {
    await connection.executeQuery(CompiledQuery.raw(sql));
  };
  return dialect({
    init: async () => {},
    async acquireConnection() {
      const session = await sessions.take();
      const connection = connectionOf(session.client, what);
      held.set(connection, session);
      return connection;
    },
    beginTransaction: (connection, settings) =>
      run(connection, settings.isolationLevel ? `BEGIN ISOLATION LEVEL ${settings.isolationLevel}` : 'BEGIN'),
    commitTransaction: (connection) => run(connection, 'COMMIT'),
    rollbackTransaction: (connection) => run(connection, 'ROLLBACK'),
    async releaseConnection(connection) {
      held.get(connection)?.release();
      held.delete(connection);
    },
    destroy: async () => {},
  });
};
