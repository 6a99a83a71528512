import { quoted } from '../format/schema.js';
import type { EngineOptions, ParquetEngine } from '../parquet-engine.js';
import type { AddFile, Snapshot } from '../types.js';
import { relationOf } from './relation.js';

/** What rows come to, whatever their order: how many, and a sum of their hashes. Two sets of rows that differ have another one. */
export const rowCheck = async (
  engine: ParquetEngine,
  snapshot: Snapshot,
  adds: readonly AddFile[],
  options: EngineOptions,
): Promise<{ readonly rows: string; readonly hash: string }> => {
  const row = `hash(${snapshot.schema.fields.map(({ name }) => quoted(name)).join(', ')})`;
  const [found] = await engine.query(
    `SELECT count(*)::VARCHAR AS n, sum(${row})::VARCHAR || ' ' || bit_xor(${row})::VARCHAR AS h FROM ${relationOf(snapshot, adds)}`,
    options,
  );
  return { rows: String(found?.['n']), hash: String(found?.['h']) };
};
