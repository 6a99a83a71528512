import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { canEnter } from './account.js';
import type { Account } from './command.js';
import { findLive } from './live.js';

const AWAY = '/var/lib/assay';
const POINTER = 'postgres.path';

const readLine = async (file: string): Promise<string | undefined> =>
  existsSync(file) ? (await readFile(file, 'utf8')).trim() : undefined;

const makeFolder = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
  } catch (e) {
    const { code, message } = e as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw error('disk-full', { path: folder }, e);
    throw error('home-unwritable', { home: folder, why: message }, e);
  }
};

/**
 * The folder of a home's clusters: `HOME/postgres`, a folder of its own below ASSAY_PG_DIR, or below /var/lib/assay where the
 * server's user cannot walk to the home (a clone below /root). The home keeps a pointer to a folder elsewhere, so that a later
 * start finds its data whatever has changed. Errors: `postgres-cannot-run`, `home-unwritable`, `disk-full`.
 */
export const placeOfClusters = async (
  home: string,
  pgDir: string | undefined,
  account: Account | undefined,
  emit: Emit,
): Promise<string> => {
  await makeFolder(home);
  const real = await realpath(home);
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 12);
  const within = join(real, 'postgres');
  const pointer = join(real, POINTER);
  const kept = (await readLine(pointer)) ?? (existsSync(join(within, 'durable')) ? within : undefined);
  const reachable = pgDir === undefined && (await canEnter(real, account));
  const wanted = pgDir !== undefined ? join(pgDir, hash) : reachable ? within : join(AWAY, hash);
  const place = kept !== undefined && existsSync(join(kept, 'durable')) ? kept : wanted;
  if (place !== wanted && pgDir !== undefined)
    throw error('postgres-cannot-run', {
      why: `the clusters of this home are in ${place}, and ASSAY_PG_DIR names another folder`,
      way: `unset ASSAY_PG_DIR, or stop the service, move ${place} to ${wanted} and write that path into ${pointer}`,
    });
  await makeFolder(place);
  if (!(await canEnter(place, account)))
    throw error('postgres-cannot-run', {
      why: `its user ${account?.name ?? 'here'} cannot enter ${place}`,
      way: `let others enter every folder above it (chmod o+x), or set ASSAY_PG_DIR to a folder that ${account?.name ?? 'this user'} can enter`,
    });
  if (place !== within) await claim(place, real, pointer, pgDir === undefined, account, emit);
  if (dirname(place) === AWAY) await removeOrphans();
  return place;
};

/** Scratch folders of homes that are gone (tests, deleted clones). Durable data is never removed. */
const removeOrphans = async (): Promise<void> => {
  for (const name of await readdir(AWAY)) {
    const folder = join(AWAY, name);
    const owner = await readLine(join(folder, 'home'));
    if (owner === undefined || existsSync(owner) || existsSync(join(folder, 'durable'))) continue;
    if (await findLive(join(folder, 'scratch', 'data'))) continue;
    await rm(folder, { recursive: true, force: true });
  }
};

/** Writes the two-way link between a home and its folder elsewhere, once. */
const claim = async (
  place: string,
  home: string,
  pointer: string,
  tell: boolean,
  account: Account | undefined,
  emit: Emit,
): Promise<void> => {
  const owner = await readLine(join(place, 'home'));
  if (owner !== undefined && owner !== home && existsSync(join(owner, POINTER)))
    throw error('postgres-cannot-run', {
      why: `the clusters in ${place} belong to the home ${owner}`,
      way: `use that home, or remove ${pointer} to begin with empty clusters`,
    });
  if (owner !== home) await writeFile(join(place, 'home'), `${home}\n`);
  if ((await readLine(pointer)) === place) return;
  await writeFile(pointer, `${place}\n`);
  if (tell)
    emit('notice', {
      message: `PostgreSQL keeps its data in ${place}: its user ${account?.name ?? ''} cannot enter ${dirname(pointer)}`,
    });
};
