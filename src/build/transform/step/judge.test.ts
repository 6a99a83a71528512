import { describe, expect, it } from 'vitest';
import type { Check, Severity } from '../files/definition.js';
import { splitArguments } from '../files/key-text.js';
import { readTransform } from '../files/read-transforms.js';
import { coverageOf } from './audit-step.js';
import type { CheckCount } from './check-sql.js';
import { drifts } from './drift.js';
import { gate, resultsOf, scoreOf, tallyOf } from './judge.js';
import { pseudonymKeyId, pseudonymOf } from './pseudonyms.js';

const transform = (minScore: string) =>
  readTransform(
    'sql/gold/t.v1.sql',
    'gold',
    `/* @transform
name: gold.t
version: 1
description: a table
kind: full
role: fact
keys: {natural: [id]}
targets: [delta]
columns: [{name: id, type: bigint, nullable: true}]
quality: {min_score: ${minScore}}
owner: somebody
*/ SELECT 1`,
  );
const check = (name: string, severity: Severity, toleranceMillionths = 0n): Check => ({
  name,
  columns: ['id'],
  question: { type: 'unique' },
  severity,
  metric: 'uniqueness',
  toleranceMillionths,
  place: { file: 'f', line: 1 },
});
const run = { prefix: 'b', model: 'gold.t', partition: undefined, at: 1_291_190_400_000_000n };
const judge = (of: ReturnType<typeof transform>, counts: readonly CheckCount[], where: typeof run) => {
  const { results, refused } = resultsOf(counts, where);
  const scoreMillionths = scoreOf(tallyOf(results).all);
  return { results, scoreMillionths, refused: refused ?? gate(of, scoreMillionths, results) };
};

describe('judging checks', () => {
  it('refuses what is critical or an error beyond its tolerance, and only warns else', () => {
    const verdict = judge(
      transform('0'),
      [
        { check: check('fine', 'critical'), evaluated: 10n, failed: 0n },
        { check: check('within', 'error', 100_000n), evaluated: 10n, failed: 1n },
        { check: check('told', 'warn'), evaluated: 3n, failed: 1n },
      ],
      run,
    );
    expect(verdict.refused).toBeUndefined();
    expect(verdict.results.map((r) => [r.metric_id, r.status, r.metric_value, r.threshold_value])).toEqual([
      ['b/gold.t/fine', 'PASS', '1.000000', '1.000000'],
      ['b/gold.t/within', 'PASS', '0.900000', '0.900000'],
      ['b/gold.t/told', 'WARNING', '0.666666', '1.000000'],
    ]);
    // (8·1 + 4·0.9 + 2·0.666666) / 14
    expect(verdict.scoreMillionths).toBe(92_380_942n);
    const beyond = judge(transform('0'), [{ check: check('c', 'error', 99_999n), evaluated: 10n, failed: 1n }], run);
    expect(beyond.refused).toEqual({ check: 'c', failed: '1', evaluated: '10' });
  });
  it('refuses a table whose score is too low, though no check alone would', () => {
    const counts = [{ check: check('told', 'warn'), evaluated: 2n, failed: 1n }];
    expect(judge(transform('50'), counts, run).refused).toBeUndefined();
    expect(judge(transform('51'), counts, run).refused?.check).toBe('min_score 51.000000 (score 50.000000)');
  });
  it('takes a check that looked at nothing neither for a pass nor for a failure', () => {
    const verdict = judge(transform('99'), [{ check: check('c', 'critical'), evaluated: 0n, failed: 0n }], run);
    expect(verdict).toEqual({ results: [], scoreMillionths: undefined, refused: undefined });
  });
  it('never shows one bad row of many as a whole share', () => {
    const [result] = judge(
      transform('0'),
      [{ check: check('c', 'warn'), evaluated: 10_000_000n, failed: 1n }],
      run,
    ).results;
    expect([result?.metric_value, result?.status]).toEqual(['0.999999', 'WARNING']);
  });
});

describe('scores', () => {
  it('count what was looked at, of what was declared', () => {
    const checks = [check('a', 'critical'), check('b', 'warn')];
    expect(coverageOf(8n, checks)).toBe(800_000n);
    expect(coverageOf(0n, [])).toBe(1_000_000n);
  });
  it('tell dimensions apart, and leave out what nobody declared', () => {
    const other: Check = { ...check('v', 'error'), metric: 'validity' };
    const { results } = resultsOf(
      [
        { check: check('u', 'critical'), evaluated: 4n, failed: 1n },
        { check: other, evaluated: 2n, failed: 1n },
        { check: { ...check('rows_as_usual', 'warn'), metric: 'volume' }, evaluated: 1n, failed: 1n, uncounted: true },
      ],
      { ...run, partition: '2010-12-01' },
    );
    const { all, dimensions } = tallyOf(results);
    // (8 · 0.75 + 4 · 0.5) / 12
    expect(scoreOf(all)).toBe(66_666_666n);
    expect([...dimensions].map(([metric, tally]) => [metric, scoreOf(tally)])).toEqual([
      ['uniqueness', 75_000_000n],
      ['validity', 50_000_000n],
    ]);
    expect(results[0]?.metric_id).toBe('b/gold.t/2010-12-01/u');
    expect(results[2]?.check_details).toBe('rows_as_usual (warn): 1 of 1 failed in 2010-12-01');
  });
});

describe('drift', () => {
  const half = (usual: number) => 0.5 * usual;
  it('is far from the usual spread, and says nothing of a column with fewer than five values to compare with', () => {
    expect(drifts(1000, [10, 10, 10, 10], half)).toBe(false);
    expect(drifts(16, [10, 10, 10, 10, 10], half)).toBe(true);
    expect(drifts(14, [10, 10, 10, 10, 10], half)).toBe(false);
  });
  it('is not what a week does anyway', () => {
    const week = [100, 20, 110, 95, 105, 25, 90, 100, 22, 108, 97, 103, 24, 92];
    expect(drifts(21, week, half)).toBe(false);
    expect(drifts(2, week, half)).toBe(true);
    expect(drifts(300, week, half)).toBe(true);
  });
});

describe('keys and pseudonyms', () => {
  it('split their parts at commas outside of brackets and quotes', () => {
    expect(splitArguments("a, f(b, c), 'x,y', timestamp d")).toEqual(['a', 'f(b, c)', "'x,y'", 'timestamp d']);
  });
  it('are an HMAC in letters: RFC 4231, test case 2', () => {
    // HMAC-SHA-256 of "what do ya want for nothing?" under "Jefe" is 5bdcc146bf60754e6a04242608...
    expect(pseudonymOf('Jefe', 'what do ya want for nothing?')).toBe('lrtsshkmrvmgnlkumqgkikimgo');
    expect(pseudonymKeyId('Jefe')).toMatch(/^[0-9a-f]{12}$/);
  });
});
