import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { error } from '../../../errors/index.js';
import type { DeltaFiles, Held } from '../files.js';
import { type Address, addressText, isAddress, parseAddress, pathKey } from './address.js';
import { type Bucket, bucketOf } from './bucket.js';
import { type ObjectCache, openCache } from './cache.js';
import { ifThere, isInUse } from './cache-folder.js';
import { openClient, type StoreOptions } from './client.js';
import { openLakeObject } from './conditional.js';
import { type BucketLake, bucketFiles, needOf } from './files.js';

export interface MountOptions extends StoreOptions {
  /** `s3://bucket/prefix`. */
  readonly address: string;
  /** Folder of copies, shared by the processes of a home. Undefined: one of this process alone, gone when it closes. */
  readonly cacheDir?: string | undefined;
  /** Bytes of copies that are kept at most. Default 10 GB. */
  readonly cacheBytes?: number | undefined;
  /** False leaves the bucket as it is, and needs no right to write: nothing is written there to check the store. */
  readonly writes: boolean;
  /** Ends what is fetched or sent. */
  readonly signal?: AbortSignal | undefined;
}

/** A lake in a bucket that tables can be opened in, until it is closed. */
export interface Mount {
  /** The address in one form: `s3://bucket/prefix` without a slash at its end. */
  readonly address: string;
  /** A folder of this machine and process, for files between engines. */
  readonly scratch: string;
  close(): Promise<void>;
}

interface Mounted extends Mount {
  readonly at: Address;
  readonly lake: BucketLake;
}

const CACHE_BYTES = 10_000_000_000;
/** All that this process has mounted, newest first. Like mounts of a file system they are known by their address alone. */
const mounted: Mounted[] = [];

const within = ({ bucket, prefix }: Address, root: Address): boolean =>
  bucket === root.bucket && (root.prefix === '' || prefix === root.prefix || prefix.startsWith(`${root.prefix}/`));

const mountOf = (at: Address): Mounted | undefined => mounted.find((mount) => within(at, mount.at));

/** Copies of a lake that is not there any more: another one was made under the same address. */
const clearOthers = async (cacheDir: string, id: string): Promise<void> => {
  for (const name of (await ifThere(cacheDir, readdir(cacheDir))) ?? [])
    if (/^[0-9a-f-]{36}$/.test(name) && name !== id && !(await isInUse(join(cacheDir, name))))
      await rm(join(cacheDir, name), { recursive: true, force: true });
};

/** A bucket that is only read must be there; listing it says so before a table is taken for missing. */
const checkThere = async (bucket: Bucket, { prefix }: Address): Promise<void> => {
  const { client, sdk } = bucket.store;
  const answer = await bucket.ask(prefix, undefined, () =>
    client.send(new sdk.ListObjectsV2Command({ Bucket: bucket.name, Prefix: prefix, MaxKeys: 1 })),
  );
  if (answer.kind !== 'done') throw error('bucket-missing', { bucket: bucket.name });
};

/**
 * Makes a lake in a bucket known to `tableAt`. A store that does not honour If-None-Match is refused where tables are to be written.
 * Errors: `usage` (address), `bucket-*`, `lake-unusable` (folder of copies).
 */
