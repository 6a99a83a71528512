import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContractColumn, Transform, Unit } from '../../src/build/transform/files/definition.js';
import { physicalName } from '../../src/build/transform/target/physical.js';
import { openTargets, partitionBy, type Targets, transformOf } from './targets.js';

const column = (name: string, type: ContractColumn['type'], nullable = false): ContractColumn => ({
  ...{ name, type, nullable, pii: 'none' as const },
});
const DATE = { kind: 'date' } as const;
const INTEGER = { kind: 'integer' } as const;
const BIGINT = { kind: 'bigint' } as const;
const TIMESTAMP = { kind: 'timestamp' } as const;
const STRING = { kind: 'string' } as const;

let place: Targets;
beforeAll(async () => {
  place = await openTargets();
});
afterAll(async () => {
  await place.close();
});

/** Rows with one value a line, as VALUES of both engines. */
const values = (rows: readonly string[], columns: string) =>
  `(SELECT * FROM (VALUES ${rows.join(', ')}) t(${columns}))`;
const table = (transform: Transform) => physicalName(transform, 'a91c02ff5e');

describe('names', () => {
  it('say layer, table, version and fingerprint, and stay apart where they are long', () => {
    const one = transformOf({ table: 'fact_sales', columns: [] });
    expect(physicalName(one, 'a91c02ff5e')).toBe('"phys_gold"."fact_sales__v1__a91c02ff"');
    const long = physicalName(transformOf({ table: 'x'.repeat(63), columns: [], version: 12 }), 'a91c02ff5e');
    expect(long.length).toBeLessThanOrEqual('"phys_gold".""'.length + 51);
    expect(long).toContain('__v12__a91c02ff');
  });
});

describe.each([
  {
    ...{ unit: 'day', type: DATE, leaves: ['2010_11', '2010_12', '2011_01'] },
    keys: ['2010-11-30', '2010-12-01', '2011-01-01'],
    cells: ["DATE '2010-11-30'", "DATE '2010-12-01'", "DATE '2011-01-01'"],
  },
  {
    ...{ unit: 'day', type: INTEGER, leaves: ['2010_11', '2010_12', '2011_01'] },
    keys: ['2010-11-30', '2010-12-01', '2011-01-01'],
    cells: ['20101130', '20101201', '20110101'],
  },
  {
    ...{ unit: 'month', type: INTEGER, leaves: ['2010', '2011'] },
    keys: ['2010-11', '2010-12', '2011-01'],
    cells: ['201011', '201012', '201101'],
  },
  {
    ...{ unit: 'month', type: DATE, leaves: ['2010', '2011'] },
    keys: ['2010-11', '2010-12', '2011-01'],
    cells: ["DATE '2010-11-01'", "DATE '2010-12-01'", "DATE '2011-01-01'"],
  },
  {
    ...{ unit: 'year', type: INTEGER, leaves: ['2010', '2011', '9998'] },
    keys: ['2010', '2011', '9998'],
    cells: ['2010', '2011', '9998'],
  },
  {
    ...{ unit: 'hour', type: TIMESTAMP, leaves: ['2010_11_30', '2010_12_01'] },
    keys: ['2010-11-30T23', '2010-12-01T00', '2010-12-01T01'],
    cells: [
      "TIMESTAMPTZ '2010-11-30 23:00:00+00'",
      "TIMESTAMPTZ '2010-12-01 00:00:00+00'",
      "TIMESTAMPTZ '2010-12-01 01:00:00+00'",
    ],
  },
] as const)('a copy by $unit in a column of type $type.kind', ({ unit, type, keys, cells, leaves }) => {
  const transform = transformOf({
    ...{
      table: `by_${unit}_${type.kind}`,
      surrogate: 'id',
      partition: partitionBy('part', unit as Unit),
      indexes: [['note']],
    },
    columns: [column('part', type), column('id', BIGINT), column('note', STRING, true)],
  });
  const name = table(transform);
  const all = cells.flatMap((cell, i) => [1, 2].map((n) => `(${cell}, ${10 * i + n}, 'old')`));

  it('holds the rows in leaves that are coarser, and replaces just the partitions that changed', async () => {
    const before = values(all, 'part, id, note');
    expect(
      await place.apply({ transform, table: name, partitions: undefined, before: undefined, after: before }),
    ).toEqual({
      ...{ deleted: 0, inserted: 6 },
    });
    expect(
      await place.rows(
        `SELECT substr(c.relname, length('${transform.table}__v1__a91c02ff__') + 1) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
         WHERE inhparent = '${name}'::regclass ORDER BY 1`,
      ),
    ).toEqual(leaves.map((leaf) => [leaf]));
    const after = values(
      [`(${cells[1]}, 11, 'new')`, `(${cells[1]}, 13, 'new')`, `(${cells[1]}, 14, NULL)`],
      'part, id, note',
    );
    expect(await place.apply({ transform, table: name, partitions: [keys[1]], before, after })).toEqual({
      ...{ deleted: 2, inserted: 3 },
    });
    expect(await place.rows(`SELECT id, note FROM ${name} ORDER BY id`)).toEqual([
      ...[
        ['1', 'old'],
        ['2', 'old'],
        ['11', 'new'],
        ['13', 'new'],
        ['14', '∅'],
      ],
      ...[
        ['21', 'old'],
        ['22', 'old'],
      ],
    ]);
    // Nothing takes the place of the others.
    const none = `(SELECT * FROM ${after} WHERE false)`;
    expect(
      (await place.apply({ transform, table: name, partitions: [keys[0], keys[2]], before, after: none })).deleted,
    ).toBe(4);
    expect(await place.rows(`SELECT count(*) FROM ${name}`)).toEqual([['3']]);
  });
  it('has its key behind the partition column, its indexes, and rows that cannot lack a partition', async () => {
    const indexes = await place.rows(
      `SELECT string_agg(a.attname, ',' ORDER BY k.at), bool_or(i.indisprimary) FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(n, at)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n WHERE i.indrelid = '${name}'::regclass GROUP BY i.indexrelid ORDER BY 1`,
    );
    expect(indexes).toEqual([
      ['note', 'false'],
      ['part,id', 'true'],
    ]);
    expect(
      await place.rows(
        `SELECT obj_description('${name}'::regclass), collation_name FROM information_schema.columns WHERE table_name = '${transform.table}__v1__a91c02ff' AND column_name = 'note'`,
      ),
    ).toEqual([[transform.description, 'C']]);
  });
});

