import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { keyPath } from './address.js';
import { diskFailure } from './transfer.js';

/** The part of the cache that belongs to this process; it goes with it. */
export interface ProcessFolder {
  /** Objects that this process is reading: hard links, so that nobody can take them away under it. */
  readonly read: string;
  /** Files that engines write here, before they are sent. */
  readonly staged: string;
  /** A name for a file that is on its way. */
  temporary(): string;
}

const PROCESS = /^process-(\d+)-[0-9a-f-]{36}$/;

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
};

const codeOf = (thrown: unknown): string | undefined => (thrown as NodeJS.ErrnoException).code;

/** Waits for work; gives undefined where what it is about is not there. */
export const ifThere = async <T>(path: string, work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return undefined;
    throw diskFailure(path, thrown);
  }
};

/** True while a process that lives uses these copies. */
export const isInUse = async (root: string): Promise<boolean> =>
  ((await ifThere(root, readdir(root))) ?? []).some((name) => {
    const pid = PROCESS.exec(name)?.[1];
    return pid !== undefined && isRunning(Number(pid));
  });

/** Makes the folders of this process, and removes those that killed processes left. */
export const openProcessFolder = async (root: string): Promise<ProcessFolder> => {
  try {
    await mkdir(root, { recursive: true });
    for (const name of await readdir(root)) {
      const pid = PROCESS.exec(name)?.[1];
      if (pid !== undefined && !isRunning(Number(pid))) await rm(join(root, name), { recursive: true, force: true });
    }
    const own = join(root, `process-${process.pid}-${randomUUID()}`);
    const [read, staged, coming] = [join(own, 'read'), join(own, 'staged'), join(own, 'coming')];
    for (const folder of [read, staged, coming]) await mkdir(folder, { recursive: true });
    return { read, staged, temporary: () => join(coming, randomUUID()) };
  } catch (thrown) {
    throw diskFailure(root, thrown);
  }
};

/** Does it once more where another process has just removed the folder as empty. */
const inFolder = async (path: string, work: () => Promise<void>): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(dirname(path), { recursive: true });
      return await work();
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT' || attempt > 8) throw diskFailure(path, thrown);
    }
  }
};

/** Gives a finished file its place, in one step. */
export const place = (from: string, to: string): Promise<void> => inFolder(to, () => rename(from, to));

/** Links a shared file into the folder of this process. False: it is not there. */
export const linkInto = async (shared: string, own: string): Promise<boolean> => {
  let there = true;
  await inFolder(own, async () => {
    try {
      await link(shared, own);
    } catch (thrown) {
      if (codeOf(thrown) === 'EEXIST') {
        // What an earlier reader left under this name may be another object.
        await unlink(own);
        await link(shared, own);
      } else if (codeOf(thrown) === 'ENOENT' && (await ifThere(shared, stat(shared))) === undefined) there = false;
      else throw thrown;
    }
  });
  return there;
};

/** Removes a shared file, and its folder when it was the last in it. Those who read it keep it. */
export const forget = async (shared: string): Promise<void> => {
  await ifThere(shared, unlink(shared));
  await rmdir(dirname(shared)).catch((thrown: unknown) => {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY'].includes(codeOf(thrown) ?? '')) throw diskFailure(shared, thrown);
  });
};

export interface SharedFile {
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly used: number;
  /** Some process reads it now. */
  readonly inUse: boolean;
}

/** Everything that is shared, with when it was used last. */
export const sharedFiles = async (objects: string): Promise<SharedFile[]> => {
  const found: SharedFile[] = [];
  const entries = (await ifThere(objects, readdir(objects, { recursive: true, withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const facts = await ifThere(path, stat(path));
    if (facts) found.push({ path, size: facts.size, used: facts.atimeMs, inUse: facts.nlink > 1 });
  }
  return found;
};

/** Where a key's object is shared. */
export const sharedPath = (objects: string, key: string): string => join(objects, keyPath(key));
