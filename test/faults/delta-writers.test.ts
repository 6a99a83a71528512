import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, fileOf, openTable, relation, type Snapshot, vacuumTable } from '../../src/store/delta/index.js';
import { duckdb } from '../engines/parquet-engine.js';

const dist = process.env['ASSAY_TEST_DIST'] ?? resolve(import.meta.dirname, '../../dist');
const WRITERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/** Rows of each writer. Some 40 are a minute of writing and killing on two cores: ASSAY_TEST_WRITER_ROWS=40. */
const ROWS = Number(process.env['ASSAY_TEST_WRITER_ROWS'] ?? 6);
const KILLS = Math.ceil((ROWS * 8) / 3);

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-killed-'));
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

const COLUMNS = [
  { name: 'writer', type: { kind: 'string' }, nullable: false },
  { name: 'n', type: { kind: 'bigint' }, nullable: false },
  { name: 'v', type: { kind: 'string' }, nullable: true },
] as const;

/** The same numbers each time. */
const random = (() => {
  let state = 20_101_201;
  return (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
})();

/** Kills that are still to come; who is killed and when is drawn. */
let kills = KILLS;

/** One writer to its end: whenever it is killed it is started again. Gives what it said when it failed by itself. */
const writeAll = async (path: string, writer: string): Promise<string> => {
  for (;;) {
    const child = spawn(
      process.execPath,
      [resolve(import.meta.dirname, 'delta-writer.mjs'), dist, path, writer, String(ROWS)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    running.add(child);
    let said = '';
    child.stderr?.on('data', (piece: Buffer) => {
      said += piece.toString();
    });
    const ended = once(child, 'exit');
    // From a row that it has made on, somewhere in the making of the next one.
    child.stdout?.on('data', () => {
      if (kills <= 0 || random(2) === 0) return;
      kills -= 1;
      void pause(random(60)).then(() => child.kill('SIGKILL'));
    });
    const [code, signal] = (await ended) as [number | null, string | null];
    running.delete(child);
    if (signal !== 'SIGKILL') return code === 0 ? '' : said;
  }
};

const rowsOf = async (snapshot: Snapshot): Promise<Readonly<Record<string, string>>> => {
  const rows = await engine.query(
    `SELECT writer, string_agg(n::VARCHAR, ' ' ORDER BY n) AS ns FROM ${relation(snapshot)} GROUP BY writer`,
  );
  return Object.fromEntries(rows.map((row) => [String(row['writer']), String(row['ns'])]));
};
const first = (count: number) => Array.from({ length: count }, (_, n) => n).join(' ');

describe('eight processes that write to one table and are killed', () => {
  it('lose no row, make none twice, and leave nothing that a reader sees or that vacuum does not take', async () => {
    const path = join(root, 'table');
    const { table } = await createTable(path, engine, { columns: COLUMNS, partitionColumns: ['writer'] });
    const began = performance.now();
    const ends = await Promise.all(WRITERS.map((writer) => writeAll(path, writer)));
    expect(ends).toEqual(WRITERS.map(() => ''));
    const seconds = Math.round((performance.now() - began) / 1000);
    expect(kills).toBeLessThan(KILLS / 2);
    const newest = await openTable(path, engine);
    const version = newest?.version ?? -1;
    const log = await readdir(join(path, '_delta_log'));
    const commits = log.filter((name) => /^\d{20}\.json$/.test(name));
    expect(commits).toEqual(Array.from({ length: version + 1 }, (_, v) => `${String(v).padStart(20, '0')}.json`));
    // At every moment each writer's rows were there from the first to some, each once.
    for (let v = 0; v <= version; v++) {
      const snapshot = await openTable(path, engine, v);
      for (const ns of Object.values(snapshot ? await rowsOf(snapshot) : {}))
        expect(ns, `version ${v}`).toBe(first(ns.split(' ').length));
    }
    const all = Object.fromEntries(WRITERS.map((writer) => [writer, first(ROWS)]));
    expect(newest && (await rowsOf(newest))).toEqual(all);
    const later = { now: Date.now() + 169 * 3_600_000 };
    await vacuumTable(table, later);
    const live = (newest?.adds ?? []).map((add) => fileOf(table, add)).sort();
    expect(await table.files.walk('d')).toEqual(live);
    expect((await readdir(join(path, '_delta_log'))).filter((name) => name.startsWith('.'))).toEqual([]);
    expect((await vacuumTable(table, later)).files).toEqual([]);
    const again = await openTable(path, engine);
    expect(again && (await rowsOf(again))).toEqual(all);
    process.stdout.write(
      `${version + 1} commits by ${WRITERS.length} writers, killed ${KILLS - kills} times in ${seconds} s\n`,
    );
  });
});
