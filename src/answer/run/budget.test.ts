import { describe, expect, it } from 'vitest';
import { localCaller } from '../../query/index.js';
import { limitsOf } from './budget.js';

const caller = localCaller(['boss']);
const parts = { limits: { rows: 500, milliseconds: 1_000 } };

describe('the budgets of a query', () => {
  it('are those of the role, lowered by the wire and by the query, each by the least', () => {
    expect(limitsOf(parts, caller, { rows: 100 }, { rows: 300, milliseconds: 50 })).toMatchObject({
      rows: 100,
      milliseconds: 50,
      bytes: 1 << 30,
    });
    expect(limitsOf(parts, caller, undefined, { rows: 9_999 }).rows).toBe(500);
  });
  it.each([
    ['a list', [1], 'limits'],
    ['no number', { rows: '10' }, 'limits.rows'],
    ['below zero', { bytes: -1 }, 'limits.bytes'],
    ['unknown', { cost: 1 }, 'limits.cost'],
  ])('%s are refused at their place', (_what, limits, where) => {
    expect(() => limitsOf(parts, caller, limits as object)).toThrow(
      expect.objectContaining({ code: 'query-invalid', parameters: expect.objectContaining({ where }) }),
    );
  });
});
