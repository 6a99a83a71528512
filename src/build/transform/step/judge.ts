import { decimalText, parseDecimal, timestampText } from '../../../query/index.js';
import type { CheckResultRow } from '../../../store/state/index.js';
import {
  type Check,
  METRIC_TYPES,
  type MetricType,
  SEVERITIES,
  type Severity,
  type Transform,
} from '../files/definition.js';
import type { CheckCount } from './check-sql.js';
import { type Refusal, WHOLE } from './step.js';

const MILLION = 1_000_000n;
const WEIGHT: Readonly<Record<Severity, number>> = { critical: 8, error: 4, warn: 2, info: 1 };

/** Weight and points (weight · share passed, in millionths) of the checks that looked at something. */
export interface Tally {
  readonly weight: bigint;
  readonly points: bigint;
}

/** Where results are written down: what their ids begin with, whose they are, and when. */
export interface Judged {
  readonly model: string;
  readonly prefix: string;
  /** Undefined: the table as a whole. */
  readonly partition: string | undefined;
  readonly at: bigint;
}

const NOTHING: Tally = { weight: 0n, points: 0n };
const add = (a: Tally, b: Tally): Tally => ({ weight: a.weight + b.weight, points: a.points + b.points });

/** 100 · Σ weight · share / Σ weight in millionths; undefined when no check looked at anything. */
export const scoreOf = ({ weight, points }: Tally): bigint | undefined =>
  weight === 0n ? undefined : (100n * points) / weight;

/** What results come to, all together and by dimension. Results without weight are told and do not count. */
export const tallyOf = (
  results: readonly CheckResultRow[],
): { readonly all: Tally; readonly dimensions: ReadonlyMap<MetricType, Tally> } => {
  const dimensions = new Map<MetricType, Tally>();
  let all = NOTHING;
  for (const { weight, metric_value, metric_type } of results) {
    if (weight === 0) continue;
    const one = { weight: BigInt(weight), points: BigInt(weight) * (parseDecimal(metric_value, 6) ?? 0n) };
    const metric = METRIC_TYPES.find((type) => type === metric_type) ?? 'validity';
    dimensions.set(metric, add(dimensions.get(metric) ?? NOTHING, one));
    all = add(all, one);
  }
  return { all, dimensions };
};

export const addTallies = add;
/** The weight of the checks that looked at something, those that do not count in the score among them. */
export const coveredOf = (results: readonly CheckResultRow[]): bigint =>
  results.reduce((sum, { weight, severity }) => sum + BigInt(weight === 0 ? severityWeight(severity) : weight), 0n);

const severityWeight = (severity: string): number => WEIGHT[SEVERITIES.find((one) => one === severity) ?? 'info'];

/** The weight that these checks have when all of them look at something. */
export const weightOf = (checks: readonly Check[]): bigint =>
  checks.reduce((sum, { severity }) => sum + BigInt(WEIGHT[severity]), 0n);

/**
 * Results of checks by their counts alone. A check that looked at nothing is neither a pass nor a failure, and leaves no result.
 * `refused` is the first that gates and is beyond its tolerance.
 */
export const resultsOf = (
  counts: readonly CheckCount[],
  where: Judged,
): { readonly results: readonly CheckResultRow[]; readonly refused: Refusal | undefined } => {
  const results: CheckResultRow[] = [];
  let refused: Refusal | undefined;
  const { model, prefix, partition } = where;
  for (const { check, evaluated, failed, uncounted } of counts) {
    if (evaluated === 0n && failed === 0n) continue;
    // A check may find more failures than rows (a sum that is off by more than it should be): then nothing passed.
    const of = evaluated > failed ? evaluated : failed;
    const share = ((of - failed) * MILLION) / of;
    const accepted = failed * MILLION <= check.toleranceMillionths * of;
    const gates = check.severity === 'critical' || check.severity === 'error';
    if (!accepted && gates) refused ??= { check: check.name, failed: String(failed), evaluated: String(evaluated) };
    results.push({
      metric_id: [prefix, model, ...(partition === undefined ? [] : [partition]), check.name].join('/'),
      table_name: model,
      column_name: check.columns.length === 0 ? null : check.columns.join(', '),
      metric_type: check.metric,
      metric_value: decimalText(share, 6),
      threshold_value: decimalText(MILLION - check.toleranceMillionths, 6),
      status: accepted ? 'PASS' : gates ? 'FAIL' : 'WARNING',
      check_timestamp: timestampText(where.at),
      check_details: `${check.name} (${check.severity}): ${failed} of ${evaluated} failed${
        partition === undefined || partition === WHOLE ? '' : ` in ${partition}`
      }`,
      severity: check.severity,
      weight: uncounted ? 0 : WEIGHT[check.severity],
    });
  }
  return { results, refused };
};

/** Refuses what no check refused alone and whose score is below the least one of its file. */
export const gate = (
  transform: Transform,
  scoreMillionths: bigint | undefined,
  results: readonly CheckResultRow[],
): Refusal | undefined => {
  const least = transform.minScoreMillionths;
  if (least === undefined || scoreMillionths === undefined || scoreMillionths >= least) return undefined;
  return {
    check: `min_score ${decimalText(least, 6)} (score ${decimalText(scoreMillionths, 6)})`,
    failed: String(results.filter((r) => r.status !== 'PASS').length),
    evaluated: String(results.length),
  };
};
