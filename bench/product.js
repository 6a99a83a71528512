// Starts the product for a benchmark, optionally pinned to a core, and waits until it is ready.
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const startProduct = (home, prefix = [], env = {}) =>
  new Promise((done, failed) => {
    chmodSync(dirname(home), 0o755);
    const [file, ...args] = [...prefix, process.execPath, join(root, 'bin/assay.js'), 'start'];
    const child = spawn(file, args, {
      env: { ...process.env, ASSAY_HOME: home, ASSAY_HTTP_PORT: '0', ASSAY_SQL_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    const ended = new Promise((d) => child.on('exit', d));
    child.on('exit', (code) => failed(new Error(`the product ended with ${code}`)));
    child.stdout.on('data', (c) => {
      out += c;
      const ready = /^ready http=(\S+) sql=postgres:\/\/[^:]+:(\d+)\//m.exec(out);
      if (ready)
        done({
          pid: child.pid,
          http: ready[1],
          sqlPort: Number(ready[2]),
          tokens: JSON.parse(readFileSync(join(home, 'demo-tokens.json'), 'utf8')),
          stop: async () => {
            child.kill('SIGTERM');
            await ended;
          },
        });
    });
  });
