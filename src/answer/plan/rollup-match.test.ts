import { describe, expect, it } from 'vitest';
import { plan, type World } from '../../../test/star/plans.js';
import { access, built, rollup } from '../../../test/star/shop.js';
import type { RollupState } from '../../build/rollup/index.js';
import type { Access } from '../../model/policy/index.js';
import type { MetricQuery } from '../../query/index.js';

const day = rollup('sales.by_day', {});
const december = ['2010-12-01', '2011-01-01'] as const;
const daily: MetricQuery = {
  measures: ['shop.revenue'],
  dimensions: ['shop.country'],
  time: [{ dimension: 'shop.sold_at', granularity: 'day', range: december }],
};
const ranged = (range: readonly [string, string]): MetricQuery => ({
  ...daily,
  time: [{ dimension: 'shop.sold_at', granularity: 'day', range }],
});
const kindRule: Access['rules'] = () => ({
  denied: false,
  filters: [{ member: 'sales.kind', op: 'in', values: ['a'], raw: true }],
  policies: ['sales#1'],
});
const incomplete = built(day, { complete: false });
const hole = built(day, { complete: false, partitions: built(day).partitions.slice(0, 1) });
const refused = { partition: '2011-01', reason: 'revenue 1.00 is not 2.00' };

describe('a rollup is missed for one reason', () => {
  it.each([
    ['a dimension that it does not keep', { ...daily, dimensions: ['shop.kind'] }, {}, 'member-missing', ['shop.kind']],
    [
      'a measure that it does not keep',
      { ...daily, measures: ['shop.biggest'] },
      {},
      'member-missing',
      ['shop.biggest'],
    ],
    [
      'a part of a ratio',
      { ...daily, measures: ['shop.average'] },
      { rollups: [rollup('sales.by_day', { measures: ['sales.revenue'] })] },
      'member-missing',
      ['shop.lines'],
    ],
    [
      'a time, where it keeps none',
      daily,
      {
        rollups: [
          rollup('sales.by_day', { timeDimension: undefined, granularity: undefined, partitionGranularity: undefined }),
        ],
      },
      'member-missing',
      ['shop.sold_at'],
    ],
    [
      'hours from days',
      { ...daily, time: [{ dimension: 'shop.sold_at', granularity: 'hour' }] },
      {},
      'granularity-too-coarse',
      ['shop.sold_at'],
    ],
    [
      'months from weeks',
      { ...daily, time: [{ dimension: 'shop.sold_at', granularity: 'month' }] },
      { rollups: [rollup('sales.by_day', { granularity: 'week' })] },
      'granularity-too-coarse',
      ['shop.sold_at'],
    ],
    ['days of another zone', { ...daily, timezone: 'Europe/Berlin' }, {}, 'time-zone-differs', ['shop.sold_at']],
    [
      'a range cut in another zone',
      { measures: ['shop.revenue'], time: [{ dimension: 'shop.sold_at', range: december }], timezone: 'Europe/Berlin' },
      {},
      'time-zone-differs',
      ['sales.sold_at'],
    ],
    [
      'a condition on what it does not keep',
      { ...daily, where: { member: 'shop.kind', op: 'eq', values: ['a'] } },
      {},
      'filter-not-covered',
      ['shop.kind'],
    ],
    [
      'such a condition deep in a tree',
      {
        ...daily,
        where: {
          or: [{ member: 'shop.country', op: 'eq', values: ['a'] }, { not: { member: 'shop.kind', op: 'isNull' } }],
        },
      },
      {},
      'filter-not-covered',
      ['shop.kind'],
    ],
    ['a segment', { ...daily, segments: ['shop.large'] }, {}, 'filter-not-covered', ['shop.large']],
    [
      'an instant inside a day, in a tree',
      {
        ...daily,
        where: {
          or: [
            { member: 'shop.sold_at', op: 'gte', values: ['2010-12-05T10:00'] },
            { member: 'shop.country', op: 'isNull' },
          ],
        },
      },
      {},
      'filter-not-covered',
      ['shop.sold_at'],
    ],
    [
      'a row rule on what it does not keep',
      daily,
      { access: access({ rules: kindRule }) },
      'policy-filter-not-covered',
      ['sales.kind'],
    ],
    [
      'a distinct count that cannot be summed up',
      { ...daily, dimensions: [], measures: ['shop.buyers'] },
      { rollups: [rollup('sales.by_day', { measures: ['sales.buyers'] })] },
      'not-additive-at-this-grain',
      ['shop.buyers'],
    ],
    [
      'a derived number above its grain',
      { ...daily, dimensions: [], measures: ['shop.spread'] },
      { rollups: [rollup('sales.by_day', { measures: ['sales.spread'] })] },
      'not-additive-at-this-grain',
      ['shop.spread'],
    ],
    [
      'a range that begins inside a day',
      ranged(['2010-12-01T10:00', '2010-12-03']),
      {},
      'range-not-covered',
      ['sales.sold_at'],
    ],
    [
      'a range that ends a microsecond late',
      ranged(['2010-12-01', '2010-12-03T00:00:00.000001']),
      {},
      'range-not-covered',
      ['sales.sold_at'],
    ],
    [
      'a range outside what is built',
      ranged(['2010-11-01', '2010-12-03']),
      { states: [incomplete] },
      'range-not-covered',
      ['sales.sold_at'],
    ],
    [
      'no range, where not all is built',
      { measures: ['shop.revenue'] },
      { states: [incomplete] },
      'range-not-covered',
      ['sales.sold_at'],
    ],
    [
      'a condition after an instant inside a day',
      { ...daily, where: { member: 'shop.sold_at', op: 'gt', values: ['2010-12-05'] } },
      {},
      'range-not-covered',
      ['sales.sold_at'],
    ],
    ['nothing built', daily, { states: [] }, 'partition-not-built', []],
    [
      'a hole in what is built',
      ranged(['2010-12-30', '2011-01-03']),
      { states: [hole] },
      'partition-not-built',
      ['sales.sold_at'],
    ],
    ['a state of another definition', daily, { states: [built(day, { hash: 'old' })] }, 'partition-not-built', []],
    [
      'moved tables, where only current ones will do',
      { ...daily, fresh: 'current' },
      { version: 'v2' },
      'stale-not-allowed',
      [],
    ],
    [
      'a proof that failed before anything was built',
      daily,
      { states: [built(day, { partitions: [], complete: false, covers: null, refused })] },
      'proof-failed',
      [],
    ],
    [
      'a proof that failed since',
      { ...daily, fresh: 'current' },
      { version: 'v2', states: [built(day, { refused })] },
      'proof-failed',
      [],
    ],
  ] as [string, MetricQuery, World, string, string[]][])('%s', (_, query, world, reason, members) => {
    const made = plan(query, { rollups: [day], ...world });
    expect(made.source).toBe('postgres');
    expect(made.candidates.map(({ verdict, members: m }) => [verdict, m])).toEqual([[reason, members]]);
    expect(() => plan({ ...query, source: 'rollup' }, { rollups: [day], ...world })).toThrow(
      new RegExp(`sales.by_day ${reason}`),
    );
  });
});

