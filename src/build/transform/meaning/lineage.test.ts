import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileOf, type OpenEngine, openEngine, understand } from '../../../../test/fixtures/transforms.js';
import type { ColumnEdge, Lineage } from './meaning.js';

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const T: FileOf = {
  name: 'silver.t',
  columns: 'id integer, a integer, b integer null, c string null',
  body: 'SELECT 1, 2, 3, NULL',
};
const U: FileOf = { name: 'silver.u', columns: 'id integer, a integer, d integer null', body: 'SELECT 1, 2, 3' };
const SOURCES = new Map([['bronze.s', ['Id', 'Name', 'Price']]]);

/** `t.a:IDENTITY` for a direct edge, `t.a>FILTER` for one that only decides. */
const text = ({ table, column, type, subtype }: ColumnEdge): string =>
  `${table.replace('silver.', '')}.${column}${type === 'DIRECT' ? ':' : '>'}${subtype}`;
const texts = (edges: readonly ColumnEdge[] | undefined): string => (edges ?? []).map(text).sort().join(' ');

const lineageOf = async (columns: string, body: string, sources = SOURCES): Promise<Lineage> => {
  const files = [T, U, { name: 'gold.x', columns, body }];
  const meaning = (await understand(engine, files, { sources })).meanings.get('gold.x');
  if (!meaning) throw new TypeError('gold.x has no meaning');
  return meaning.lineage;
};

interface Case {
  readonly what: string;
  readonly columns: string;
  readonly body: string;
  readonly made: Readonly<Record<string, string>>;
  readonly rows: string;
}

