import type { ParquetEngine } from '../../../store/delta/index.js';
import type { ContractColumn, Transform } from '../files/definition.js';
import { quoted } from '../sql-text.js';
import { pseudonymOf } from './pseudonyms.js';
import type { FailingKeys } from './step.js';

/** Keys kept for each check and partition. */
export const MOST_KEYS = 100;

/** A value as the canonical key text has it. */
export const canonicalSql = ({ name, type }: Pick<ContractColumn, 'name' | 'type'>): string =>
  type.kind === 'timestamp'
    ? `strftime(${quoted(name)} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`
    : `CAST(${quoted(name)} AS VARCHAR)`;

const escaped = (text: string | null): string =>
  text === null ? '\\N' : text.replaceAll('\\', '\\\\').replaceAll('\u001f', '\\x1f');

/**
 * Personal values never leave the rows: the keyed digest that stands for them is the one that analysts see as pseudonym, so that two
 * failures of one person can be told to be so, and who may resolve pseudonyms may find the row. Without a key nothing is told.
 */
const masked = (text: string | null, key: string): string =>
  text === null ? '\\N' : key === '' ? '***' : pseudonymOf(key, text);

/** A table's rows by key: its natural key, else the surrogate one, else everything. */
export const keyColumns = (transform: Transform): readonly ContractColumn[] => {
  const names = transform.natural.length > 0 ? transform.natural : transform.surrogate ? [transform.surrogate] : [];
  return names.length === 0 ? transform.columns : transform.columns.filter(({ name }) => names.includes(name));
};

/**
 * Keys of the rows of a relation, at most 100 for each partition. `partition` is an expression over its rows that gives the key of the
 * partition, or its column's text (which `keyOf` reads).
 */
export const failingKeys = async (
  engine: ParquetEngine,
  transform: Transform,
  of: {
    readonly check: string;
    readonly rows: string;
    readonly partition: string;
    readonly keyOf: (text: string) => string;
    readonly pseudonymKey: string;
  },
): Promise<readonly FailingKeys[]> => {
  const columns = keyColumns(transform);
  const parts = columns.map((column, i) => `${canonicalSql(column)} AS k${i}`);
  const names = columns.map((_, i) => `k${i}`);
  const rows = await engine.query(
    `SELECT * FROM (SELECT DISTINCT ${of.partition} AS p, ${parts.join(', ')} FROM ${of.rows})
     QUALIFY row_number() OVER (PARTITION BY p ORDER BY ${names.join(', ')}) <= ${MOST_KEYS} ORDER BY ALL`,
  );
  const found = new Map<string, string[]>();
  for (const row of rows) {
    const partition = of.keyOf(String(row['p']));
    const text = columns.map(({ pii }, i) => {
      const value = row[`k${i}`];
      const known = value === null || value === undefined ? null : String(value);
      return pii === 'none' ? escaped(known) : masked(known, of.pseudonymKey);
    });
    const keys = found.get(partition) ?? [];
    keys.push(text.join('\u001f'));
    found.set(partition, keys);
  }
  return [...found].map(([partition, keys]) => ({ check: of.check, partition, keys }));
};