describe('a rollup serves', () => {
  const served = (query: MetricQuery, world: World = {}) => plan(query, { rollups: [day], ...world });
  it.each(['day', 'week', 'month', 'quarter', 'year'])('%ss from days', (granularity) => {
    expect(served({ ...daily, time: [{ dimension: 'shop.sold_at', granularity }] }).source).toBe('rollup');
  });
  it('a range given as conditions', () => {
    const where = {
      and: [
        { member: 'shop.sold_at', op: 'gte', values: ['2010-12-01'] },
        { member: 'shop.sold_at', op: 'lt', values: ['2010-12-03'] },
      ],
    } as const;
    const made = served({ measures: ['shop.revenue'], where }, { states: [incomplete] });
    expect(made.rollups).toEqual([{ rollup: 'sales.by_day', partition: '2010-12', version: '2010-12-1' }]);
  });
  it('only from the partitions that the range touches', () => {
    expect(served(ranged(['2011-01-01', '2011-01-02'])).rollups.map((r) => r.partition)).toEqual(['2011-01']);
    expect(served(ranged(['2010-12-31', '2011-01-02'])).rollups.map((r) => r.partition)).toEqual([
      '2010-12',
      '2011-01',
    ]);
  });
  it('a distinct count over a kept dimension, and one at its exact grain', () => {
    const kept = rollup('sales.by_customer', { dimensions: ['customers.id'] });
    expect(served({ measures: ['shop.buyers'] }, { rollups: [kept] }).leg.sql).toContain('count(distinct "r0") AS c0');
    const exact = rollup('sales.exact', { measures: ['sales.buyers'] });
    expect(served({ ...daily, measures: ['shop.buyers'] }, { rollups: [exact] }).source).toBe('rollup');
  });
  it('a zone that cuts nothing', () => {
    expect(served({ measures: ['shop.revenue'], timezone: 'Europe/Berlin' }).source).toBe('rollup');
  });
  it('stale data as published, and says so', () => {
    expect(served(daily, { version: 'v2' }).stale).toEqual([
      { rollup: 'sales.by_day', builtFrom: 'gold.fact_sales@v1', now: 'gold.fact_sales@v2' },
    ]);
  });
  it('current before small, small before large', () => {
    const large = rollup('sales.a_large', { dimensions: ['countries.name', 'sales.kind'] });
    const state = built(large);
    const states = [built(day), { ...state, partitions: state.partitions.map((p) => ({ ...p, rows: 99 })) }];
    const verdicts = (version: string, of: RollupState[]) =>
      served(daily, { rollups: [large, day], states: of, version }).candidates.map((c) => c.verdict);
    expect(verdicts('v1', states)).toEqual(['not-needed', 'used']);
    const fresh = {
      ...state,
      partitions: state.partitions.map((p) => ({ ...p, rows: 99, builtFrom: new Map([['gold.fact_sales', 'v2']]) })),
    };
    expect(verdicts('v2', [built(day), fresh])).toEqual(['used', 'not-needed']);
  });
  it('with its row rules in the statement', () => {
    const rules: Access['rules'] = () => ({
      denied: false,
      filters: [{ member: 'countries.name', op: 'in', values: ['Germany'], raw: true }],
      policies: ['countries#1'],
    });
    const made = served({ measures: ['shop.lines'], limit: 3 }, { access: access({ rules }) });
    expect(made.leg.sql).toBe(
      'SELECT coalesce(sum("r3"), 0) AS c0\nFROM "@partitions"\nWHERE ("r0" IN (CAST($1 AS VARCHAR)))\nLIMIT CAST($2 AS BIGINT)',
    );
    expect(made.leg.parameters).toEqual(['Germany', '3']);
  });
  it('never a view of another root', () => {
    const other = rollup('other.by_day', { cube: 'other' });
    expect(served(daily, { rollups: [other] }).candidates).toEqual([]);
    expect(() => served({ ...daily, source: 'rollup' }, { rollups: [other] })).toThrow(/has no rollup/);
  });
});
