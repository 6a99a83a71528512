import { describe, expect, it } from 'vitest';
import type { Check, Severity } from '../files/definition.js';
import { splitArguments } from '../files/key-text.js';
import { readTransform } from '../files/read-transforms.js';
import { judge } from './judge.js';
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
const run = { buildId: 'b', at: 1_291_190_400_000_000n };

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
