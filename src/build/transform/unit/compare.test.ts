import { describe, expect, it } from 'vitest';
import { difference } from './compare.js';

const COLUMNS = ['id', 'amount'];

describe('comparing tables', () => {
  it('sees no difference in another order, and counts equal rows', () => {
    expect(
      difference(
        COLUMNS,
        [0],
        [
          ['1', 'a'],
          ['2', null],
        ],
        [
          ['2', null],
          ['1', 'a'],
        ],
      ),
    ).toBeUndefined();
    expect(
      difference(
        COLUMNS,
        [0],
        [
          ['1', 'a'],
          ['1', 'a'],
        ],
        [['1', 'a']],
      ),
    ).toBe('2 rows expected, 1 found\n  missing     id="1" amount="a"');
  });
  it('tells null from a text, and what is missing, unexpected or different by key', () => {
    expect(
      difference(
        COLUMNS,
        [0],
        [
          ['1', null],
          ['2', 'b'],
          ['3', 'c'],
        ],
        [
          ['1', 'null'],
          ['2', 'b'],
          ['4', ''],
        ],
      ),
    ).toBe(
      [
        '3 rows expected, 3 found',
        '  missing     id="3" amount="c"',
        '  unexpected  id="4" amount=""',
        '  different   id="1": amount is "null", expected null',
      ].join('\n'),
    );
  });
  it('shows no more than twenty of each', () => {
    const rows = Array.from({ length: 25 }, (_, i) => [String(i), 'x']);
    const lines = difference(COLUMNS, [0], rows, [])?.split('\n') ?? [];
    expect(lines).toHaveLength(22);
    expect(lines.at(-1)).toBe('  missing     ... and 5 more');
  });
});
