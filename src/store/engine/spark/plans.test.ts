import { describe, expect, it } from 'vitest';
import type { Relation } from './messages.js';
import { onlySelect, viewPlan, writePlan } from './plans.js';

const depth = (relation: Relation): number =>
  relation.set_op ? 1 + Math.max(depth(relation.set_op.left_input), depth(relation.set_op.right_input)) : 0;
const reads = (relation: Relation): readonly (readonly string[])[] =>
  relation.set_op
    ? [...reads(relation.set_op.left_input), ...reads(relation.set_op.right_input)]
    : [relation.project?.input.read?.data_source.paths ?? []];

describe('plans for Spark', () => {
  it('join a thousand groups of files ten deep, and those of equal constants before', () => {
    const groups = Array.from({ length: 2048 }, (_, n) => ({
      files: [`/f${n}`],
      constants: { a: String(n % 1024), b: null },
    }));
    const plan = viewPlan('v', { columns: [{ name: 'a', ddl: 'int' }], groups });
    const input = plan.command?.create_dataframe_view?.input ?? {};
    expect(depth(input)).toBe(10);
    expect(reads(input).length).toBe(1024);
    expect(reads(input)[0]).toEqual(['/f0', '/f1024']);
  });
  it('take paths as they are, not as patterns', () => {
    const files = ['/a b/{x}[1]*?\\.parquet'];
    const plan = viewPlan('v', { columns: [{ name: 'a', ddl: 'int' }], groups: [{ files }] });
    expect(reads(plan.command?.create_dataframe_view?.input ?? {})).toEqual([
      ['/a b/\\{x\\}\\[1\\]\\*\\?\\\\.parquet'],
    ]);
  });
  it('keep the lines of a statement, and its last comment to itself', () => {
    expect(onlySelect('SELECT 1 -- one; \n;\n')).toBe('SELECT * FROM (\nSELECT 1 -- one; \n\n)');
    expect(onlySelect('SELECT 1 -- one')).toBe('SELECT * FROM (\nSELECT 1 -- one\n)');
  });
  it('sort within partitions, or as a whole', () => {
    const sqlOf = (partitionBy: readonly string[], sortBy: readonly string[]) =>
      writePlan({ sql: 'SELECT 1', path: '/p', partitionBy, sortBy }).command?.write_operation?.input.sql?.query;
    expect(sqlOf([], [])).toBe('SELECT * FROM (\nSELECT 1\n)');
    expect(sqlOf([], ['a`b'])).toBe('SELECT * FROM (\nSELECT 1\n) ORDER BY `a``b`');
    expect(sqlOf(['d'], ['a'])).toBe('SELECT /*+ REBALANCE(`d`) */ * FROM (\nSELECT 1\n) SORT BY `d`, `a`');
  });
});