const t = "{{ref('silver.t')}}";
const u = "{{ref('silver.u')}}";
const CASES: readonly Case[] = [
  {
    what: 'a plain column, an expression, a condition',
    columns: 'x integer, y integer',
    body: `SELECT a AS x, CASE WHEN c = 'q' THEN b ELSE id + 1 END AS y FROM ${t} WHERE b > 0`,
    made: { x: 't.a:IDENTITY', y: 't.b:TRANSFORMATION t.c>CONDITIONAL t.id:TRANSFORMATION' },
    rows: 't.b>FILTER',
  },
  {
    what: 'a common table expression that takes the name of another inside of a subquery',
    columns: 'x integer, y integer',
    body: `WITH q AS (SELECT a AS v FROM ${t})
      SELECT q.v AS x, (WITH q AS (SELECT d AS v FROM ${u}) SELECT max(v) FROM q) AS y FROM q`,
    made: { x: 't.a:IDENTITY', y: 'u.d:AGGREGATION' },
    rows: '',
  },
  {
    what: 'a common table expression of the name that it reads',
    columns: 'x integer',
    body: `WITH q AS (SELECT a, b FROM ${t}), r AS (WITH q AS (SELECT b AS a FROM q) SELECT a FROM q) SELECT a AS x FROM r`,
    made: { x: 't.b:IDENTITY' },
    rows: '',
  },
  {
    what: 'a correlated subquery',
    columns: 'x integer null',
    body: `SELECT (SELECT sum(d) FROM ${u} AS u WHERE u.a = t.a AND id > 5) AS x FROM ${t} AS t`,
    made: { x: 't.a>FILTER u.a>FILTER u.d:AGGREGATION u.id>FILTER' },
    rows: '',
  },
  {
    what: 'a correlated name that only the outer query has',
    columns: 'x integer',
    body: `SELECT a AS x FROM ${t} AS t WHERE EXISTS (SELECT 1 FROM ${u} AS u WHERE u.d = b)`,
    made: { x: 't.a:IDENTITY' },
    rows: 't.b>FILTER u.d>FILTER',
  },
  {
    what: 'IN over a subquery',
    columns: 'x boolean null',
    body: `SELECT a IN (SELECT d FROM ${u} WHERE id = 3) AS x FROM ${t}`,
    made: { x: 't.a:TRANSFORMATION u.d:TRANSFORMATION u.id>FILTER' },
    rows: '',
  },
  {
    what: 'UNION ALL',
    columns: 'x integer, y integer',
    body: `SELECT id AS x, a AS y FROM ${t} WHERE b > 0 UNION ALL SELECT d, 7 FROM ${u}`,
    made: { x: 't.id:IDENTITY u.d:IDENTITY', y: 't.a:IDENTITY' },
    rows: 't.b>FILTER',
  },
  {
    what: 'UNION, which looks at whole rows',
    columns: 'x integer',
    body: `SELECT id AS x FROM ${t} UNION SELECT d FROM ${u}`,
    made: { x: 't.id:IDENTITY u.d:IDENTITY' },
    rows: 't.id>GROUP_BY u.d>GROUP_BY',
  },
  {
    what: 'EXCEPT, whose values come from its left side',
    columns: 'x integer',
    body: `SELECT id AS x FROM ${t} EXCEPT SELECT d FROM ${u}`,
    made: { x: 't.id:IDENTITY' },
    rows: 't.id>GROUP_BY u.d>GROUP_BY',
  },
  {
    what: 'a window, named and not, and QUALIFY',
    columns: 'x integer null, y bigint',
    body: `SELECT lag(a) OVER w AS x, sum(b) FILTER (WHERE a > 0) OVER (PARTITION BY c) AS y FROM ${t}
      WINDOW w AS (PARTITION BY c ORDER BY id) QUALIFY row_number() OVER w = 1`,
    made: {
      x: 't.a:TRANSFORMATION t.c>WINDOW t.id>WINDOW',
      y: 't.a>FILTER t.b:AGGREGATION t.c>WINDOW',
    },
    rows: 't.c>WINDOW t.id>WINDOW',
  },
  {
    what: 'a star over a join, with a column of both sides',
    columns: 'id integer, a integer, b integer null, c string null, a_1 integer, d integer null',
    body: `SELECT * FROM (SELECT * FROM ${t} JOIN ${u} AS u USING (id)) AS q`,
    made: {
      id: 't.id:IDENTITY',
      a: 't.a:IDENTITY',
      b: 't.b:IDENTITY',
      c: 't.c:IDENTITY',
      a_1: 'u.a:IDENTITY',
      d: 'u.d:IDENTITY',
    },
    rows: 't.id>JOIN u.id>JOIN',
  },
  {
    what: 'a column of USING in a FULL JOIN',
    columns: 'id integer null',
    body: `SELECT id FROM ${t} FULL JOIN ${u} USING (id)`,
    made: { id: 't.id:TRANSFORMATION u.id:TRANSFORMATION' },
    rows: 't.id>JOIN u.id>JOIN',
  },
  {
    what: '* with EXCLUDE, REPLACE and a table in front',
    columns: 'a integer, b integer null, d integer null',
    body: `SELECT t.* EXCLUDE (id, c) REPLACE (t.a + u.a AS a), u.d FROM ${t} AS t CROSS JOIN ${u} AS u`,
    made: { a: 't.a:TRANSFORMATION u.a:TRANSFORMATION', b: 't.b:IDENTITY', d: 'u.d:IDENTITY' },
    rows: '',
  },
  {
    what: 'a name of the SELECT that is used again, and one that hides behind a column',
    columns: 'x integer, y integer, b integer',
    body: `SELECT a + 1 AS x, x * id AS y, id AS b FROM ${t} WHERE b > 0`,
    made: { x: 't.a:TRANSFORMATION', y: 't.a:TRANSFORMATION t.id:TRANSFORMATION', b: 't.id:IDENTITY' },
    rows: 't.b>FILTER',
  },
  {
    what: 'GROUP BY a place, a name of the SELECT, HAVING',
    columns: 'x integer, y integer null, n bigint null',
    body: `SELECT a AS x, b + 1 AS y, sum(id) AS n FROM ${t} GROUP BY 1, y HAVING count(c) > 1`,
    made: { x: 't.a:IDENTITY', y: 't.b:TRANSFORMATION', n: 't.id:AGGREGATION' },
    rows: 't.a>GROUP_BY t.b>GROUP_BY t.c>FILTER',
  },
  {
    what: 'unnest in the SELECT and in FROM, which sees what stands left of it',
    columns: 'x integer null, y integer null',
    body: `SELECT unnest([a, b]) AS x, v AS y FROM ${t} AS t, unnest([t.id]) AS l(v)`,
    made: { x: 't.a:TRANSFORMATION t.b:TRANSFORMATION', y: 't.id:TRANSFORMATION' },
    rows: 't.a>JOIN t.b>JOIN t.id>JOIN',
  },
  {
    what: 'a lambda, whose parameter hides a column',
    columns: 'x string null',
    body: `SELECT list_filter([a, b], lambda c: c > id) AS x FROM ${t}`,
    made: { x: 't.a:TRANSFORMATION t.b:TRANSFORMATION t.id:TRANSFORMATION' },
    rows: '',
  },
  {
    what: 'a recursive expression, in which a column comes to hang on another',
    columns: 'x integer, y integer null',
    body: `WITH RECURSIVE r(x, y) AS (SELECT id, a FROM ${t} UNION ALL SELECT y, x + d FROM r JOIN ${u} AS u ON u.id = r.x WHERE x < 3)
      SELECT x, y FROM r`,
    made: {
      x: 't.a:TRANSFORMATION t.id:IDENTITY t.id:TRANSFORMATION u.d:TRANSFORMATION',
      y: 't.a:IDENTITY t.a:TRANSFORMATION t.id:TRANSFORMATION u.d:TRANSFORMATION',
    },
    rows: 't.a>FILTER t.a>JOIN t.id>FILTER t.id>JOIN u.d>FILTER u.d>JOIN u.id>JOIN',
  },
  {
    what: 'a semi-join, VALUES and a source whose names have capitals',
    columns: 'x string null, y integer',
    body: `SELECT name AS x, v.n AS y FROM {{source('bronze.s')}} AS s CROSS JOIN (VALUES (1), (2)) AS v(n) SEMI JOIN ${t} AS t ON t.id = s."ID"`,
    made: { x: 'bronze.s.Name:IDENTITY', y: '' },
    rows: 'bronze.s.Id>JOIN t.id>JOIN',
  },
  {
    what: 'LIMIT with its order; the order alone is nothing',
    columns: 'x integer',
    body: `SELECT a AS x FROM (SELECT a FROM ${t} ORDER BY id LIMIT 3) AS q ORDER BY x`,
    made: { x: 't.a:IDENTITY' },
    rows: 't.id>SORT',
  },
];

