import { describe, expect, it } from 'vitest';
import { intervalMilliseconds } from './interval.js';

describe('intervals of table properties', () => {
  it.each([
    ['interval 30 days', 30 * 86_400_000],
    ['INTERVAL 1 WEEK', 7 * 86_400_000],
    ['interval 168 hours', 7 * 86_400_000],
    ['1 day 12 hours 30 minutes 5 seconds', 86_400_000 + 45_000_000 + 5_000],
    ['interval 0 hours', 0],
    ['interval 1500 microseconds', 1],
  ])('%s', (text, milliseconds) => expect(intervalMilliseconds(text)).toBe(milliseconds));
  it.each([
    '',
    'interval',
    'interval 1 month',
    'interval one day',
    'interval 1',
    '-1 days',
    'interval 999999999999 weeks',
  ])('none: %s', (text) => expect(intervalMilliseconds(text)).toBeUndefined());
});
