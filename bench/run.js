#!/usr/bin/env node
// Benchmarks: `npm run bench [-- NUMBER|NAME ...] [--json]`; `lake` is all whose names begin so. Each prints limit, peer, ours and ratio, measured in one run on one machine.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from '../bin/build.js';

const here = dirname(fileURLToPath(import.meta.url));
const BENCHES = {
  1: 'repeat-query.js',
  2: 'new-query.js',
  3: 'compile.js',
  4: 'partitions.js',
  5: 'volume.js',
  9: 'features.js',
  joins: 'joins.js',
  search: 'search.js',
  ssb: 'ssb.js',
  ladder: 'ladder.js',
  lake: 'lake.js',
  'lake-write': 'lake-write.js',
};
const args = process.argv.slice(2);
const json = args.includes('--json');
const wanted = args
  .filter((a) => !a.startsWith('--'))
  .flatMap((a) => (a === 'lake' ? Object.keys(BENCHES).filter((id) => id.startsWith('lake')) : [a]));
if (!isBuilt() && !build()) process.exit(1);

const rows = [];
for (const id of wanted.length > 0 ? wanted : Object.keys(BENCHES)) {
  const file = BENCHES[id];
  if (!file) {
    process.stderr.write(`there is no benchmark ${id}; there are ${Object.keys(BENCHES).join(', ')}\n`);
    process.exit(2);
  }
  // A process of its own: caches, heaps and loaded add-ons of one benchmark do not colour the next.
  const run = spawnSync(process.execPath, ['--expose-gc', join(here, file)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
  rows.push(...JSON.parse(run.stdout.trim().split('\n').at(-1)));
}
if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else {
  const heads = ['#', 'what', 'unit', 'limit', 'peer', 'ours', 'ratio', 'aim', 'met'];
  const cells = rows.map((r) =>
    [
      String(r.id),
      r.name,
      r.unit,
      r.limit,
      r.peer,
      r.ours,
      r.ratio,
      r.aim,
      r.met === null ? '' : r.met ? 'yes' : 'no',
    ].map((v) => (typeof v === 'number' ? round(v) : String(v ?? ''))),
  );
  const widths = heads.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i].length)));
  for (const line of [heads, widths.map((w) => '-'.repeat(w)), ...cells])
    process.stdout.write(
      `${line
        .map((c, i) => c.padEnd(widths[i]))
        .join('  ')
        .trimEnd()}\n`,
    );
}
function round(v) {
  return v === 0 ? '0' : Math.abs(v) >= 100 ? v.toFixed(0) : v.toPrecision(3);
}
