import { describe, expect, it } from 'vitest';
import { plan, type World } from '../../../test/star/plans.js';
import { access, legs, rollup } from '../../../test/star/shop.js';
import type { Access } from '../../model/policy/index.js';
import type { LegFilter, MetricQuery } from '../../query/index.js';

const legOf = (query: MetricQuery, world: World = {}) => {
  const compiler = legs();
  const made = plan(query, world, compiler);
  return { leg: compiler.asked.at(-1), composition: made.composition, plan: made };
};

describe('a leg', () => {
  it('delivers the parts of a ratio, each once', () => {
    const { leg, composition } = legOf({ measures: ['shop.average', 'shop.revenue'] });
    expect(leg?.measures).toEqual(['shop.revenue', 'shop.lines']);
    expect(composition.values).toEqual([
      { kind: 'ratio', numerator: { kind: 'column', column: 0 }, denominator: { kind: 'column', column: 1 }, scale: 6 },
      { kind: 'column', column: 0 },
    ]);
  });
  it('has a total order: ties are broken by the group', () => {
    const query: MetricQuery = { measures: ['shop.revenue'], dimensions: ['shop.country', 'shop.kind'] };
    expect(legOf(query).leg?.order.map((o) => o.column)).toEqual([0, 1]);
    const { leg } = legOf({
      ...query,
      order: [
        { by: 'shop.revenue', dir: 'desc' },
        { by: 'shop.kind', nulls: 'first' },
      ],
    });
    expect(leg?.order).toEqual([
      { column: 2, dir: 'desc', nulls: 'last' },
      { column: 1, dir: 'asc', nulls: 'first' },
      { column: 0, dir: 'asc', nulls: 'last' },
    ]);
  });
  it('takes order, having and limit where they are exact', () => {
    const { leg, composition } = legOf({
      measures: ['shop.lines'],
      dimensions: ['shop.country'],
      having: { member: 'shop.revenue', op: 'gt', values: [10] },
      limit: 5,
      offset: 2,
    });
    expect(leg).toMatchObject({ limit: 5, offset: 2, having: [{ member: 'shop.revenue', op: 'gt', values: ['10'] }] });
    expect(composition).toMatchObject({ having: undefined, order: [], limit: undefined, offset: 0 });
  });
  it('leaves order and limit above where a ratio decides, and gives no hidden column away', () => {
    const {
      leg,
      composition,
      plan: made,
    } = legOf({
      measures: ['shop.lines'],
      dimensions: ['shop.country'],
      order: [{ by: 'shop.average' }],
      having: {
        and: [
          { member: 'shop.average', op: 'gt', values: [1] },
          { member: 'shop.lines', op: 'gt', values: [1] },
        ],
      },
      limit: 5,
    });
    expect(leg).toMatchObject({ order: [], having: [{ member: 'shop.lines' }] });
    expect(leg?.limit).toBeUndefined();
    expect(made.columns.map((c) => c.name)).toEqual(['shop.country', 'shop.lines']);
    expect(composition).toMatchObject({
      having: { and: [{ value: 2, op: 'gt', values: ['1'] }] },
      order: [{ value: 2 }, { value: 0 }],
      limit: 5,
    });
  });
  it('is ordered below and cut above where only having is above', () => {
    const { leg, composition } = legOf({
      measures: ['shop.lines'],
      dimensions: ['shop.country'],
      having: { member: 'shop.average', op: 'gt', values: [1] },
      limit: 5,
    });
    expect(leg?.order).toHaveLength(1);
    expect(composition).toMatchObject({ order: [], limit: 5 });
  });
  it('has a pseudonym once, also when both names are asked', () => {
    const { leg, plan: made } = legOf({ dimensions: ['shop.customer', 'shop.customer_pseudonym'] });
    expect(leg?.dimensions).toEqual(['shop.customer_pseudonym']);
    expect(made.columns.map((c) => c.name)).toEqual(['shop.customer', 'shop.customer_pseudonym']);
  });
  it('names buckets by their granularity', () => {
    const { plan: made } = legOf({
      time: [{ dimension: 'shop.sold_at', granularity: 'day' }],
      measures: ['shop.revenue'],
    });
    expect(made.columns).toEqual([
      { name: 'shop.sold_at.day', type: { kind: 'date' }, role: 'time' },
      { name: 'shop.revenue', type: { kind: 'decimal', precision: 18, scale: 2 }, role: 'measure', unit: 'GBP' },
    ]);
  });
  it('refuses a measure that a join multiplies', () => {
    expect(() => plan({ measures: ['shop.heads'] })).toThrow(/multiply/);
  });
  it('carries the rules of every cube of its join tree, also of those that a rule joins', () => {
    const rule = (member: string): LegFilter => ({ member, op: 'in', values: ['x'], raw: true });
    const rules: Access['rules'] = (cubes) => ({
      denied: false,
      filters: cubes.flatMap((c) =>
        c === 'sales' ? [rule('countries.name')] : c === 'countries' ? [rule('customers.id')] : [],
      ),
      policies: cubes.map((c) => `${c}#0`),
    });
    const { leg, plan: made } = legOf({ measures: ['shop.revenue'] }, { access: access({ rules }) });
    expect(leg?.where).toEqual([rule('countries.name'), rule('customers.id')]);
    expect(made.policies).toEqual(['sales#0', 'countries#0', 'customers#0']);
  });
  it('lets no row pass where rows are denied', () => {
    const { leg } = legOf(
      { measures: ['shop.revenue'] },
      { access: access({ rules: () => ({ denied: true, filters: [], policies: [] }) }) },
    );
    expect(leg?.where).toMatchObject([{ op: 'never', raw: true }]);
  });
});

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
describe('a cache key', () => {
  const key = (query: MetricQuery, world: World = {}) => plan(query, world).cacheKey;
  it('is the same for the same question only', () => {
    const base = key(daily);
    expect(key({ ...daily })).toBe(base);
    const rule = (value: string) =>
      access({
        rules: () => ({
          denied: false,
          filters: [{ member: 'countries.name', op: 'in', values: [value], raw: true }],
          policies: ['p'],
        }),
      });
    const others = [
      key(daily, { version: 'v2' }),
      key(ranged(['2010-12-01', '2010-12-03'])),
      key({ ...daily, timezone: 'Europe/Berlin' }),
      key(daily, { access: rule('Germany') }),
      key(daily, { access: rule('France') }),
      key(daily, { rollups: [day] }),
      key({ ...daily, limit: 3 }),
    ];
    expect(new Set([base, ...others]).size).toBe(8);
  });
});
