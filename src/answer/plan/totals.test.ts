import { describe, expect, it } from 'vitest';
import { totalSets } from './totals.js';

const groups = ['a', 'b', 'c'];
describe('sets of groups', () => {
  it('are one of all groups without totals', () => {
    expect(totalSets(undefined, groups)).toEqual([[0, 1, 2]]);
    expect(totalSets('none', [])).toEqual([[]]);
  });
  it('are those that SQL has by the same names', () => {
    expect(totalSets('grand', groups)).toEqual([[0, 1, 2], []]);
    expect(totalSets('rollup', groups)).toEqual([[0, 1, 2], [0, 1], [0], []]);
    expect(totalSets('cube', groups)).toEqual([[0, 1, 2], [0, 1], [0, 2], [0], [1, 2], [1], [2], []]);
  });
  it('may be listed, each once, whatever the order of names', () => {
    expect(totalSets([['b', 'a'], ['c'], ['a', 'b'], []], groups)).toEqual([[0, 1], [2], []]);
  });
  it.each([
    ['nothing to sum up', 'grand', []],
    ['no list', [], groups],
    ['a column that is none', [['a', 'x']], groups],
    ['a column that is in no set', [['a', 'b']], groups],
    ['too many groups', 'cube', [...'abcdefg']],
    ['no kind of totals', 'all', groups],
  ] as [string, never, string[]][])('with %s are refused', (_what, totals, names) => {
    expect(() => totalSets(totals, names)).toThrow(expect.objectContaining({ code: 'query-invalid' }));
  });
});
