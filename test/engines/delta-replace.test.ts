import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AddFile,
  appendFiles,
  createTable,
  openTable,
  relation,
  relationOf,
  replaceFiles,
  type Snapshot,
  vacuum,
  writeParquet,
} from '../../src/store/delta/index.js';
import { duckdb } from './parquet-engine.js';

const COLUMNS = [
  { name: 'day', type: { kind: 'date' }, nullable: false },
  { name: 'id', type: { kind: 'bigint' }, nullable: false },
] as const;

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let path: string;
let steps = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-replace-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  path = join(root, `t${++steps}`);
});
const open = async (version?: number): Promise<Snapshot> => {
  const found = await openTable(path, engine, version);
  if (!found) throw new Error(`no table at ${path}`);
  return found;
};
const make = () => createTable(path, engine, { columns: COLUMNS, partitionColumns: ['day'] });
const stage = async (snapshot: Snapshot, from: number, to: number): Promise<readonly AddFile[]> => {
  const select = `SELECT DATE '2010-12-01' + (range // 10)::INTEGER AS day, range AS id FROM range(${from}, ${to})`;
  return (await writeParquet({ snapshot, select, sortBy: ['id'], stepId: `step-${++steps}` })).adds;
};
const ids = async (snapshot: Snapshot): Promise<string> => {
  const rows = await engine.query(
    `SELECT coalesce(string_agg(id::VARCHAR, ' ' ORDER BY id), '') AS ids FROM ${relation(snapshot)}`,
  );
  return String(rows[0]?.['ids']);
};
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i).join(' ');

describe('replaceFiles', () => {
  it('makes exactly the wanted files live, whatever was there, and does nothing where they are', async () => {
    const empty = await make();
    const first = await stage(empty, 0, 20);
    expect(await replaceFiles({ snapshot: empty, desired: first, txnId: 'a' })).toEqual({ version: 1, already: false });
    const one = await open();
    expect(await ids(one)).toBe(numbers(0, 20));
    expect(await replaceFiles({ snapshot: one, desired: first, txnId: 'b' })).toEqual({ version: 1, already: true });
    // What a stopped run left behind: files that nobody wants any more, one wanted one missing.
    await appendFiles({ snapshot: one, staged: { adds: await stage(one, 90, 95), rows: 5 }, txnId: 'leftover' });
    const kept = first.filter((add) => add.partitionValues['day'] === '2010-12-01');
    const second = [...kept, ...(await stage(await open(), 30, 40))];
    const done = await replaceFiles({ snapshot: await open(), desired: second, txnId: 'c' });
    expect(done).toEqual({ version: 3, already: false });
    expect(await ids(await open())).toBe(`${numbers(0, 10)} ${numbers(30, 40)}`);
    // Files come back, as RESTORE does it; other readers see each state by its version.
    expect(
      await replaceFiles({ snapshot: await open(), desired: first, txnId: 'd', operation: 'RESTORE' }),
    ).toMatchObject({
      version: 4,
    });
    expect(await ids(await open())).toBe(numbers(0, 20));
    expect(await ids(await open(3))).toBe(`${numbers(0, 10)} ${numbers(30, 40)}`);
    expect(await replaceFiles({ snapshot: await open(), desired: [], txnId: 'e' })).toMatchObject({ version: 5 });
    expect(await ids(await open())).toBe('');
  });
  it('publishes an id once, and lets nobody in between', async () => {
    const empty = await make();
    const adds = await stage(empty, 0, 10);
    const given = { snapshot: empty, desired: adds, txnId: 'once' };
    const both = await Promise.all([replaceFiles(given), replaceFiles(given)]);
    expect(both.map((done) => done.version)).toEqual([1, 1]);
    expect(both.map((done) => done.already).sort()).toEqual([false, true]);
    const rival = { ...given, desired: await stage(empty, 10, 20), txnId: 'rival' };
    await expect(replaceFiles(rival)).rejects.toMatchObject({ code: 'delta-conflict' });
    expect(await ids(await open())).toBe(numbers(0, 10));
  });
  it('never names a file that is not there', async () => {
    const empty = await make();
    const adds = await stage(empty, 0, 10);
    await rm(join(path, adds[0]?.path ?? ''));
    await expect(replaceFiles({ snapshot: empty, desired: adds, txnId: 'x' })).rejects.toMatchObject({
      ...{ code: 'delta-corrupt', parameters: { why: 'it is missing, and was to be published' } },
    });
    expect((await open()).version).toBe(0);
  });
  it('leaves to vacuum what no named version, no live step and no retention needs', async () => {
    const empty = await make();
    const first = await stage(empty, 0, 20);
    await replaceFiles({ snapshot: empty, desired: first, txnId: 'a' });
    const second = await stage(await open(), 0, 10);
    await replaceFiles({ snapshot: await open(), desired: second, txnId: 'b' });
    const third = await stage(await open(), 0, 10);
    await replaceFiles({ snapshot: await open(), desired: third, txnId: 'c' });
    const live = await stage(await open(), 50, 70);
    const step = live[0]?.path.split('/')[1] ?? '';
    const later = { now: Date.now() + 169 * 3_600_000 };
    expect(await vacuum(empty.table, { ...later, keepVersions: [1], keepSteps: [step] })).toBe(1);
    expect(await ids(await open(1))).toBe(numbers(0, 20));
    expect(await ids(await open(3))).toBe(numbers(0, 10));
    await replaceFiles({ snapshot: await open(), desired: live, txnId: 'd' });
    expect(await ids(await open())).toBe(numbers(50, 70));
  });
});

