import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getPartition, sha256 } from './blobs.js';
import type { ManifestPartition } from './manifest.js';
import type { Shelf } from './registry.js';

/** Copies of partitions on the node's own disk. Each is believed only when its hash is right. */
export interface Copies {
  /** A file with the partition's bytes, from the disk or from the store; or what is wrong with it in the store. */
  file(
    shelf: Shelf,
    partition: ManifestPartition,
    signal?: AbortSignal,
  ): Promise<{ readonly path: string } | { readonly damage: string }>;
  /** Removes copies of versions that are not in use any more. */
  keepOnly(names: ReadonlySet<string>): Promise<void>;
}

/** A copy's file name; keys of partitions hold no character that a file system minds. */
export const copyName = (shelf: Shelf, partition: { readonly key: string; readonly version: string }): string =>
  `${shelf.name}.${partition.key.replaceAll(':', '_')}.${partition.version}.parquet`;

const isCode = (thrown: unknown, code: string): boolean =>
  thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === code;

const readIfThere = async (path: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT')) return undefined;
    throw thrown;
  }
};

export const openCopies = async (dir: string): Promise<Copies> => {
  await mkdir(dir, { recursive: true });
  return {
    file: async (shelf, partition, signal) => {
      const path = join(dir, copyName(shelf, partition));
      const there = await readIfThere(path);
      if (there && there.length === partition.bytes && sha256(there) === partition.sha256) return { path };
      const got = await getPartition(shelf.kv, shelf.namespace, shelf.name, partition, signal);
      if ('damage' in got) return got;
      const fresh = `${path}.${randomBytes(4).toString('hex')}.new`;
      await mkdir(dir, { recursive: true });
      await writeFile(fresh, got.blob);
      await rename(fresh, path);
      return { path };
    },
    keepOnly: async (names) => {
      for (const name of await readdir(dir))
        if (name.endsWith('.parquet') && !names.has(name)) await rm(join(dir, name), { force: true });
    },
  };
};
