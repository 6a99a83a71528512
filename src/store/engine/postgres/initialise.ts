import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { error } from '../../../errors/index.js';
import type { Binaries } from './binaries.js';
import { type Account, runCommand } from './command.js';
import { initFlags } from './settings.js';
import type { ClusterKind } from './types.js';

export const SUPERUSER = 'assay';

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const writeSecret = async (file: string, text: string, account: Account | undefined): Promise<void> => {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (account) await chown(file, account.uid, account.gid);
};

/** What an initdb or a server printed, as an error of ours: a full disk by its name, anything else with its own last words. */
export const failure = (output: string, folder: string) => {
  if (/No space left on device|Disk quota exceeded/i.test(output)) return error('disk-full', { path: folder });
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.find((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.at(-1) ?? 'it ended without a word';
  return error('postgres-cannot-run', {
    why: telling.replace(/^.*?(FATAL|PANIC|error):\s*/, '').trim(),
    way: `see ${folder}, set ASSAY_PG_DIR to a folder on a local disk, or set ASSAY_POSTGRES_URL to a server of your own`,
  });
};

/** Takes away what starts that were killed on the way have left. The caller holds the start lock. */
export const removeHalfMade = async (folder: string): Promise<void> => {
  const prefix = `${basename(folder)}.init-`;
  for (const name of await readdir(dirname(folder)))
    if (name.startsWith(prefix)) await rm(join(dirname(folder), name), { recursive: true, force: true });
};

/**
 * Makes `folder` with data/ and password: under another name first, so that it is whole as soon as it is there.
 * Errors: `disk-full`, `postgres-cannot-run`.
 */
export const initialise = async (
  folder: string,
  kind: ClusterKind,
  binaries: Binaries,
  account: Account | undefined,
): Promise<void> => {
  const made = await mkdtemp(`${folder}.init-`);
  try {
    if (account) await chown(made, account.uid, account.gid);
    await writeSecret(join(made, 'password'), randomBytes(24).toString('base64url'), account);
    const flags = ['-D', join(made, 'data'), `--username=${SUPERUSER}`, `--pwfile=${join(made, 'password')}`];
    const ended = await runCommand(binaries.initdb, [...flags, ...initFlags(kind)], account);
    if (ended.code !== 0) throw failure(ended.output, dirname(folder));
    if (kind === 'durable') await syncFolder(made);
    await rename(made, folder);
    if (kind === 'durable') await syncFolder(dirname(folder));
  } catch (e) {
    await rm(made, { recursive: true, force: true });
    if ((e as NodeJS.ErrnoException).code === 'ENOSPC') throw error('disk-full', { path: dirname(folder) }, e);
    throw e;
  }
};

/** A scratch folder is a copy of a template that initdb made once: a start takes a tenth of a second instead of one. */
export const freshScratch = async (folder: string, binaries: Binaries, account: Account | undefined): Promise<void> => {
  const template = `${folder}-template`;
  await removeHalfMade(template);
  if (!existsSync(template)) await initialise(template, 'scratch', binaries, account);
  await rm(folder, { recursive: true, force: true });
  const made = await mkdtemp(`${folder}.init-`);
  if (account) await chown(made, account.uid, account.gid);
  const copied = await runCommand('cp', ['-Rp', `${template}/.`, made], account);
  if (copied.code !== 0) throw failure(copied.output, dirname(folder));
  await rename(made, folder);
};
