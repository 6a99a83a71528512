import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelOf } from '../../../test/fixtures/model.js';
import { type Caller, localCaller } from '../../query/index.js';
import type { Catalogue } from '../catalog/index.js';
import { loadModel } from '../cube/index.js';
import { accessOf } from './index.js';

const caller = (roles: readonly string[], attributes: Readonly<Record<string, unknown>> = {}): Caller => ({
  ...localCaller(roles),
  attributes,
});

describe('who sees what of the shipped model', () => {
  let catalogue: Catalogue;
  beforeAll(async () => {
    ({ catalogue } = await loadModel(resolve(import.meta.dirname, '../../../model')));
  });
  const of = (...roles: string[]) => accessOf(catalogue, caller(roles, { countries: ['Germany', 'France'] }));

  it.each([
    ['data_analyst', ['customer_health', 'inventory', 'retail']],
    ['country_manager', ['customer_health', 'retail']],
    ['data_engineer', ['customer_health', 'inventory', 'quality', 'retail']],
    ['admin', ['customer_health', 'inventory', 'quality', 'retail']],
    ['nobody', []],
  ])('%s sees the views %j', (role, owners) => expect(of(role).owners()).toEqual(owners));
  it('cubes exist for no caller', () => {
    for (const role of ['admin', 'data_analyst'])
      for (const name of ['sales.net_revenue', 'customers.customer_id']) expect(of(role).visible(name)).toBe(false);
  });
  it.each([
    ['data_analyst', 'retail.invoice', false, false],
    ['data_analyst', 'retail.customer_id', true, true],
    ['data_analyst', 'retail.customer_pseudonym', false, false],
    ['data_analyst', 'retail.net_revenue', true, false],
    ['data_analyst', 'quality.checks', false, false],
    ['country_manager', 'retail.invoice', true, false],
    ['country_manager', 'retail.customer_id', true, false],
    ['country_manager', 'inventory.days', false, false],
    ['admin', 'retail.customer_id', true, false],
    ['admin', 'retail.customer_pseudonym', false, false],
    ['admin', 'retail.nothing', false, false],
  ])('%s, %s: visible %s, masked %s', (role, member, visible, masked) => {
    expect([of(role).visible(member), of(role).masked(member)]).toEqual([visible, masked]);
  });
  it('replaces what is masked by the pseudonym of the same view', () => {
    expect(of('data_analyst').replacement('retail.customer_id')).toBe('retail.customer_pseudonym');
    expect(of('data_analyst').replacement('customer_health.customer_id')).toBe('customer_health.customer_pseudonym');
    expect(of('admin').replacement('retail.customer_id')).toBeUndefined();
  });
  it('one role that shows a member lifts the mask of another', () => {
    expect(of('data_analyst', 'country_manager').masked('retail.customer_id')).toBe(false);
  });
  it('rules bind every cube of the join tree, under the names that rollups hold', () => {
    const rules = of('country_manager').rules(['sales', 'countries', 'customers'], ['retail.net_revenue']);
    const countries = { op: 'in', values: ['Germany', 'France'], raw: true };
    expect(rules).toEqual({
      denied: false,
      filters: [
        { member: 'countries.country_name', ...countries },
        {
          or: [
            { member: 'customers.country', ...countries },
            { member: 'customers.is_known', op: 'in', values: [false], raw: true },
          ],
        },
      ],
      policies: ['countries#1', 'customers#2', 'retail#0', 'sales#1'],
    });
    expect(of('admin').rules(['sales', 'customers'], ['retail.net_revenue']).filters).toEqual([]);
  });
  it('a role that sees every row lifts the rule of another, for members that it may see', () => {
    const both = of('country_manager', 'data_analyst');
    expect(both.rules(['sales'], ['retail.net_revenue']).filters).toEqual([]);
    // the invoice is the manager's alone: so are the rows on which it is seen
    expect(both.rules(['sales', 'invoices'], ['retail.invoice']).filters).toHaveLength(1);
  });
  it.each([
    ['absent', {}],
    ['empty', { countries: [] }],
    ['null', { countries: null }],
    ['an object', { countries: { $ne: '' } }],
    ['a list with an object in it', { countries: ['Germany', {}] }],
  ])('an attribute that is %s lets no row pass', (_, attributes) => {
    const rules = accessOf(catalogue, caller(['country_manager'], attributes)).rules(['sales'], ['retail.lines']);
    expect(rules.filters).toEqual([{ member: 'countries.country_name', op: 'never', raw: true }]);
  });
  it('denies rows of cubes that no group of the caller may read, by a condition that holds for none', () => {
    const rules = of('country_manager').rules(['stock', 'products'], ['inventory.days']);
    expect(rules.denied).toBe(true);
    expect(rules.filters).toMatchObject([{ op: 'never' }]);
  });
  it('keys differ where rights differ, and only there', () => {
    const key = (roles: string[], attributes = {}) => {
      const access = accessOf(catalogue, caller(roles, attributes));
      return [access.visibilityKey, access.attributesKey];
    };
    expect(key(['admin'], { countries: ['a'] })).toEqual(key(['admin'], { countries: ['b'] }));
    const [seen, rows] = key(['country_manager'], { countries: ['a'] });
    expect(key(['country_manager'], { countries: ['a'], other: 1 })).toEqual([seen, rows]);
    expect(key(['country_manager'], { countries: ['b'] })[0]).toBe(seen);
    expect(key(['country_manager'], { countries: ['b'] })[1]).not.toBe(rows);
    expect(key(['data_analyst'])[0]).not.toBe(key(['admin'])[0]);
  });
  it('leaves the caller as it was', () => {
    const attributes = Object.freeze({ countries: Object.freeze(['Germany']) });
    const frozen = Object.freeze(caller(['country_manager'], attributes));
    accessOf(catalogue, frozen).rules(['sales'], ['retail.lines']);
    expect(frozen.attributes).toEqual({ countries: ['Germany'] });
  });
  it('suggests names that the caller may see, and no others', () => {
    expect(of('admin').suggest('retail.invoce')).toBe('retail.invoice');
    expect(of('data_analyst').suggest('retail.invoce')).not.toBe('retail.invoice');
    expect(of('data_analyst').suggest('qualty')).toBeUndefined();
    expect(of('nobody').suggest('retail.net_revenue')).toBeUndefined();
  });
});

