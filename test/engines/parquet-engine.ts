import { DuckDBInstance } from '@duckdb/node-api';
import { error } from '../../src/errors/index.js';
import type { ParquetEngine } from '../../src/store/delta/index.js';

/** A DuckDB session as the lake needs it. */
export const duckdb = async (): Promise<ParquetEngine & { close(): void }> => {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: '1GB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const query: ParquetEngine['query'] = async (sql, options) => {
    try {
      const reader = await connection.runAndReadAll(sql, options?.parameters ? [...options.parameters] : undefined);
      return reader.getRowObjectsJson() as Awaited<ReturnType<ParquetEngine['query']>>;
    } catch (thrown) {
      throw error('engine-failed', { engine: 'duckdb' }, thrown);
    }
  };
  return {
    query,
    execute: async (sql, options) => void (await query(sql, options)),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
};
