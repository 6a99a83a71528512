import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelOf } from '../../../test/fixtures/model.js';
import { loadModel, probeOf, probes } from './index.js';

const flat = (sql: string) => sql.replace(/\s+/g, ' ').trim();

const MODEL = `cubes:
  - name: orders
    sql_table: shop.orders
    joins:
      - { name: customers, relationship: many_to_one, sql: "{CUBE}.customer_id = {customers}.id" }
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: country, sql: "{customers.country}", type: string }
    measures:
      - { name: total, sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)" } }
      - { name: count, type: count }
      - { name: mean, sql: "{total} / {count}", type: number, meta: { type: "decimal(18,6)", ratio: { numerator: total, denominator: count } } }
    segments:
      - { name: late, sql: "{CUBE}.late" }
  - name: customers
    sql: SELECT id, country FROM shop.customers
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true, public: false, meta: { type: bigint } }
      - { name: country, sql: "{CUBE}.country", type: string }
`;

describe('probes', () => {
  it('name every column and table, the cubes that read fewest first, then every join', async () => {
    const { catalogue, legs } = await modelOf({ 'cubes/m.yml': MODEL });
    const all = probes(catalogue, legs);
    expect(all.map(({ cube, members, place }) => [cube, members, place.line])).toEqual([
      ['customers', ['customers.id', 'customers.country'], 16],
      ['orders', ['orders.total', 'orders.count', 'orders.id', 'orders.country', 'orders.late'], 3],
      ['orders', ['orders.id', 'customers.id'], 5],
    ]);
    expect(all.map(({ statement }) => flat(statement.sql))).toEqual([
      'SELECT "customers".id "c0", "customers".country "c1" FROM (SELECT id, country FROM shop.customers) AS "customers" GROUP BY 1, 2 LIMIT $1::bigint',
      'SELECT "orders".id "c0", "customers".country "c1", sum("orders".amount) "c2", count("orders".id) "c3" FROM "@shop.orders" AS "orders" ' +
        'LEFT JOIN (SELECT id, country FROM shop.customers) AS "customers" ON "orders".customer_id = "customers".id WHERE ("orders".late) GROUP BY 1, 2 LIMIT $1::bigint',
      'SELECT "orders".id "c0", "customers".id "c1" FROM "@shop.orders" AS "orders" ' +
        'LEFT JOIN (SELECT id, country FROM shop.customers) AS "customers" ON "orders".customer_id = "customers".id GROUP BY 1, 2 LIMIT $1::bigint',
    ]);
    for (const { statement } of all) expect(statement.parameters).toEqual([0]);
  });
  it('of single members read no more than those, and stand at their lines', async () => {
    const { catalogue, legs } = await modelOf({ 'cubes/m.yml': MODEL });
    const of = (...members: string[]) => {
      const { statement, place } = probeOf(catalogue, legs, 'orders', members);
      return [flat(statement.sql).replace(/ FROM .*?(?= WHERE| GROUP| LIMIT)/, ''), statement.cubes.length, place.line];
    };
    expect(of('orders.total')).toEqual(['SELECT sum("orders".amount) "c0" LIMIT $1::bigint', 1, 10]);
    expect(of('orders.country')).toEqual(['SELECT "customers".country "c0" GROUP BY 1 LIMIT $1::bigint', 2, 8]);
    expect(of('orders.late')).toEqual([
      'SELECT "orders".id "c0" WHERE ("orders".late) GROUP BY 1 LIMIT $1::bigint',
      1,
      14,
    ]);
  });
  it('are one for each cube and join of the shipped model, and hold all of its members but ratios', async () => {
    const { catalogue, legs } = await loadModel(resolve(import.meta.dirname, '../../../model'));
    const all = probes(catalogue, legs);
    const cubes = [...catalogue.owners.values()].filter((o) => o.kind === 'cube');
    expect(all).toHaveLength(cubes.length + catalogue.joins.length);
    const held = new Set(all.flatMap((p) => p.members));
    const wanted = cubes.flatMap((o) => o.members).filter((name) => !catalogue.members.get(name)?.ratio);
    expect([...held].sort()).toEqual(wanted.sort());
    expect(new Set(all.flatMap((p) => p.statement.tables))).toEqual(new Set(catalogue.tables.values()));
  });
});