export const mountLake = async (options: MountOptions): Promise<Mount> => {
  const at = parseAddress(options.address);
  const store = await openClient(options);
  let own: string | undefined;
  try {
    const bucket = bucketOf(store, at.bucket);
    const id = options.writes ? await openLakeObject(bucket, at.prefix) : undefined;
    if (id === undefined) await checkThere(bucket, at);
    if (options.cacheDir === undefined) own = await mkdtemp(join(tmpdir(), 'assay-lake-'));
    else if (id !== undefined) await clearOthers(options.cacheDir, id);
    const folder =
      id ??
      createHash('sha256')
        .update(`${store.endpoint} ${addressText(at)}`)
        .digest('hex')
        .slice(0, 32);
    const cache: ObjectCache = await openCache(
      join(own ?? options.cacheDir ?? '', folder),
      options.cacheBytes ?? CACHE_BYTES,
      bucket,
    );
    const lake: BucketLake = { bucket, cache, staging: new Set(), sizes: new Map(), signal: options.signal };
    const mount: Mounted = {
      ...{ at, lake, address: addressText(at), scratch: join(cache.folder.staged, '%scratch') },
      close: async () => {
        const place = mounted.indexOf(mount);
        if (place < 0) return;
        mounted.splice(place, 1);
        await cache.close();
        if (own !== undefined) await rm(own, { recursive: true, force: true });
        store.client.destroy();
      },
    };
    mounted.unshift(mount);
    return mount;
  } catch (thrown) {
    store.client.destroy();
    if (own !== undefined) await rm(own, { recursive: true, force: true });
    throw thrown;
  }
};

/** The place of a table in a bucket. Errors: `usage` (address), `lake-unusable` where no lake of it is mounted. */
export const mountedFiles = (address: string): DeltaFiles => {
  const at = parseAddress(address);
  const mount = mountOf(at);
  if (!mount)
    throw error('lake-unusable', { path: addressText(at), why: 'this process has not opened that object store' });
  return bucketFiles(mount.lake, at.prefix);
};

/**
 * A folder of this machine for files between engines that are no part of a table: below a lake that is a folder, and beside the
 * copies of one in a bucket.
 */
export const scratchFolder = (lake: string): string => {
  if (!isAddress(lake)) return join(lake, '_staging');
  const mount = mountOf(parseAddress(lake));
  if (!mount) throw error('lake-unusable', { path: lake, why: 'this process has not opened that object store' });
  return mount.scratch;
};

/** What paths of keys are made of; anything else ends one. */
const PATH = /[\w.%~/-]+/y;

/** The paths below a folder that a text names, without the folder. */
const pathsIn = (text: string, folder: string): Set<string> => {
  const found = new Set<string>();
  const root = `${folder}/`;
  for (let at = text.indexOf(root); at >= 0; at = text.indexOf(root, at)) {
    PATH.lastIndex = at + root.length;
    const [path] = PATH.exec(text) ?? [];
    if (path !== undefined) found.add(path);
    at += root.length + (path?.length ?? 0);
  }
  return found;
};

/** An engine makes no folders for the files that it is told to write. */
const makeParents = (text: string, folder: string): void => {
  for (const path of pathsIn(text, folder)) mkdirSync(dirname(join(folder, path)), { recursive: true });
};

/**
 * Makes every file of a mounted lake that statements name readable until it is released: engines read files of this machine only, and
 * a statement's text (or a parameter) is where all of them are named. Folders that it writes to are made. Undefined: it reads none.
 */
export const holdNamed = (texts: readonly string[], signal?: AbortSignal): Promise<Held> | undefined => {
  let held: Promise<Held> | undefined;
  for (const { lake } of mounted) {
    const keys = new Set<string>();
    for (const text of texts) {
      makeParents(text, lake.cache.folder.staged);
      for (const path of pathsIn(text, lake.cache.folder.read)) keys.add(pathKey(path));
    }
    if (keys.size === 0) continue;
    const more = lake.cache.hold(
      [...keys].map((key) => needOf(lake, key)),
      signal ?? lake.signal,
    );
    const before = held;
    held = before === undefined ? more : both(before, more);
  }
  return held;
};

const both = async (first: Promise<Held>, second: Promise<Held>): Promise<Held> => {
  const [a, b] = await Promise.allSettled([first, second]);
  const release = () => {
    if (a.status === 'fulfilled') a.value.release();
    if (b.status === 'fulfilled') b.value.release();
  };
  for (const one of [a, b])
    if (one.status === 'rejected') {
      release();
      throw one.reason;
    }
  return { release };
};
