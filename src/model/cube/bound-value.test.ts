import { describe, expect, it } from 'vitest';
import { AssayError } from '../../errors/index.js';
import { type GivenValue, parseType, typeText } from '../../query/index.js';
import type { Member } from '../catalog/index.js';
import { boundValue } from './bound-value.js';

const bound = (type: string, op: string, ...given: GivenValue[]) => {
  const { values, cast } = boundValue.all(given, { name: 'm.x', type: parseType(type) } as Member, op);
  return [typeText(cast), ...values];
};

describe('values of conditions', () => {
  it.each([
    ['string', 'eq', ['a'], ['string', 'a']],
    ['boolean', 'eq', [true], ['boolean', true]],
    ['boolean', 'eq', ['FALSE'], ['boolean', false]],
    ['bigint', 'eq', ['9007199254740993'], ['bigint', '9007199254740993']],
    ['bigint', 'gt', [3.5], ['decimal(38,1)', '3.5']],
    ['bigint', 'eq', ['9223372036854775808'], ['decimal(38,0)', '9223372036854775808']],
    ['decimal(12,2)', 'eq', ['100.555'], ['decimal(38,3)', '100.555']],
    ['decimal(12,2)', 'in', ['1', '2.5'], ['decimal(38,2)', '1', '2.5']],
    ['decimal(12,2)', 'eq', ['1.5e3'], ['decimal(38,2)', '1500']],
    ['decimal(12,2)', 'eq', ['-15e-3'], ['decimal(38,3)', '-0.015']],
    ['timestamp', 'gte', ['2010-12-01'], ['timestamp', '2010-12-01T00:00:00Z']],
    ['timestamp', 'gte', ['2010-12-01T09:26:00.000001+01:00'], ['timestamp', '2010-12-01T08:26:00.000001Z']],
    ['timestamp', 'gte', ['2010-12-01 09:26'], ['timestamp', '2010-12-01T09:26:00Z']],
    ['timestamp', 'gte', ['1291190400000001'], ['timestamp', '2010-12-01T08:00:00.000001Z']],
    ['timestamp', 'gte', ['-1000000001'], ['timestamp', '1969-12-31T23:43:19.999999Z']],
    ['date', 'eq', ['2010-12-01T00:00:00Z'], ['date', '2010-12-01']],
    ['date', 'lt', ['2010-12-01T12:00:00Z'], ['date', '2010-12-02']],
    ['date', 'gte', ['2010-12-01T12:00:00Z'], ['date', '2010-12-02']],
    ['date', 'gt', ['2010-12-01T12:00:00Z'], ['date', '2010-12-01']],
    ['date', 'between', ['2010-12-01', '2010-12-01T00:00:00.000001Z'], ['date', '2010-12-01', '2010-12-02']],
  ] as const)('%s %s %j is bound as %j', (type, op, given, expected) => {
    expect(bound(type, op, ...given)).toEqual(expected);
  });
  it.each([
    ['boolean', 'eq', 'yes'],
    ['bigint', 'eq', 'many'],
    ['bigint', 'eq', ''],
    ['bigint', 'eq', true],
    ['decimal(12,2)', 'eq', '1'.repeat(39)],
    ['timestamp', 'eq', 'yesterday'],
    ['timestamp', 'eq', '2010-02-30'],
    ['timestamp', 'eq', '2010-12-01T25:00:00Z'],
    ['date', 'eq', '2010-12-01T12:00:00Z'],
    ['string', 'eq', 'a\u0000b'],
  ] as const)('%s %s %j is refused', (type, op, given) => {
    expect(() => bound(type, op, given)).toThrow(AssayError);
  });
});
