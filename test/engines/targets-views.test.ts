import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check, ContractColumn, Transform } from '../../src/build/transform/files/definition.js';
import { foreignDependents } from '../../src/build/transform/target/dependents.js';
import { declareForeignKeys } from '../../src/build/transform/target/foreign-keys.js';
import { physicalName } from '../../src/build/transform/target/physical.js';
import { dropPhysical, ensureTable } from '../../src/build/transform/target/physical-table.js';
import { publicViews, swapViews } from '../../src/build/transform/target/views.js';
import type { AssayError } from '../../src/errors/index.js';
import { noEmit } from '../../src/query/index.js';
import { openTargets, partitionBy, type Targets, transformOf } from './targets.js';

const column = (name: string, kind: 'bigint' | 'date' | 'string'): ContractColumn => ({
  ...{ name, type: { kind }, nullable: false, pii: 'none' as const },
});
const ID = column('id', 'bigint');
const NAME = column('name', 'string');

let place: Targets;
beforeAll(async () => {
  place = await openTargets();
});
afterAll(async () => {
  await place.close();
});

const make = (transform: Transform, fingerprint: string, rows = 'SELECT 1'): Promise<string> =>
  place.warehouse.transaction(async (tx) => {
    const table = physicalName(transform, fingerprint);
    await ensureTable(tx, transform, table);
    await tx.query(`INSERT INTO ${table} ${rows}`);
    return table;
  });
const swap = (views: Parameters<typeof swapViews>[1], gone: readonly string[] = [], environment = 'prod') =>
  place.warehouse.transaction((tx) => swapViews(tx, views, gone, environment));
const oid = async (view: string) => (await place.rows(`SELECT '${view}'::regclass::oid::text`))[0]?.[0];

describe('views of an environment', () => {
  const one = transformOf({ table: 'items', columns: [ID] });
  const two = transformOf({ table: 'items', columns: [ID, NAME], version: 2 });

  it('are named by table and by version, each environment in a schema of its own', async () => {
    const table = await make(one, 'aaaaaaaa');
    await swap([{ transform: one, table }]);
    await swap([{ transform: one, table }], [], 'pr_17');
    expect(publicViews(one, 'pr_17')).toEqual(['"gold__pr_17"."items"', '"gold__pr_17"."items_v1"']);
    for (const view of ['gold.items', 'gold.items_v1', 'gold__pr_17.items', 'gold__pr_17.items_v1'])
      expect(await place.rows(`SELECT * FROM ${view}`)).toEqual([['1']]);
  });
  it('are not touched where they show the right table: a reader in the way is not felt', async () => {
    const table = physicalName(one, 'aaaaaaaa');
    const reader = new pg.Client({ connectionString: place.url });
    await reader.connect();
    try {
      await reader.query('BEGIN; SELECT * FROM gold.items; SELECT * FROM gold.items_v1');
      const locks = await place.warehouse.transaction(async (tx) => {
        await swapViews(tx, [{ transform: one, table }], [], 'prod');
        return (
          await tx.query(
            "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('gold.items'::regclass, 'gold.items_v1'::regclass) AND mode <> 'AccessShareLock'",
          )
        ).rows;
      });
      expect(locks).toEqual([]);
      await reader.query('COMMIT');
    } finally {
      await reader.end();
    }
  });
  it('keep their identity and grants when columns are added, and an older version is served beside', async () => {
    await place.warehouse.query(
      'CREATE ROLE reads; GRANT SELECT ON gold.items TO reads; GRANT SELECT (id) ON gold.items TO PUBLIC',
    );
    const before = await oid('gold.items');
    const table = await make(two, 'bbbbbbbb', "SELECT 2, 'two'");
    const kept = { ...one, id: 'gold.items_v1' };
    await swap([
      { transform: two, table },
      { transform: kept, table: physicalName(one, 'aaaaaaaa') },
    ]);
    expect(await oid('gold.items')).toBe(before);
    expect(await place.rows('SELECT * FROM gold.items')).toEqual([['2', 'two']]);
    expect(await place.rows('SELECT * FROM gold.items_v2')).toEqual([['2', 'two']]);
    expect(await place.rows('SELECT * FROM gold.items_v1')).toEqual([['1']]);
    expect(await place.rows('SELECT * FROM gold__pr_17.items')).toEqual([['1']]);
  });
  it('are made anew with their grants when columns go, never with what stands on them', async () => {
    const three = transformOf({ table: 'items', columns: [NAME], version: 3 });
    const table = await make(three, 'cccccccc', "SELECT 'three'");
    await place.warehouse.query('CREATE SCHEMA IF NOT EXISTS bi; CREATE VIEW bi.report AS SELECT id FROM gold.items');
    const blocked = await swap([{ transform: three, table }]).catch((thrown: AssayError) => thrown);
    expect(blocked).toMatchObject({ code: 'view-blocked', parameters: { view: 'gold.items' } });
    expect(await place.rows('SELECT * FROM gold.items')).toEqual([['2', 'two']]);
    await place.warehouse.query('DROP VIEW bi.report');
    await swap([{ transform: three, table }]);
    expect(await place.rows('SELECT * FROM gold.items')).toEqual([['three']]);
    expect(await place.rows("SELECT to_regclass('gold.items_v2') IS NULL")).toEqual([['true']]);
    expect(
      await place.rows(
        "SELECT coalesce(r.rolname, 'public'), a.privilege_type FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE c.oid = 'gold.items'::regclass AND a.grantee <> c.relowner",
      ),
    ).toEqual([['reads', 'SELECT']]);
  });
});

