import type { Check, ContractColumn, Transform } from '../files/definition.js';
import type { CheckCount } from './check-sql.js';
import type { PartitionSummary } from './step.js';
import { WHOLE } from './step.js';

/** The published partitions that a new one is compared with: fewer do not say what is usual. */
const WINDOW = 14;
/** The values of a column among them that do. */
const LEAST = 5;
/** Median absolute deviations that a value may lie from the median, made comparable with standard deviations. */
const DEVIATIONS = 4 * 1.4826;
/** What is never called drift: half of the usual rows or mean, five hundredths of null share. */
const SLACK = 0.5;
const NULL_SLACK = 0.05;

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle] ?? 0, sorted[middle] ?? 0];
  return (low + high) / 2;
};

/** Whether a value is far from where the others are; with fewer than five others nobody can say. */
export const drifts = (value: number, others: readonly number[], slack: (usual: number) => number): boolean => {
  if (others.length < LEAST) return false;
  // What has been there before is no drift: a shop that is closed on Sundays has a Sunday each week.
  if (value >= Math.min(...others) && value <= Math.max(...others)) return false;
  const usual = median(others);
  const spread = median(others.map((other) => Math.abs(other - usual)));
  return Math.abs(value - usual) > Math.max(DEVIATIONS * spread, slack(usual));
};

/** Columns whose mean says something: numbers that are no keys. */
export const measuredColumns = (transform: Transform): readonly ContractColumn[] => {
  const keys = new Set([
    ...transform.natural,
    transform.surrogate,
    transform.partition?.column,
    ...transform.checks.flatMap(({ question, columns }) => (question.type === 'relationship' ? columns : [])),
  ]);
  return transform.columns.filter(
    ({ name, type, pii }) =>
      ['integer', 'bigint', 'decimal', 'double'].includes(type.kind) && pii === 'none' && !keys.has(name),
  );
};

const made = (transform: Transform, name: string, metric: Check['metric']): Check => ({
  ...{ name, metric },
  columns: [],
  question: { type: 'sql', sql: '' },
  severity: 'warn',
  toleranceMillionths: 0n,
  place: { file: transform.file, line: 1 },
});

/** Published partitions before this one; of a whole table the ones before it in time, as they are given. */
const before = (summary: PartitionSummary, past: readonly PartitionSummary[]): readonly PartitionSummary[] =>
  past
    .filter(({ partition }) => (summary.partition === WHOLE ? partition === WHOLE : partition < summary.partition))
    .slice(-WINDOW);

/** What a partitioned table is asked without declaring it: both only warn, and do not count in the score. */
export const driftChecks = (transform: Transform): readonly Check[] =>
  transform.kind === 'incremental_by_partition'
    ? [made(transform, 'rows_as_usual', 'volume'), made(transform, 'values_as_usual', 'consistency')]
    : [];

/**
 * Compares a partition with the last 14 published ones: its number of rows, and null share and mean of its columns. Nothing, where fewer
 * are there: then nobody has looked, which is no pass, and the coverage says so.
 */
export const driftOf = (
  transform: Transform,
  summary: PartitionSummary,
  past: readonly PartitionSummary[],
): readonly CheckCount[] => {
  const others = before(summary, past);
  const [volume, consistency] = driftChecks(transform);
  if (others.length < WINDOW || !volume || !consistency) return [];
  const rows = drifts(
    summary.rows,
    others.map((other) => other.rows),
    (usual) => SLACK * usual,
  );
  let evaluated = 0n;
  let failed = 0n;
  const count = (
    value: number | null | undefined,
    known: readonly (number | null | undefined)[],
    slack: (usual: number) => number,
  ) => {
    const values = known.filter((one) => typeof one === 'number');
    if (typeof value !== 'number' || values.length < LEAST) return;
    evaluated += 1n;
    if (drifts(value, values, slack)) failed += 1n;
  };
  for (const [name, { nulls, mean }] of Object.entries(summary.columns)) {
    const same = others.map((other) => other.columns[name]);
    count(
      nulls,
      same.map((one) => one?.nulls),
      () => NULL_SLACK,
    );
    count(
      mean,
      same.map((one) => one?.mean),
      (usual) => SLACK * Math.abs(usual),
    );
  }
  return [
    { check: volume, evaluated: 1n, failed: rows ? 1n : 0n, uncounted: true },
    { check: consistency, evaluated, failed, uncounted: true },
  ];
};
