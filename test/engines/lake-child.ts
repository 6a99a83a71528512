import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** Where the compiled rooms are. */
const dist = process.env['ASSAY_TEST_DIST'] ?? resolve(import.meta.dirname, '../../dist');

/** Starts `lake-process.mjs`; `done` gives its lines of output, its exit code, and what it said when it failed. */
export const lakeChild = (...args: readonly string[]) => {
  const child: ChildProcess = spawn(
    process.execPath,
    [resolve(import.meta.dirname, 'lake-process.mjs'), dist, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  let said = '';
  child.stdout?.on('data', (piece: Buffer) => {
    out += piece.toString();
  });
  child.stderr?.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  const lines = () => out.split('\n').slice(0, -1);
  const done = once(child, 'close').then(([code]) => ({ code: code as number | null, lines: lines(), said }));
  return { done, lines, failure: () => said, kill: () => child.kill('SIGKILL') };
};
