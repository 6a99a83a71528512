// Benchmark 5: questions a second, from 5 to more than a process can take, over HTTP with tokens, policies and audit on. Requests are
// sent at their time whether earlier ones are answered or not. Each is new (other values), in the shape of TPC-H's first and fourteenth
// question: sums by two dimensions over a range, and the share of one kind. Server and client on cores of their own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { report, spread } from './measure.js';
import { startProduct } from './product.js';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const STEPS = [5, 50, 200, 400, 800, 1_600, 3_200];
const pinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
if (pinned) spawnSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)]);

const home = join(mkdtempSync(join(tmpdir(), 'assay-bench5-')), 'home');
const product = await startProduct(home, pinned ? ['taskset', '-c', '0'] : []);
const url = new URL(`${product.http}/api/v2/query`);
const agent = new Agent({ keepAlive: true, maxSockets: 512 });
const headers = { authorization: `Bearer ${product.tokens.data_analyst}`, 'content-type': 'application/json' };
const where = (n) => ({ member: 'retail.country', op: 'ne', values: [`no country ${n}`] });
const SHAPES = [
  (n) => ({
    measures: ['retail.net_revenue', 'retail.units_sold', 'retail.lines'],
    dimensions: ['retail.line_type', 'retail.is_return'],
    time: [{ dimension: 'retail.sold_at', range: ['2010-12-01', '2011-12-01'] }],
    where: where(n),
  }),
  (n) => ({ measures: ['retail.product_revenue_share'], dimensions: ['retail.category'], where: where(n) }),
];
let sent = 0;
/** Gives the status and the milliseconds until the last byte. */
const one = () =>
  new Promise((done) => {
    sent += 1;
    const body = JSON.stringify(SHAPES[sent % SHAPES.length](sent));
    const began = performance.now();
    const failed = () => done({ status: 0, milliseconds: performance.now() - began });
    const r = request(
      url,
      { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (answer) => {
        answer.resume();
        answer.on('end', () => done({ status: answer.statusCode, milliseconds: performance.now() - began }));
        answer.on('error', failed);
      },
    );
    r.on('error', failed);
    r.end(body);
  });
/** Milliseconds of processor time that the server has used: what a question costs, however busy the machine is. */
const used = () => {
  const fields = readFileSync(`/proc/${product.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
};
const step = async (rate) => {
  const before = used();
  const flying = [];
  const began = performance.now();
  const total = rate * SECONDS;
  while (flying.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - began) / 1000) * rate));
    while (flying.length < due) flying.push(one());
    await new Promise((r) => setTimeout(r, 1));
  }
  const all = await Promise.all(flying);
  const seconds = (performance.now() - began) / 1000;
  const good = all.filter((a) => a.status === 200);
  const shed = all.filter((a) => a.status === 503 || a.status === 429).length;
  const cost = (used() - before) / Math.max(1, good.length);
  return {
    rate,
    cost,
    ...spread(good.map((a) => a.milliseconds)),
    done: good.length / seconds,
    shed,
    wrong: all.length - good.length - shed,
  };
};
try {
  for (let i = 0; i < 200; i++) await one(); // prepared statements, loaded rollups
  const rows = [];
  let knee = 0;
  for (const rate of STEPS) {
    const s = await step(rate);
    if (s.p99 <= 100 && s.done >= 0.9 * rate) knee = rate;
    rows.push({
      id: 5,
      name: `${rate} new questions/s: ${s.done.toFixed(0)}/s answered, ${s.shed} shed, ${s.wrong} failed; p99, processor time each: beside`,
      unit: 'ms',
      limit: null,
      peer: s.cost,
      ours: s.p50,
      ratio: s.p99,
      aim: rate === 50 ? 'p50 <= 5 ms' : 'no error but 429 and 503',
      met: rate === 50 ? s.p50 <= 5 && s.wrong === 0 : s.wrong === 0,
    });
    if (s.done < 0.5 * rate) break; // twice the knee
  }
  rows.push({
    id: 5,
    name: 'knee: 99 of 100 within 100 ms',
    unit: 'questions/s',
    limit: null,
    peer: null,
    ours: knee,
    ratio: null,
    aim: '>= 1000',
    met: knee >= 1000,
  });
  report(rows);
} finally {
  agent.destroy();
  await product.stop();
  rmSync(dirname(home), { recursive: true, force: true });
}
process.exit(0);
