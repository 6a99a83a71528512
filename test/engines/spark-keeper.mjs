// Keeps one Spark Connect server for as long as a test run that asked for it is alive: `node spark-keeper.mjs FOLDER`.
// FOLDER/users holds a file for each run, named by its process id. FOLDER/server.json tells where the server is.
import { spawn } from 'node:child_process';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const folder = process.argv[2] ?? '';
const file = join(folder, 'server.json');
const assay = resolve(import.meta.dirname, '../../bin/assay.js');

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown.code === 'EPERM';
  }
};
const users = () =>
  readdirSync(join(folder, 'users')).filter((name) => {
    if (alive(Number(name))) return true;
    rmSync(join(folder, 'users', name), { force: true });
    return false;
  });

const server = spawn(
  process.execPath,
  [assay, 'spark', 'up', '--dir', join(folder, 'spark'), '--port', '0', '--memory', '2g'],
  { env: { ...process.env, ASSAY_HOME: join(folder, 'home') }, stdio: ['ignore', 'pipe', 'inherit'] },
);
createInterface({ input: server.stdout }).on('line', (line) => {
  const url = /^ASSAY_SPARK=(.+)$/.exec(line)?.[1];
  if (!url) return;
  writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, url }));
  renameSync(`${file}.new`, file);
});
const clean = () => {
  rmSync(file, { force: true });
  for (const name of ['warehouse', 'tmp']) rmSync(join(folder, 'spark', name), { recursive: true, force: true });
};
server.on('exit', (code) => {
  clean();
  process.exit(code ?? 1);
});
const end = () => {
  rmSync(file, { force: true });
  server.kill('SIGTERM');
};
process.on('SIGTERM', end);
process.on('SIGINT', end);
setInterval(() => {
  if (users().length === 0) end();
}, 500);