describe('a copy with a key', () => {
  const transform = transformOf({
    ...{ table: 'dim_all', surrogate: 'id', indexes: [['name']] },
    columns: [
      ...[column('id', BIGINT), column('name', STRING, true), column('rate', { kind: 'double' }, true)],
      ...[column('big', { kind: 'decimal', precision: 38, scale: 6 }, true), column('stamp', TIMESTAMP, true)],
      ...[column('flag', { kind: 'boolean' }, true), column('day', DATE, true)],
    ],
  });
  const name = table(transform);
  const COLUMNS = 'id, name, rate, big, stamp, flag, day';
  const row = (id: number | string, text: string) =>
    `(${id}::BIGINT, ${text}, 0.1::DOUBLE, 12345678901234567890123456789012.123456::DECIMAL(38,6), TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', true, DATE '0001-01-01')`;
  const first = [
    row('9007199254740993', '\'a,"b"\n\\N\''),
    row(2, "''"),
    row(3, 'NULL'),
    row(4, "'same'"),
    "(5, 'ends', 'nan'::DOUBLE, NULL, 'infinity'::TIMESTAMPTZ, NULL, NULL)",
    "(6, 'low', '-inf'::DOUBLE, -0.000001, TIMESTAMPTZ '9999-12-31 23:59:59.999999+00', false, DATE '9999-12-31')",
  ];
  it('has every value exactly as DuckDB had it', async () => {
    await place.apply({
      transform,
      table: name,
      partitions: undefined,
      before: undefined,
      after: values(first, COLUMNS),
    });
    expect(
      await place.rows(
        `SELECT id, to_json(name), rate, big, stamp AT TIME ZONE 'UTC', flag, day FROM ${name} ORDER BY id`,
      ),
    ).toEqual([
      ['2', '', '0.1', '12345678901234567890123456789012.123456', '1969-12-31 23:59:59.999999', 'true', '0001-01-01'],
      ['3', '∅', '0.1', '12345678901234567890123456789012.123456', '1969-12-31 23:59:59.999999', 'true', '0001-01-01'],
      [
        '4',
        'same',
        '0.1',
        '12345678901234567890123456789012.123456',
        '1969-12-31 23:59:59.999999',
        'true',
        '0001-01-01',
      ],
      ['5', 'ends', 'NaN', '∅', 'infinity', '∅', '∅'],
      ['6', 'low', '-Infinity', '-0.000001', '9999-12-31 23:59:59.999999', 'false', '9999-12-31'],
      [
        '9007199254740993',
        'a,"b"\n\\N',
        '0.1',
        '12345678901234567890123456789012.123456',
        '1969-12-31 23:59:59.999999',
        'true',
        '0001-01-01',
      ],
    ]);
  });
  it('moves only rows that differ', async () => {
    const places = () => place.rows(`SELECT id, ctid, xmin FROM ${name} WHERE id IN (2, 4, 5, 6) ORDER BY id`);
    const untouched = await places();
    const next = [first[1], first[3], first[4], first[5], row(3, "'now known'"), row(7, "'new'")].flatMap(
      (r) => r ?? [],
    );
    expect(
      await place.apply({
        ...{ transform, table: name, partitions: undefined },
        ...{ before: values(first, COLUMNS), after: values(next, COLUMNS) },
      }),
    ).toEqual({ deleted: 2, inserted: 2 });
    expect(await places()).toEqual(untouched);
    expect(await place.rows(`SELECT id, name FROM ${name} WHERE id NOT IN (2, 4, 5, 6) ORDER BY id`)).toEqual([
      ['3', 'now known'],
      ['7', 'new'],
    ]);
    const again = values(next, COLUMNS);
    expect(await place.apply({ transform, table: name, partitions: undefined, before: again, after: again })).toEqual({
      ...{ deleted: 0, inserted: 0 },
    });
  });
  it('is made whole again where it does not hold what was published', async () => {
    await place.warehouse.query(`DELETE FROM ${name} WHERE id = 4`);
    const after = values([row(2, "'other'")], COLUMNS);
    expect(
      await place.apply({ transform, table: name, partitions: undefined, before: values(first, COLUMNS), after }),
    ).toEqual({ deleted: 5, inserted: 1 });
    expect(await place.rows(`SELECT id, name FROM ${name}`)).toEqual([['2', 'other']]);
  });
});

