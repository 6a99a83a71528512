import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetSession } from '../../src/build/transform/index.js';
import { noEmit } from '../../src/query/index.js';
import type { ParquetEngine } from '../../src/store/delta/index.js';
import { openDuckDb } from '../../src/store/engine/index.js';

/** One session of the product's DuckDB, as the lake has it. */
export const duckdb = async (): Promise<ParquetEngine & { close(): Promise<void> }> => {
  const tempDir = await mkdtemp(join(tmpdir(), 'assay-spill-'));
  const db = await openDuckDb({ memory: '1GB', threads: 2, tempDir, emit: noEmit });
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  let ended: Promise<void> = Promise.resolve();
  const engine = await new Promise<ParquetEngine>((opened, failed) => {
    ended = db.session(async (session) => {
      opened(parquetSession(session));
      await held;
    });
    ended.catch(failed);
  });
  return {
    ...engine,
    close: async () => {
      release();
      await ended;
      await db.close();
      await rm(tempDir, { recursive: true, force: true });
    },
  };
};
