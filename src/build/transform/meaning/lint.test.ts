import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileOf, type OpenEngine, openEngine, understand } from '../../../../test/fixtures/transforms.js';

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const T: FileOf = { name: 'silver.t', columns: 'id integer, a integer', body: 'SELECT 1 AS id, 2 AS a' };
const t = "{{ref('silver.t')}}";
const problem = async (body: string, columns = 'x integer'): Promise<string> => {
  try {
    await understand(engine, [T, { name: 'gold.x', columns, body }]);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return 'none';
};
const warnings = async (body: string, more = '', columns = 'x integer'): Promise<string[]> => {
  const { meanings } = await understand(engine, [T, { name: 'gold.x', columns, body, more }]);
  return (meanings.get('gold.x')?.warnings ?? []).map(({ line, what }) => `${line}: ${what}`);
};

describe('a SELECT is refused', () => {
  it.each([
    [`SELECT a AS x\nFROM ${t}\nWHERE now() > '2020-01-01'`, 'sql/gold/x.v1.sql:15: now() gives another result'],
    [
      `SELECT a AS x FROM ${t}\nWHERE CURRENT_DATE > '2020-01-01'`,
      'sql/gold/x.v1.sql:14: current_date gives another result',
    ],
    [`SELECT a + random()::integer AS x FROM ${t}`, 'random() gives another result'],
    [`SELECT 'é' AS c,\n a AS x FROM ${t}\n LIMIT 3`, 'LIMIT without ORDER BY'],
    [`SELECT DISTINCT ON (id) a AS x FROM ${t}`, 'DISTINCT ON without ORDER BY'],
    [`SELECT row_number() OVER (PARTITION BY a)::integer AS x FROM ${t}`, 'row_number() OVER without ORDER BY'],
    [`SELECT a AS x FROM ${t} USING SAMPLE 3`, 'a sample takes other rows'],
    [`SELECT a AS x FROM silver.t`, 't is read directly'],
    [`SELECT a AS x FROM\n'file.parquet'`, 'sql/gold/x.v1.sql:14: file.parquet is read directly'],
    [`SELECT 1 AS x FROM read_csv('file.csv')`, 'the table function read_csv is not allowed'],
    [`SELECT a AS x FROM ${t}; SELECT 1`, 'the body must be exactly one SELECT'],
    [`DELETE FROM ${t}`, 'sql/gold/x.v1.sql:13: the body must be one SELECT'],
    [`SELECT a AS x FROM ${t}\nWHERE WHERE`, 'sql/gold/x.v1.sql:14: syntax error'],
    [
      `SELECT a AS x, id AS y FROM ${t}`,
      'sql/gold/x.v1.sql:13: column 2 of the SELECT is y, the contract says nothing',
    ],
    [`\nSELECT a AS y FROM ${t}`, 'sql/gold/x.v1.sql:14: column 1 of the SELECT is y, the contract says x'],
  ])('%s', async (body, message) => {
    expect(await problem(body)).toContain(message);
  });
  it('not for what its inputs decide', async () => {
    expect(await problem(`SELECT a AS x FROM ${t} WHERE EXISTS (SELECT 1 FROM ${t} LIMIT 1)`)).toBe('none');
    expect(await problem(`SELECT rank() OVER (PARTITION BY a)::integer AS x FROM ${t}`)).toBe('none');
    expect(await problem(`SELECT a AS x FROM ${t} ORDER BY id LIMIT 3`)).toBe('none');
    expect(await problem(`SELECT today AS x FROM (SELECT a AS today FROM ${t}) AS q`)).toBe('none');
  });
});

describe('a warning', () => {
  it('tells of aggregates that hang on the order of rows', async () => {
    expect(await warnings(`SELECT\n string_agg(a, ',') AS x FROM ${t}`, '', 'x string')).toEqual([
      '14: string_agg() takes rows in any order; write string_agg(... ORDER BY ...) over a unique key',
    ]);
    expect(await warnings(`SELECT string_agg(a, ',' ORDER BY id) AS x FROM ${t}`, '', 'x string')).toEqual([]);
  });
  it('tells of what another allowed engine does not know', async () => {
    const body = `SELECT a // 2 AS x FROM ${t}\nQUALIFY row_number() OVER (ORDER BY id) = 1`;
    expect(await warnings(body)).toEqual([]);
    const found = await warnings(body, 'engine: {allow: [duckdb, postgres]}\n');
    expect(found.map((each) => each.replace(/ is not the same.*/, ''))).toEqual(['14: QUALIFY', '14: the operator //']);
    expect(found[0]).toContain('write x.v1.postgres.sql or take it from engine.allow');
  });
});

describe('a statement of another dialect', () => {
  it('is read when it can be, and counts whole when not', async () => {
    const more = 'engine: {allow: [postgres], dialect: postgres}\n';
    const { meanings } = await understand(engine, [
      T,
      { name: 'gold.x', columns: 'x integer', body: `SELECT a AS x FROM ${t} FOR UPDATE`, more },
      { name: 'gold.y', columns: 'x integer', body: `SELECT a::numeric::integer AS x FROM ${t}`, more },
    ]);
    expect([...(meanings.get('gold.x')?.lineage.opaque ?? [])]).toEqual(['silver.t']);
    expect([...(meanings.get('gold.x')?.reads.get('silver.t')?.columns.keys() ?? [])]).toEqual(['a', 'id']);
    expect([...(meanings.get('gold.y')?.lineage.opaque ?? [])]).toEqual([]);
  });
});
