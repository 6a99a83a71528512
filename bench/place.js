// A warehouse, a lake and DuckDB of their own for a benchmark of transforms, and the memory of a whole process tree.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDuckDb, openWarehouse, startCluster } from '../dist/store/engine/index.js';
import { migrate } from '../dist/store/state/index.js';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const silent = () => {};

/** `transformsDir` undefined: those that ship. `parts` is what every command on tables works with. */
export const openPlace = async ({ transformsDir = join(root, 'transforms'), memory = '1GB', threads = 2 } = {}) => {
  const home = mkdtempSync(join(tmpdir(), 'assay-bench-'));
  chmodSync(home, 0o755);
  const cluster = await startCluster({ kind: 'durable', home, emit: silent });
  const warehouse = await openWarehouse({ url: cluster.url, emit: silent });
  const duckdb = await openDuckDb({ memory, threads, tempDir: join(home, 'spill'), emit: silent });
  await migrate(warehouse, join(root, 'schema/state'));
  const lake = join(home, 'lake');
  const pseudonymKey = 'a key for pseudonyms of benchmarks only, 32 bytes';
  return {
    ...{ home, lake, duckdb, warehouse },
    parts: { transformsDir, lake, duckdb, warehouse, pseudonymKey, emit: silent },
    close: async () => {
      await duckdb.close();
      await warehouse.close();
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};

/** Milliseconds that work takes by the wall clock. */
export const clocked = async (work) => {
  const began = process.hrtime.bigint();
  const result = await work();
  return { result, milliseconds: Number(process.hrtime.bigint() - began) / 1e6 };
};

const children = () => {
  const of = new Map();
  for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
      of.set(parent, [...(of.get(parent) ?? []), Number(pid)]);
    } catch (thrown) {
      // It has ended since it was listed.
      if (!['ENOENT', 'ESRCH'].includes(thrown.code)) throw thrown;
    }
  }
  return of;
};

const pssOf = (pid) => {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch (thrown) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(thrown.code)) return 0;
    throw thrown;
  }
};

/** Proportional memory of processes and everything that they started, in bytes. `more` are ids that left the tree (a server). */
export const treeBytes = (pid, more = []) => {
  const of = children();
  const all = new Set();
  const add = (id) => {
    if (all.has(id)) return;
    all.add(id);
    for (const child of of.get(id) ?? []) add(child);
  };
  for (const id of [pid, ...more]) add(id);
  return [...all].reduce((sum, id) => sum + pssOf(id), 0);
};