describe('lineage', () => {
  it.each(CASES)('$what', async ({ columns, body, made, rows }) => {
    const lineage = await lineageOf(columns, body);
    expect([...lineage.opaque]).toEqual([]);
    expect(Object.fromEntries([...lineage.columns].map(([name, edges]) => [name, texts(edges)]))).toEqual(made);
    expect(texts(lineage.rows)).toBe(rows);
  });
});

describe('what is not understood', () => {
  const opaque = async (columns: string, body: string, sources = SOURCES) => [
    ...(await lineageOf(columns, body, sources)).opaque,
  ];
  it('is the whole input, never a guess', async () => {
    expect(await opaque('x integer', `SELECT COLUMNS('a') AS x FROM ${t}`)).toEqual(['silver.t']);
    expect(await opaque('x integer', `SELECT nowhere AS x FROM ${t}, ${u}`)).toEqual(['silver.t', 'silver.u']);
    expect(await opaque('x integer', `SELECT a AS x FROM ${t}, ${u}`)).toEqual(['silver.t', 'silver.u']);
    expect(await opaque('x integer', `SELECT * FROM ${t} PIVOT (sum(a) FOR b IN (1, 2))`)).toEqual(['silver.t']);
  });
  it('is a source under * when its columns are not known; names that are written are known', async () => {
    const none = new Map<string, string[]>();
    const s = "{{source('bronze.s')}}";
    expect(await opaque('name string', `SELECT * FROM ${s}`, none)).toEqual(['bronze.s']);
    expect(await opaque('name string', `SELECT Name FROM ${s}`, none)).toEqual([]);
    const lineage = await lineageOf('name string', `WITH q AS (SELECT *, 1 AS n FROM ${s}) SELECT name FROM q`, none);
    expect(texts(lineage.columns.get('name'))).toBe('bronze.s.name:IDENTITY');
  });
});