describe('a copy without a key', () => {
  it('is replaced whole, and keeps equal rows apart', async () => {
    const transform = transformOf({ table: 'no_key', columns: [column('a', STRING, true)], natural: ['a'] });
    const name = table(transform);
    const before = values(["('x')", "('x')", '(NULL)'], 'a');
    await place.apply({ transform, table: name, partitions: undefined, before: undefined, after: before });
    expect(await place.rows(`SELECT a FROM ${name} ORDER BY a`)).toEqual([['x'], ['x'], ['∅']]);
    const after = values(["('y')", "('x')"], 'a');
    expect(await place.apply({ transform, table: name, partitions: undefined, before, after })).toEqual({
      ...{ deleted: 3, inserted: 2 },
    });
  });
});

describe('readers of a copy that changes', () => {
  const fact = transformOf({
    ...{ table: 'read_fact', surrogate: 'id', partition: partitionBy('day', 'day') },
    columns: [column('day', DATE), column('id', BIGINT), column('v', INTEGER)],
  });
  const dim = transformOf({
    ...{ table: 'read_dim', surrogate: 'id' },
    columns: [column('id', BIGINT), column('v', INTEGER)],
  });
  const facts = (days: number, v: number) =>
    `(SELECT DATE '2010-12-01' + (range % ${days})::INTEGER AS day, range AS id, ${v} AS v FROM range(40000))`;
  const dims = (n: number, v: number) => `(SELECT range AS id, ${v} AS v FROM range(${n}))`;
  const keys = Array.from({ length: 40 }, (_, i) => new Date(Date.UTC(2010, 11, 1 + i)).toISOString().slice(0, 10));

  it('never wait, and see one state: streaming in an old transaction, asking anew, while new leaves come', async () => {
    await place.apply({
      transform: fact,
      table: table(fact),
      partitions: undefined,
      before: undefined,
      after: facts(20, 1),
    });
    await place.apply({
      transform: dim,
      table: table(dim),
      partitions: undefined,
      before: undefined,
      after: dims(100, 1),
    });
    const known = new Set(
      (await place.rows("SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'i', 'I', 'v')")).map(([oid]) => oid),
    );
    const reader = new pg.Client({ connectionString: place.url });
    await reader.connect();
    try {
      await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '1ms'");
      await reader.query(`DECLARE old CURSOR FOR SELECT v FROM ${table(fact)} ORDER BY id`);
      let sum = 0;
      const fetch = async (n: number) => {
        const { rows } = await reader.query<{ v: number }>(`FETCH ${n} FROM old`);
        for (const { v } of rows) sum += v;
        return rows.length;
      };
      await fetch(10);
      const modes = new Set<string>();
      const look = async (tx: { query: (sql: string) => Promise<{ rows: readonly unknown[] }> }) => {
        const { rows } = await tx.query(
          'SELECT relation::text AS relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL',
        );
        for (const { relation, mode } of rows as { relation: string; mode: string }[])
          if (known.has(relation)) modes.add(mode);
        // In the middle of the publication, uncommitted: new questions and old ones go on.
        await fetch(100);
        expect((await reader.query(`SELECT sum(v)::int AS s FROM ${table(fact)}`)).rows).toEqual([{ s: 40_000 }]);
        expect((await reader.query(`SELECT sum(v)::int AS s FROM ${table(dim)}`)).rows).toEqual([{ s: 100 }]);
      };
      await place.apply(
        { transform: fact, table: table(fact), partitions: keys, before: facts(20, 1), after: facts(40, 2) },
        look,
      );
      await place.apply(
        { transform: dim, table: table(dim), partitions: undefined, before: dims(100, 1), after: dims(120, 2) },
        look,
      );
      expect([...modes].sort()).toEqual(
        ['AccessShareLock', 'RowExclusiveLock', 'RowShareLock', 'ShareUpdateExclusiveLock']
          .filter((m) => modes.has(m))
          .sort(),
      );
      while ((await fetch(5000)) > 0);
      expect(sum).toBe(40_000);
      expect((await reader.query(`SELECT sum(v)::int AS s FROM ${table(fact)}`)).rows).toEqual([{ s: 40_000 }]);
      await reader.query('COMMIT');
      expect((await reader.query(`SELECT sum(v)::int AS s FROM ${table(fact)}`)).rows).toEqual([{ s: 80_000 }]);
      expect((await reader.query(`SELECT sum(v)::int AS s FROM ${table(dim)}`)).rows).toEqual([{ s: 240 }]);
    } finally {
      await reader.end();
    }
  });
});
