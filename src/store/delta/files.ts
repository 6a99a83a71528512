import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { error } from '../../errors/index.js';

export interface FileFacts {
  /** Bytes. */
  readonly size: number;
  /** Last change, milliseconds since 1970. */
  readonly modified: number;
  /** Another file under the same name has another one. */
  readonly identity: string;
}

/** What the log needs of a place that keeps files. Paths are relative to the table, parts joined by `/`. */
export interface DeltaFiles {
  /** Names of the files directly in a folder, sorted by code unit; an absent folder is empty. */
  list(folder: string): Promise<readonly string[]>;
  /** Paths of all files below a folder, relative to the table; an absent folder is empty. */
  walk(folder: string): Promise<readonly string[]>;
  /** Undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Undefined when there is no such file. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** Makes a file whole and durable, only where none is. False: the name was taken. */
  putIfAbsent(path: string, content: string): Promise<boolean>;
  /** Makes or replaces a file in one step. For hints only: the log itself is never replaced. */
  put(path: string, content: string): Promise<void>;
  /** Gives a finished file a name that is free, durably. False: the name was taken. `from` is gone either way. */
  moveIfAbsent(from: string, to: string): Promise<boolean>;
  /** Makes sure that an engine can write files into a folder. */
  makeFolder(folder: string): Promise<void>;
  /** Makes written files durable, before a commit names them. */
  sync(paths: readonly string[]): Promise<void>;
  /** Removes a folder with everything in it; absent is fine. */
  removeFolder(folder: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** How an engine names a file of this table. */
  location(path: string): string;
}

const codeOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;

/** Operating system errors in the catalogue's words. */
const failed = (path: string, thrown: unknown) =>
  codeOf(thrown) === 'ENOSPC' || codeOf(thrown) === 'EDQUOT'
    ? error('disk-full', { path }, thrown)
    : error('lake-unusable', { path, why: codeOf(thrown) ?? 'unknown' }, thrown);

const absent = async <T>(path: string, work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return undefined;
    throw failed(path, thrown);
  }
};

/** Files that are made durable at one time. */
const SYNCS = 8;

const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * A table's folder on this machine. Put-if-absent is a finished, synced temporary file that is hard-linked to its name: rename
 * would replace a winner's file, and opening with `wx` would show a half-written one.
 */
export const localFiles = (root: string): DeltaFiles => {
  const at = (path: string) => join(root, path);
  const guarded = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      throw failed(at(path), thrown);
    }
  };
  const temporary = async (path: string, content: string): Promise<string> => {
    const name = join(dirname(at(path)), `.${randomUUID()}.tmp`);
    try {
      await mkdir(dirname(name), { recursive: true });
      const handle = await open(name, 'wx');
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      await rm(name, { force: true });
      throw failed(at(path), thrown);
    }
    return name;
  };
  const linkIfFree = async (from: string, to: string): Promise<boolean> => {
    try {
      await link(from, to);
      await syncPath(dirname(to));
      return true;
    } catch (thrown) {
      if (codeOf(thrown) === 'EEXIST') return false;
      throw failed(to, thrown);
    } finally {
      await rm(from, { force: true });
    }
  };
  return {
    list: async (folder) => ((await absent(at(folder), () => readdir(at(folder)))) ?? []).sort(),
    walk: async (folder) =>
      ((await absent(at(folder), () => readdir(at(folder), { recursive: true, withFileTypes: true }))) ?? [])
        .filter((entry) => !entry.isDirectory())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)))
        .sort(),
    read: (path) => absent(at(path), () => readFile(at(path))),
    stat: (path) =>
      absent(at(path), async () => {
        const found = await stat(at(path));
        const identity = [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(':');
        return { size: found.size, modified: Math.floor(found.mtimeMs), identity };
      }),
    putIfAbsent: async (path, content) => linkIfFree(await temporary(path, content), at(path)),
    put: async (path, content) => {
      const name = await temporary(path, content);
      await guarded(path, async () => {
        await rename(name, at(path));
        await syncPath(dirname(at(path)));
      });
    },
    moveIfAbsent: (from, to) => guarded(from, () => syncPath(at(from))).then(() => linkIfFree(at(from), at(to))),
    makeFolder: (folder) => guarded(folder, async () => void (await mkdir(at(folder), { recursive: true }))),
    sync: (paths) =>
      guarded('.', async () => {
        const folders = new Set<string>();
        for (const path of paths)
          for (let folder = dirname(path); folder !== '.' && folder !== '/'; folder = dirname(folder))
            folders.add(folder);
        const left = [...paths];
        // The disk takes several at once better than one after the other; names come after what they name.
        const worker = async () => {
          for (let path = left.pop(); path !== undefined; path = left.pop()) await syncPath(at(path));
        };
        await Promise.all(Array.from({ length: SYNCS }, worker));
        for (const folder of folders) await syncPath(at(folder));
        if (paths.length > 0) await syncPath(root);
      }),
    removeFolder: (folder) => guarded(folder, () => rm(at(folder), { recursive: true, force: true })),
    removeFile: (path) => guarded(path, () => rm(at(path), { force: true })),
    location: at,
  };
};
