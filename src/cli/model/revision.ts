import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { error } from '../../errors/index.js';

const run = promisify(execFile);

/**
 * A model as a folder: one that is there, or what a git revision holds of the folder of `model`, written out for as long as `work`
 * takes. Errors: `usage` when it is neither.
 */
export const withModelAt = async <T>(given: string, model: string, work: (dir: string) => Promise<T>): Promise<T> => {
  if (existsSync(given)) return work(resolve(given));
  const git = async (...args: readonly string[]): Promise<string> => {
    try {
      return (await run('git', ['-C', model, ...args], { maxBuffer: 1 << 28 })).stdout;
    } catch (thrown) {
      throw error(
        'usage',
        { text: `${given} is neither a folder nor a revision of the repository of ${model}` },
        thrown,
      );
    }
  };
  if (given.startsWith('-')) throw error('usage', { text: `${given} is no revision` });
  const commit = (await git('rev-parse', '--verify', '--quiet', `${given}^{commit}`)).trim();
  const prefix = (await git('rev-parse', '--show-prefix')).trim();
  const names = (await git('ls-tree', '-r', '-z', '--name-only', '--full-tree', commit, '--', prefix || '.'))
    .split('\0')
    .filter((name) => /\.ya?ml$/.test(name));
  if (names.length === 0) throw error('usage', { text: `${given} has no model in ${prefix || '.'}` });
  const dir = await mkdtemp(join(tmpdir(), 'assay-model-at-'));
  try {
    for (const name of names) {
      const path = join(dir, name.slice(prefix.length));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await git('show', `${commit}:${name}`));
    }
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
