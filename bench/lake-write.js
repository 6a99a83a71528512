// Write and commit of ten million rows against delta-rs: both read the same Parquet file and write zstd. The limit is DuckDB's bare COPY.
// The best of some rounds. ASSAY_BENCH_ROWS, ASSAY_BENCH_ROUNDS: other numbers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { appendFiles, createTable, openTable, writeParquet } from '../dist/store/delta/index.js';
import { startPeer } from './lake/peer.js';
import { bestRounds, clocked, report } from './measure.js';

const ROWS = Number(process.env['ASSAY_BENCH_ROWS'] ?? 10_000_000);
const ROUNDS = Number(process.env['ASSAY_BENCH_ROUNDS'] ?? 3);
const root = mkdtempSync(join(tmpdir(), 'assay-bench-lake-'));
const source = join(root, 'source.parquet');

const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '4GB', temp_directory: root });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
const engine = {
  query: async (sql, options) =>
    (await connection.runAndReadAll(sql, options?.parameters && [...options.parameters])).getRowObjectsJson(),
  execute: async (sql, options) => void (await engine.query(sql, options)),
};
await engine.execute(`COPY (SELECT range AS id, DATE '2010-12-01' + (range // 20000)::INTEGER AS day,
  'c' || (hash(range) % 50000) AS customer, ((hash(range + 1) % 1000000) / 100)::DECIMAL(18,2) AS amount,
  TIMESTAMPTZ '2010-12-01 00:00:00+00' + range * INTERVAL 1 SECOND AS at,
  CASE hash(range) % 7 WHEN 0 THEN 'France' WHEN 1 THEN NULL ELSE 'United Kingdom' END AS country
  FROM range(${ROWS})) TO '${source}' (FORMAT parquet)`);

const COLUMNS = [
  ['id', { kind: 'bigint' }],
  ['day', { kind: 'date' }],
  ['customer', { kind: 'string' }],
  ['amount', { kind: 'decimal', precision: 18, scale: 2 }],
  ['at', { kind: 'timestamp' }],
  ['country', { kind: 'string' }],
].map(([name, type]) => ({ name, type, nullable: true }));
const select = `SELECT * FROM read_parquet('${source}')`;

let tables = 0;
const bare = () =>
  clocked(() =>
    engine.execute(`COPY (${select}) TO '${join(root, 'bare.parquet')}' (FORMAT parquet, COMPRESSION zstd)`),
  );
const ours = () =>
  clocked(async () => {
    const snapshot = await createTable(join(root, `ours${++tables}`), engine, {
      columns: COLUMNS,
      partitionColumns: [],
    });
    const staged = await writeParquet({ snapshot, select, sortBy: [], stepId: 'one' });
    await appendFiles({ snapshot, staged, txnId: 'one' });
  });

const peer = startPeer('write_delta.py', source);
const [limit, own, other] = await bestRounds(ROUNDS, [
  bare,
  ours,
  () => (peer ? peer.ask(join(root, `peer${++tables}`)) : null),
]);
const counted = await engine.query(
  `SELECT count(*)::VARCHAR AS n FROM read_parquet('${join(root, 'ours1')}/d/one/*.parquet')`,
);
if (counted[0].n !== String(ROWS)) throw new Error(`${counted[0].n} rows were written`);
if ((await openTable(join(root, 'ours1'), engine)).adds.length === 0) throw new Error('nothing was committed');
peer?.stop();
connection.closeSync();
instance.closeSync();
rmSync(root, { recursive: true, force: true });
report(
  ['time', 'cpu'].map((kind) => {
    const ratio = other === null ? null : other[kind] / own[kind];
    return {
      ...{ id: 'lake-write', unit: 's', limit: limit[kind] / 1000, peer: other && other[kind] / 1000 },
      name: kind === 'cpu' ? '  processor time' : `write and commit ${ROWS / 1e6} M rows (peer: delta-rs)`,
      ...{ ours: own[kind] / 1000, ratio, aim: '>= 1.2', met: ratio === null ? null : ratio >= 1.2 },
    };
  }),
);