describe('views of versions that are served no more', () => {
  const [one, two] = [1, 2].map((version) => transformOf({ table: 'goods', columns: [ID], version }));
  const shown = () =>
    place.rows("SELECT viewname FROM pg_views WHERE schemaname = 'gold' AND viewname LIKE 'goods%' ORDER BY 1");
  it('go with the version that takes their place, or stay with one that is kept', async () => {
    if (!one || !two) return;
    const tables = [await make(one, 'aaaaaaaa', 'SELECT 1'), await make(two, 'bbbbbbbb', 'SELECT 2')] as const;
    await swap([{ transform: one, table: tables[0] }]);
    expect(await shown()).toEqual([['goods'], ['goods_v1']]);
    await swap([{ transform: two, table: tables[1] }]);
    expect(await shown()).toEqual([['goods'], ['goods_v2']]);
    // Version 1 beside 2, and then back to version 1 alone, which was `goods_v1` before.
    await swap([{ transform: { ...one, id: 'gold.goods_v1' }, table: tables[0] }]);
    expect(await shown()).toEqual([['goods'], ['goods_v1'], ['goods_v2']]);
    await swap([{ transform: one, table: tables[0] }], ['gold.goods_v1']);
    expect(await shown()).toEqual([['goods'], ['goods_v1']]);
    expect(await place.rows('SELECT a.id, b.id AS other FROM gold.goods a, gold.goods_v1 b')).toEqual([['1', '1']]);
    await swap([], ['gold.goods']);
    expect(await shown()).toEqual([]);
  });
});

describe('what others have built on our tables', () => {
  const transform = transformOf({ table: 'base', columns: [ID, NAME] });
  it('is named, also what stands on the physical table, and blocks a drop', async () => {
    const table = await make(transform, 'aaaaaaaa', "SELECT 1, 'x'");
    await swap([{ transform, table }]);
    const views = publicViews(transform, 'prod');
    expect(await foreignDependents(place.warehouse, [...views, table])).toEqual([]);
    await place.warehouse.query(`CREATE SCHEMA IF NOT EXISTS bi;
      CREATE VIEW bi.a AS SELECT id FROM gold.base; CREATE MATERIALIZED VIEW bi.b AS SELECT name FROM gold.base_v1;
      CREATE FUNCTION bi.c() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT max(id) FROM gold.base; END;
      CREATE FUNCTION bi.d(gold.base) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
      CREATE VIEW bi.e AS SELECT id FROM ${table}; CREATE VIEW bi.unrelated AS SELECT 1 AS one`);
    expect(await foreignDependents(place.warehouse, [...views, table, 'gold.not_there'])).toEqual([
      { view: '"gold"."base"', dependent: 'bi.a', kind: 'view' },
      { view: '"gold"."base"', dependent: 'bi.c()', kind: 'function' },
      { view: '"gold"."base"', dependent: 'bi.d(gold.base)', kind: 'function' },
      { view: '"gold"."base_v1"', dependent: 'bi.b', kind: 'materialized view' },
      { view: table, dependent: 'bi.e', kind: 'view' },
    ]);
    // Our own views stand on the table too, and are told when they are not said to be ours.
    expect((await foreignDependents(place.warehouse, [table])).map((d) => d.dependent)).toEqual([
      'bi.e',
      'gold.base',
      'gold.base_v1',
    ]);
    await place.warehouse.transaction(async (tx) => {
      expect(await dropPhysical(tx, table)).toEqual({
        dropped: false,
        reason: 'a view or another object stands on it',
      });
      // The transaction goes on.
      expect((await tx.query(`SELECT count(*)::int AS n FROM ${table}`)).rows).toEqual([{ n: 1 }]);
    });
    await place.warehouse.query(
      'DROP VIEW bi.e, bi.a; DROP MATERIALIZED VIEW bi.b; DROP FUNCTION bi.c(); DROP FUNCTION bi.d(gold.base); DROP VIEW gold.base, gold.base_v1',
    );
    const reader = new pg.Client({ connectionString: place.url });
    await reader.connect();
    try {
      await reader.query(`BEGIN; SELECT * FROM ${table}`);
      expect(await place.warehouse.transaction((tx) => dropPhysical(tx, table))).toEqual({
        ...{ dropped: false, reason: 'a session still reads it' },
      });
      await reader.query('COMMIT');
    } finally {
      await reader.end();
    }
    expect(await place.warehouse.transaction((tx) => dropPhysical(tx, table))).toEqual({ dropped: true });
    expect(await place.warehouse.transaction((tx) => dropPhysical(tx, table))).toEqual({ dropped: true });
  });
});

