import { AssayError } from '../../../errors/index.js';
import type { Tx } from '../../../store/engine/index.js';
import type { ContractColumn, Transform } from '../files/definition.js';
import { literal, postgresType, quoted } from '../sql-text.js';
import { physicalSchemaOf } from './physical.js';

/** Text compares by code point everywhere, whatever the server's own collation is. */
const columnSql = (column: ContractColumn, partition: string | undefined): string => {
  const collation = column.type.kind === 'string' ? ' COLLATE "C"' : '';
  // A row without a partition belongs nowhere.
  const filled = column.nullable && column.name !== partition ? '' : ' NOT NULL';
  return `${quoted(column.name)} ${postgresType(column.type)}${collation}${filled}`;
};

/** Columns that tell a row from every other, as the contract says; empty where they may be null, or none are named. */
export const rowKey = (transform: Transform): readonly string[] => {
  if (transform.surrogate !== undefined) return [transform.surrogate];
  const mayBeNull = transform.natural.some((name) => transform.columns.find((c) => c.name === name)?.nullable);
  return mayBeNull ? [] : transform.natural;
};

/** The primary key's columns: the row key, behind the partition column, which a key of a partitioned table must hold. */
const primaryKey = (transform: Transform): readonly string[] => {
  const key = rowKey(transform);
  const column = transform.partition?.column;
  return column === undefined || key.length === 0 ? key : [column, ...key.filter((name) => name !== column)];
};

/**
 * Makes a model version's table where it is missing: partitioned when the transform is, each leaf coarser than the transform's own
 * unit (hour: days, day: months, month and year: years). Indexes come with the first rows (`applyChange`). Gives whether it is new.
 * Errors: `engine-failed`.
 */
export const ensureTable = async (tx: Tx, transform: Transform, table: string): Promise<boolean> => {
  const { rows } = await tx.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
  if (rows[0]?.there) return false;
  const column = transform.partition?.column;
  const columns = transform.columns.map((c) => columnSql(c, column)).join(', ');
  const by = column === undefined ? '' : ` PARTITION BY RANGE (${quoted(column)})`;
  await tx.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(physicalSchemaOf(transform.layer))}`);
  await tx.query(`CREATE TABLE ${table} (${columns})${by}`);
  await tx.query(`COMMENT ON TABLE ${table} IS ${literal(transform.description)}`);
  return true;
};

/** The indexes that a table is to have, the primary key first, each by its columns. */
const wantedIndexes = (transform: Transform): readonly (readonly string[])[] => {
  const key = primaryKey(transform);
  const column = transform.partition?.column;
  // Without a key that begins with it, deleting a partition would read its whole leaf.
  const byPartition = column === undefined || key.length > 0 ? [] : [[column]];
  return [...(key.length > 0 ? [key] : []), ...byPartition, ...transform.indexes];
};

/** Makes the primary key and the contract's indexes where they are missing: after the first rows, when that is cheapest. */
export const ensureIndexes = async (tx: Tx, transform: Transform, table: string): Promise<void> => {
  const { rows } = await tx.query<{ columns: string }>(
    `SELECT to_json(array(SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY k(attnum, at)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.at))::text AS columns
     FROM pg_index i WHERE i.indrelid = to_regclass($1)`,
    [table],
  );
  const there = new Set(rows.map(({ columns }) => JSON.stringify(JSON.parse(columns))));
  const isKey = primaryKey(transform).length > 0;
  for (const [at, columns] of wantedIndexes(transform).entries()) {
    if (there.has(JSON.stringify(columns))) continue;
    there.add(JSON.stringify(columns));
    const list = columns.map(quoted).join(', ');
    await tx.query(
      at === 0 && isKey ? `ALTER TABLE ${table} ADD PRIMARY KEY (${list})` : `CREATE INDEX ON ${table} (${list})`,
    );
  }
};

/** `reason` says who still uses a table that could not be dropped. */
export type Dropped = { readonly dropped: true } | { readonly dropped: false; readonly reason: string };

const LOCK = "SET LOCAL lock_timeout = '1s'";

/**
 * Drops a physical table that nothing stands on and nobody reads now. Declared keys that point at it go first; a view or a reader
 * in the way is no error, it is named. An absent table is dropped already. Errors: `engine-failed`.
 */
export const dropPhysical = async (tx: Tx, table: string): Promise<Dropped> => {
  await tx.query(`SAVEPOINT drop_physical; ${LOCK}`);
  try {
    const { rows } = await tx.query<{ owner: string; name: string }>(
      `SELECT conrelid::regclass::text AS owner, conname AS name FROM pg_constraint
       WHERE contype = 'f' AND confrelid = to_regclass($1) AND conrelid <> confrelid AND conparentid = 0`,
      [table],
    );
    for (const { owner, name } of rows) await tx.query(`ALTER TABLE ${owner} DROP CONSTRAINT ${quoted(name)}`);
    await tx.query(`DROP TABLE IF EXISTS ${table} RESTRICT`);
    await tx.query('RELEASE SAVEPOINT drop_physical; SET LOCAL lock_timeout = 0');
    return { dropped: true };
  } catch (thrown) {
    const state = thrown instanceof AssayError && thrown.code === 'engine-failed' ? thrown.parameters['sqlstate'] : '';
    if (state !== '55P03' && state !== '2BP01') throw thrown;
    await tx.query('ROLLBACK TO SAVEPOINT drop_physical; SET LOCAL lock_timeout = 0');
    const reason = state === '55P03' ? 'a session still reads it' : 'a view or another object stands on it';
    return { dropped: false, reason };
  }
};
