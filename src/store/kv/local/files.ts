import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AssayError, error } from '../../../errors/index.js';

/** A file system's error as one of the catalogue. */
export const fileFailure = (e: unknown, dir: string): AssayError => {
  const { code, message } = e as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return error('disk-full', { path: dir }, e);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return error('home-unwritable', { home: dir, why: message }, e);
  return error('internal', {}, e);
};

export const isMissing = (e: unknown): boolean => (e as NodeJS.ErrnoException).code === 'ENOENT';

/** A name for a key of any length and letters. */
export const nameOf = (key: string): string => createHash('sha256').update(key).digest('hex');

/** Writes a new file under a name of its own; with `sync` it is on the disk before the promise resolves. */
export const writeTemporary = async (dir: string, parts: readonly Uint8Array[], sync: boolean): Promise<string> => {
  const path = join(dir, 'tmp', randomUUID());
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writev([...parts]);
    if (sync) await handle.sync();
  } catch (e) {
    await rm(path, { force: true });
    throw e;
  } finally {
    await handle.close();
  }
  return path;
};

/** Moves a written file to its place, whose folder is made when it is missing. Readers see the old one or the new one. */
export const moveTo = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to);
  } catch (e) {
    if (!isMissing(e)) throw e;
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  }
};

/** After this a rename or link in the folder survives a power cut. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
