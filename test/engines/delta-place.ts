import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { openTable, relation, type Snapshot } from '../../src/store/delta/index.js';
import { field } from './delta-log.js';
import { duckdb } from './parquet-engine.js';

/** A column of whole numbers, the schema of most tables here. */
export const ID = [field('id', 'long')];

/** A folder with a new empty table for each test of a file, and an engine to read it. Called once at the top of a file. */
export const deltaPlace = () => {
  let engine: Awaited<ReturnType<typeof duckdb>>;
  let root = '';
  let path = '';
  let tables = 0;
  const next = async () => {
    path = join(root, `t${++tables}`);
    await mkdir(path);
  };
  beforeAll(async () => {
    engine = await duckdb();
    root = await mkdtemp(join(tmpdir(), 'assay-read-'));
  });
  afterAll(async () => {
    await engine.close();
    await rm(root, { recursive: true, force: true });
  });
  beforeEach(next);
  const open = async (version?: number): Promise<Snapshot> => {
    const snapshot = await openTable(path, engine, version);
    if (!snapshot) throw new Error(`no table at ${path}`);
    return snapshot;
  };
  const rows = async (select: string) =>
    (await engine.query(`SELECT to_json(t)::VARCHAR AS j FROM (${select}) t`)).map((r) => String(r['j']));
  return {
    next,
    open,
    rows,
    get engine() {
      return engine;
    },
    get root() {
      return root;
    },
    get path() {
      return path;
    },
    /** A Parquet file of the table. */
    write: (name: string, select: string) =>
      engine.execute(`COPY (${select}) TO '${join(path, name).replaceAll("'", "''")}' (FORMAT parquet)`),
    /** All rows of the newest version as JSON. */
    all: async (order = '1') => rows(`FROM ${relation(await open())} ORDER BY ${order}`),
    paths: async (version?: number) => (await openTable(path, engine, version))?.adds.map((a) => a.path),
  };
};
