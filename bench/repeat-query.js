// Benchmark 1: a repeated dashboard query over HTTP (25 rows, cached), 32 connections; client on one core, server on the other.
// Limit: bare node:http with the same bytes. Peers: Fastify with the same bytes; Cube's getSql and its own statement on DuckDB behind node:http.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { report } from './measure.js';
import { startProduct } from './product.js';

const here = dirname(fileURLToPath(import.meta.url));
const SECONDS = 5;
const pinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
const pin = (cpu, command) => (pinned ? ['taskset', ['-c', String(cpu), ...command]] : [command[0], command.slice(1)]);

const load = (port, request) =>
  new Promise((done, failed) => {
    const [file, args] = pin(1, [process.execPath, join(here, 'load.js'), String(port), '32', String(SECONDS)]);
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (c) => {
      out += c;
    });
    child.on('close', (code) =>
      code === 0 ? done(JSON.parse(out)) : failed(new Error(`load generator ended with ${code}`)),
    );
    child.stdin.end(request);
  });
const median = async (port, request) => {
  const runs = [];
  for (let i = 0; i < 3; i++) runs.push(await load(port, request));
  const wrong = runs.reduce((n, r) => n + r.wrong, 0);
  if (wrong > 0) throw new Error(`${wrong} answers were not 200`);
  return runs.sort((a, b) => a.perSecond - b.perSecond)[1];
};
const serve = (script, body) =>
  new Promise((done, failed) => {
    const [file, args] = pin(0, [process.execPath, join(here, script)]);
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(body);
    let out = '';
    child.stdout.on('data', (c) => {
      out += c; // libraries print warnings of their own
      const port = /^port (\d+)$/m.exec(out);
      if (port) done({ port: Number(port[1]), stop: () => child.kill() });
    });
    child.on('exit', (code) => code && failed(new Error(`${script} ended with ${code}`)));
  });
const request = (path, body, headers = {}) =>
  Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...Object.entries(headers).map(([k, v]) => `${k}: ${v}`),
      '',
      body,
    ].join('\r\n'),
  );

const home = join(mkdtempSync(join(tmpdir(), 'assay-bench-')), 'home');
const product = await startProduct(home, pinned ? ['taskset', '-c', '0'] : []);
try {
  const body = JSON.stringify({
    measures: ['retail.net_revenue', 'retail.lines'],
    dimensions: ['retail.country'],
    order: [{ by: 'retail.net_revenue', dir: 'desc' }],
    limit: 25,
  });
  const headers = { Authorization: `Bearer ${product.tokens.data_analyst}` };
  const answer = await (
    await fetch(`${product.http}/api/v2/query`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    })
  ).text();
  const rows = JSON.parse(answer).rows.length;
  const ours = await median(Number(new URL(product.http).port), request('/api/v2/query', body, headers));
  const results = {};
  for (const [name, script] of [
    ['http', 'peer-http.js'],
    ['fastify', 'peer-fastify.js'],
    ['cube', 'peer-cube.js'],
  ]) {
    const peer = await serve(script, answer);
    results[name] = await median(peer.port, request('/', body));
    peer.stop();
  }
  const row = (name, peer, aim, met) => ({
    id: 1,
    name,
    unit: 'requests/s',
    limit: results.http.perSecond,
    peer: peer.perSecond,
    ours: ours.perSecond,
    ratio: ours.perSecond / results.http.perSecond,
    aim,
    met,
  });
  report([
    row(
      `repeat query, ${rows} rows, 32 connections; peer Fastify static`,
      results.fastify,
      '>= .5 of limit',
      ours.perSecond >= 0.5 * results.http.perSecond,
    ),
    {
      ...row(
        'the same; peer Cube getSql + DuckDB',
        results.cube,
        '>= 20x peer',
        ours.perSecond >= 20 * results.cube.perSecond,
      ),
      ratio: ours.perSecond / results.cube.perSecond,
    },
    {
      id: 1,
      name: 'the same, 99th percentile',
      unit: 'ms',
      limit: results.http.p99,
      peer: results.fastify.p99,
      ours: ours.p99,
      ratio: ours.p99 / results.http.p99,
      aim: '<= 4 ms',
      met: ours.p99 <= 4,
    },
  ]);
} finally {
  await product.stop();
  rmSync(dirname(home), { recursive: true, force: true });
}
