import { statSync } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeEntry, encodeEntry, HEADER, isExpired, readHeader } from './entry.js';
import { isMissing, moveTo, nameOf, writeTemporary } from './files.js';

/** Values up to this size are kept in memory too, in total up to the second; larger ones are read from their file each time. */
const SMALL = 64 << 10;
const KEPT = 32 << 20;

/** Values of plain keys, a file each. Another process of the home may change any of them at any time. */
export interface ValueFiles {
  get(key: string): Promise<Buffer | undefined>;
  set(key: string, value: Buffer, expires: number): Promise<void>;
  delete(key: string): Promise<void>;
  keys(prefix: string): Promise<string[]>;
  /** Removes what has expired. */
  sweep(): Promise<void>;
}

interface Kept {
  readonly value: Buffer;
  readonly expires: number;
  /** Which file it was read from: every write makes a new one. */
  readonly file: string;
}

const identity = (path: string): string | undefined => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.ino}/${stat.ctimeMs}/${stat.size}`;
};

export const valueFiles = (dir: string): ValueFiles => {
  const kept = new Map<string, Kept>();
  let bytes = 0;
  /** A file's name comes from its key, so what is known of it stays true. */
  const names = new Map<string, string>();

  const pathOf = (key: string): string => {
    const name = nameOf(key);
    return join(dir, 'v', name.slice(0, 2), name);
  };
  const forget = (key: string) => {
    bytes -= kept.get(key)?.value.length ?? 0;
    kept.delete(key);
  };
  const keep = (key: string, entry: Kept) => {
    forget(key);
    if (entry.value.length > SMALL) return;
    kept.set(key, entry);
    bytes += entry.value.length;
    for (const oldest of kept.keys()) {
      if (bytes <= KEPT) break;
      forget(oldest);
    }
  };
  const headOf = async (path: string): Promise<{ key: string; expires: number } | undefined> => {
    try {
      const handle = await open(path, 'r');
      try {
        const head = Buffer.alloc(HEADER + 1024);
        const { bytesRead } = await handle.read(head, 0, head.length, 0);
        const header = readHeader(head.subarray(0, bytesRead));
        if (!header) return undefined;
        const end = HEADER + header.keyLength;
        const name = end <= head.length ? head : Buffer.alloc(end);
        if (name !== head) await handle.read(name, 0, end, 0);
        return { key: name.subarray(HEADER, end).toString(), expires: header.expires };
      } finally {
        await handle.close();
      }
    } catch (e) {
      if (isMissing(e)) return undefined;
      throw e;
    }
  };
  const everyFile = async function* (): AsyncGenerator<{ name: string; path: string }> {
    for (const shard of await readdir(join(dir, 'v')))
      for (const name of await readdir(join(dir, 'v', shard))) yield { name, path: join(dir, 'v', shard, name) };
  };

  return {
    async get(key) {
      const path = pathOf(key);
      const file = identity(path);
      if (file === undefined) {
        forget(key);
        return undefined;
      }
      const known = kept.get(key);
      if (known?.file === file) {
        if (isExpired(known.expires)) return undefined;
        kept.delete(key);
        kept.set(key, known);
        return known.value;
      }
      try {
        const entry = decodeEntry(await readFile(path), key);
        if (!entry || isExpired(entry.expires)) return undefined;
        // A file that was replaced while it was read is read again the next time.
        if (identity(path) === file) keep(key, { ...entry, file });
        return entry.value;
      } catch (e) {
        if (isMissing(e)) return undefined;
        throw e;
      }
    },
    async set(key, value, expires) {
      const written = await writeTemporary(dir, encodeEntry(key, value, expires), false);
      await moveTo(written, pathOf(key));
      forget(key);
    },
    async delete(key) {
      await rm(pathOf(key), { force: true });
      forget(key);
    },
    async keys(prefix) {
      const found: string[] = [];
      for await (const { name, path } of everyFile()) {
        const key = names.get(name);
        if (key !== undefined && !key.startsWith(prefix)) continue;
        const head = await headOf(path);
        if (!head) continue;
        names.set(name, head.key);
        if (head.key.startsWith(prefix) && !isExpired(head.expires)) found.push(head.key);
      }
      return found;
    },
    async sweep() {
      for await (const { name, path } of everyFile()) {
        const head = await headOf(path);
        if (!head || !isExpired(head.expires)) continue;
        await rm(path, { force: true });
        names.delete(name);
        forget(head.key);
      }
    },
  };
};
