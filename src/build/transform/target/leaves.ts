import { error } from '../../../errors/index.js';
import type { DataType } from '../../../query/index.js';
import type { Tx } from '../../../store/engine/index.js';
import type { Partition, Transform, Unit } from '../files/definition.js';
import { literal, quoted } from '../sql-text.js';
import { keyOfInstant, keyTime, nextKey, partitionType, truncateKey, valueOfKey } from '../step/partition-keys.js';

/** A leaf of a partitioned table holds many of the transform's partitions: thousands of leaves would make every plan slow. */
const LEAF: Readonly<Record<Unit, Unit>> = { hour: 'day', day: 'month', month: 'year', year: 'year' };

/** A half-open range of the partition column, as exact texts; undefined: up to the end of time. */
export interface Span {
  readonly from: string;
  readonly to: string | undefined;
}

/** The last keys that there are; nothing lies behind them. */
const LAST: Readonly<Record<Unit, string>> = {
  hour: '9998-12-31T23',
  day: '9998-12-31',
  month: '9998-12',
  year: '9998',
};

/** The column's value at the end of a partition; undefined: the end of time. */
export const valueAfter = (key: string, type: DataType, unit: Unit): string | undefined =>
  key >= LAST[unit] ? undefined : valueOfKey(nextKey(key, unit), type, unit);

/** The column's value at the start of a leaf: that of the first partition in it. */
const startOf = (leaf: string, leafUnit: Unit, type: DataType, unit: Unit): string => {
  const time = keyTime(leaf, leafUnit);
  const key = time === undefined ? undefined : keyOfInstant(BigInt(time) * 1000n, unit);
  if (key === undefined) throw error('internal', {}, new RangeError(`${leaf} is no ${leafUnit}`));
  return valueOfKey(key, type, unit);
};

/** Leaf to the span of its rows, for the leaves that these partitions lie in. */
export const leavesOf = (partition: Partition, type: DataType, keys: readonly string[]): ReadonlyMap<string, Span> => {
  const { unit } = partition;
  const leafUnit = LEAF[unit];
  const leaves = new Map<string, Span>();
  for (const leaf of new Set(keys.map((key) => truncateKey(key, leafUnit)))) {
    leaves.set(leaf, {
      from: startOf(leaf, leafUnit, type, unit),
      to: leaf >= LAST[leafUnit] ? undefined : startOf(nextKey(leaf, leafUnit), leafUnit, type, unit),
    });
  }
  return leaves;
};

const leafName = (table: string, leaf: string): string => `${table.slice(0, -1)}__${leaf.replaceAll(/[-T]/g, '_')}"`;

/**
 * Makes the leaves that rows of these partitions need. A leaf is made apart and attached, which other than CREATE ... PARTITION OF
 * does not wait for readers of the table, nor they for it (SHARE UPDATE EXCLUSIVE).
 */
export const ensureLeaves = async (
  tx: Tx,
  transform: Transform,
  table: string,
  keys: readonly string[],
): Promise<void> => {
  const { partition } = transform;
  if (!partition || keys.length === 0) return;
  const type = partitionType(partition, transform.columns);
  const { rows } = await tx.query<{ name: string }>(
    'SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)',
    [table],
  );
  const there = new Set(rows.map(({ name }) => quoted(name)));
  const schema = table.slice(0, table.indexOf('.') + 1);
  const statements: string[] = [];
  for (const [leaf, { from, to }] of leavesOf(partition, type, keys)) {
    const name = leafName(table, leaf);
    if (there.has(name.slice(schema.length))) continue;
    const upper = to === undefined ? 'MAXVALUE' : literal(to);
    statements.push(
      `CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS)`,
      `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${literal(from)}) TO (${upper})`,
    );
  }
  if (statements.length > 0) await tx.query(statements.join(';\n'));
};
