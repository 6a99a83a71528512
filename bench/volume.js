// The shipped transforms over 28,492 real lines, one day more, and 541,909 made ones (BENCH_LINES=5000000 for more).
// Limit: the very statements that computed the tables, in bare DuckDB with the same memory and threads: COPY to Parquet by the same
// partitions, no checks, no ledger, no fsync. The copy in PostgreSQL is counted apart.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoRows, ingestFile } from '../dist/build/ingest/index.js';
import { build, parquetSession } from '../dist/build/transform/index.js';
import { openDuckDb } from '../dist/store/engine/index.js';
import { ingestLedger } from '../dist/store/state/index.js';
import { report } from './measure.js';
import { clocked, openPlace, root, treeBytes } from './place.js';

const MEMORY = '2GB';
const GB = 2 ** 30;
const sample = join(root, 'data/online-retail-sample.csv');
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** What computes rows of a table: inputs, seeds, secrets, the SELECT itself. What asks or checks is left out. */
const computes = (sql) =>
  (/^(CREATE OR REPLACE TEMP|DROP|INSERT INTO) /.test(sql) && !sql.includes('"@this')) ||
  (sql.startsWith('COPY (') && sql.includes('FORMAT parquet') && !sql.includes('_delta_log'));

const watched = (place) => {
  const statements = [];
  const times = { began: 0, committed: 0, published: 0, cpu: 0, cpuLake: 0 };
  const session = (s) => {
    const noted =
      (run) =>
      (sql, ...rest) => {
        if (computes(sql)) statements.push([sql, rest[0]]);
        return run(sql, ...rest);
      };
    return { ...s, query: noted(s.query), execute: noted(s.execute) };
  };
  const emit = (name) => {
    if (name === 'transform.committed') {
      times.committed = performance.now();
      times.cpuLake = cpuSeconds();
    } else if (name === 'transform.published') times.published = performance.now();
  };
  const duckdb = { ...place.duckdb, session: (fn) => place.duckdb.session((s) => fn(session(s))) };
  return { statements, times, parts: { ...place.parts, duckdb, emit } };
};

const ingest = ({ duckdb, warehouse, lake }, file) =>
  duckdb.session((s) =>
    ingestFile({
      file,
      source: 'online_retail',
      lake,
      ledger: ingestLedger(warehouse),
      emit: () => {},
      parquet: parquetSession(s),
    }),
  );

/** Runs the statements again, into another folder. */
const bare = async (place, statements) => {
  const out = join(place.home, 'bare');
  const duckdb = await openDuckDb({
    memory: MEMORY,
    threads: 2,
    tempDir: join(place.home, 'bare-spill'),
    emit: () => {},
  });
  let n = 0;
  const moved = statements.map(([sql, parameters]) => {
    const at = sql.lastIndexOf(`) TO '`);
    if (!sql.startsWith('COPY (')) return [sql, parameters];
    const folder = join(out, String(n++));
    mkdirSync(folder, { recursive: true });
    const many = sql.includes('FILENAME_PATTERN');
    const options = sql.slice(sql.indexOf("' (", at) + 2);
    return [`${sql.slice(0, at)}) TO '${many ? folder : `${folder}/part.parquet`}' ${options}`, parameters];
  });
  const before = cpuSeconds();
  const { milliseconds } = await clocked(() =>
    duckdb.session(async (s) => {
      for (const [sql, parameters] of moved) await s.execute(sql, parameters);
    }),
  );
  const cpu = cpuSeconds() - before;
  await duckdb.close();
  rmSync(out, { recursive: true, force: true });
  return { milliseconds, cpu };
};

const measured = async (place, name, lines, file) => {
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, treeBytes(process.pid));
  }, 500);
  const taken = await clocked(() => ingest(place, file));
  const { statements, times, parts } = watched(place);
  times.cpu = cpuSeconds();
  times.began = performance.now();
  const built = await build(parts);
  const ended = performance.now();
  clearInterval(sampler);
  if (!built.published || built.unmade.length > 0)
    throw new Error(`${name}: not all of it was made: ${built.unmade[0]?.reason ?? 'nothing was published'}`);
  const lake = times.committed - times.began;
  const plain = await bare(place, statements);
  process.stderr.write(
    `${name}: ingest ${Math.round(taken.milliseconds)} ms; lake ${Math.round(lake)} ms, ${(times.cpuLake - times.cpu).toFixed(1)} s of CPU, ` +
      `${Math.round(lines / (lake / 1000))} lines/s; bare ${Math.round(plain.milliseconds)} ms, ${plain.cpu.toFixed(1)} s of CPU; ` +
      `PostgreSQL ${Math.round(ended - times.committed)} ms; peak ${Math.round(peak / 2 ** 20)} MiB; load ${readFileSync('/proc/loadavg', 'utf8').slice(0, 14)}\n`,
  );
  const row = (what, unit, limit, ours, aim, met) => ({
    ...{ id: 5, name: `${name}: ${what}`, unit, limit, peer: null, ours },
    ...{ ratio: limit === null ? null : ours / limit, aim, met },
  });
  return [
    row('the lake', 'ms', plain.milliseconds, lake, '<= 1.5 of bare DuckDB', lake <= 1.5 * plain.milliseconds),
    row('the same, CPU', 's', plain.cpu, times.cpuLake - times.cpu, '', null),
    row('PostgreSQL and publication', 'ms', null, ended - times.committed, '', null),
    row('peak memory of all processes', 'GB', null, peak / GB, '< 4 GB', peak < 4 * GB),
  ];
};

const rows = [];
const inPlace = async (work) => {
  const place = await openPlace({ memory: MEMORY });
  try {
    await work(place);
  } finally {
    await place.close();
  }
};
// The last day of the sample comes alone.
await inPlace(async (place) => {
  const lines = readFileSync(sample, 'utf8').split('\n');
  const last = (line) => /,12\/13\/(20)?10 /.test(line);
  const parts = [lines.filter((line) => !last(line)), [lines[0], ...lines.filter(last)]];
  const [before, day] = parts.map((list, i) => {
    const file = join(place.home, `part-${i}.csv`);
    writeFileSync(file, list.join('\n'));
    return file;
  });
  rows.push(...(await measured(place, 'the sample but its last day', parts[0].length - 2, before)));
  rows.push(...(await measured(place, 'the last day more', parts[1].length - 1, day)));
});
for (const lines of (process.env.BENCH_LINES ?? '541909')
  .split(',')
  .filter((n) => n !== '')
  .map(Number))
  await inPlace(async (place) => {
    const file = join(place.home, 'lines.csv');
    await demoRows({ rows: lines, seed: 1, out: file });
    rows.push(...(await measured(place, `${lines.toLocaleString('en-US')} lines`, lines, file)));
  });
report(rows);
process.exit(0);
