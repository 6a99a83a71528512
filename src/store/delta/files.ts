import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { error } from '../../errors/index.js';

export interface FileFacts {
  /** Bytes. */
  readonly size: number;
  /** Last change, milliseconds since 1970. */
  readonly modified: number;
  /** Another file under the same name has another one. */
  readonly identity: string;
}

/** A file with where it is: `path` is relative to the table. */
export interface FoundFile extends FileFacts {
  readonly path: string;
}

/** A file that an engine is going to read. `size` is what the log says, in bytes: a copy of another size is not used. */
export interface NeededFile {
  readonly path: string;
  readonly size?: number | undefined;
}

/** Files that stay readable until they are let go. */
export interface Held {
  release(): void;
}

/** A part of a file, in bytes. */
export interface ByteRange {
  readonly from: number;
  readonly length: number;
}

/**
 * A table's place: a folder of this machine, or a prefix of a bucket. Paths are relative to the table, parts joined by `/`, not
 * URI-encoded. Errors: `lake-unusable`, `disk-full`; of a bucket those whose names begin with `bucket-`.
 */
export interface DeltaFiles {
  /** Names directly in a folder, folders among them, sorted by code unit; an absent folder is empty. `from`: only names not less. */
  list(folder: string, from?: string): Promise<readonly string[]>;
  /** Paths of all files below a folder, sorted; an absent folder is empty. */
  walk(folder: string): Promise<readonly string[]>;
  /** The same with what is known of each, in as few questions as the place allows. */
  survey(folder: string): Promise<readonly FoundFile[]>;
  /** The file or a part of it (less where it ends); undefined when there is no such file. */
  read(path: string, range?: ByteRange): Promise<Buffer | undefined>;
  /** Undefined when there is no such file. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** Makes a file whole and durable, only where none is. False: the name was taken, and not by this very call. */
  putIfAbsent(path: string, content: string): Promise<boolean>;
  /** Makes or replaces a file in one step. For hints only: the log itself is never replaced. */
  put(path: string, content: string): Promise<void>;
  /** Gives a file that an engine has finished a name that is free, durably. False: the name was taken. `from` is gone either way. */
  moveIfAbsent(from: string, to: string): Promise<boolean>;
  /** Makes sure that an engine can write files into a folder, at `location(folder)`. Nobody else sees them before `sync`. */
  makeFolder(folder: string): Promise<void>;
  /** Makes written files durable, and seen by everybody, before a commit names them. */
  sync(paths: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Removes a folder with everything in it; `.` is all of the table; absent is fine. */
  removeFolder(folder: string): Promise<void>;
  /** Absent is fine. */
  removeFile(path: string): Promise<void>;
  /** Many at once; absent ones are fine. */
  removeFiles(paths: readonly string[]): Promise<void>;
  /** How people are told of a file. */
  name(path: string): string;
  /**
   * How an engine names a file of this table: a path of this machine. Of a bucket it can be read there only while it is held; the
   * product's DuckDB holds what its statements name. `size` is what the log says.
   */
  location(path: string, size?: number): string;
  /** Makes files readable at their `location`, until they are released. Errors: also `delta-corrupt` (missing, of another size), `cancelled`. */
  hold(files: readonly NeededFile[], signal?: AbortSignal): Promise<Held>;
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

/** Files that are looked at or made durable at one time. */
const AT_ONCE = 8;

const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const NOTHING_HELD: Held = { release: () => {} };

const readPart = async (path: string, { from, length }: ByteRange): Promise<Buffer> => {
  const handle = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(bytes, done, length - done, from + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await handle.close();
  }
};

/**
 * A table's folder on this machine. Put-if-absent is a finished, synced temporary file that is hard-linked to its name: rename
 * would replace a winner's file, and opening with `wx` would show a half-written one.
 */
export const localFiles = (root: string): DeltaFiles => {
  const at = (path: string) => (isAbsolute(path) ? path : join(root, path));
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
  const walk: DeltaFiles['walk'] = async (folder) =>
    ((await absent(at(folder), () => readdir(at(folder), { recursive: true, withFileTypes: true }))) ?? [])
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort();
  const factsOf: DeltaFiles['stat'] = (path) =>
    absent(at(path), async () => {
      const found = await stat(at(path));
      const identity = [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(':');
      return { size: found.size, modified: Math.floor(found.mtimeMs), identity };
    });
  return {
    list: async (folder, from) => {
      const names = ((await absent(at(folder), () => readdir(at(folder)))) ?? []).sort();
      return from === undefined ? names : names.filter((name) => name >= from);
    },
    walk,
    survey: async (folder) => {
      const left = [...(await walk(folder))].reverse();
      const found: FoundFile[] = [];
      const worker = async () => {
        for (let path = left.pop(); path !== undefined; path = left.pop()) {
          const facts = await factsOf(path);
          if (facts) found.push({ path, ...facts });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      return found.sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    read: (path, range) => absent(at(path), () => (range ? readPart(at(path), range) : readFile(at(path)))),
    stat: factsOf,
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
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
        for (const folder of folders) await syncPath(at(folder));
        if (paths.length > 0) await syncPath(root);
      }),
    removeFolder: (folder) => guarded(folder, () => rm(at(folder), { recursive: true, force: true })),
    removeFile: (path) => guarded(path, () => rm(at(path), { force: true })),
    removeFiles: async (paths) => {
      for (const path of paths) await guarded(path, () => rm(at(path), { force: true }));
    },
    name: at,
    location: at,
    // What is not there shows when it is read: the engine's error names it.
    hold: async () => NOTHING_HELD,
  };
};
