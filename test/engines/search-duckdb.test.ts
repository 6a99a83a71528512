import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { duckdbEngine } from '../../src/answer/search/engines/duckdb-engine.js';
import { noEmit } from '../../src/query/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';
import { engineContract } from './search-contract.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-search-duckdb-'));
let duckdb: DuckDb | undefined;
afterAll(async () => {
  await duckdb?.close();
  rmSync(dir, { recursive: true, force: true });
});

engineContract('DuckDB', async () => {
  duckdb = await openDuckDb({ memory: '512MB', tempDir: dir, emit: noEmit });
  return duckdbEngine(duckdb);
});
