// One build in a process of its own, that kills itself the moment an event comes: node build-child.mjs URL LAKE TRANSFORMS EVENT MODEL
import { join } from 'node:path';
import { build } from '../../dist/build/transform/index.js';
import { openDuckDb, openWarehouse } from '../../dist/store/engine/index.js';

const [url, lake, transformsDir, event, model] = process.argv.slice(2);
const emit = (name, record) => {
  if (name === 'bug') process.stderr.write(`${String(record.error)}\n`);
  if (name === event && (model === '*' || record.model === model)) process.kill(process.pid, 'SIGKILL');
};
const warehouse = await openWarehouse({ url, emit });
const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(lake, '../spill-child'), emit });
const pseudonymKey = 'a key for pseudonyms of tests only, 32 bytes';
await build({ transformsDir, lake, duckdb, warehouse, pseudonymKey, emit });
await duckdb.close();
await warehouse.close();