describe('a table of many files', () => {
  const FILES = 1000;
  it('is written in one pass, pruned by partition, read by one relation, and opened fast', async () => {
    const empty = await make();
    const staged = await stage(empty, 0, 10 * FILES);
    expect(staged).toHaveLength(FILES);
    // A thousand commits, a file each; the last one is ours and brings a checkpoint.
    const log = (v: number) => join(path, '_delta_log', `${String(v).padStart(20, '0')}.json`);
    for (const [i, add] of staged.slice(1).entries()) await writeFile(log(i + 1), `${JSON.stringify({ add })}\n`);
    const plain = join(root, 'plain');
    await cp(path, plain, { recursive: true });
    await appendFiles({ snapshot: await open(), staged: { adds: staged.slice(0, 1), rows: 10 }, txnId: 'last' });
    const snapshot = await open();
    expect([snapshot.version, snapshot.adds.length]).toEqual([FILES, FILES]);
    const day = snapshot.adds.filter((add) => ['2010-12-02', '2010-12-04'].includes(add.partitionValues['day'] ?? ''));
    const rows = await engine.query(`SELECT id FROM ${relationOf(snapshot, day)} ORDER BY id`);
    expect(rows.map((row) => Number(row['id']))).toEqual(
      [...Array(10).keys()].flatMap((i) => [10 + i]).concat([...Array(10).keys()].map((i) => 30 + i)),
    );
    const counted = await engine.query(`SELECT count(*)::VARCHAR AS n FROM ${relation(snapshot)}`);
    expect(counted).toEqual([{ n: String(10 * FILES) }]);
    // As another process: nothing of it is known.
    const copy = join(root, 'copy');
    await cp(path, copy, { recursive: true });
    const times: number[] = [];
    for (const [where, files] of [
      [plain, FILES - 1],
      [copy, FILES],
      [copy, FILES],
    ] as const) {
      const started = performance.now();
      expect((await openTable(where, engine))?.adds).toHaveLength(files);
      times.push(performance.now() - started);
    }
    process.stdout.write(
      `1,000 commits opened in ${times.map((t) => `${t.toFixed(1)} ms`).join(', ')}: by the log, by a checkpoint, again\n`,
    );
    expect(Math.min(...times)).toBeLessThan(100);
  });
});

describe('what this process knows of a table', () => {
  it('is given up when the folder goes, or another table stands in its place', async () => {
    const empty = await make();
    await replaceFiles({ snapshot: empty, desired: await stage(empty, 0, 10), txnId: 'a' });
    const backup = `${path}-backup`;
    await cp(path, backup, { recursive: true, preserveTimestamps: true });
    await replaceFiles({ snapshot: await open(), desired: await stage(await open(), 10, 20), txnId: 'b' });
    expect(await ids(await open())).toBe(numbers(10, 20));
    // The backup comes back, and goes on otherwise.
    await rm(path, { recursive: true });
    expect(await openTable(path, engine)).toBeUndefined();
    await cp(backup, path, { recursive: true, preserveTimestamps: true });
    expect(await ids(await open())).toBe(numbers(0, 10));
    await replaceFiles({ snapshot: await open(), desired: await stage(await open(), 20, 30), txnId: 'c' });
    expect((await open()).version).toBe(2);
    expect(await ids(await open())).toBe(numbers(20, 30));
    // A table of other contents under the same name and with as many versions.
    await rm(path, { recursive: true });
    const other = await make();
    for (const [from, txnId] of [
      [40, 'd'],
      [50, 'e'],
    ] as const)
      await replaceFiles({ snapshot: await open(), desired: await stage(other, from, from + 10), txnId });
    expect((await open()).version).toBe(2);
    expect(await ids(await open())).toBe(numbers(50, 60));
  });
  it('follows commits of other writers, and refuses what they broke', async () => {
    await make();
    const before = await open();
    const line = (action: object) => JSON.stringify(action);
    const adds = await stage(before, 0, 10);
    const name = (v: number) => join(path, '_delta_log', `${String(v).padStart(20, '0')}.json`);
    await writeFile(name(1), `${adds.map((add) => line({ add })).join('\n')}\n`);
    expect(await ids(await open())).toBe(numbers(0, 10));
    await writeFile(name(2), '{"add": {"path": 1}}\n');
    await expect(open()).rejects.toMatchObject({ code: 'delta-corrupt' });
    expect(await ids(await open(1))).toBe(numbers(0, 10));
  });
});
