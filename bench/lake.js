// Reading the lake: snapshots of 100,000 files and 2,000 commits, cold and warm, and a scan through our relation. Peer: delta-rs.
// Each row is the best of some rounds, one after the other in each round, so that a slow minute of the machine is everyone's.
// Limits: for snapshots plain reads of the same log (DuckDB for its checkpoint, JSON.parse for its commits) without looking at what is
// read; for the scan DuckDB's bare read_parquet. ASSAY_BENCH_FILES, ASSAY_BENCH_ROWS, ASSAY_BENCH_ROUNDS: other sizes.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { openTable, relation } from '../dist/store/delta/index.js';
import { addOf, commitText, makeLog } from './lake/make-log.js';
import { startPeer } from './lake/peer.js';
import { bestRounds, clocked, report } from './measure.js';

const FILES = Number(process.env['ASSAY_BENCH_FILES'] ?? 100_000);
const COMMITS = FILES / 50;
const ROWS = Number(process.env['ASSAY_BENCH_ROWS'] ?? 10_000_000);
const PARTS = 20;
const ROUNDS = Number(process.env['ASSAY_BENCH_ROUNDS'] ?? 5);
const root = mkdtempSync(join(tmpdir(), 'assay-bench-lake-'));
const name = (version) => `${String(version).padStart(20, '0')}.json`;

const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '4GB', temp_directory: root });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
const engine = {
  query: async (sql, options) =>
    (await connection.runAndReadAll(sql, options?.parameters && [...options.parameters])).getRowObjectsJson(),
  execute: async (sql, options) => void (await engine.query(sql, options)),
};
const peer = startPeer('read_delta.py');
const asked = async (command) => (peer ? peer.ask(command) : null);
const counted = (found, wanted) => {
  if (found !== wanted) throw new Error(`${found} files or rows were found, ${wanted} are there`);
};
/** A row by the clock and one by processor time, which what else runs on the machine changes less. */
const pair = (text, [limit, ours, other], aim, met) =>
  ['time', 'cpu'].map((kind) => {
    const [a, b, c] = [limit[kind], ours[kind], other?.[kind] ?? null];
    const ratio = c === null ? null : c / b;
    return {
      ...{
        id: 'lake',
        name: kind === 'cpu' ? `  processor time` : text,
        unit: 'ms',
        limit: a,
        peer: c,
        ours: b,
        ratio,
        aim,
      },
      met: met ? met(b, a) : ratio === null ? null : ratio >= 1,
    };
  });
const rows = [];

/** The commits' text, line by line, without looking at what it says. */
const plainCommits = (log, from) => {
  for (const file of readdirSync(log).filter((n) => n.endsWith('.json') && n >= name(from)))
    for (const line of readFileSync(join(log, file), 'utf8').split('\n')) if (line !== '') JSON.parse(line);
};
for (const [kind, checkpoint] of [
  ['a checkpoint', COMMITS - 11],
  ['commits alone', undefined],
]) {
  let path = join(root, 'log');
  await makeLog(path, FILES, COMMITS, checkpoint);
  // Another folder is another table: nothing of it is known yet.
  const moved = (to) => {
    renameSync(path, join(root, to));
    path = join(root, to);
  };
  const limit = async () => {
    if (checkpoint !== undefined)
      await engine.query(`SELECT max(hash(add)) AS h FROM read_parquet('${path}/_delta_log/*.checkpoint.parquet')`);
    plainCommits(join(path, '_delta_log'), (checkpoint ?? -1) + 1);
  };
  const cold = await bestRounds(ROUNDS, [
    () => clocked(limit),
    (round) => {
      moved(`log${kind.length}${round}`);
      return clocked(async () => counted((await openTable(path, engine)).adds.length, FILES));
    },
    () => asked(`open ${path}`),
  ]);
  rows.push(...pair(`snapshot of ${FILES} files, ${COMMITS} commits, cold, ${kind}`, cold, '>= peer'));
  let last = COMMITS;
  const warm = await bestRounds(4 * ROUNDS, [
    () => {
      writeFileSync(join(path, '_delta_log', name(last)), commitText(last, [addOf(FILES + last)]));
      last += 1;
      return clocked(() => plainCommits(join(path, '_delta_log'), last - 1));
    },
    () => clocked(async () => counted((await openTable(path, engine)).version, last - 1)),
    () => asked('update'),
  ]);
  rows.push(...pair(`the same, brought forward by one commit`, warm, '<= 20 ms', (own) => own <= 20));
  rmSync(path, { recursive: true });
}

const scanned = join(root, 'scan');
await engine.execute(`COPY (SELECT range AS id, 'c' || (hash(range) % 50000) AS customer,
  ((hash(range + 1) % 1000000) / 100)::DECIMAL(18,2) AS amount, DATE '2020-01-01' + (range // ${ROWS / PARTS})::INTEGER AS day
  FROM range(${ROWS})) TO '${scanned}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day), FILENAME_PATTERN 'part-{i}')`);
const fields = ['id:long', 'customer:string', 'amount:decimal(18,2)', 'day:date'].map((text) => {
  const [column, type] = text.split(':');
  return { name: column, type, nullable: true, metadata: {} };
});
const parts = readdirSync(scanned, { recursive: true }).filter((n) => n.endsWith('.parquet'));
const actions = [
  { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
  {
    metaData: {
      ...{ id: 'scan', format: { provider: 'parquet', options: {} }, partitionColumns: ['day'], configuration: {} },
      schemaString: JSON.stringify({ type: 'struct', fields }),
    },
  },
  ...parts.map((file) => ({
    add: {
      ...{ path: file, partitionValues: { day: file.slice(4, 14) }, modificationTime: 1, dataChange: true },
      size: readFileSync(join(scanned, file)).length,
    },
  })),
];
mkdirSync(join(scanned, '_delta_log'));
writeFileSync(join(scanned, '_delta_log', name(0)), actions.map((a) => JSON.stringify(a)).join('\n'));
const ourRelation = relation(await openTable(scanned, engine));
const bare = `read_parquet('${scanned}/*/*.parquet', hive_partitioning = true)`;
for (const [text, sql] of [
  ['sum and count by partition', 'SELECT day, sum(amount) AS a, count(*) AS n FROM t GROUP BY day'],
  ['sum of one column', 'SELECT sum(amount) AS a FROM t'],
  ['one partition of 20', "SELECT sum(amount) AS a FROM t WHERE day = DATE '2020-01-05'"],
  ['one value by statistics', 'SELECT sum(amount) AS a FROM t WHERE id = 4100000'],
]) {
  const over = (source) => engine.query(sql.replace('FROM t', `FROM ${source}`));
  const [a, b] = [await over(bare), await over(ourRelation)];
  const sorted = (list) =>
    list
      .map((r) => JSON.stringify(r))
      .sort()
      .join();
  if (sorted(a) !== sorted(b)) throw new Error(`other rows came for: ${sql}`);
  const times = await bestRounds(ROUNDS, [
    () => clocked(() => over(bare)),
    () => clocked(() => over(ourRelation)),
    () => asked(`scan ${scanned} ${sql}`),
  ]);
  rows.push(
    ...pair(`scan of ${ROWS / 1e6} M rows: ${text}`, times, '<= 1.05 of limit', (own, limit) => own <= 1.05 * limit),
  );
}

peer?.stop();
connection.closeSync();
instance.closeSync();
rmSync(root, { recursive: true, force: true });
report(rows);
