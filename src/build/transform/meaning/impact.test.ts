import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileOf, kept, type OpenEngine, openEngine, understand } from '../../../../test/fixtures/transforms.js';
import { compare, type ModelChange } from './compare.js';
import { type Impact, impactOf } from './impact.js';

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const T: FileOf = {
  name: 'silver.t',
  columns: 'id integer, a integer, b integer',
  body: 'SELECT 1 AS id, 2 AS a, 3 AS b',
};
const t = "{{ref('silver.t')}}";

/** What becomes of `file` when silver.t becomes `after`. */
const across = async (after: FileOf, file = onlyA): Promise<ModelChange | undefined> => {
  const [before, next] = [await understand(engine, [T, file]), await understand(engine, [after, file])];
  return compare(kept(before.stored.get(file.name)), next.stored.get(file.name));
};
const onlyA: FileOf = { name: 'gold.x', columns: 'v integer', body: `SELECT a AS v FROM ${t}` };

const impact = async (before: readonly FileOf[], after: readonly FileOf[]): Promise<Impact> => {
  const [old, next] = [await understand(engine, before), await understand(engine, after)];
  const changes = [...next.stored].flatMap(([id, stored]) => compare(kept(old.stored.get(id)), stored) ?? []);
  return impactOf(changes, next.meanings);
};

describe('a change of what a table reads', () => {
  it('is nothing to those that do not read the column', async () => {
    expect(
      await across({ ...T, columns: `${T.columns}, c integer`, body: 'SELECT 1 AS id, 2 AS a, 3 AS b, 4 AS c' }),
    ).toBeUndefined();
    expect(await across({ ...T, body: 'SELECT 1 AS id, 2 AS a, 30 AS b' })).toBeUndefined();
    const counted: FileOf = { ...onlyA, body: `SELECT count(*) AS v FROM ${t}` };
    expect(await across({ ...T, body: 'SELECT 1 AS id, 20 AS a, 30 AS b' }, counted)).toBeUndefined();
  });
  it('is indirect to those that do, and names the column', async () => {
    expect(await across({ ...T, body: 'SELECT 1 AS id, 20 AS a, 3 AS b' })).toMatchObject({
      category: 'indirect',
      direct: false,
      blocked: undefined,
      reasons: ['it reads column a of silver.t, which changed'],
      columns: ['v'],
      rows: false,
      diff: '',
    });
    const filtered: FileOf = { ...onlyA, body: `SELECT 1 AS v FROM ${t} WHERE b > 0` };
    expect(await across({ ...T, body: 'SELECT 1 AS id, 2 AS a, 30 AS b' }, filtered)).toMatchObject({
      reasons: ['it reads column b of silver.t, which changed'],
      rows: true,
    });
  });
  it('reaches everyone when the set of rows changes', async () => {
    expect(await across({ ...T, body: `${T.body} WHERE 1 > 0` })).toMatchObject({
      category: 'indirect',
      reasons: ['the rows of silver.t changed'],
    });
  });
  it('goes on to those that read the readers, and no further', async () => {
    const files = (a: number, c: string): FileOf[] => [
      { ...T, columns: `${T.columns}${c === '' ? '' : ', c integer'}`, body: `SELECT 1 AS id, ${a} AS a, 3 AS b${c}` },
      { name: 'gold.m', columns: 'id integer, a integer', body: `SELECT id, a FROM ${t}` },
      { name: 'gold.uses', columns: 'a integer', body: "SELECT a FROM {{ref('gold.m')}}" },
      { name: 'gold.not', columns: 'id integer', body: "SELECT id FROM {{ref('gold.m')}}" },
    ];
    const { rebuild, reuse } = await impact(files(2, ''), files(20, ''));
    expect([...rebuild]).toEqual([
      ['silver.t', ['column a is made another way']],
      ['gold.m', ['it reads column a of silver.t, which changed']],
      ['gold.uses', ['it reads column a of gold.m, which changed']],
    ]);
    expect(reuse).toEqual(['gold.not']);
    expect([...(await impact(files(2, ''), files(2, ', 4 AS c'))).rebuild.keys()]).toEqual(['silver.t']);
  });
  it('that holds for new partitions only makes nothing again, here or further on', async () => {
    const keyed = { kind: 'incremental_by_key', keys: '{natural: [id]}', more: 'forward_only: true\n' };
    const files = (a: number): FileOf[] => [
      { ...T, ...keyed, body: `SELECT 1 AS id, ${a} AS a, 3 AS b` },
      { name: 'gold.uses', columns: 'a integer', body: `SELECT a FROM ${t}` },
    ];
    const { rebuild, reuse } = await impact(files(2), files(20));
    expect([...rebuild]).toEqual([]);
    expect(reuse).toEqual(['silver.t', 'gold.uses']);
  });
});
