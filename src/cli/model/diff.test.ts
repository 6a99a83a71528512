import { describe, expect, it } from 'vitest';
import { modelOf } from '../../../test/fixtures/model.js';
import { diffModels } from './diff.js';

const CUBE = `cubes:
  - name: orders
    sql_table: shop.orders
    public: false
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: status, sql: "{CUBE}.status", type: string }
      - { name: at, sql: "{CUBE}.at", type: time }
    measures:
      - { name: total, sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)", unit: GBP } }
      - { name: count, type: count }
      - { name: mean, sql: "{total} / {count}", type: number, meta: { type: "decimal(18,6)", ratio: { numerator: total, denominator: count } } }
    pre_aggregations:
      - { name: by_day, measures: [total], dimensions: [status], time_dimension: at, granularity: day }
    access_policy:
      - group: clerk
        row_level: { filters: [{ member: status, operator: equals, values: [open] }] } # one
`;
const VIEW = `views:
  - name: shop
    cubes:
      - { join_path: orders, includes: [total, mean, count, status, at] }
`;
const model = (cube = CUBE, view = VIEW) => modelOf({ 'cubes/orders.yml': cube, 'views/shop.yml': view });
const told = async (cube: string, view = VIEW) =>
  diffModels(await model(), await model(cube, view), new Map([['daily', { measures: ['shop.total'] }]])).map(
    ({ change, name, effect, what, dependents }) => ({ change, name, effect, what, dependents }),
  );

describe('the difference of two models', () => {
  it('is nothing between a model and itself', async () => {
    expect(await told(CUBE)).toEqual([]);
  });
  it('tells another formula, and everything that is made of it', async () => {
    const changes = await told(CUBE.replace('{CUBE}.amount', '{CUBE}.amount * 2'));
    expect(changes.find((c) => c.name === 'orders.total')).toEqual({
      change: 'changed',
      name: 'orders.total',
      effect: 'values',
      what: ['another definition'],
      dependents: ['orders.mean', 'query daily', 'rollup orders.by_day', 'shop.mean', 'shop.total'],
    });
    expect(changes.find((c) => c.name === 'orders.by_day')).toMatchObject({ what: ['is built anew before it serves'] });
    expect(changes.every((c) => c.effect !== 'breaking')).toBe(true);
  });
  it('tells what breaks first: members of views that are gone, other types', async () => {
    const view = VIEW.replace('total, mean, count', 'mean, count');
    const [first] = await told(CUBE, view.replace('includes: [', 'includes: [{ name: total, alias: sum }, '));
    expect(first).toMatchObject({
      change: 'removed',
      name: 'shop.total',
      effect: 'breaking',
      dependents: ['query daily', 'shop.mean'],
    });
    const [type] = await told(CUBE.replace('decimal(18,2)', 'decimal(20,4)'));
    expect(type).toMatchObject({
      name: 'orders.total',
      effect: 'breaking',
      what: ['type decimal(18,2) -> decimal(20,4)'],
    });
  });
  it('tells other rules of access, and words apart from meaning', async () => {
    expect(await told(CUBE.replace('group: clerk', 'group: cashier'))).toEqual([
      { change: 'changed', name: 'orders#0', effect: 'access', what: [], dependents: [] },
    ]);
    const words = await told(CUBE.replace('name: status,', 'name: status, description: How far it is,'));
    expect(words.map((c) => [c.name, c.effect, c.what])).toEqual([
      ['orders.status', 'none', ['another description']],
      ['shop.status', 'none', ['another description']],
    ]);
  });
});
