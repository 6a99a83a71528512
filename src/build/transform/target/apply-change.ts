import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError } from '../../../errors/index.js';
import type { Transform } from '../files/definition.js';
import { literal, quoted } from '../sql-text.js';
import { keyOfValue, partitionType, runsOf, valueOfKey } from '../step/partition-keys.js';
import { ensureLeaves, type Span, valueAfter } from './leaves.js';
import { ensureIndexes, ensureTable, rowKey } from './physical-table.js';
import type { PostgresChange, PostgresMoved, PostgresParts } from './target.js';

/** Share of a table's rows that must have moved before its statistics are made anew; smaller changes are autovacuum's. */
const MUCH = 0.1;
/** Each leaf of a partitioned table is sampled twice, for itself and for the whole; half of the server's own sample tells enough. */
const LEAF_STATISTICS = 50;

const listOf = (columns: readonly string[]): string => columns.map(quoted).join(', ');

/**
 * Rows of a DuckDB SELECT into a table of the transaction, through a CSV file of exact texts: an empty unquoted field is null, an
 * empty quoted one is ''.
 */
const copyRows = async (
  parts: PostgresParts,
  select: string,
  table: string,
  columns: readonly string[],
): Promise<number> => {
  const { signal } = parts;
  const stop = signal ? { signal } : {};
  await mkdir(parts.tmp, { recursive: true });
  const file = join(parts.tmp, `${randomUUID()}.csv`);
  try {
    await parts.engine.execute(`COPY (${select}) TO ${literal(file)} (FORMAT csv, HEADER false)`, stop);
    const source = createReadStream(file, { highWaterMark: 1 << 20 });
    return await parts.warehouse.copyIn(parts.tx, table, columns, source, { format: 'csv', ...stop });
  } finally {
    await rm(file, { force: true });
  }
};

const namesOf = (transform: Transform): readonly string[] => transform.columns.map((c) => c.name);
const rowsOf = (transform: Transform, relation: string): string =>
  `SELECT ${listOf(namesOf(transform))} FROM ${relation}`;

/** Keys of the partitions that a relation has rows of. */
const partitionsIn = async (
  parts: PostgresParts,
  transform: Transform,
  relation: string,
): Promise<readonly string[]> => {
  const { partition } = transform;
  if (!partition) return [];
  const type = partitionType(partition, transform.columns);
  const found = await parts.engine.query(
    `SELECT DISTINCT CAST(${quoted(partition.column)} AS VARCHAR) AS "value" FROM ${relation}`,
    parts.signal ? { signal: parts.signal } : {},
  );
  return found.flatMap(({ value }) => keyOfValue(typeof value === 'string' ? value : null, type, partition.unit) ?? []);
};

/** The partitions as ranges of their column, neighbours in one. */
const spansOf = (transform: Transform, keys: readonly string[]): readonly Span[] => {
  const { partition } = transform;
  if (!partition) return [];
  const type = partitionType(partition, transform.columns);
  return runsOf(keys, partition.unit).map((run) => ({
    from: valueOfKey(run[0] ?? '', type, partition.unit),
    to: valueAfter(run.at(-1) ?? '', type, partition.unit),
  }));
};

/** Deletes the ranges and copies what takes their place; all rows when no partitions are named. */
const replaceRanges = async (parts: PostgresParts, change: PostgresChange, isNew: boolean): Promise<PostgresMoved> => {
  const { tx } = parts;
  const { transform, table, after } = change;
  let deleted = 0;
  if (!isNew && change.partitions === undefined) deleted = (await tx.query(`DELETE FROM ${table}`)).rowCount;
  else if (!isNew)
    for (const { from, to } of spansOf(transform, change.partitions ?? [])) {
      const column = quoted(transform.partition?.column ?? '');
      const upper = to === undefined ? '' : ` AND ${column} < ${literal(to)}`;
      deleted += (await tx.query(`DELETE FROM ${table} WHERE ${column} >= ${literal(from)}${upper}`)).rowCount;
    }
  await ensureLeaves(tx, transform, table, await partitionsIn(parts, transform, after));
  const inserted = await copyRows(parts, rowsOf(transform, after), table, namesOf(transform));
  return { deleted, inserted };
};

