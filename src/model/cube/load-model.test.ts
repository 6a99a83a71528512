import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelOf } from '../../../test/fixtures/model.js';
import { AssayError } from '../../errors/index.js';
import { typeText } from '../../query/index.js';
import { checkModel, loadModel } from './index.js';

const CUBE = `cubes:
  - name: orders
    sql_table: shop.orders
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true, meta: { type: bigint } }
      - name: status
        sql: status
        type: string
    measures:
      - name: count
        type: count
      - name: total
        sql: amount
        type: sum
        meta: { type: "decimal(18,2)" }
`;
const VIEW = `views:
  - name: shop
    cubes:
      - join_path: orders
        includes: [count, total, status]
`;
const failure = async (files: Record<string, string>): Promise<string> => {
  try {
    await modelOf(files);
  } catch (thrown) {
    if (thrown instanceof AssayError && thrown.code === 'model-invalid') return thrown.message;
    throw thrown;
  }
  return 'no error';
};
/** The cube with a line replaced or text added at its end. */
const changed = (from: string, to: string) => ({ 'cubes/orders.yml': CUBE.replace(from, () => to) });
const added = (text: string) => ({ 'cubes/orders.yml': CUBE + text });

describe('the shipped model', () => {
  it('has titles, descriptions and types of every member, and synonyms of every public one of a view', async () => {
    const { catalogue } = await loadModel(resolve(import.meta.dirname, '../../../model'));
    expect([...catalogue.owners.values()].filter((o) => o.public).map((o) => [o.name, o.kind, o.root])).toEqual([
      ['customer_health', 'view', 'customers'],
      ['inventory', 'view', 'stock'],
      ['quality', 'view', 'data_quality'],
      ['retail', 'view', 'sales'],
    ]);
    for (const member of catalogue.members.values()) {
      expect(member.title, member.name).not.toBe('');
      expect(member.description, member.name).not.toBe('');
    }
    for (const name of ['gross_revenue', 'returns_value'])
      expect(catalogue.members.get(`retail.${name}`)?.description).toMatch(/[Ss]ervice lines/);
    for (const { members } of [catalogue.owners.get('inventory')].flatMap((o) => o ?? []))
      for (const name of members.filter((m) => catalogue.members.get(m)?.owner === 'inventory'))
        if (catalogue.members.get(name)?.aliasOf?.startsWith('stock.'))
          expect(catalogue.members.get(name)?.description).toMatch(/[Ss]ynthetic/);
  });
  it('declares exact types and how measures add up', async () => {
    const { catalogue } = await loadModel(resolve(import.meta.dirname, '../../../model'));
    const of = (name: string) => {
      const m = catalogue.members.get(name);
      return m && [typeText(m.type), m.additivity, m.cubeType, m.unit];
    };
    expect(of('retail.net_revenue')).toEqual(['decimal(18,2)', 'sum', 'sum', 'GBP']);
    expect(of('retail.orders')).toEqual(['bigint', 'count_distinct', 'count_distinct', 'orders']);
    expect(of('retail.lines')).toEqual(['bigint', 'sum', 'count', 'lines']);
    expect(of('retail.average_order_value')).toEqual(['decimal(18,6)', 'ratio', 'number', 'GBP']);
    expect(of('inventory.lowest_on_hand')).toEqual(['integer', 'min', 'min', 'units']);
    expect(of('inventory.snapshot_date')).toEqual(['date', 'none', 'time', undefined]);
    expect(catalogue.members.get('retail.return_rate')?.ratio).toEqual({
      numerator: 'retail.units_returned',
      denominator: 'retail.units_sold',
    });
    expect(catalogue.members.get('inventory.snapshot_date')?.granularities).toEqual([
      'day',
      'week',
      'month',
      'quarter',
      'year',
      ...['retail_week', 'retail_month', 'retail_quarter', 'retail_year'],
      ...['fiscal_week', 'fiscal_month', 'fiscal_quarter', 'fiscal_year'],
    ]);
    expect(catalogue.members.get('retail.customer_pseudonym')?.public).toBe(false);
    expect(catalogue.members.get('sales.country')?.sameAs).toBe('countries.country_name');
    expect(catalogue.members.get('sales.active_customers')?.reads).toEqual([
      'sales.is_return',
      'customers.customer_id',
    ]);
    expect(catalogue.rollups.map((r) => [r.id, r.granularity, r.partitionGranularity])).toEqual([
      ['sales.by_category', 'day', 'month'],
      ['sales.by_invoice', 'day', 'month'],
      ['sales.by_product', 'month', 'month'],
    ]);
    expect(catalogue.members.get('retail.country')?.place.file).toBe('views/retail.yml');
  });
});

