import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type FileOf,
  type OpenEngine,
  openEngine,
  transformOf,
  understand,
} from '../../../../test/fixtures/transforms.js';
import { readTransform, withOverrides } from '../files/read-transforms.js';
import { squeeze } from './definition-hash.js';
import type { Meaning } from './meaning.js';
import { meaningOf } from './meaning-of.js';

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const T: FileOf = {
  name: 'silver.t',
  columns: 'id integer, day date, a integer, moment timestamp',
  body: 'SELECT 1, 2, 3, 4',
};
const t = "{{ref('silver.t')}}";
const X: FileOf = {
  name: 'gold.x',
  columns: 'id integer, day date, a integer',
  kind: 'incremental_by_partition',
  keys: '{natural: [id]}',
  body: `SELECT id, day, a FROM ${t} WHERE day >= {{partition.start}} AND day < {{partition.end}}`,
  more: 'partition: {column: day, unit: day}\n',
};
const meaning = async (file: FileOf, context = {}): Promise<Meaning> => {
  const found = (await understand(engine, [T, file], context)).meanings.get(file.name);
  if (!found) throw new TypeError(`${file.name} has no meaning`);
  return found;
};

describe('the front matter', () => {
  it.each<[string, Partial<FileOf>, 'data' | 'meta' | 'both']>([
    ['unit of the partition', { more: 'partition: {column: day, unit: month}\n' }, 'data'],
    ['start', { more: 'partition: {column: day, unit: day, start: 2010-12-01}\n' }, 'data'],
    ['lookback', { more: 'partition: {column: day, unit: day, lookback: 1}\n' }, 'data'],
    ['what the partitions follow', { more: 'partition: {column: day, unit: day, inputs: {silver.t: day}}\n' }, 'data'],
    ['max_batch', { more: 'partition: {column: day, unit: day, max_batch: 3}\n' }, 'meta'],
    ['the natural key, by which files are ordered, too', { keys: '{natural: [id, day]}' }, 'both'],
    ['the surrogate key', { keys: '{natural: [id], surrogate: id}' }, 'data'],
    ['a type', { columns: 'id integer, day date, a bigint' }, 'data'],
    ['null', { columns: 'id integer, day date, a integer null' }, 'data'],
    ['checks', { more: `${X.more}checks: [{type: unique, columns: [id], severity: warn}]\n` }, 'meta'],
    ['the order within files', { more: `${X.more}storage: {delta: {cluster_by: [a]}}\n` }, 'meta'],
    ['the size of files', { more: `${X.more}storage: {delta: {target_file_mb: 8}}\n` }, 'meta'],
    ['freshness and score', { more: `${X.more}quality: {min_score: 99, freshness: 26h}\n` }, 'meta'],
    ['the rules of the contract', { more: `${X.more}contract: {on_breaking: allow}\n` }, 'meta'],
    ['another engine that may run it', { more: `${X.more}engine: {allow: [duckdb, postgres]}\n` }, 'meta'],
    ['forward_only', { more: `${X.more}forward_only: true\n` }, 'meta'],
  ])('%s', async (_what, change, kind) => {
    const [before, after] = [await meaning(X), await meaning({ ...X, ...change })];
    expect([before.dataHash === after.dataHash, before.metaHash === after.metaHash]).toEqual([
      kind === 'meta',
      kind === 'data',
    ]);
  });
  it('gives another fingerprint with another body for an engine; its comments and layout do not', async () => {
    const transforms = [T, { ...X, more: `${X.more}engine: {allow: [duckdb, postgres]}\n` }].map(transformOf);
    const { meanings } = await understand(engine, [T]);
    const hash = async (text: string): Promise<string | undefined> => {
      const body = {
        file: 'sql/gold/x.v1.postgres.sql',
        text,
        line: 1,
        layer: 'gold',
        table: 'x',
        version: 1,
        engine: 'postgres',
      };
      const transform = withOverrides(transforms, [body]).find(({ name }) => name === 'gold.x');
      const node = transform && { transform, inputs: [], reads: new Set(['silver.t']), needs: new Set(['silver.t']) };
      const context = { meanings, seeds: [], sources: new Map(), pseudonymKeyId: '' };
      return node && (await meaningOf(engine, node, context)).dataHash;
    };
    const first = await hash("SELECT id, day, a FROM t WHERE b = '--  no comment'");
    expect(await hash("-- why\nSELECT id, day, a\n  FROM t /* x */ WHERE b = '--  no comment'\n")).toBe(first);
    expect(await hash("SELECT id, day, a FROM t WHERE b = '-- no comment'")).not.toBe(first);
    expect(squeeze(`a  --x\n "b  c"   'd  --e'`)).toBe(`a "b  c" 'd  --e'`);
  });
});

describe('history', () => {
  const S: FileOf = {
    name: 'gold.s',
    columns:
      'key bigint, id integer, a integer, since timestamp, until timestamp null, current boolean, version integer',
    kind: 'scd2',
    keys: '{natural: [id, since], surrogate: key}',
    body: `SELECT id, a, moment AS since FROM ${t}`,
    more: 'scd2: {key: id, track: [a], history: true, valid_from: since, valid_to: until, current: current, version: version}\n',
  };
  it('has the columns that the kind makes, and where they come from', async () => {
    const { lineage } = await meaning(S);
    const of = (column: string) => (lineage.columns.get(column) ?? []).map((e) => `${e.column} ${e.type} ${e.subtype}`);
    expect([...lineage.columns.keys()]).toEqual(['key', 'id', 'a', 'since', 'until', 'current', 'version']);
    expect(of('key')).toEqual(['id DIRECT TRANSFORMATION', 'moment DIRECT TRANSFORMATION']);
    expect(of('until')).toEqual(['moment DIRECT TRANSFORMATION', 'a INDIRECT CONDITIONAL', 'id INDIRECT WINDOW']);
    expect(of('current')).toEqual(['a INDIRECT CONDITIONAL', 'id INDIRECT WINDOW', 'moment INDIRECT WINDOW']);
    expect(lineage.rows.map(({ column }) => column)).toEqual(['a', 'id', 'moment']);
  });
  it('has other rows when what it tracks is made another way', async () => {
    const [before, after] = [await meaning(S), await meaning({ ...S, body: S.body.replace('a,', '-a AS a,') })];
    expect(after.rowset).not.toBe(before.rowset);
    expect(after.columns.get('id')).toBe(before.columns.get('id'));
  });
});

describe('a seed', () => {
  const file: FileOf = {
    name: 'gold.x',
    columns: 'w string',
    kind: 'seed',
    keys: '{}',
    body: "SELECT w FROM {{seed('words')}}",
  };
  const seeds = (hash: string) => ({
    seeds: [
      {
        name: 'words',
        columns: [{ name: 'w', type: { kind: 'string' }, nullable: false, pii: 'none' } as const],
        hash,
      },
    ],
  });
  it('is its whole file, and a changed line is no edit of what reads it', async () => {
    const [before, after] = [await meaning(file, seeds('1')), await meaning(file, seeds('2'))];
    expect(after.dataHash).not.toBe(before.dataHash);
    expect(after.own).toEqual(before.own);
    expect([...before.reads.keys()]).toEqual(['words']);
  });
});

describe('a file', () => {
  it('means the same under any line endings', async () => {
    const windows = readTransform('sql/silver/t.v1.sql', 'silver', transformOf(T).text.replaceAll('\n', '\r\n'));
    expect(windows.columns).toEqual(transformOf(T).columns);
    expect((await meaning({ ...X, body: X.body.replaceAll(' ', '\r\n') })).dataHash).toBe((await meaning(X)).dataHash);
  });
});