describe('what policies mean', () => {
  const CUBE = (policy: string) => `cubes:
  - name: t
    sql_table: s.t
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true, meta: { type: bigint } }
      - { name: a, sql: a, type: string, meta: { pseudonym: p } }
      - { name: b, sql: b, type: string }
      - { name: p, sql: p, type: string }
    measures:
      - { name: gross, sql: g, type: sum, meta: { type: bigint } }
      - { name: orders, sql: o, type: sum, meta: { type: bigint } }
      - { name: aov, sql: "{gross} / {orders}", type: number, meta: { type: "decimal(18,6)", ratio: { numerator: gross, denominator: orders } } }
      - { name: twice, sql: "{gross} * 2", type: number, meta: { type: bigint } }
${policy}`;
  const VIEW = (policy = '') => `views:
  - name: v
    cubes:
      - join_path: t
        includes: [a, b, p, gross, orders, aov, twice]
${policy}`;
  const policies = (...lines: string[]) => `    access_policy:\n${lines.map((l) => `      - ${l}\n`).join('')}`;
  const load = async (cube: string, view?: string) =>
    (await modelOf({ 'cubes/t.yml': CUBE(cube), 'views/v.yml': VIEW(view) })).catalogue;
  const row = (values: string) => `row_level: { filters: [{ member: b, operator: equals, values: [${values}] }] }`;

  it('a view without policies inherits the member rules of its cubes, for what is derived as well', async () => {
    const catalogue = await load(policies('{ group: x, member_level: { includes: "*", excludes: [gross] } }'));
    expect(accessOf(catalogue, caller(['x'])).members('v')).toEqual(['v.orders', 'v.a', 'v.b']);
    expect(accessOf(catalogue, caller(['y'])).owners()).toEqual([]);
    expect(accessOf(catalogue, caller([])).owners()).toEqual([]);
  });
  it('a view with policies of its own is the boundary, also for what is derived', async () => {
    const catalogue = await load(
      policies('{ group: x, member_level: { includes: "*", excludes: [gross] } }'),
      policies('{ group: x, member_level: { includes: [aov, b] } }'),
    );
    expect(accessOf(catalogue, caller(['x'])).members('v')).toEqual(['v.aov', 'v.b']);
  });
  it('an empty list of members grants nothing', async () => {
    const catalogue = await load('', policies('{ group: x, member_level: { includes: [] } }'));
    expect(accessOf(catalogue, caller(['x'])).members('v')).toEqual([]);
  });
  it('without any policy everybody sees everything', async () => {
    const access = accessOf(await load(''), caller([]));
    expect(access.members('v')).toHaveLength(6);
    expect(access.rules(['t'], ['v.gross'])).toEqual({ denied: false, filters: [], policies: [] });
  });
  it('a policy without groups, or for *, speaks to everybody', async () => {
    for (const group of ['groups: ["*"]', 'group: "*"']) {
      const catalogue = await load('', policies(`{ ${group}, member_level: { includes: [b] } }`));
      expect(accessOf(catalogue, caller([])).members('v')).toEqual(['v.b']);
      expect(accessOf(catalogue, caller(['any'])).members('v')).toEqual(['v.b']);
    }
  });
  it('a condition must hold; one that cannot be evaluated does not', async () => {
    const catalogue = await load(
      '',
      policies('{ group: x, conditions: [{ if: "{ securityContext.team.lead }" }], member_level: { includes: [b] } }'),
    );
    const seen = (attributes: Readonly<Record<string, unknown>>) =>
      accessOf(catalogue, caller(['x'], attributes)).members('v');
    expect(seen({ team: { lead: true } })).toEqual(['v.b']);
    expect(seen({ team: { lead: 'true' } })).toEqual([]);
    expect(seen({ team: {} })).toEqual([]);
    expect(seen({})).toEqual([]);
  });
  it('rows of several groups are united for each member, and members are intersected', async () => {
    const catalogue = await load(
      policies(
        `{ group: x, member_level: { includes: [a, b, gross] }, ${row('one')} }`,
        `{ group: y, member_level: { includes: [b, orders] }, ${row('two')} }`,
      ),
    );
    const access = accessOf(catalogue, caller(['x', 'y']));
    const is = (value: string) => ({ member: 't.b', op: 'in', values: [value], raw: true });
    expect(access.rules(['t'], ['v.b']).filters).toEqual([{ or: [is('one'), is('two')] }]);
    expect(access.rules(['t'], ['v.gross']).filters).toEqual([is('one')]);
    expect(access.rules(['t'], ['v.gross', 'v.orders']).filters).toEqual([is('one'), is('two')]);
  });
  it('two policies of one group are no looser than two groups', async () => {
    const catalogue = await load(
      policies(
        `{ group: x, member_level: { includes: [a, b, gross] }, ${row('one')} }`,
        `{ group: x, member_level: { includes: [b, orders] }, ${row('two')} }`,
      ),
    );
    expect(accessOf(catalogue, caller(['x'])).rules(['t'], ['v.gross', 'v.orders']).filters).toHaveLength(2);
  });
  it('a group that has no say over a member adds no rows to it', async () => {
    const catalogue = await load(
      policies(`{ group: x, ${row('one')} }`, '{ group: y, row_level: { allow_all: true } }'),
      policies('{ group: x, member_level: { includes: [gross] } }', '{ group: y, member_level: { includes: [b] } }'),
    );
    const access = accessOf(catalogue, caller(['x', 'y']));
    expect(access.rules(['t'], ['v.gross']).filters).toHaveLength(1);
    expect(access.rules(['t'], ['v.b']).filters).toEqual([]);
  });
  it('a row rule on a view is a condition on its cube', async () => {
    const catalogue = await load('', policies(`{ group: x, ${row('one')} }`));
    expect(accessOf(catalogue, caller(['x'])).rules(['t'], ['v.gross']).filters).toEqual([
      { member: 't.b', op: 'in', values: ['one'], raw: true },
    ]);
  });
  it('a rule compares the real values of a masked member', async () => {
    const catalogue = await load(
      policies(
        '{ group: x, member_level: { includes: "*", excludes: [a] }, member_masking: { includes: [a] }, row_level: { filters: [{ member: a, operator: notEquals, values: ["q"] }] } }',
      ),
    );
    const access = accessOf(catalogue, caller(['x']));
    expect(access.masked('v.a')).toBe(true);
    expect(access.replacement('v.a')).toBe('v.p');
    expect(access.rules(['t'], ['v.a']).filters).toEqual([{ member: 't.a', op: 'notIn', values: ['q'], raw: true }]);
  });
});
