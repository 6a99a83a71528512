import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileOf, type OpenEngine, openEngine, understand } from '../../../../test/fixtures/transforms.js';
import type { Meaning } from './meaning.js';

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const TABLES = { t: ['id', 'a', 'b', 'c'], u: ['id', 'a', 'd'] } as const;
const PARENTS: readonly FileOf[] = Object.entries(TABLES).map(([name, columns]) => ({
  name: `silver.${name}`,
  columns: columns.map((column) => `${column} integer`).join(', '),
  body: `SELECT ${columns.map((column, i) => `${i} AS ${column}`).join(', ')}`,
}));

/** A SELECT over `{t}` and `{u}` that gives the columns x and y; it hangs on no order of rows. */
const of = (...texts: readonly string[]) => fc.constantFrom(...texts);
const some = (build: (...parts: string[]) => string, ...parts: readonly fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((each) => build(...each));
const value = (columns: readonly string[]): fc.Arbitrary<string> => {
  const column = of(...columns);
  return fc.oneof(
    column,
    some((x, y) => `${x} + ${y}`, column, column),
    some((x, y, z) => `CASE WHEN ${x} > 2 THEN ${y} ELSE ${z} END`, column, column, column),
    some((x, y) => `coalesce(nullif(${x}, 1), ${y})`, column, column),
    some((x) => `(SELECT max(d) FROM {u} AS s WHERE s.id = ${x})`, column),
    some((x) => `(SELECT count(*) FROM {t} AS s WHERE s.b < ${x})`, column),
    some((x, y) => `sum(${x}) OVER (PARTITION BY ${y})`, column, column),
    some((x, y) => `rank() OVER (PARTITION BY ${x} ORDER BY ${y})`, column, column),
  );
};
const condition = (columns: readonly string[]): fc.Arbitrary<string> => {
  const column = of(...columns);
  return fc.oneof(
    some((x) => `${x} > 1`, column),
    some((x, y) => `${x} <= ${y}`, column, column),
    some((x) => `${x} IN (SELECT a FROM {u} WHERE d > 2)`, column),
    some((x) => `EXISTS (SELECT 1 FROM {u} AS ee WHERE ee.a = ${x} AND ee.d > 0)`, column),
    of('true'),
  );
};

interface From {
  readonly text: string;
  readonly columns: readonly string[];
}
const from: fc.Arbitrary<From> = fc.oneof(
  fc.constant({ text: '{t} AS l', columns: ['l.id', 'a', 'l.b', 'c'] }),
  of('JOIN', 'LEFT JOIN', 'FULL JOIN', 'SEMI JOIN').map((join) => ({
    text: `{t} AS l ${join} {u} AS r ON l.id = r.a`,
    columns: join === 'SEMI JOIN' ? ['id', 'l.a', 'b'] : ['l.id', 'r.id', 'l.a', 'r.a', 'd', 'b'],
  })),
  fc.constant({ text: '{t} JOIN {u} AS r USING (id)', columns: ['id', 'r.a', 'b', 'd'] }),
  fc.constant({
    text: '(SELECT * FROM {t} WHERE c > 0) AS q CROSS JOIN (VALUES (1), (2)) AS v(n)',
    columns: ['q.id', 'b', 'n', 'c'],
  }),
  fc.constant({ text: '{t} AS l, unnest([l.a, l.b]) AS n(e)', columns: ['id', 'e', 'c'] }),
  fc.constant({ text: '{t} AS l, (SELECT max(d) AS m FROM {u} AS s WHERE s.a < l.a) AS z', columns: ['id', 'm', 'b'] }),
);

const plain = from.chain(({ text, columns }) =>
  some(
    (x, y, where) => `SELECT ${x} AS x, ${y} AS y FROM ${text} WHERE ${where}`,
    value(columns),
    value(columns),
    condition(columns),
  ),
);
const grouped = from.chain(({ text, columns }) => {
  const column = of(...columns);
  return some(
    (key, x, by, where, having) =>
      `SELECT ${key} AS x, ${x.replace('@', by)} AS y FROM ${text} WHERE ${where} GROUP BY ${key}${having}`,
    column,
    of('sum(@)', 'min(@)', 'count(@)', 'count(DISTINCT @)', 'max(@) FILTER (WHERE true)'),
    column,
    condition(columns),
    of('', ' HAVING count(*) > 1', ' HAVING x > 0'),
  );
});
const single = fc.oneof(plain, grouped);
const query: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: single },
  some((a, b, op) => `${a} ${op} ${b}`, single, single, of('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT')),
  some(
    (a, x, y, where) => `WITH q AS (${a}) SELECT ${x} AS x, ${y} AS y FROM q WHERE ${where}`,
    single,
    value(['x', 'y']),
    value(['y', 'x']),
    condition(['x', 'y']),
  ),
  some((a) => `SELECT DISTINCT * FROM (${a}) AS q`, single),
  some((a, b) => `WITH q AS (${a}), r AS (${b}) SELECT q.x, r.y FROM q JOIN r ON q.y = r.x`, single, single),
  some((a) => `SELECT x, y FROM (${a}) AS q QUALIFY dense_rank() OVER (PARTITION BY x ORDER BY y) = 1`, single),
  some((a) => `SELECT x * 2 AS x, x + y AS y FROM (${a}) AS q ORDER BY ALL LIMIT 3`, single),
);

