import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assay } from '../product.js';
import { NO_READER, python, readForeign } from './delta-rs.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-foreign-'));
const path = join(dir, 'table');
const home = join(dir, 'home');
const skip = python === undefined && process.env['CI'] !== 'true';

/** Six commits of ten rows each into two partitions, and rows that are deleted: versions 0 to 6. */
const WRITE = `
import sys, pyarrow as pa
from deltalake import DeltaTable, write_deltalake
for n in range(6):
    ids = list(range(n * 10, n * 10 + 10))
    rows = pa.table({"id": pa.array(ids, pa.int64()), "part": ["a b" if i % 2 else "é" for i in ids]})
    write_deltalake(sys.argv[1], rows, mode="append", partition_by=["part"])
DeltaTable(sys.argv[1]).delete("id >= 50")
`;
beforeAll(() => {
  if (skip) return;
  const done = spawnSync(python ?? '', ['-c', WRITE, path], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const lake = async (...args: readonly string[]) => {
  const { code, out, err } = await assay(home, ['lake', ...args, '--json']);
  return { code, err, told: out.trim() === '' ? {} : (JSON.parse(out) as Record<string, unknown>) };
};
const ids = (version?: number) =>
  readForeign(path, ['id'], version)
    .rows.map(([id]) => Number(id))
    .sort((a, b) => a - b);
const upTo = (end: number) => Array.from({ length: end }, (_, i) => i);
const dataFiles = () => readdirSync(path, { recursive: true }).filter((name) => /\.parquet$/.test(String(name))).length;

describe.skipIf(skip)(`assay lake on a table of delta-rs${python ? '' : ` (skipped: ${NO_READER})`}`, () => {
  it('puts files together, goes back, and removes what nobody needs; delta-rs reads the same after each', async () => {
    expect(ids()).toEqual(upTo(50));
    const optimized = await lake('optimize', path);
    expect(optimized).toMatchObject({ code: 0, told: { version: 7, partitions: 2, filesAfter: 2, rows: 50 } });
    expect(readForeign(path, ['id']).files).toBe(2);
    expect(ids()).toEqual(upTo(50));
    expect(await lake('optimize', path)).toMatchObject({ code: 0, told: { version: null } });
    expect(await lake('restore', path, '--version', '2')).toMatchObject({ code: 0, told: { version: 8, restored: 2 } });
    expect(ids()).toEqual(upTo(30));
    // Nothing is old enough to go; a shorter time has to be said twice.
    expect(await lake('vacuum', path)).toMatchObject({ code: 0, told: { files: [] } });
    expect(await lake('vacuum', path, '--retain', '0h')).toMatchObject({ code: 2 });
    const before = dataFiles();
    const dry = await lake('vacuum', path, '--retain', '0h', '--force', '--dry-run');
    expect([dry.code, dataFiles()]).toEqual([0, before]);
    const gone = await lake('vacuum', path, '--retain', '0h', '--force');
    expect(gone.told['files']).toEqual(dry.told['files']);
    expect(before - dataFiles()).toBe((gone.told['files'] as unknown[]).length);
    expect(ids()).toEqual(upTo(30));
    const back = await lake('restore', path, '--version', '6');
    expect([back.code, JSON.stringify(back.told)]).toEqual([1, expect.stringContaining('missing')]);
    expect(ids()).toEqual(upTo(30));
  });

  it('names the file of the table that is damaged', async () => {
    const [some = ''] = readdirSync(path, { recursive: true }).filter((name) =>
      /^part=.*\.parquet$/.test(String(name)),
    );
    writeFileSync(join(path, String(some)), 'no Parquet');
    for (const args of [
      ['rows', path, '--out', join(dir, 'rows.csv'), '--format', 'csv'],
      ['optimize', path],
    ]) {
      const failed = await assay(home, ['lake', ...args]);
      expect([args[0], failed.code, failed.err]).toEqual([
        args[0],
        1,
        expect.stringContaining('cannot be read as Parquet'),
      ]);
      expect(failed.err).toContain(String(some).split('/').at(-1));
    }
  });
});
