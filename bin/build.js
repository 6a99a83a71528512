#!/usr/bin/env node
// Compiles src/ to dist/ when a source is newer than the last build. `--force` compiles in any case. Types are checked by
// `npm run types`, not here: a start must not wait for a proof that does not change what runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');

const newest = (dir) =>
  readdirSync(dir, { withFileTypes: true }).reduce((most, entry) => {
    const path = join(dir, entry.name);
    const time = entry.isDirectory() ? Math.max(newest(path), statSync(path).mtimeMs) : statSync(path).mtimeMs;
    return Math.max(most, time);
  }, 0);

/** True when dist/ holds what src/ says. An installed package has no src/. */
export const isBuilt = () => {
  if (!existsSync(join(root, 'src'))) return true;
  if (!existsSync(stamp)) return false;
  const sources = Math.max(newest(join(root, 'src')), statSync(join(root, 'tsconfig.json')).mtimeMs);
  return statSync(stamp).mtimeMs > sources;
};

export const build = () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const next = join(root, `dist.${process.pid}`);
  const started = Date.now();
  const result = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json'), '--outDir', next, '--noCheck'], {
    stdio: 'inherit',
  });
  if (result.status !== 0) {
    rmSync(next, { recursive: true, force: true });
    return false;
  }
  mkdirSync(next, { recursive: true });
  writeFileSync(join(next, '.built'), '');
  const old = join(root, `dist.old.${process.pid}`);
  try {
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
    renameSync(next, join(root, 'dist'));
  } catch (thrown) {
    // Another process built at the same time and was first; its result is as good as ours.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(thrown.code) || !isBuilt()) throw thrown;
  }
  for (const left of [next, old]) rmSync(left, { recursive: true, force: true });
  process.stderr.write(`compiled in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  return true;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if ((process.argv.includes('--force') || !isBuilt()) && !build()) process.exit(1);
}
