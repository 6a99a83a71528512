// delta-rs in a process of its own; undefined where no Python has it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const candidates = [join(tmpdir(), 'assay-venv', 'bin', 'python'), 'python3'];

/** `ask('open /path')` gives the milliseconds that delta-rs took, by the clock and of processor time. */
export const startPeer = (script, ...args) => {
  const python = candidates.find(
    (name) =>
      (!name.includes('/') || existsSync(name)) &&
      spawnSync(name, ['-c', 'import deltalake, pyarrow'], { stdio: 'ignore' }).status === 0,
  );
  if (!python) return undefined;
  const child = spawn(python, [join(here, script), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (command) => {
      child.stdin.write(`${command}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`delta-rs ended at: ${command}`);
      const [time, cpu] = value.split(' ').map(Number);
      return { time: 1000 * time, cpu: 1000 * cpu };
    },
    stop: () => child.stdin.end(),
  };
};
