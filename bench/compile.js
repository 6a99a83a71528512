// Benchmark 3: loading a 200-cube model, and compiling known and new shapes of queries over it.
// Peer: Cube in process (schema-compiler), the same model and the same queries. Limit: one map look-up and one string join.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { report, timed, timedSync } from './measure.js';
import { writeLongModel, writeWideModel } from './wide-model.js';

const CUBES = 200;
const dir = mkdtempSync(join(tmpdir(), 'assay-wide-'));
const small = mkdtempSync(join(tmpdir(), 'assay-small-'));
writeWideModel(dir, CUBES);
writeWideModel(small, 10);
const { loadModel } = await import('../dist/model/cube/index.js');

const once = async (work) => {
  const began = performance.now();
  const result = await work();
  return [(performance.now() - began) / 1000, result];
};
await loadModel(small); // loads Cube itself; the model's own cost is measured below
// How long the thread is held at a stretch while a model is loaded beside questions, and what the load costs it in all.
const pauses = monitorEventLoopDelay({ resolution: 5 });
pauses.enable();
const before = process.cpuUsage();
const [oursLoad, ours] = await once(() => loadModel(dir));
const used = process.cpuUsage(before);
pauses.disable();

// The peer compiles what we compile, as its own server does.
const require = createRequire(import.meta.url);
const sc = require('@cubejs-backend/schema-compiler');
const files = ['cubes', 'views'].flatMap((part) =>
  readdirSync(join(dir, part)).map((name) => ({
    fileName: `${part}/${name}`,
    content: readFileSync(join(dir, part, name), 'utf8'),
  })),
);
const refuse = () => {
  throw new Error('not used');
};
const native = {
  newJinjaEngine: () => ({
    loadTemplate() {},
    renderTemplate: (name) => files.find((f) => f.fileName === name)?.content ?? refuse(),
  }),
  loadPythonContext: refuse,
};
const [cubeLoad, cube] = await once(() =>
  sc.compile(
    { localPath: () => 'model', dataSchemaFiles: async () => files },
    { allowNodeRequire: false, compileContext: {}, standalone: false, nativeInstance: native },
  ),
);

/** Query `i` of a family: other members each time (a new shape), or only another value (a known one). */
const members = (i) => {
  const view = i % (CUBES / 10);
  const path = (n) => (n % 10 === 0 ? '' : `c${view * 10 + (n % 10)}_`);
  return {
    measures: [`v${view}.m${i % 13}`, `v${view}.m${(i * 7 + 3) % 13}`].filter((m, at, all) => all.indexOf(m) === at),
    dimensions: [`v${view}.${path(Math.floor(i / 40))}d${i % 15}`, `v${view}.d${Math.floor(i / 13) % 15}`].filter(
      (m, at, all) => all.indexOf(m) === at,
    ),
    filter: `v${view}.d${Math.floor(i / 200) % 15}`,
    at: `v${view}.at`,
  };
};
const leg = (i, value) => {
  const m = members(i);
  return {
    measures: m.measures,
    dimensions: m.dimensions,
    time: [{ dimension: m.at, granularity: 'day' }],
    segments: [],
    where: [{ member: m.filter, op: 'eq', values: [value] }],
    having: [],
    order: [],
    limit: 100 + (Number(value) % 7),
    timezone: 'UTC',
  };
};
const cubeQuery = (i, value) => {
  const m = members(i);
  return {
    measures: m.measures,
    dimensions: m.dimensions,
    timeDimensions: [{ dimension: m.at, granularity: 'day' }],
    filters: [{ member: m.filter, operator: 'equals', values: [value] }],
    timezone: 'UTC',
    order: [],
    limit: 100,
  };
};
const cubeSql = (i, value) => {
  const query = new sc.PostgresQuery(cube, cubeQuery(i, value));
  return cube.compiler.withQuery(query, () => query.buildSqlAndParams());
};
let shape = 0;
const oursNew = await timed(250, async () => ours.legs.compile(leg(shape++, '1'), 'postgres'), 25);
const oursKnown = timedSync(5000, 50, (i) => ours.legs.compile(leg(7, String(i)), 'postgres'));
let peerShape = 0;
const peerNew = await timed(250, async () => cubeSql(peerShape++, '1'), 25);
const peerKnown = await timed(500, async (i) => cubeSql(7, String(i % 2)), 25);
const map = new Map(Array.from({ length: 5000 }, (_, i) => [JSON.stringify(leg(i, '1')), 'SELECT']));
const keys = [...map.keys()];
const limit = timedSync(5000, 50, (i) => [map.get(keys[i % keys.length]), String(i)].join(' '));

