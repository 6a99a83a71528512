import type { EngineValue, ParquetEngine } from '../store/delta/index.js';
import type { DuckDbSession } from '../store/engine/index.js';

/** Exact values as text, as the lake's contract wants them. */
const jsonForm = (value: unknown): EngineValue => {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Map) return [...value].map(([key, v]) => ({ key: jsonForm(key), value: jsonForm(v) }));
  if (Array.isArray(value)) return value.map(jsonForm);
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, jsonForm(v)]));
  return value as EngineValue;
};

/** One DuckDB session as the engine that reads and writes Parquet for the lake. */
export const parquetOver = (session: DuckDbSession): ParquetEngine => ({
  execute: async (sql, options = {}) => {
    await session.execute(sql, options.parameters, options.signal ? { signal: options.signal } : {});
  },
  query: async (sql, options = {}) => {
    const rows = await session.query(sql, options.parameters, options.signal ? { signal: options.signal } : {});
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, jsonForm(value)])));
  },
});
