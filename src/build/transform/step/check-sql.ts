import type { Check, Scd2, Transform } from '../files/definition.js';
import { impliedFreshness } from '../files/freshness.js';
import { literal, quoted } from '../sql-text.js';

/** A check and what it found, in rows. */
export interface CheckCount {
  readonly check: Check;
  readonly evaluated: bigint;
  readonly failed: bigint;
  /** Told, but not counted in the score: nobody has declared it. */
  readonly uncounted?: boolean;
}

/** Checks that follow from the contract without being written: columns that may not be null, whole keys, whole histories. */
export const impliedChecks = (transform: Transform): Check[] => {
  const made = (check: Pick<Check, 'name' | 'columns' | 'question' | 'metric'>): Check => ({
    ...check,
    severity: 'critical',
    toleranceMillionths: 0n,
    place: { file: transform.file, line: 1 },
  });
  const checks = transform.columns
    .filter((column) => !column.nullable)
    .map(({ name }) =>
      made({
        name: `contract_not_null_${name}`,
        columns: [name],
        question: { type: 'not_null' },
        metric: 'completeness',
      }),
    );
  const { surrogate, scd2 } = transform;
  const declared = transform.checks.some(
    (check) => check.question.type === 'unique' && check.columns.length === 1 && check.columns[0] === surrogate,
  );
  if (surrogate !== undefined && !declared)
    checks.push(
      made({ name: `unique_${surrogate}`, columns: [surrogate], question: { type: 'unique' }, metric: 'uniqueness' }),
    );
  if (scd2)
    checks.push(
      made({
        name: 'history_is_whole',
        columns: [scd2.validFrom, scd2.validTo],
        metric: 'consistency',
        question: { type: 'sql', sql: wholeHistory(scd2) },
      }),
    );
  const freshness = impliedFreshness(transform);
  return freshness ? [...checks, freshness] : checks;
};

/**
 * Versions of a key follow each other, each differs from the one before it, and only the last may be open. Where deleted rows are
 * closed a version may end before the next begins, and the next may then be equal.
 */
const wholeHistory = (scd2: Scd2): string => {
  const [from, to] = [scd2.validFrom, scd2.validTo].map(quoted);
  const tracked = scd2.deleted === undefined ? scd2.track : [...new Set([...scd2.track, scd2.deleted])];
  const same = tracked.map((column) => `lag(${quoted(column)}) OVER v IS NOT DISTINCT FROM ${quoted(column)}`);
  const gaps = !scd2.history && scd2.deletes === 'close';
  const fits = [
    gaps
      ? `(lead(${from}) OVER v IS NULL OR coalesce(${to} <= lead(${from}) OVER v, false))`
      : `lead(${from}) OVER v IS NOT DISTINCT FROM ${to}`,
    ...(scd2.current ? [`${quoted(scd2.current)} = (${to} IS NULL)`] : []),
    ...(scd2.version ? [`${quoted(scd2.version)} = row_number() OVER v`] : []),
    `coalesce(${from} < ${to}, true)`,
    `(row_number() OVER v = 1 OR NOT (${[...same, ...(gaps ? [`lag(${to}) OVER v = ${from}`] : [])].join(' AND ')}))`,
  ];
  return `SELECT count(*) AS evaluated, count(*) FILTER (WHERE NOT fits) AS failed FROM (
    SELECT ${fits.join(' AND ')} AS fits
    FROM {{this}} WINDOW v AS (PARTITION BY ${scd2.key.map(quoted).join(', ')} ORDER BY ${from}))`;
};

/** The condition under which a row fails, for checks that look at one row at a time. */
export const rowFails = (check: Check): string | undefined => {
  const { question } = check;
  const column = quoted(check.columns[0] ?? '');
  switch (question.type) {
    case 'not_null':
      return `${column} IS NULL`;
    case 'accepted_values':
      return `${column} IS NOT NULL AND ${column}::VARCHAR NOT IN (${question.values.map(literal).join(', ')})`;
    case 'expression':
      return `NOT coalesce((${question.expression}), false)`;
    default:
      return undefined;
  }
};
