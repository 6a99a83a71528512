// A process of its own that writes to a lake, for tests of several writers and of kills. Runs the compiled rooms.
// node lake-process.mjs DIST append TABLE WRITER COUNT   |   node lake-process.mjs DIST ingest LAKE LEDGER FILE
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const [dist, command, ...given] = process.argv.slice(2);
const room = (name) => import(pathToFileURL(join(dist, name, 'index.js')).href);
const delta = await room('store/delta');
const { ingestFile } = await room('build/ingest');
const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '256MB' });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
const engine = {
  query: async (sql, options) =>
    (await connection.runAndReadAll(sql, options?.parameters && [...options.parameters])).getRowObjectsJson(),
  execute: async (sql, options) => void (await engine.query(sql, options)),
};

if (command === 'append') {
  const [path, writer, count] = given;
  for (let n = 0; n < Number(count); n++) {
    const txnId = `w${writer}-${n}`;
    const snapshot = await delta.openTable(path, engine);
    const select = `SELECT '${writer}' AS writer, ${n}::BIGINT AS n`;
    const staged = await delta.writeParquet({ snapshot, select, sortBy: ['n'], stepId: txnId });
    // Every third commit replaces the writer's own partition by what it holds and the new row: disjoint from the others'.
    if (n % 3 === 2) {
      const all = `${select} UNION ALL SELECT writer, n FROM ${delta.relation(snapshot)} WHERE writer = '${writer}'`;
      const stepId = `${txnId}-all`;
      const whole = await delta.writeParquet({ snapshot, select: all, sortBy: ['n'], stepId });
      await delta.overwritePartitions({ snapshot, staged: whole, txnId });
    } else await delta.appendFiles({ snapshot, staged, txnId });
    process.stdout.write(`${n}\n`);
  }
} else {
  const [lake, folder, file] = given;
  const at = (id) => join(folder, `${id}.json`);
  const read = (id) => {
    const batch = JSON.parse(readFileSync(at(id), 'utf8'));
    return { ...batch, ingestedAt: BigInt(batch.ingestedAt) };
  };
  const ledger = {
    exclusive: (work) => work(),
    find: async (id) => (existsSync(at(id)) ? read(id) : undefined),
    findByHash: async (source, hash) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .map((name) => read(name.slice(0, -5)))
        .find((batch) => batch.source === source && batch.contentHash === hash),
    record: async (batch) => {
      writeFileSync(`${at(batch.batchId)}.part`, JSON.stringify({ ...batch, ingestedAt: String(batch.ingestedAt) }));
      renameSync(`${at(batch.batchId)}.part`, at(batch.batchId));
    },
  };
  const result = await ingestFile({ lake, parquet: engine, ledger, emit: () => {}, file, source: 'online_retail' });
  process.stdout.write(`${JSON.stringify({ ...result, ingestedAt: String(result.ingestedAt) })}\n`);
}
connection.closeSync();
instance.closeSync();
