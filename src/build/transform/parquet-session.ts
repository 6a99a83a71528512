import type { EngineValue, ParquetEngine } from '../../store/delta/index.js';
import type { DuckDbSession } from '../../store/engine/index.js';

/** Values as the lake's contract wants them: exact ones as text. */
const plain = (value: unknown): EngineValue => {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Map) return [...value].map(([k, v]) => ({ key: plain(k), value: plain(v) }));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value as EngineValue;
};

/** A DuckDB session as the engine of the lake's tables. `signal` stops what runs there and has no signal of its own. */
export const parquetSession = (session: DuckDbSession, signal?: AbortSignal): ParquetEngine => {
  const run = (given: AbortSignal | undefined) => {
    const stop = given ?? signal;
    return stop ? { signal: stop } : {};
  };
  return {
    execute: async (sql, options = {}) => {
      await session.execute(sql, options.parameters, run(options.signal));
    },
    query: async (sql, options = {}) => {
      const rows = await session.query(sql, options.parameters, run(options.signal));
      return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])));
    },
  };
};