const flat = await loadModel(small);
let flatShape = 0;
const smallNew = await timed(
  100,
  async () => {
    const q = leg(flatShape++ * 20, '1');
    return flat.legs.compile(q, 'postgres');
  },
  10,
);

const long = {};
for (const members of [50, 1000]) {
  const at = mkdtempSync(join(tmpdir(), 'assay-long-'));
  writeLongModel(at, members);
  const { legs } = await loadModel(at);
  let n = 0;
  long[members] = await timed(
    150,
    async () => {
      const [a, b, c] = [n % 25, Math.floor(n / 25) % 25, (n++ * 7) % 25];
      legs.compile(
        {
          measures: [`v.m${a}`],
          dimensions: b === c ? [`v.d${b}`] : [`v.d${b}`, `v.d${c}`],
          time: [],
          segments: [],
          where: [],
          having: [],
          order: [],
          limit: 100,
          timezone: 'UTC',
        },
        'postgres',
      );
    },
    15,
  );
  rmSync(at, { recursive: true, force: true });
}

report([
  {
    id: 3,
    name: 'the same, time of the processor',
    unit: 's',
    limit: null,
    peer: null,
    ours: (used.user + used.system) / 1e6,
    ratio: null,
    aim: '',
    met: null,
  },
  {
    id: 3,
    name: 'the same, longest time without a turn for others',
    unit: 'ms',
    limit: null,
    peer: null,
    ours: pauses.max / 1e6,
    ratio: pauses.max / 1e6 / (oursLoad * 1000),
    aim: '',
    met: null,
  },
  {
    id: 3,
    name: 'new shape, a cube of 50 members (p50) against 1,000',
    unit: 'ms',
    limit: null,
    peer: long[50].p50,
    ours: long[1000].p50,
    ratio: long[1000].p50 / long[50].p50,
    aim: 'flat (<= 2x)',
    met: long[1000].p50 <= 2 * long[50].p50,
  },
  {
    id: 3,
    name: `load ${CUBES} cubes x 30 members and ${CUBES / 10} views`,
    unit: 's',
    limit: null,
    peer: cubeLoad,
    ours: oursLoad,
    ratio: oursLoad / cubeLoad,
    aim: '<= 3 s',
    met: oursLoad <= 3,
  },
  {
    id: 3,
    name: 'known shape, other values (p50)',
    unit: 'ms',
    limit: limit.p50,
    peer: peerKnown.p50,
    ours: oursKnown.p50,
    ratio: oursKnown.p50 / peerKnown.p50,
    aim: '<= .1 ms',
    met: oursKnown.p50 <= 0.1,
  },
  {
    id: 3,
    name: 'new shape (p95)',
    unit: 'ms',
    limit: limit.p95,
    peer: peerNew.p95,
    ours: oursNew.p95,
    ratio: oursNew.p95 / peerNew.p95,
    aim: '<= 3 ms',
    met: oursNew.p95 <= 3,
  },
  {
    id: 3,
    name: 'new shape, 10 cubes (p50) against 200',
    unit: 'ms',
    limit: null,
    peer: smallNew.p50,
    ours: oursNew.p50,
    ratio: oursNew.p50 / smallNew.p50,
    aim: 'flat (<= 2x)',
    met: oursNew.p50 <= 2 * smallNew.p50,
  },
]);
for (const d of [dir, small]) rmSync(d, { recursive: true, force: true });
process.exit(0);