/** Moves only rows that differ. Undefined when the table does not hold the rows that it should have: nothing is changed then. */
const replaceRows = async (
  parts: PostgresParts,
  change: PostgresChange,
  before: string,
  key: readonly string[],
): Promise<PostgresMoved | undefined> => {
  const { tx } = parts;
  const { transform, table } = change;
  const was = rowsOf(transform, before);
  const is = rowsOf(transform, change.after);
  const types = transform.columns.filter((c) => key.includes(c.name)).map((c) => quoted(c.name));
  await tx.query('SAVEPOINT row_difference');
  await tx.query(`CREATE TEMP TABLE assay_gone ON COMMIT DROP AS SELECT ${types.join(', ')} FROM ${table} WHERE false`);
  const gone = await copyRows(parts, `SELECT ${listOf(key)} FROM (${was} EXCEPT ${is})`, 'pg_temp.assay_gone', key);
  await tx.query('ANALYZE pg_temp.assay_gone');
  const same = key.map((name) => `t.${quoted(name)} = g.${quoted(name)}`).join(' AND ');
  const { rowCount } = await tx.query(`DELETE FROM ${table} t USING pg_temp.assay_gone g WHERE ${same}`);
  if (rowCount !== gone) {
    await tx.query('ROLLBACK TO SAVEPOINT row_difference');
    return undefined;
  }
  const inserted = await copyRows(parts, `${is} EXCEPT ${was}`, table, namesOf(transform));
  await tx.query('DROP TABLE pg_temp.assay_gone; RELEASE SAVEPOINT row_difference');
  return { deleted: gone, inserted };
};

/** Statistics for the planner, where much has changed. Whoever holds the table's statistics now makes them too. */
const analyze = async (
  { tx }: PostgresParts,
  { transform, table }: PostgresChange,
  moved: number,
  isNew: boolean,
): Promise<void> => {
  const { rows } = await tx.query<{ rows: number }>(
    `SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::float8 AS rows
     FROM pg_partition_tree(to_regclass($1)) p JOIN pg_class c ON c.oid = p.relid WHERE p.isleaf`,
    [table],
  );
  if (!isNew && moved < MUCH * (rows[0]?.rows ?? 0)) return;
  await tx.query("SAVEPOINT statistics; SET LOCAL lock_timeout = '200ms'");
  try {
    if (transform.partition) await tx.query(`SET LOCAL default_statistics_target = ${LEAF_STATISTICS}`);
    await tx.query(`ANALYZE ${table}`);
    if (transform.partition) await tx.query('SET LOCAL default_statistics_target TO DEFAULT');
    await tx.query('RELEASE SAVEPOINT statistics; SET LOCAL lock_timeout = 0');
  } catch (thrown) {
    if (!(thrown instanceof AssayError) || thrown.parameters['sqlstate'] !== '55P03') throw thrown;
    await tx.query('ROLLBACK TO SAVEPOINT statistics; SET LOCAL lock_timeout = 0');
  }
};

/**
 * Brings a table's copy in PostgreSQL to the published rows, inside the publishing transaction; the table is made where it is
 * missing. Partitioned: the ranges of the changed partitions are deleted and their rows copied. Not partitioned, with a key: only
 * rows that differ move. Else all rows are replaced. Takes no lock that a reader feels on a table that exists.
 * Errors: `engine-failed`, `disk-full`, `cancelled`.
 */
export const applyChange = async (parts: PostgresParts, change: PostgresChange): Promise<PostgresMoved> => {
  const { transform, table } = change;
  const isNew = await ensureTable(parts.tx, transform, table);
  const key = rowKey(transform);
  const byRow = !isNew && transform.partition === undefined && key.length > 0 && change.before !== undefined;
  const moved =
    (byRow && change.before !== undefined ? await replaceRows(parts, change, change.before, key) : undefined) ??
    (await replaceRanges(parts, transform.partition ? change : { ...change, partitions: undefined }, isNew));
  await ensureIndexes(parts.tx, transform, table);
  await analyze(parts, change, moved.deleted + moved.inserted, isNew);
  return moved;
};
