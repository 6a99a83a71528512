import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Transform } from '../files/definition.js';
import { quoted } from '../sql-text.js';

/** Both sides are the same, null being equal to null. */
export const sameSql = (columns: readonly string[], a: string, b: string): string =>
  columns.map((name) => `${a}.${quoted(name)} IS NOT DISTINCT FROM ${b}.${quoted(name)}`).join(' AND ') || 'true';

/** Rows that share their key with another cannot replace one. Errors: `contract-broken`. */
export const refuseTwice = async (
  engine: ParquetEngine,
  transform: Transform,
  rows: string,
  key: readonly string[],
): Promise<void> => {
  const columns = key.map(quoted).join(', ');
  const [found] = await engine.query(
    `SELECT count(*)::VARCHAR AS n FROM (SELECT 1 FROM ${rows} GROUP BY ${columns} HAVING count(*) > 1)`,
  );
  const keys = String(found?.['n'] ?? 0);
  if (keys !== '0')
    throw error('contract-broken', {
      model: transform.id,
      file: transform.file,
      what: `${keys} ${keys === '1' ? 'key' : 'keys'} (${key.join(', ')}) occur more than once in the rows of the SELECT`,
    });
};

/** Kind incremental_by_key: the new rows, and of the rows that are there those whose key is not among them. */
export const replaceByKey = async (
  engine: ParquetEngine,
  transform: Transform,
  fresh: string,
  existing: string,
): Promise<string> => {
  await refuseTwice(engine, transform, fresh, transform.natural);
  const columns = (of: string) => transform.columns.map(({ name }) => `${of}.${quoted(name)}`).join(', ');
  return `SELECT ${columns('n')} FROM ${fresh} AS n
    UNION ALL
    SELECT ${columns('e')} FROM ${existing} AS e
    WHERE NOT EXISTS (SELECT 1 FROM ${fresh} AS n WHERE ${sameSql(transform.natural, 'n', 'e')})`;
};
