// Write and commit of ten million rows against delta-rs: both read the same Parquet file and write zstd. The limit is DuckDB's bare COPY.
// ASSAY_BENCH_ROWS: another number of rows.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { appendFiles, createTable, openTable, writeParquet } from '../dist/store/delta/index.js';
import { report } from './measure.js';

const ROWS = Number(process.env['ASSAY_BENCH_ROWS'] ?? 10_000_000);
const ROUNDS = 3;
const here = dirname(fileURLToPath(import.meta.url));
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

const seconds = async (work) => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};
let tables = 0;
const bare = () =>
  seconds(() =>
    engine.execute(`COPY (${select}) TO '${join(root, 'bare.parquet')}' (FORMAT parquet, COMPRESSION zstd)`),
  );
const ours = () =>
  seconds(async () => {
    const snapshot = await createTable(join(root, `ours${++tables}`), engine, {
      columns: COLUMNS,
      partitionColumns: [],
    });
    const staged = await writeParquet({ snapshot, select, sortBy: [], stepId: 'one' });
    await appendFiles({ snapshot, staged, txnId: 'one' });
  });

const candidates = [join(tmpdir(), 'assay-venv', 'bin', 'python'), 'python3'];
const python = candidates.find(
  (name) =>
    (!name.includes('/') || existsSync(name)) &&
    spawnSync(name, ['-c', 'import deltalake, pyarrow'], { stdio: 'ignore' }).status === 0,
);
const child =
  python && spawn(python, [join(here, 'lake/write_delta.py'), source], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = child && createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const peer = async () => {
  if (!child) return null;
  child.stdin.write(`${join(root, `peer${++tables}`)}\n`);
  return Number((await lines.next()).value);
};

const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const times = { bare: [], ours: [], peer: [] };
// One after the other in each round, so that a slow minute of the machine is everyone's.
for (let round = 0; round < ROUNDS; round++) {
  times.bare.push(await bare());
  times.ours.push(await ours());
  times.peer.push(await peer());
}
const counted = await engine.query(
  `SELECT count(*)::VARCHAR AS n FROM read_parquet('${join(root, 'ours1')}/d/one/*.parquet')`,
);
if (counted[0].n !== String(ROWS)) throw new Error(`${counted[0].n} rows were written`);
if ((await openTable(join(root, 'ours1'), engine)).adds.length === 0) throw new Error('nothing was committed');
child?.stdin.end();
connection.closeSync();
instance.closeSync();
rmSync(root, { recursive: true, force: true });
const [limit, own, other] = [middle(times.bare), middle(times.ours), child ? middle(times.peer) : null];
const ratio = other === null ? null : other / own;
report([
  {
    ...{ id: 'lake-write', name: `write and commit ${ROWS / 1e6} M rows (peer: delta-rs)`, unit: 's', limit },
    ...{ peer: other, ours: own, ratio, aim: '>= 1.2', met: ratio === null ? null : ratio >= 1.2 },
  },
]);
