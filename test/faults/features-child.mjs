// Materializes features in a process of its own that may kill itself at one call of the store: node features-child.mjs '<JSON>'
//   {dist, model, kv, redisUrl, amount, accounts, at: {call, nth, when}}; every account has one event of `amount`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { dist, model, kv: dir, redisUrl, amount, accounts, at } = JSON.parse(process.argv[2]);
const from = (path) => import(pathToFileURL(join(dist, path)).href);
const { openFeatures } = await from('answer/features/index.js');
const { loadModel } = await from('model/cube/index.js');
const { accessOf } = await from('model/policy/index.js');
const { openDuckDb } = await from('store/engine/index.js');
const { openKv } = await from('store/kv/index.js');

const emit = () => {};
const loaded = await loadModel(model);
const duckdb = await openDuckDb({ memory: '500MB', threads: 1, tempDir: join(dir, '..', `tmp-${process.pid}`), emit });
await duckdb.execute('CREATE SCHEMA f');
await duckdb.execute(
  `CREATE TABLE f.events AS SELECT i AS id, 'a' || lpad(i::VARCHAR, 5, '0') AS account, to_timestamp(1290000000) AS moment, to_timestamp(1290000000) AS known, ${amount}::DECIMAL(12,2) AS amount, i AS basket, 'free' AS plan, 'n' AS land FROM range(${accounts}) t(i)`,
);
const kv = await openKv({ redisUrl, dir, emit });
let left = at?.nth ?? 1;
const watched = new Proxy(kv, {
  get: (target, name) => {
    if (name !== at?.call) return target[name];
    return async (...given) => {
      const mine = --left === 0;
      if (mine && at.when === 'before') process.kill(process.pid, 'SIGKILL');
      const result = await target[name](...given);
      if (mine) process.kill(process.pid, 'SIGKILL');
      return result;
    };
  },
});
const table = {
  name: 'f.events',
  lake: { path: 'f.events', version: 1 },
  dataVersion: `v${amount}`,
  rows: 0,
  since: 1,
};
const publication = { revision: 1, tables: new Map([['f.events', table]]) };
const features = openFeatures(
  {
    model: () => ({ ...loaded, accessOf: (caller) => accessOf(loaded.catalogue, caller) }),
    publications: { current: () => publication, refresh: async () => publication },
    rollups: {},
    engines: { postgres: duckdb.engine, lake: duckdb.engine },
    lakeRelation: async (path) => path,
    kv: watched,
    namespace: 'test',
    emit,
    leaseMilliseconds: 1_000,
  },
  {},
);
const results = await features.materialize({ only: ['endless_online'] });
process.stdout.write(JSON.stringify(results.map((r) => r.outcome)));
process.exit(0);
