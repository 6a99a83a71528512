import { describe, expect, it } from 'vitest';
import { plan, type World } from '../../../test/star/plans.js';
import { built, rollup } from '../../../test/star/shop.js';
import type { MetricQuery } from '../../query/index.js';

const range = ['2010-12-01', '2011-01-01'] as const;
const query: MetricQuery = {
  measures: ['shop.revenue'],
  dimensions: ['shop.country'],
  time: [{ dimension: 'shop.sold_at', granularity: 'day', range }],
};
const day = rollup('sales.by_day', {});
const verdicts = (asked: MetricQuery, world: World) =>
  plan(asked, world).candidates.map((c) => [c.rollup, c.part, c.verdict]);

describe('a query of several parts', () => {
  it('is one statement, of one source', () => {
    const made = plan({ ...query, totals: 'grand', compare: [{ as: 'before', shift: '1 day' }] }, { rollups: [day] });
    expect(made).toMatchObject({ kind: 'composed', source: 'rollup' });
    expect(made.leg.rollups.map((r) => r.token)).toEqual([
      'partitions',
      'partitions.1',
      'partitions.2',
      'partitions.3',
    ]);
    expect(made.columns.map((c) => [c.name, c.role])).toEqual([
      ['shop.country', 'dimension'],
      ['shop.sold_at.day', 'time'],
      ['shop.revenue', 'measure'],
      ['shop.revenue.before', 'measure'],
      ['shop.country.is_total', 'flag'],
      ['shop.sold_at.day.is_total', 'flag'],
    ]);
  });
  it('reads the same rows once, whatever asks for them', () => {
    const made = plan({
      ...query,
      measures: ['shop.revenue', { measure: 'shop.lines', as: 'n' }, { measure: 'shop.average', as: 'a' }],
    });
    expect(made.kind).toBe('source');
    const filtered = (kind: string, as: string) => ({
      measure: 'shop.lines',
      where: { member: 'shop.kind', op: 'eq' as const, values: [kind] },
      as,
    });
    const several = plan({
      ...query,
      measures: ['shop.revenue', filtered('a', 'x'), filtered('a', 'y'), filtered('b', 'z')],
    });
    expect(several.leg.sql.match(/SELECT FROM/g)).toHaveLength(3);
  });
  it('goes to the source as a whole where one part finds no rollup, and says which', () => {
    const asked: MetricQuery = {
      ...query,
      measures: [
        'shop.revenue',
        { measure: 'shop.lines', where: { member: 'shop.kind', op: 'eq', values: ['a'] }, as: 'some' },
      ],
    };
    expect(verdicts(asked, { rollups: [day] })).toEqual([
      ['sales.by_day', undefined, 'not-needed'],
      ['sales.by_day', 'filtered', 'filter-not-covered'],
    ]);
    expect(() => plan({ ...asked, source: 'rollup' }, { rollups: [day] })).toThrow(
      /sales.by_day filter-not-covered \(filtered; shop.kind\)/,
    );
  });
  it('never joins rollups of different data', () => {
    const asked: MetricQuery = {
      measures: ['shop.revenue', { measure: 'shop.lines', where: { member: 'shop.kind', op: 'isNull' }, as: 'some' }],
      dimensions: ['shop.country'],
    };
    const kinds = rollup('sales.by_kind', { dimensions: ['countries.name', 'sales.kind'] });
    // the smaller one serves where it can, the other where it must
    const large = { ...built(kinds), partitions: built(kinds).partitions.map((p) => ({ ...p, rows: 99 })) };
    const world = { rollups: [day, kinds], states: [built(day), large] };
    expect(plan(asked, world).source).toBe('rollup');
    expect(plan(asked, { ...world, version: 'v2' }).source).toBe('postgres');
    expect(() => plan({ ...asked, source: 'rollup' }, { ...world, version: 'v2' })).toThrow(/different data/);
    // one rollup may be behind: its parts agree with each other
    expect(plan({ ...query, totals: 'grand' }, { rollups: [day], version: 'v2' }).source).toBe('rollup');
  });
  it.each<[string, Partial<MetricQuery>, string]>([
    [
      'a comparison without a range',
      { time: [{ dimension: 'shop.sold_at', granularity: 'day' }], compare: [{ as: 'b', shift: '1 day' }] },
      'time:',
    ],
    ['a shift of nothing known', { compare: [{ as: 'b', shift: 'a while' }] }, 'compare[0].shift:'],
    ['a shift between buckets', { compare: [{ as: 'b', shift: '3 hours' }] }, 'compare[0].shift:'],
    [
      'two comparisons of one name',
      {
        compare: [
          { as: 'b', shift: '1 day' },
          { as: 'b', shift: '1 week' },
        ],
      },
      'compare[1].as:',
    ],
    [
      'a condition that would not move',
      { compare: [{ as: 'b', shift: '1 day' }], where: { member: 'shop.sold_at', op: 'gte', values: ['2010-12-02'] } },
      'where:',
    ],
    [
      'a name for two columns',
      {
        measures: [
          { measure: 'shop.lines', as: 'n' },
          { measure: 'shop.revenue', as: 'n' },
        ],
      },
      'measures[1]:',
    ],
    ['a name that is none', { measures: [{ measure: 'shop.lines', as: 'a b' }] }, 'measures[0].as:'],
    [
      'a window over half a bucket',
      {
        time: [{ dimension: 'shop.sold_at', granularity: 'month', range: ['2010-12-02', '2011-01-01'] }],
        measures: [{ measure: 'shop.lines', window: { toDate: 'year' }, as: 'n' }],
      },
      'time[0].range:',
    ],
    ['buckets to fill that are none', { time: [{ dimension: 'shop.sold_at', range, fill: true }] }, 'time[0].fill:'],
    [
      'buckets without end',
      { time: [{ dimension: 'shop.sold_at', granularity: 'hour', range: ['1900-01-01', '2011-01-01'], fill: true }] },
      'time[0].range:',
    ],
  ])('with %s is refused at its place', (_what, more, place) => {
    expect(() => plan({ ...query, ...more })).toThrow(
      expect.objectContaining({
        code: 'query-invalid',
        message: expect.stringMatching(new RegExp(`^${place.replaceAll(/[[\].]/g, '\\$&')}`)),
      }),
    );
  });
  it('is refused where nobody knows what a formula gives for no rows', () => {
    expect(() =>
      plan({ measures: [{ measure: 'shop.spread', where: { member: 'shop.kind', op: 'isNull' }, as: 's' }] }),
    ).toThrow(/formula/);
  });
});
