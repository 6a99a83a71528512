import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Check, Unit } from '../files/definition.js';
import { render } from '../files/template.js';
import { literal } from '../sql-text.js';
import { partitioning } from './audit-step.js';
import type { CheckCount } from './check-sql.js';
import { nextKey } from './partition-keys.js';
import { nameOf, referencesIn } from './relations.js';
import { type StepOrder, WHOLE } from './step.js';

/** What `sql` checks are asked of. */
export interface SqlAsked {
  readonly engine: ParquetEngine;
  readonly order: StepOrder;
  /** Keys of the partitions that changed, or `*`. */
  readonly changed: readonly string[];
}

/** Where counts go: to a changed partition, or to the table as a whole. */
export interface SqlCounts {
  readonly partitions: ReadonlyMap<string, CheckCount[]>;
  readonly table: CheckCount[];
}

/** A shop that is closed for a week is asked about with the weeks around it; a longer gap parts two statements. */
const MOST_BETWEEN = 10;

/** Changed partitions by neighbourhood: what lies between those of one group is read with them, and not counted. */
export const neighbourhoods = (keys: readonly string[], unit: Unit): readonly (readonly string[])[] => {
  const groups: string[][] = [];
  for (const key of [...keys].sort()) {
    const group = groups.at(-1);
    let at = group?.at(-1);
    for (let steps = 0; at !== undefined && at < key && steps < MOST_BETWEEN; steps++) at = nextKey(at, unit);
    if (group && at === key) group.push(key);
    else groups.push([key]);
  }
  return groups;
};

const bigOf = (value: unknown): bigint => BigInt(String(value ?? 0));

/**
 * Asks an `sql` check. One that names `{{partition.start}}` is asked of the changed partitions: when it gives the partition's column,
 * one statement for all neighbours gives a row for each; else one statement for each. Any other is asked once, of the whole table.
 */
export const askSqlCheck = async (asked: SqlAsked, check: Check, text: string, counts: SqlCounts): Promise<void> => {
  const { engine, order, changed } = asked;
  const { transform } = order;
  const { partition } = transform;
  const rendered = (partitions: StepOrder['partitions']): string =>
    render(transform.file, text, check.place.line, nameOf({ ...order, partitions }), 'duckdb');
  const one = async (partitions: StepOrder['partitions']): Promise<CheckCount> => {
    const [row] = await engine.query(
      `SELECT evaluated::HUGEINT::VARCHAR AS evaluated, failed::HUGEINT::VARCHAR AS failed FROM (${rendered(partitions)})`,
    );
    return { check, evaluated: bigOf(row?.['evaluated']), failed: bigOf(row?.['failed']) };
  };
  const cut = referencesIn(transform, text, check.place.line).some(({ kind }) => kind === 'partition');
  if (!cut || !partition || changed.includes(WHOLE)) {
    counts.table.push(await one(order.partitions));
    return;
  }
  if (!(await givesColumn(engine, rendered(changed.slice(0, 1)), partition.column))) {
    for (const key of changed) counts.partitions.get(key)?.push(await one([key]));
    return;
  }
  const { sql: by, keyOf } = partitioning(transform, false);
  for (const keys of neighbourhoods(changed, partition.unit)) {
    const rows = await engine.query(
      `SELECT ${by} AS p, sum(evaluated)::HUGEINT::VARCHAR AS evaluated, sum(failed)::HUGEINT::VARCHAR AS failed
       FROM (${rendered(keys)}) GROUP BY 1`,
    );
    for (const row of rows) {
      const count = { check, evaluated: bigOf(row['evaluated']), failed: bigOf(row['failed']) };
      // What belongs to no partition counts for the table; what belongs to one that stays was asked when that was made.
      if (row['p'] === null) counts.table.push(count);
      else counts.partitions.get(keyOf(String(row['p'])))?.push(count);
    }
  }
};

const givesColumn = async (engine: ParquetEngine, sql: string, column: string): Promise<boolean> => {
  const [row] = await engine.query(
    `SELECT count(*)::VARCHAR AS n FROM (DESCRIBE SELECT * FROM (${sql})) WHERE column_name = ${literal(column)}`,
  );
  return String(row?.['n']) === '1';
};
