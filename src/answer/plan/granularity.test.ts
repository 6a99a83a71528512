import { describe, expect, it } from 'vitest';
import type { Calendar } from '../../model/catalog/index.js';
import { addsUpTo } from './granularity.js';

const calendar = (name: string, more: Partial<Calendar>): readonly [string, Calendar] => [
  name,
  {
    ...{ name, pattern: undefined, starts: { month: 1, day: 1 }, weekStart: 0, slack: 3 },
    place: { file: 'cubes/dates.yml', line: 1 },
    ...more,
  },
];
const calendars = new Map([
  calendar('retail', { pattern: [4, 4, 5], starts: { month: 2, day: 1 } }),
  calendar('trade', { pattern: [4, 5, 4], weekStart: 6 }),
  calendar('fiscal', { starts: { month: 4, day: 1 } }),
  calendar('odd', { starts: { month: 2, day: 1 }, weekStart: 6 }),
]);

describe('buckets of a calendar of the model', () => {
  it.each([
    ['day', 'retail_month', true],
    ['hour', 'fiscal_year', true],
    ['week', 'retail_quarter', true],
    ['week', 'trade_quarter', false],
    ['week', 'fiscal_month', false],
    ['month', 'retail_month', false],
    ['month', 'fiscal_quarter', true],
    ['month', 'odd_quarter', true],
    ['quarter', 'fiscal_year', true],
    ['quarter', 'odd_year', false],
    ['year', 'fiscal_year', false],
    ['month', 'odd_week', false],
    ['day', 'lunar_month', false],
  ])('are made of whole buckets by %s: %s, %j', (fine, coarse, expected) => {
    expect(addsUpTo(fine, coarse, calendars)).toBe(expected);
  });
});
