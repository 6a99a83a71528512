import { describe, expect, it } from 'vitest';
import { modelOf } from '../../../test/fixtures/model.js';
import { probeOf } from './index.js';

const MODEL = `cubes:
  - name: orders
    sql_table: shop.orders
    joins:
      - { name: customers, relationship: many_to_one, sql: "{CUBE}.customer_id = {customers}.id" }
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: status, sql: "{TABLE}.status", type: string }
      - { name: at, sql: "{CUBE}.at", type: time }
      - { name: day, sql: "{at.day}", type: time }
      - { name: country, sql: "{customers.country}", type: string }
      - { name: size, type: string, case: { when: [{ sql: "{CUBE}.n > 9", label: big }], else: { label: small } } }
    measures:
      - { name: count, type: count, drill_members: [status, customers.country] }
      - { name: total, sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)" } }
      - name: paid
        type: count
        filters: [{ sql: "{CUBE.status} = 'paid' AND {customers.country} <> '\\\\{5\\\\}'" }]
      - name: late
        type: count
        filters:
          - sql: |
              {CUBE}.due < {CUBE}.at
              AND NOT {CUBE}.done
    segments:
      - { name: big, sql: "{size} = 'big'" }
    pre_aggregations:
      - { name: by_day, measures: [CUBE.count, total], dimensions: [status, customers.country], time_dimension: at, granularity: day }
  - name: returns
    extends: orders
    sql_table: shop.returns
    measures:
      - { name: lost, sql: "CASE WHEN {status} = 'lost' THEN {id} END", type: count_distinct }
  - name: customers
    sql: "SELECT * FROM shop.customers"
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: country, sql: "{CUBE}.country", type: string }
  - name: alone
    sql_table: shop.alone
    dimensions:
      - { name: word, sql: "{CUBE}.word", type: string }
`;
const VIEW = `views:
  - name: shop
    cubes:
      - join_path: orders
        includes:
          - count
          - { name: status, alias: state }
      - join_path: orders.customers
        includes: [country]
`;
const files = (from = '', to = '') => {
  expect(MODEL + VIEW).toContain(from);
  return { 'cubes/m.yml': MODEL.replace(from, () => to), 'views/v.yml': VIEW.replace(from, () => to) };
};
const said = (from: string, to: string) =>
  modelOf(files(from, to)).then(
    () => 'loaded',
    (thrown: Error) => thrown.message,
  );

describe('references of a model', () => {
  it('are taken in every form that Cube reads', async () => {
    const { catalogue, legs } = await modelOf(files());
    expect(catalogue.members.has('returns.lost')).toBe(true);
    expect(probeOf(catalogue, legs, 'orders', ['orders.paid']).statement.sql).toContain(`<> '{5}'`);
    expect(catalogue.joins.map((j) => [j.from, j.to, j.place?.line])).toContainEqual(['orders', 'customers', 5]);
  });

  it.each([
    [
      'a filter of a measure',
      '{CUBE.status} =',
      '{CUBEE}.status =',
      'cubes/m.yml:18: orders.paid: {CUBEE} names no member of orders, no cube and not CUBE; did you mean {CUBE}?',
    ],
    [
      'a line of a block',
      'AND NOT {CUBE}.done',
      'AND NOT {dayy}',
      'cubes/m.yml:24: orders.late: {dayy} names no member of orders, no cube and not CUBE; did you mean {day}?',
    ],
    [
      'nothing like it',
      '{CUBE.status} =',
      '{not_there} =',
      'cubes/m.yml:18: orders.paid: {not_there} names no member of orders, no cube and not CUBE',
    ],
    [
      'a member of another cube',
      '"{customers.country}"',
      '"{customers.contry}"',
      'cubes/m.yml:11: orders.country: {customers.contry}: there is no contry in customers; did you mean {customers.country}?',
    ],
    [
      'a member that another cube inherits',
      '{status} =',
      '{statu} =',
      'cubes/m.yml:33: returns.lost: {statu} names no member of returns, no cube and not CUBE; did you mean {status}?',
    ],
    [
      'a granularity',
      '{at.day}',
      '{at.dya}',
      'cubes/m.yml:10: orders.day: {at.dya}: there is no dya in orders.at; did you mean {at.day}?',
    ],
    [
      'a measure within a measure',
      '"{CUBE}.amount"',
      '"{late} + 1"',
      'cubes/m.yml:15: orders.total: {late} is a measure, and only a measure of type number is made of measures',
    ],
    [
      'a measure within a dimension',
      '"{TABLE}.status"',
      '"{total}"',
      'cubes/m.yml:8: orders.status: {total} is a measure, and only a measure of type number is made of measures',
    ],
    [
      'braces of a pattern',
      'AND NOT {CUBE}.done',
      "AND {CUBE}.code ~ '^[0-9]{5}$'",
      'cubes/m.yml:24: orders.late: {5} is no reference; write \\{ and \\} for braces of the SQL itself',
    ],
    [
      'a brace without its other',
      'AND NOT {CUBE}.done',
      'AND NOT {CUBE.done',
      'cubes/m.yml:24: orders.late: the brace of {CUBE.done is not closed',
    ],
    [
      'a join',
      '= {customers}.id',
      '= {custmers}.id',
      'cubes/m.yml:5: orders: join customers: {custmers} names no member of orders, no cube and not CUBE; did you mean {customers}?',
    ],
    [
      'a case',
      '{CUBE}.n > 9',
      '{CUB}.n > 9',
      'cubes/m.yml:12: orders.size: {CUB} names no member of orders, no cube and not CUBE; did you mean {CUBE}?',
    ],
    [
      'a segment',
      '{size} =',
      '{sizes} =',
      'cubes/m.yml:26: orders.big: {sizes} names no member of orders, no cube and not CUBE; did you mean {size}?',
    ],
    [
      'a measure of a rollup',
      '[CUBE.count, total]',
      '[CUBE.count, totl]',
      'cubes/m.yml:28: orders.by_day: totl names no member of orders, no cube and not CUBE; did you mean total?',
    ],
    [
      'a dimension of a rollup that is a measure',
      'dimensions: [status,',
      'dimensions: [total,',
      'cubes/m.yml:28: orders.by_day: total is a measure; a dimension is wanted here',
    ],
    [
      'a drill',
      'drill_members: [status',
      'drill_members: [stauts',
      'cubes/m.yml:14: orders.count: stauts names no member of orders, no cube and not CUBE; did you mean status?',
    ],
    [
      'a member of a view',
      '          - { name: status,',
      '          - { name: sttus,',
      'views/v.yml:7: shop: includes: there is no sttus in orders; did you mean status?',
    ],
    [
      'what a view leaves out',
      'includes: [country]',
      'includes: "*"\n        excludes: [idd]',
      'views/v.yml:10: shop: excludes: there is no idd in customers; did you mean id?',
    ],
    [
      'a cube of a view',
      'orders.customers\n',
      'orders.custmers\n',
      'views/v.yml:8: shop: join_path orders.custmers: there is no cube custmers; did you mean customers?',
    ],
  ])('that lead nowhere are told at their line: %s', async (_, from, to, message) => {
    expect(await said(from, to)).toBe(message);
  });

  it('that only a statement shows to be wrong are told at the member', async () => {
    expect(await said('"{customers.country}"', '"{alone.word}"')).toMatch(
      /^cubes\/m\.yml:11: orders\.country: what it names does not join/,
    );
    expect(
      await said(
        'join_path: orders.customers\n        includes: [country]',
        'join_path: orders.alone\n        includes: [word]',
      ),
    ).toMatch(/^views\/v\.yml:9: shop\.word: what it names does not join/);
  });
});