const meaningOf = async (text: string): Promise<Meaning> => {
  const body = text.replaceAll(/\{(t|u)\}/g, "{{ref('silver.$1')}}");
  const files = [...PARENTS, { name: 'gold.x', columns: 'x bigint null, y bigint null', body }];
  const meaning = (await understand(engine, files)).meanings.get('gold.x');
  if (!meaning) throw new TypeError('gold.x has no meaning');
  return meaning;
};

/** Fills both tables with small numbers that `seed` decides; the columns that `other` names get others. */
const fill = async (seed: number, other: ReadonlySet<string>): Promise<void> => {
  for (const [table, columns] of Object.entries(TABLES)) {
    const cell = (column: string, i: number) => {
      const more = other.has(`silver.${table}.${column}`) ? 1009 : 0;
      return `nullif((hash(i, ${seed + more + i * 31}) % 6)::INTEGER, 5) AS ${column}`;
    };
    await engine.execute(
      `CREATE OR REPLACE TABLE ${table} AS SELECT ${columns.map(cell).join(', ')} FROM range(9) AS r(i)`,
    );
  }
};
const rowsOf = async (text: string, columns: string): Promise<string> => {
  const sql = `SELECT ${columns} FROM (${text.replaceAll(/\{(t|u)\}/g, '$1')}) AS q ORDER BY ALL`;
  return JSON.stringify(await engine.query(sql));
};

describe('what is worked out from a statement', () => {
  it('misses no column that its result hangs on', async () => {
    await fc.assert(
      fc.asyncProperty(query, fc.integer({ min: 0, max: 1000 }), async (text, seed) => {
        const { lineage } = await meaningOf(text);
        const every = Object.entries(TABLES).flatMap(([t, columns]) => columns.map((c) => `silver.${t}.${c}`));
        const known = (edges: readonly { readonly table: string; readonly column: string }[]) =>
          edges.map(({ table, column }) => `${table}.${column}`);
        expect([...lineage.opaque]).toEqual([]);
        for (const [columns, edges] of [
          ['x', lineage.columns.get('x') ?? []],
          ['y', lineage.columns.get('y') ?? []],
          ['1', []],
        ] as const) {
          const used = new Set(known([...edges, ...lineage.rows]));
          await fill(seed, new Set());
          const before = await rowsOf(text, columns);
          await fill(seed, new Set(every.filter((column) => !used.has(column))));
          expect(await rowsOf(text, columns)).toBe(before);
        }
      }),
      { seed: 20101201, numRuns: 80 },
    );
  });

  it('is equal only for statements that give the same', async () => {
    const edits: readonly (readonly [RegExp, string])[] = [
      [/\bq\b/g, 'other'],
      [/\bl\b/g, 'left_side'],
      [/ > 1/, ' > 2'],
      [/\ba\b/, 'id'],
      [/AND/g, 'and'],
      [/SELECT/g, 'select /* why */'],
      [/LEFT JOIN/, 'JOIN'],
      [/UNION ALL/, 'UNION'],
      [/GROUP BY (\S+)/, 'GROUP BY 1'],
      [/max\(/, 'min('],
      [/ORDER BY (\w+)/, 'ORDER BY $1 DESC'],
      [/DISTINCT/, ''],
      [/ AS x/, ' AS "X"'],
    ];
    let equal = 0;
    await fc.assert(
      fc.asyncProperty(query, fc.constantFrom(...edits), fc.nat(1000), async (text, [find, put], seed) => {
        const edited = text.replace(find, put);
        await fill(seed, new Set());
        const [before, after] = [await rowsOf(text, '*'), await rowsOf(edited, '*').catch(() => undefined)];
        if (after === undefined || edited === text) return;
        const [one, two] = [await meaningOf(text), await meaningOf(edited)];
        if (one.dataHash !== two.dataHash) return;
        equal += 1;
        expect(after.replaceAll('"X"', '"x"')).toBe(before);
      }),
      { seed: 20101213, numRuns: 200 },
    );
    expect(equal).toBeGreaterThan(20);
  });

  it('takes no time to speak of: 200 statements are parsed at once, and once only', async () => {
    const files = Array.from(
      { length: 200 },
      (_, i): FileOf => ({
        name: `gold.x${i}`,
        columns: 'x bigint null, y bigint null',
        body: `WITH q AS (SELECT t.id, a, b + ${i} AS b, sum(c) OVER (PARTITION BY a ORDER BY t.id) AS s FROM {{ref('silver.t')}} AS t)
          SELECT q.id + ${i} AS x, coalesce(q.s, u.d) AS y FROM q JOIN {{ref('silver.u')}} AS u ON u.id = q.id
          WHERE q.b > ${i}${i > 0 ? ` AND q.a IN (SELECT x FROM {{ref('gold.x${i - 1}')}})` : ''}`,
      }),
    );
    let asked = 0;
    const counting = {
      ...engine,
      query: (...args: Parameters<OpenEngine['query']>) => {
        asked += 1;
        return engine.query(...args);
      },
    };
    const { meanings } = await understand(counting, [...PARENTS, ...files]);
    expect(meanings.size).toBe(202);
    const first = asked;
    expect(first).toBeLessThan(10);
    await understand(counting, [...PARENTS, ...files]);
    expect(asked).toBe(first);
  });
});
