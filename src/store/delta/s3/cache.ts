import { unlinkSync } from 'node:fs';
import { open, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { error } from '../../../errors/index.js';
import type { Held } from '../files.js';
import { keyPath } from './address.js';
import type { Bucket } from './bucket.js';
import {
  forget,
  ifThere,
  linkInto,
  openProcessFolder,
  type ProcessFolder,
  place,
  sharedFiles,
  sharedPath,
} from './cache-folder.js';
import { download } from './transfer.js';

/** An object that is going to be read. */
export interface Need {
  readonly key: string;
  /** Bytes, as the log says. */
  readonly size?: number | undefined;
  /** It may be replaced under its key (checkpoints): the store is asked each time whether it still is the same. */
  readonly changes?: boolean;
}

/**
 * Copies of a bucket's objects on this machine, for engines that read files only. All processes of a home share one folder of
 * objects; what a process holds is linked into a folder of its own, so that the others can remove the least recently used ones at
 * any time. A kill leaves nothing that is taken for an object: a copy gets its name when it is whole.
 */
export interface ObjectCache {
  readonly folder: ProcessFolder;
  /** Fetches what is missing and keeps all of it readable at `pathOf` until it is released. */
  hold(needs: readonly Need[], signal?: AbortSignal): Promise<Held>;
  pathOf(key: string): string;
  /** Takes a local file as the copy of an object that was just made of it. The file is gone then. */
  adopt(file: string, key: string): Promise<void>;
  /** Forgets objects that were removed. */
  drop(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Objects that are fetched or linked at one time. */
const AT_ONCE = 16;
/** Copies are stamped as used at most this often, in milliseconds. */
const STAMP_EVERY = 60_000;
/** What is left after copies were removed, of the bytes that are allowed: not every fetch should have to look again. */
const AFTER_TRIM = 0.9;

interface Pin {
  count: number;
  size: number;
  readonly ready: Promise<void>;
  /** Ends what is on its way when nobody waits for it any more. */
  readonly end: AbortController;
}

const inParallel = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  const left = [...items].reverse();
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
};

/** Fails when the signal comes; `forget` is called when nobody waits any more. One for many waits: a signal takes few listeners. */
const abortOf = (signal: AbortSignal | undefined): { readonly aborted: Promise<never>[]; forget(): void } => {
  if (!signal) return { aborted: [], forget: () => {} };
  let stop = (): void => {};
  const aborted = new Promise<never>((_, failed) => {
    stop = () => failed(error('cancelled', {}));
    signal.addEventListener('abort', stop, { once: true });
  });
  // Who waits is told by the race that it runs in; the promise itself is never without somebody who listens.
  void Promise.allSettled([aborted]);
  return { aborted: [aborted], forget: () => signal.removeEventListener('abort', stop) };
};

/** Objects that are remembered as looked into. */
const MOST_SEEN = 200_000;

/** Whether a Parquet file begins and ends as one: a file of the right size may still be full of nothing after a power cut. */
const looksWhole = async (path: string, size: number): Promise<boolean> => {
  if (!path.endsWith('.parquet')) return true;
  if (size < 12) return false;
  const file = await open(path, 'r');
  try {
    const marks = Buffer.alloc(8);
    await file.read(marks, 0, 4, 0);
    await file.read(marks, 4, 4, size - 4);
    return /^PAR[1E]PAR[1E]$/.test(marks.toString('latin1'));
  } finally {
    await file.close();
  }
};

export const openCache = async (root: string, limit: number, bucket: Bucket): Promise<ObjectCache> => {
  const objects = join(root, 'objects');
  const folder = await openProcessFolder(root);
  const pins = new Map<string, Pin>();
  /** Objects whose copy this process has looked into or fetched, with the identity they were fetched under. */
  const seen = new Map<string, string | undefined>();
  let bytes: number | undefined;
  let trimming = Promise.resolve();
  const pathOf = (key: string) => join(folder.read, keyPath(key));
  const damaged = (key: string, why: string) => error('delta-corrupt', { file: `s3://${bucket.name}/${key}`, why });

  const heldBytes = (): number => [...pins.values()].reduce((sum, { size }) => sum + size, 0);

  /** Removes the least recently used copies that nobody reads, so that `room` bytes more stay within the limit. */
  const trim = async (room: number): Promise<void> => {
    if (bytes !== undefined && bytes + room <= limit) return;
    const found = await sharedFiles(objects);
    bytes = found.reduce((sum, { size }) => sum + size, 0);
    if (bytes + room <= limit) return;
    const goal = Math.max(0, limit * AFTER_TRIM - room);
    for (const { path, size } of found.filter(({ inUse }) => !inUse).sort((a, b) => a.used - b.used)) {
      if (bytes <= goal) break;
      await forget(path);
      bytes -= size;
    }
  };
  const makeRoom = (room: number): Promise<void> => {
    trimming = trimming.then(
      () => trim(room),
      () => trim(room),
    );
    return trimming;
  };

  const remember = (key: string, identity: string | undefined): void => {
    if (seen.size >= MOST_SEEN) seen.clear();
    seen.set(key, identity);
  };

  /** True when the shared copy can be used as it is. */
  const usable = async ({ key, size, changes }: Need, shared: string): Promise<boolean> => {
    const facts = await ifThere(shared, stat(shared));
    if (!facts) return false;
    if (size !== undefined && facts.size !== size) return false;
    if (changes) {
      const now = await bucket.facts(key);
      if (!now) throw damaged(key, 'it is missing');
      if (seen.get(key) !== now.identity) return false;
    } else if (!seen.has(key) && !(await looksWhole(shared, facts.size))) return false;
    if (Date.now() - facts.atimeMs > STAMP_EVERY) {
      const now = new Date();
      await ifThere(shared, utimes(shared, now, now));
    }
    if (!seen.has(key)) remember(key, undefined);
    return true;
  };

  const fetch = async ({ key, size }: Need, shared: string, signal: AbortSignal): Promise<void> => {
    await makeRoom(size ?? 0);
    const coming = folder.temporary();
    try {
      const got = await download(bucket, key, coming, signal);
      if (!got) throw damaged(key, 'it is missing');
      if (size !== undefined && got.size !== size)
        throw damaged(key, `it has ${got.size} bytes, and the log says ${size}`);
      await place(coming, shared);
      remember(key, got.identity);
      bytes = (bytes ?? 0) + got.size;
      if (bytes > limit) await makeRoom(0);
    } finally {
      await rm(coming, { force: true });
    }
  };

  const bring = async (need: Need, signal: AbortSignal): Promise<void> => {
    const { key } = need;
    const shared = sharedPath(objects, key);
    const own = pathOf(key);
    for (;;) {
      if (!(await usable(need, shared))) await fetch(need, shared, signal);
      // Another process may have removed it again: then once more.
      if (await linkInto(shared, own)) break;
    }
    const pin = pins.get(key);
    if (pin) pin.size = (await ifThere(own, stat(own)))?.size ?? pin.size;
    else await rm(own, { force: true });
  };

  const letGo = (key: string): void => {
    const pin = pins.get(key);
    if (!pin) return;
    pin.count -= 1;
    if (pin.count > 0) return;
    pins.delete(key);
    pin.end.abort();
    try {
      unlinkSync(pathOf(key));
    } catch (thrown) {
      // It never came, or the whole folder went before.
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  };

  const take = (need: Need): Promise<void> => {
    const there = pins.get(need.key);
    if (there) {
      there.count += 1;
      return there.ready;
    }
    const end = new AbortController();
    const ready = Promise.resolve().then(() => bring(need, end.signal));
    pins.set(need.key, { count: 1, size: need.size ?? 0, ready, end });
    return ready;
  };

  return {
    ...{ folder, pathOf },
    hold: async (needs, signal) => {
      const wanted = new Map(needs.map((need) => [need.key, need]));
      const more = [...wanted.values()].reduce((sum, { key, size = 0 }) => sum + (pins.has(key) ? 0 : size), 0);
      const needed = heldBytes() + more;
      if (needed > limit) throw error('lake-cache-full', { needed, limit });
      const taken: string[] = [];
      const { aborted, forget: forgetSignal } = abortOf(signal);
      const release = () => {
        for (const key of taken.splice(0)) letGo(key);
      };
      try {
        await inParallel([...wanted.values()], async (need) => {
          if (signal?.aborted) throw error('cancelled', {});
          taken.push(need.key);
          await Promise.race([take(need), ...aborted]);
        });
      } catch (thrown) {
        release();
        throw thrown;
      } finally {
        forgetSignal();
      }
      return { release };
    },
    adopt: async (file, key) => {
      const { size } = await stat(file);
      await makeRoom(size);
      await place(file, sharedPath(objects, key));
      remember(key, undefined);
      bytes = (bytes ?? 0) + size;
    },
    drop: async (keys) => {
      for (const key of keys) {
        seen.delete(key);
        await forget(sharedPath(objects, key));
      }
    },
    close: () => rm(join(folder.read, '..'), { recursive: true, force: true }),
  };
};
