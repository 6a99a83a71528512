import type { ParquetEngine } from '../../../store/delta/index.js';
import { quoted } from '../sql-text.js';

/** How rows of a table are told apart by partition. */
export interface Attribution {
  /** Expression that gives the partition's text. */
  readonly by: string;
  /** Condition on the rows of changed partitions; undefined: all rows changed. */
  readonly changed: string | undefined;
}

export interface TableCounts {
  readonly counts: readonly { readonly partition: string; readonly evaluated: bigint; readonly failed: bigint }[];
  /** Relation over the rows that failed. */
  readonly failing: string;
}

/** A table, and the columns of it that keys and relationships look at, which are quicker to read. */
export interface Keyed {
  readonly keys: string;
  readonly table: string;
}

const read = (rows: readonly Readonly<Record<string, unknown>>[]): TableCounts['counts'] =>
  rows.map((row) => ({
    partition: String(row['p']),
    evaluated: BigInt(String(row['evaluated'])),
    failed: BigInt(String(row['failed'])),
  }));

/**
 * Rows of changed partitions whose key stands on a row before them: of the partitions that stay, or of an earlier changed one, so that
 * the fewest partitions are to blame. Only keys of changed rows are looked at.
 */
export const uniqueCounts = async (
  engine: ParquetEngine,
  { keys, table }: Keyed,
  key: readonly string[],
  { by, changed }: Attribution,
): Promise<TableCounts> => {
  const columns = key.map(quoted);
  const known = columns.map((column) => `${column} IS NOT NULL`).join(' AND ');
  const list = columns.join(', ');
  const mine = changed === undefined ? known : `${changed} AND ${known}`;
  const only = changed === undefined ? '' : ` AND (${list}) IN (SELECT ${list} FROM ${keys} WHERE ${mine})`;
  const twice = `SELECT ${list} FROM ${keys} WHERE ${known}${only} GROUP BY ${list} HAVING count(*) > 1`;
  const failing = `(SELECT * FROM ${table} WHERE ${known} AND (${list}) IN (${twice})
    QUALIFY row_number() OVER (PARTITION BY ${list} ORDER BY ${changed === undefined ? '' : `${changed}, `}${by}) > 1) AS failing${
      changed === undefined ? '' : ` WHERE ${changed}`
    }`;
  const rows = await engine.query(
    `SELECT ${by} AS p, count(*)::VARCHAR AS evaluated, '0' AS failed FROM ${keys} WHERE ${mine} GROUP BY ALL`,
  );
  const [found] = await engine.query(`SELECT count(*)::VARCHAR AS n FROM (${twice})`);
  if (String(found?.['n']) === '0') return { counts: read(rows), failing };
  const failed = new Map(
    (await engine.query(`SELECT ${by} AS p, count(*)::VARCHAR AS failed FROM ${failing} GROUP BY ALL`)).map((row) => [
      String(row['p']),
      row['failed'],
    ]),
  );
  return { counts: read(rows.map((row) => ({ ...row, failed: failed.get(String(row['p'])) ?? '0' }))), failing };
};

/** Rows of the whole table that point at nothing: those of partitions that stay, too, for what they point at may have gone. */
export const relationshipCounts = async (
  engine: ParquetEngine,
  { keys, table }: Keyed,
  column: string,
  target: { readonly table: string; readonly field: string },
  { by }: Attribution,
): Promise<TableCounts> => {
  const own = quoted(column);
  const lost = (of: string) =>
    `NOT EXISTS (SELECT 1 FROM ${target.table} AS t WHERE t.${quoted(target.field)} = ${of}.${own})`;
  const rows = await engine.query(
    `SELECT "@p" AS p, sum("@n")::VARCHAR AS evaluated, coalesce(sum("@n") FILTER (WHERE ${lost('s')}), 0)::VARCHAR AS failed
     FROM (SELECT ${by} AS "@p", ${own}, count(*) AS "@n" FROM ${keys} WHERE ${own} IS NOT NULL GROUP BY ALL) AS s GROUP BY "@p"`,
  );
  return {
    counts: read(rows),
    failing: `(SELECT * FROM ${table} AS s WHERE ${own} IS NOT NULL AND ${lost('s')}) AS failing`,
  };
};
