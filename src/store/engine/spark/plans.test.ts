import { describe, expect, it } from 'vitest';
import type { Relation } from './messages.js';
import { fileUri, onlySelect, viewPlan, writePlan } from './plans.js';

const depth = (relation: Relation): number =>
  relation.set_op ? 1 + Math.max(depth(relation.set_op.left_input), depth(relation.set_op.right_input)) : 0;
const reads = (relation: Relation): readonly (readonly string[])[] =>
  relation.set_op
    ? [...reads(relation.set_op.left_input), ...reads(relation.set_op.right_input)]
    : [relation.project?.input.read?.data_source.paths ?? []];

describe('plans for Spark', () => {
  it('read many groups with the same constant columns at once, and others two by two', () => {
    const columns = [
      { name: 'a', ddl: 'int' },
      { name: 'b', ddl: 'int' },
    ];
    const groups = (both: boolean) =>
      Array.from({ length: 2048 }, (_, n) => ({
        files: [`/f${n}`],
        constants: both || n % 2 === 0 ? { a: String(n % 1024) } : { b: String(n % 1024) },
      }));
    const inputOf = (both: boolean): Relation =>
      viewPlan('v', { columns, groups: groups(both) }).command?.create_dataframe_view?.input ?? {};
    expect(depth(inputOf(false))).toBe(10);
    expect(reads(inputOf(false)).length).toBe(1024);
    expect(reads(inputOf(false))[0]).toEqual(['/f0', '/f1024']);
    const joined = inputOf(true).project?.input.join;
    expect(reads(joined?.left ?? {})[0]?.length).toBe(2048);
    expect(joined?.right.sql?.query).toContain("('file:///f1025', CAST('1' AS int))");
  });
  it.each([
    ['/a b/{x}[1]*?%é#.parquet', 'file:///a%20b/%7Bx%7D%5B1%5D*%3F%25é%23.parquet'],
    ['file:/a', 'file:///a'],
    ["s3a://b/k=1/it's", "s3a://b/k=1/it's"],
  ])('name the file %s as Spark does', (path, uri) => expect(fileUri(path)).toBe(uri));
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
