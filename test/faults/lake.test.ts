import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bronzePath } from '../../src/build/ingest/index.js';
import { createTable, openTable, relation } from '../../src/store/delta/index.js';
import { lakeChild } from '../engines/lake-child.js';
import { duckdb } from '../engines/parquet-engine.js';

const SAMPLE = resolve(import.meta.dirname, '../../data/online-retail-sample.csv');
let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-kills-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});
const count = async (path: string) => {
  const snapshot = await openTable(path, engine);
  if (!snapshot) return 0;
  return Number((await engine.query(`SELECT count(*)::VARCHAR n FROM ${relation(snapshot)}`))[0]?.['n']);
};

describe('writers that are killed', () => {
  it('leave a log without a hole, and every row that was acknowledged exactly once', async () => {
    const path = join(root, 'table');
    await createTable(path, engine, {
      columns: [
        { name: 'writer', type: { kind: 'string' }, nullable: false },
        { name: 'n', type: { kind: 'bigint' }, nullable: false },
      ],
      partitionColumns: ['writer'],
    });
    const promised: string[] = [];
    for (let round = 0; round < 8; round++) {
      const children = [0, 1].map((i) => {
        const writer = `r${round}x${i}`;
        return { writer, child: lakeChild('append', path, writer, '1000') };
      });
      // The kill falls on an arbitrary moment behind the first commits.
      while (children.some(({ child }) => child.lines().length < 1 + round)) {
        for (const { child } of children) expect(child.failure()).toBe('');
        await sleep(5);
      }
      await sleep(round * 3);
      for (const { child } of children) child.kill();
      for (const { writer, child } of children)
        for (const n of (await child.done).lines) promised.push(`${writer}-${n}`);
    }
    const snapshot = await openTable(path, engine);
    if (!snapshot) throw new Error('no table');
    const found = await engine.query(
      `SELECT writer || '-' || n AS k, count(*)::INTEGER AS c FROM ${relation(snapshot)} GROUP BY 1`,
    );
    expect(found.filter((row) => row['c'] !== 1)).toEqual([]);
    const keys = new Set(found.map((row) => row['k']));
    expect(promised.filter((key) => !keys.has(key))).toEqual([]);
    // Each killed writer may have committed one row that it could not tell.
    expect(keys.size - promised.length).toBeLessThanOrEqual(16);
    const versions = (await readdir(join(path, '_delta_log'))).filter((n) => /^\d{20}\.json$/.test(n));
    expect(versions.length).toBe(snapshot.version + 1);
  });
});

describe('an ingest that is killed', () => {
  it('at any moment, ends in exactly the file when it is run again', async () => {
    for (let round = 0; round < 8; round++) {
      const lake = join(root, `lake${round}`);
      const ledger = join(root, `ledger${round}`);
      await mkdir(ledger);
      const first = lakeChild('ingest', lake, ledger, SAMPLE);
      // From before anything is staged to behind the ledger: start takes about 300 ms, the whole some 1,500.
      await Promise.race([sleep(200 + round * 180), first.done]);
      first.kill();
      await first.done;
      const { code, lines, said } = await lakeChild('ingest', lake, ledger, SAMPLE).done;
      expect([code, said]).toEqual([0, '']);
      expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ read: 28_492, rows: 28_492, rejected: 0 });
      expect(await count(bronzePath(lake, 'bronze.online_retail'))).toBe(28_492);
      expect((await readdir(join(lake, 'bronze', '_batches')).catch(() => [])).length).toBe(0);
      expect((await readdir(join(lake, 'bronze', '_staging')).catch(() => [])).length).toBe(0);
    }
  });
});
