// One command in a process of its own that stops itself at one moment of its work: node transform-child.mjs '<JSON>'
//   {url, lake, transformsDir, command: ['run', 'prod'], at: {sql | event | removed, model, nth, when}, signal}
// `sql`, `event` and `removed` are patterns of a statement, an event's name and a removed path. The result is one line of JSON.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import pg from 'pg';

const { url, lake, transformsDir, command, at, signal = 'SIGKILL' } = JSON.parse(process.argv[2]);
let left = at?.nth ?? 1;
const stop = () => {
  if (--left === 0) process.kill(process.pid, signal);
};
const patternOf = (text) => (text === undefined ? undefined : new RegExp(text, 'i'));
const [sql, removed] = [patternOf(at?.sql), patternOf(at?.removed)];

const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (...given) {
  const text = (typeof given[0] === 'string' ? given[0] : given[0]?.text) ?? '';
  if (/INSERT INTO assay\.publication /.test(text)) this.publishes = true;
  const said = text === 'COMMIT' && this.publishes ? 'COMMIT of a publication' : text;
  const hit = sql?.test(said) === true;
  if (hit && at.when === 'before') stop();
  const result = query.apply(this, given);
  if (!hit || at.when === 'before' || typeof result?.then !== 'function') return result;
  return result.then((rows) => {
    stop();
    return rows;
  });
};
const { rm } = fs;
fs.rm = (path, ...rest) => {
  if (removed?.test(String(path))) stop();
  return rm(path, ...rest);
};
syncBuiltinESMExports();

const { apply, build, plan, promote, restate, rollback, run } = await import('../../dist/build/transform/index.js');
const { openDuckDb, openWarehouse } = await import('../../dist/store/engine/index.js');

const steps = [];
const emit = (name, record) => {
  if (name === 'bug') process.stderr.write(`${record.where}: ${String(record.error)}\n`);
  if (name === 'transform.step') steps.push(`${record.model} ${record.partitions}`);
  if (name === at?.event && (at.model === undefined || record.model === at.model)) stop();
};
const warehouse = await openWarehouse({ url, emit });
const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(lake, `../spill-${process.pid}`), emit });
const pseudonymKey = 'a key for pseudonyms of tests only, 32 bytes';
const parts = { transformsDir, lake, duckdb, warehouse, pseudonymKey, emit };
const [name, ...rest] = command;
const commands = {
  apply: () => apply(parts, rest[0]),
  build: () => build(parts),
  forward: async () => {
    const restate = new Map(rest.slice(1).map((id) => [id, undefined]));
    return apply(parts, (await plan(parts, { environment: rest[0], restate })).id);
  },
  promote: () => promote(parts, rest[0], rest[1]),
  restate: () => restate(parts, rest[0], rest[1], { start: rest[2], end: rest[3] }),
  rollback: () => rollback(parts, rest[0], rest[1]),
  run: () => run(parts, rest[0]),
};
const told = await commands[name]().then(
  (result) => ({ result: { ...result, publication: undefined }, steps }),
  ({ code, message }) => ({ error: { code, message }, steps }),
);
process.stdout.write(`${JSON.stringify(told)}\n`);
await duckdb.close();
await warehouse.close();
