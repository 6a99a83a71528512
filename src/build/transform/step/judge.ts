import { decimalText, timestampText } from '../../../query/index.js';
import type { CheckResultRow } from '../../../store/state/index.js';
import type { Severity, Transform } from '../files/definition.js';
import type { CheckCount } from './check-sql.js';

const MILLION = 1_000_000n;
const WEIGHT: Readonly<Record<Severity, number>> = { critical: 8, error: 4, warn: 2, info: 1 };

/** What a table's checks come to. */
export interface Verdict {
  readonly results: readonly CheckResultRow[];
  /** 100 · Σ weight · share passed / Σ weight over the checks that looked at something, in millionths; undefined when none did. */
  readonly scoreMillionths: bigint | undefined;
  /** Why the table must not be published. */
  readonly refused: { readonly check: string; readonly failed: string; readonly evaluated: string } | undefined;
}

/** Decides by counts alone: a check that looked at nothing is neither a pass nor a failure, and leaves no result. */
export const judge = (
  transform: Transform,
  counts: readonly CheckCount[],
  run: { readonly buildId: string; readonly at: bigint },
): Verdict => {
  const results: CheckResultRow[] = [];
  let refused: Verdict['refused'];
  let weights = 0n;
  let points = 0n;
  for (const { check, evaluated, failed } of counts) {
    if (evaluated === 0n && failed === 0n) continue;
    // A check may find more failures than rows (a sum that is off by more than it should be): then nothing passed.
    const of = evaluated > failed ? evaluated : failed;
    const share = ((of - failed) * MILLION) / of;
    const accepted = failed * MILLION <= check.toleranceMillionths * of;
    const gates = check.severity === 'critical' || check.severity === 'error';
    const weight = WEIGHT[check.severity];
    weights += BigInt(weight);
    points += BigInt(weight) * share;
    if (!accepted && gates && !refused)
      refused = { check: check.name, failed: String(failed), evaluated: String(evaluated) };
    results.push({
      metric_id: `${run.buildId}/${transform.name}/${check.name}`,
      table_name: transform.name,
      column_name: check.columns.length === 0 ? null : check.columns.join(', '),
      metric_type: check.metric,
      metric_value: decimalText(share, 6),
      threshold_value: decimalText(MILLION - check.toleranceMillionths, 6),
      status: accepted ? 'PASS' : gates ? 'FAIL' : 'WARNING',
      check_timestamp: timestampText(run.at),
      check_details: `${check.name} (${check.severity}): ${failed} of ${evaluated} failed`,
      severity: check.severity,
      weight,
    });
  }
  const scoreMillionths = weights === 0n ? undefined : (100n * points) / weights;
  const least = transform.minScoreMillionths;
  if (!refused && least !== undefined && scoreMillionths !== undefined && scoreMillionths < least)
    refused = {
      check: `min_score ${decimalText(least, 6)} (score ${decimalText(scoreMillionths, 6)})`,
      failed: String(results.filter((r) => r.status !== 'PASS').length),
      evaluated: String(results.length),
    };
  return { results, scoreMillionths, refused };
};
