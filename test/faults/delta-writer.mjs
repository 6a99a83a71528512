// A process of its own that writes to a table until it has made all of its rows, for tests that kill it. Runs the compiled rooms.
// node delta-writer.mjs DIST TABLE WRITER COUNT: row n of the writer comes with the n-th transaction of its name, once.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const [dist, path, writer, count] = process.argv.slice(2);
const delta = await import(pathToFileURL(join(dist, 'store/delta/index.js')).href);
const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '256MB' });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
const engine = {
  query: async (sql, options) =>
    (await connection.runAndReadAll(sql, options?.parameters && [...options.parameters])).getRowObjectsJson(),
  execute: async (sql, options) => void (await engine.query(sql, options)),
};

const one = (n) => `SELECT '${writer}' AS writer, ${n}::BIGINT AS n, 'row ${n}' AS v`;
/** Each turn another kind of change: an append; an append and then files put together; the writer's partition anew. */
const change = async (n) => {
  const snapshot = await delta.openTable(path, engine);
  const txnId = `${writer}-${n}-${process.pid}`;
  const txns = [{ appId: writer, version: n }];
  if (n % 3 === 2) {
    const select = `${one(n)} UNION ALL SELECT writer, n, v FROM ${delta.relation(snapshot)} WHERE writer = '${writer}'`;
    const staged = await delta.writeParquet({ snapshot, select, sortBy: ['n'], stepId: txnId });
    return delta.overwritePartitions({ snapshot, staged, txnId, txns });
  }
  const staged = await delta.writeParquet({ snapshot, select: one(n), sortBy: ['n'], stepId: txnId });
  await delta.appendFiles({ snapshot, staged, txnId, txns });
  if (n % 3 === 1)
    await delta.optimizeTable(snapshot.table, { txnId: `${txnId}-o`, where: (p) => p.writer === writer });
};

const first = ((await delta.openTable(path, engine)).txns.get(writer)?.version ?? -1) + 1;
for (let n = first; n < Number(count); n++) {
  await change(n);
  process.stdout.write(`${n}\n`);
}
connection.closeSync();
instance.closeSync();
