import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { error } from '../../../errors/index.js';
import type { DeltaFiles } from '../files.js';
import { addressText, isAddress, keyPath, parseAddress } from './address.js';
import type { Bucket } from './bucket.js';
import type { Need, ObjectCache } from './cache.js';
import { ifThere } from './cache-folder.js';
import { upload } from './transfer.js';

/** What the tables of one lake share. */
export interface BucketLake {
  readonly bucket: Bucket;
  readonly cache: ObjectCache;
  /** Folders, as prefixes of keys with a slash at the end, whose files are written here and were not sent yet. */
  readonly staging: Set<string>;
  /** Sizes that logs told, by key: so that what a statement names by its place alone is checked, too. */
  readonly sizes: Map<string, number>;
  readonly signal?: AbortSignal | undefined;
}

/** Sizes that are remembered. */
const MOST_SIZES = 500_000;
/** Files that are sent at one time. */
const SENT_AT_ONCE = 8;
/** Larger checkpoints are not held in memory for a conditional write; two of the same version are equally good. */
const MOST_IN_MEMORY = 64 * 2 ** 20;
/** What is no part of a table by its name: it never leaves this machine under it. */
const TEMPORARY = /(^|\/)(_staging(\/|$)|\.[^/]*\.tmp$)/;

/** What a log's folder holds may be replaced under its name; everything else is written once. */
export const needOf = (lake: BucketLake, key: string, size?: number): Need => ({
  key,
  size: size ?? lake.sizes.get(key),
  changes: key.includes('/_delta_log/') || key.startsWith('_delta_log/'),
});

const isStaged = (lake: BucketLake, key: string): boolean => {
  if (TEMPORARY.test(key)) return true;
  for (const folder of lake.staging) if (key === folder.slice(0, -1) || key.startsWith(folder)) return true;
  return false;
};

/** A table's place below a prefix of a bucket. */
export const bucketFiles = (lake: BucketLake, prefix: string): DeltaFiles => {
  const { bucket, cache } = lake;
  const keyOf = (path: string): string => {
    if (isAddress(path)) {
      const { bucket: other, prefix: key } = parseAddress(path);
      if (other === bucket.name) return key;
      throw error('delta-unsupported', { table: name('.'), feature: `files in another bucket (${path})` });
    }
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    return [...(prefix === '' ? [] : [prefix]), ...parts].join('/');
  };
  const folderOf = (path: string): string => {
    const key = keyOf(path);
    return key === '' ? '' : `${key}/`;
  };
  const pathOf = (key: string) => (prefix === '' ? key : key.slice(prefix.length + 1));
  const name = (path: string) => addressText({ bucket: bucket.name, prefix: keyOf(path) });
  const staged = (key: string) => join(cache.folder.staged, keyPath(key));
  const remove = async (keys: readonly string[]): Promise<void> => {
    await bucket.remove(keys);
    await cache.drop(keys);
    for (const key of keys) await rm(staged(key), { force: true });
  };

  const send = async (path: string, signal: AbortSignal | undefined): Promise<void> => {
    const key = keyOf(path);
    const file = staged(key);
    // What was sent before has become an object of the cache.
    if (!(await ifThere(file, stat(file)))) return;
    await upload(bucket, file, key, signal ?? lake.signal);
    await cache.adopt(file, key);
  };

  const survey: DeltaFiles['survey'] = async (folder) =>
    (await bucket.list(folderOf(folder))).objects
      .map(({ key, ...facts }) => ({ path: pathOf(key), ...facts }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));

  return {
    list: async (folder, from) => {
      const at = folderOf(folder);
      // The store wants the name before the first one: without its last letter it stands before it.
      const after = from === undefined || from === '' ? undefined : `${at}${from.slice(0, -1)}`;
      const { objects, folders } = await bucket.list(at, { flat: true, ...(after === undefined ? {} : { after }) });
      const names = [
        ...objects.map(({ key }) => key.slice(at.length)),
        ...folders.map((folderKey) => folderKey.slice(at.length, -1)),
      ];
      return names.filter((one) => one !== '' && (from === undefined || one >= from)).sort();
    },
    walk: async (folder) => (await survey(folder)).map(({ path }) => path),
    survey,
    read: (path, range) => bucket.read(keyOf(path), range),
    stat: (path) => bucket.facts(keyOf(path)),
    putIfAbsent: (path, content) => bucket.putIfAbsent(keyOf(path), Buffer.from(content)),
    put: (path, content) => bucket.put(keyOf(path), Buffer.from(content)),
    moveIfAbsent: async (from, to) => {
      const file = staged(keyOf(from));
      const key = keyOf(to);
      try {
        const facts = await stat(file);
        if (facts.size <= MOST_IN_MEMORY) return await bucket.putIfAbsent(key, await readFile(file));
        if (await bucket.facts(key)) return false;
        await upload(bucket, file, key, lake.signal);
        return true;
      } finally {
        await rm(file, { force: true });
      }
    },
    makeFolder: async (folder) => {
      const key = folderOf(folder);
      // Temporary names of the log's folder are local by their form; the rest of it must be seen as it is.
      if (!/(^|\/)_delta_log\/$/.test(key)) lake.staging.add(key);
      await mkdir(staged(key === '' ? '' : key.slice(0, -1)), { recursive: true });
    },
    sync: async (paths, signal) => {
      const left = [...paths];
      const worker = async () => {
        for (let path = left.pop(); path !== undefined; path = left.pop()) await send(path, signal);
      };
      const ended = await Promise.allSettled(Array.from({ length: SENT_AT_ONCE }, worker));
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
      // What was sent is read as everybody reads it; a folder is sent once.
      for (const folder of lake.staging)
        if (paths.some((path) => keyOf(path).startsWith(folder))) lake.staging.delete(folder);
    },
    removeFolder: async (folder) => {
      const key = folderOf(folder);
      lake.staging.delete(key);
      await rm(staged(key === '' ? '' : key.slice(0, -1)), { recursive: true, force: true });
      await remove((await bucket.list(key)).objects.map((object) => object.key));
    },
    removeFile: (path) => remove([keyOf(path)]),
    removeFiles: (paths) => remove(paths.map(keyOf)),
    name,
    location: (path, size) => {
      const key = keyOf(path);
      if (isStaged(lake, key)) return staged(key);
      if (size !== undefined) {
        if (lake.sizes.size >= MOST_SIZES) lake.sizes.clear();
        lake.sizes.set(key, size);
      }
      return cache.pathOf(key);
    },
    hold: (files, signal) => {
      const needs = files.map(({ path, size }) => needOf(lake, keyOf(path), size));
      return cache.hold(
        needs.filter(({ key }) => !isStaged(lake, key)),
        signal ?? lake.signal,
      );
    },
  };
};
