import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetSession } from '../../build/transform/parquet-session.js';
import type { Config } from '../../config/index.js';
import { noEmit } from '../../query/index.js';
import { holdNamed, isAddress, mountLake, type ParquetEngine } from '../../store/delta/index.js';
import { openDuckDb } from '../../store/engine/duckdb/open.js';
import type { DuckDb } from '../../store/engine/duckdb/types.js';
import { openLake } from './open-lake.js';
import { lakeRoot } from './where.js';

/** What a command on a table's files works with: DuckDB and, where it is needed, the bucket. No warehouse, no server. */
export interface LakeEngine {
  readonly duckdb: DuckDb;
  readonly engine: ParquetEngine;
}

/** Opens just what reading or changing the files of one place needs, and closes it again. */
export const withLakeEngine = async <T>(
  config: Config,
  lake: string,
  path: string,
  options: { readonly writes: boolean; readonly signal: AbortSignal },
  work: (engine: LakeEngine) => Promise<T>,
): Promise<T> => {
  const own = path === lakeRoot(lake) || path.startsWith(`${lakeRoot(lake)}/`);
  const mount = !isAddress(path)
    ? undefined
    : own
      ? await openLake(config, lakeRoot(lake), options)
      : await mountLake({ ...config.s3, ...options, address: path, cacheBytes: config.lakeCache });
  const tempDir = await mkdtemp(join(tmpdir(), 'assay-lake-'));
  try {
    const { duckdbMemory: memory, duckdbThreads: threads } = config;
    const duckdb = await openDuckDb({ memory, threads, tempDir, emit: noEmit, hold: holdNamed });
    try {
      return await work({ duckdb, engine: parquetSession(duckdb, options.signal) });
    } finally {
      await duckdb.close();
    }
  } finally {
    await mount?.close();
    await rm(tempDir, { recursive: true, force: true });
  }
};