describe('keys between tables', () => {
  const relationship = (name: string, to: string, field: string): Check => ({
    ...{
      name: `${name}_is_known`,
      columns: [name],
      question: { type: 'relationship', to, field },
      severity: 'critical',
    },
    ...{ metric: 'consistency', toleranceMillionths: 0n, place: { file: 'f', line: 1 } },
  });
  const shops = transformOf({ table: 'dim_shops', surrogate: 'shop_key', columns: [column('shop_key', 'bigint')] });
  const days = transformOf({
    ...{ table: 'by_day', surrogate: 'id', columns: [ID, column('day', 'date')], partition: partitionBy('day', 'day') },
  });
  const fact = transformOf({
    ...{ table: 'fact', surrogate: 'id', partition: partitionBy('day', 'day') },
    columns: [ID, column('day', 'date'), column('shop_key', 'bigint'), column('other', 'bigint')],
    checks: [relationship('shop_key', 'gold.dim_shops', 'shop_key'), relationship('other', 'gold.by_day', 'id')],
  });
  const declared = () =>
    place.rows(
      "SELECT conrelid::regclass::text, conname, conenforced FROM pg_constraint WHERE contype = 'f' AND connamespace = 'phys_gold'::regnamespace ORDER BY 1, 2",
    );

  it('are declared to whole dimensions, on partitioned facts and their later leaves, and only once', async () => {
    const tables = [shops, days, fact].map((transform) => ({ transform, table: physicalName(transform, 'dddddddd') }));
    for (const { transform, table } of tables) {
      const columns = transform.columns.map((c) =>
        c.type.kind === 'date' ? `DATE '2010-12-01' AS ${c.name}` : `1 AS ${c.name}`,
      );
      await place.apply({
        transform,
        table,
        partitions: undefined,
        before: undefined,
        after: `(SELECT ${columns.join(', ')})`,
      });
    }
    expect(await declareForeignKeys(place.warehouse, tables, noEmit)).toBe(1);
    expect(await declareForeignKeys(place.warehouse, tables, noEmit)).toBe(0);
    const table = physicalName(fact, 'dddddddd');
    const after = "(SELECT 2 AS id, DATE '2011-01-01' AS day, 99 AS shop_key, 1 AS other)";
    await place.apply({ transform: fact, table, partitions: ['2011-01-01'], before: undefined, after });
    expect(await declared()).toEqual(
      ['', '__2010_12', '__2011_01'].map((leaf) => [`phys_gold.fact__v1__dddddddd${leaf}`, 'shop_key_fkey', 'false']),
    );
  });
  it('never hold up a publication: one that cannot be declared now is told of and left', async () => {
    const table = physicalName(fact, 'dddddddd');
    const tables = [shops, fact].map((transform) => ({ transform, table: physicalName(transform, 'dddddddd') }));
    await place.warehouse.query(`ALTER TABLE ${table} DROP CONSTRAINT shop_key_fkey`);
    const said: string[] = [];
    const writer = new pg.Client({ connectionString: place.url });
    await writer.connect();
    try {
      await writer.query(`BEGIN; DELETE FROM ${table}`);
      expect(
        await declareForeignKeys(place.warehouse, tables, (name, event) => {
          if (name === 'notice') said.push((event as { message: string }).message);
        }),
      ).toBe(0);
      await writer.query('ROLLBACK');
    } finally {
      await writer.end();
    }
    expect(said).toEqual(['keys of gold.fact could not be declared now (55P03); the next publication tries again']);
    expect(await declareForeignKeys(place.warehouse, tables, noEmit)).toBe(1);
    // A dimension goes although keys point at it: they are declarations only.
    const dim = physicalName(shops, 'dddddddd');
    expect(await place.warehouse.transaction((tx) => dropPhysical(tx, dim))).toEqual({ dropped: true });
    expect(await declared()).toEqual([]);
  });
});