describe('a model with faults', () => {
  it('loads without them', async () => {
    const { catalogue } = await modelOf({ 'cubes/orders.yml': CUBE, 'views/shop.yml': VIEW });
    expect(catalogue.owners.get('shop')?.members).toEqual(['shop.count', 'shop.total', 'shop.status']);
    expect(catalogue.tables.get('orders')).toBe('shop.orders');
  });
  it('keeps its version with its contents, and its rollups with their definition', async () => {
    const first = await modelOf({ 'cubes/orders.yml': CUBE });
    const same = await modelOf({ 'cubes/orders.yml': CUBE });
    const other = await modelOf(changed('sql: amount', 'sql: amount2'));
    expect(same.catalogue.version).toBe(first.catalogue.version);
    expect(other.catalogue.version).not.toBe(first.catalogue.version);
  });
  it('takes flow mappings that end in two braces, and anchors', async () => {
    const text = CUBE.replace('meta: { type: "decimal(18,2)" }', 'meta: {type: "decimal(18,2)", other: {a: {b: 1}}}');
    expect((await modelOf({ 'cubes/orders.yml': text })).catalogue.members.has('orders.total')).toBe(true);
  });

  it.each([
    ['a syntax error', { 'cubes/a.yml': 'cubes:\n  - name: a\n   sql: [' }, /^cubes\/a\.yml:3: /],
    [
      'a wrong key',
      changed('sql_table', 'sql_tabel'),
      'cubes/orders.yml:3: orders: there is no key sql_tabel in a cube; did you mean sql_table?',
    ],
    [
      'a wrong key of a member',
      changed('        sql: status', '        sqll: status'),
      'cubes/orders.yml:7: status: there is no key sqll in a dimension; did you mean sql?',
    ],
    [
      'a wrong type',
      changed('type: string', 'type: strng'),
      'cubes/orders.yml:8: status: type: strng is not one of string, number, boolean, time; did you mean string?',
    ],
    ['a missing key', changed('        type: count\n', ''), 'cubes/orders.yml:10: count: type is missing'],
    [
      'no exact type',
      changed('        meta: { type: "decimal(18,2)" }\n', ''),
      'cubes/orders.yml:12: orders.total: sum needs its exact type: add meta.type, such as "decimal(18,2)" or bigint',
    ],
    [
      'a type that is none',
      changed('decimal(18,2)', 'decimal(18,20)'),
      /^cubes\/orders\.yml:12: orders\.total: meta\.type "decimal\(18,20\)" is no type/,
    ],
    [
      'a division without ratio',
      added('      - { name: share, type: number, sql: "{total} / {count}", meta: { type: "decimal(18,6)" } }\n'),
      /^cubes\/orders\.yml:16: share divides; give meta\.ratio/,
    ],
    [
      'a ratio of nothing',
      added(
        '      - { name: share, type: number, sql: "1", meta: { type: "decimal(18,6)", ratio: { numerator: total, denominator: nope } } }\n',
      ),
      'cubes/orders.yml:16: orders.share: meta.ratio names orders.nope, which is no measure',
    ],
    [
      'a reference to nothing',
      added('      - name: bad\n        sql: "{nope}"\n        type: count_distinct\n'),
      'cubes/orders.yml:17: orders.bad: {nope} names no member of orders, no cube and not CUBE',
    ],
    [
      'a rolling window',
      added('      - name: r\n        type: count\n        rolling_window: { trailing: 7 day }\n'),
      /^cubes\/orders\.yml:18: r: rolling_window is not supported: is composed above legs/,
    ],
    [
      'a multi-stage measure',
      added('      - name: r\n        type: count\n        multi_stage: true\n'),
      /^cubes\/orders\.yml:18: r: multi_stage is not supported/,
    ],
    [
      'a rollup of another type',
      added('    pre_aggregations:\n      - name: raw\n        type: original_sql\n'),
      'cubes/orders.yml:18: raw: type: original_sql is not one of rollup',
    ],
    [
      'a rollup of several',
      added('    pre_aggregations:\n      - name: raw\n        type: rollup_join\n'),
      'cubes/orders.yml:18: raw: type: rollup_join is not one of rollup',
    ],
    [
      'a rollup of rollups',
      added('    pre_aggregations:\n      - name: raw\n        measures: [count]\n        rollups: [a.b]\n'),
      /^cubes\/orders\.yml:19: raw: rollups is not supported: rollups of rollups are not built/,
    ],
    [
      'a refresh key that nobody understands',
      added(
        '    pre_aggregations:\n      - name: r\n        measures: [count]\n        refresh_key: { every: "0 8 * * *" }\n',
      ),
      /^cubes\/orders\.yml:1[78]: orders\.r: refresh_key\.every "0 8 \* \* \*" is not understood; write it as/,
    ],
    [
      'a refresh key that reads members',
      added(
        '    pre_aggregations:\n      - name: r\n        measures: [count]\n        refresh_key: { sql: "SELECT max({CUBE}.id) FROM shop.orders" }\n',
      ),
      /^cubes\/orders\.yml:1[78]: orders\.r: refresh_key\.sql refers to members; write plain SQL/,
    ],
    [
      'a role',
      added('    access_policy:\n      - role: admin\n'),
      'cubes/orders.yml:17: orders: access_policy: role is not supported: write group',
    ],
    [
      'bracketed values',
      added(
        '    access_policy:\n      - group: a\n        row_level:\n          filters:\n            - { member: status, operator: equals, values: ["{ securityContext.x }"] }\n',
      ),
      /^cubes\/orders\.yml:20: an expression in a list becomes one value/,
    ],
    [
      'a row rule without filters',
      added('    access_policy:\n      - group: a\n        row_level: { filters: [] }\n'),
      /^cubes\/orders\.yml:17: access_policy of orders: row_level without filters/,
    ],
    [
      'a mask without a stand-in',
      added(
        '    access_policy:\n      - group: a\n        member_level: { includes: "*", excludes: [status] }\n        member_masking: { includes: [status] }\n',
      ),
      /^cubes\/orders\.yml:17: access_policy of orders: orders\.status is masked and has no stand-in/,
    ],
    [
      'a security context in SQL',
      changed('sql: status', 'sql: "{SECURITY_CONTEXT.x.filter(\'status\')}"'),
      /^cubes\/orders\.yml:7: SECURITY_CONTEXT opens every row/,
    ],
    [
      'the mark of a parameter',
      changed('sql: status', 'sql: "coalesce(status, \'$0$\')"'),
      'cubes/orders.yml:7: $0$ is read as the place of a parameter',
    ],
    [
      'a calendar of an odd pattern',
      changed('    sql_table', '    meta: { calendars: [{ name: retail, pattern: 4-4-6 }] }\n    sql_table'),
      'cubes/orders.yml:3: retail: pattern: 4-4-6 is not one of months, 4-4-5, 4-5-4, 5-4-4; did you mean 4-4-5?',
    ],
    [
      'a calendar that begins on no day',
      changed(
        '    sql_table',
        '    meta:\n      calendars:\n        - { name: retail, starts: "02-30" }\n    sql_table',
      ),
      'cubes/orders.yml:5: calendar retail: starts "02-30" is no month and day, such as "02-01"; days go to 28',
    ],
    [
      'a year of months that begins within one',
      changed('    sql_table', '    meta:\n      calendars:\n        - { name: tax, starts: "04-06" }\n    sql_table'),
      'cubes/orders.yml:5: calendar tax: years of months begin with a month: let starts end in -01, or give a pattern of weeks',
    ],
    [
      'a calendar twice',
      changed(
        '    sql_table',
        '    meta:\n      calendars:\n        - { name: tax }\n        - { name: tax }\n    sql_table',
      ),
      /^cubes\/orders\.yml:[56]: calendar tax is declared a second time; the first stands at cubes\/orders\.yml:[56]$/,
    ],
    [
      'a calendar that no cube declares',
      {
        'cubes/orders.yml': CUBE.replace(
          '    sql_table',
          '    meta: { calendars: [{ name: retail }] }\n    sql_table',
        ).replace(
          '    measures:',
          '      - { name: at, sql: at, type: time, meta: { calendars: [retial] } }\n    measures:',
        ),
      },
      /^cubes\/orders\.yml:\d+: orders\.at: meta\.calendars names retial, which no cube declares in its meta\.calendars; did you mean retail\?$/,
    ],
    [
      'a calendar of what is no time',
      changed('type: string', 'type: string\n        meta: { calendars: [retail] }'),
      /^cubes\/orders\.yml:6: orders\.status: meta\.calendars lists calendars of a time/,
    ],
    [
      'a period of another type',
      added(
        '      - { name: p, type: number, sql: "{total}", meta: { type: bigint, period: { measure: total, take: previous } } }\n',
      ),
      'cubes/orders.yml:16: orders.p: meta.period: orders.total is decimal(18,2), and this bigint: give it that type',
    ],
    [
      'a period that is none',
      added(
        '      - { name: p, type: number, sql: "{count}", meta: { type: bigint, period: { measure: count, take: previus } } }\n',
      ),
      /^cubes\/orders\.yml:16: .*take: previus is not one of previous, with_previous, before, until_end; did you mean previous\?$/,
    ],
    [
      'a difference that would be rounded',
      added(
        '      - { name: d, type: number, sql: "{total}", meta: { type: "decimal(18,1)", difference: { of: total, less: count } } }\n',
      ),
      'cubes/orders.yml:16: orders.d: meta.difference: orders.total has 2 digits behind the point, meta.type only 1',
    ],
    [
      'a condition of a stage on no number',
      added(
        '      - { name: s, type: number, sql: "{count}", meta: { type: bigint, stage: { measure: count, by: [status], take: count, conditions: [{ op: gt, value: many }] } } }\n',
      ),
      'cubes/orders.yml:16: orders.s: meta.stage.conditions: "many" is no number to compare orders.count with',
    ],
    [
      'a template',
      changed('sql: status', 'sql: "{{ x }}"'),
      'cubes/orders.yml:7: templates are not run; write plain YAML instead of {{',
    ],
    [
      'a model in JavaScript',
      { 'cubes/a.js': 'cube("a", {})' },
      'cubes/a.js:1: models are written in YAML; a .js file is code and is not run',
    ],
    [
      'a view of a cube that is not there',
      { 'cubes/orders.yml': CUBE, 'views/shop.yml': VIEW.replace('join_path: orders', 'join_path: ordrs') },
      /^views\/shop\.yml:4: /,
    ],
    [
      'a view of a member that is not there',
      { 'cubes/orders.yml': CUBE, 'views/shop.yml': VIEW.replace('count, total', 'count, totla') },
      'views/shop.yml:5: shop: includes: there is no totla in orders; did you mean total?',
    ],
    [
      'a file that is a list',
      { 'cubes/a.yml': '- 1\n' },
      'cubes/a.yml:1: a file of the model holds the keys cubes or views',
    ],
  ])('says where there is %s', async (_, files, message) => {
    const said = await failure(files as Record<string, string>);
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  });
  it('says that a folder holds no model', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'assay-empty-'));
    await expect(loadModel(dir)).rejects.toThrow(/there is no model here/);
    await rm(dir, { recursive: true });
  });
});

describe('a model with several faults', () => {
  it('tells them all at once, each at its line', async () => {
    const files = {
      'cubes/orders.yml': CUBE.replace('type: sum', 'type: summ').replace('sql: status', 'sql: "{statu}"'),
      'cubes/broken.yml': 'cubes: [',
      'views/shop.yml': VIEW.replace('total', 'totl'),
    };
    const dir = await mkdtemp(join(tmpdir(), 'assay-model-'));
    try {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(dir, name)), { recursive: true });
        await writeFile(join(dir, name), text);
      }
      const { faults } = await checkModel(dir);
      expect(faults.map(({ file, line, what }) => `${file}:${line}: ${what.split(';')[0]}`)).toEqual([
        expect.stringMatching(/^cubes\/broken\.yml:\d+: /),
        'cubes/orders.yml:14: total: type: summ is not one of count, count_distinct, sum, min, max, number',
        'cubes/orders.yml:7: orders.status: {statu} names no member of orders, no cube and not CUBE',
        'views/shop.yml:5: shop: includes: there is no totl in orders',
      ]);
      await expect(loadModel(dir)).rejects.toThrow(/^cubes\/broken\.yml:\d+: .* \(and 3 more: assay model check\)$/);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
