import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, openTable, relation } from '../../src/store/delta/index.js';
import { NO_READER, python, readForeign } from './delta-rs.js';
import { lakeChild } from './lake-child.js';
import { duckdb } from './parquet-engine.js';

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-writers-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const COLUMNS = [
  { name: 'writer', type: { kind: 'string' }, nullable: false },
  { name: 'n', type: { kind: 'bigint' }, nullable: false },
] as const;
const rowsOf = async (path: string) => {
  const snapshot = await openTable(path, engine);
  if (!snapshot) throw new Error(`no table at ${path}`);
  const rows = await engine.query(`SELECT writer || '-' || n AS k FROM ${relation(snapshot)} ORDER BY writer, n`);
  return { snapshot, rows: rows.map((row) => String(row['k'])) };
};
const expected = (writers: readonly string[], count: number) =>
  writers.flatMap((w) => Array.from({ length: count }, (_, n) => `${w}-${n}`));

describe('processes that commit to one table at once', () => {
  it('make a log without a hole and lose no row; delta-rs agrees', async ({ skip }) => {
    if (!python) skip(NO_READER);
    const path = join(root, 'together');
    await createTable(path, engine, { columns: COLUMNS, partitionColumns: ['writer'] });
    const writers = ['a', 'b'];
    const done = await Promise.all(writers.map((w) => lakeChild('append', path, w, '15').done));
    expect(done.map((d) => [d.code, d.said])).toEqual(writers.map(() => [0, '']));
    const { snapshot, rows } = await rowsOf(path);
    expect(rows).toEqual(expected(writers, 15));
    expect(snapshot.version).toBe(30);
    const names = (await readdir(join(path, '_delta_log'))).filter((n) => n.endsWith('.json'));
    expect(names).toEqual(Array.from({ length: 31 }, (_, v) => `${String(v).padStart(20, '0')}.json`));
    const foreign = readForeign(path, ['writer', 'n']);
    expect(foreign.rows.length).toBe(30);
    expect(foreign.version).toBe(30);
  });
});
