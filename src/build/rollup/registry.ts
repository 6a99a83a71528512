import { error } from '../../errors/index.js';
import type { Kv, Lease } from '../../store/kv/index.js';
import { dropPartition, eachOf } from './blobs.js';
import { channelOf, partitionKeys, rollupKeys, rollupName } from './keys.js';
import type { StoredLayout } from './layout.js';
import { decodeManifest, encodeManifest, type Manifest, type ManifestPartition } from './manifest.js';

/** Where one rollup stands in the store. */
export interface Shelf {
  readonly kv: Kv;
  readonly namespace: string;
  readonly layout: StoredLayout;
  /** Name of the rollup in keys. */
  readonly name: string;
}

export const shelfOf = (kv: Kv, namespace: string, layout: StoredLayout): Shelf => ({
  kv,
  namespace,
  layout,
  name: rollupName(layout.definition, layout.hash),
});

/** What is published of a rollup; undefined when nothing is, or when what is there cannot be read. Errors: `redis-unavailable`. */
export const readManifest = async (shelf: Shelf): Promise<Manifest | undefined> => {
  const bytes = await shelf.kv.get(rollupKeys(shelf.namespace, shelf.name).manifest);
  const manifest = bytes === undefined ? undefined : decodeManifest(bytes);
  return manifest?.layout === shelf.layout.hash ? manifest : undefined;
};

/** True when every partition's entry is there. A node that finds a damaged blob removes its entry. */
export const entriesStand = async (shelf: Shelf, partitions: readonly ManifestPartition[]): Promise<boolean> => {
  let whole = true;
  const blobs = partitions.filter((p) => p.chunks > 0);
  await eachOf(blobs.length, async (i) => {
    const p = blobs[i];
    if (!p || !whole) return;
    const entry = await shelf.kv.get(partitionKeys(shelf.namespace, shelf.name, p.key, p.version).entry);
    if (entry === undefined) whole = false;
  });
  return whole;
};

/** Swaps what is published, in one step, and tells every node. False when a builder with a higher fence published before. */
export const publishManifest = async (shelf: Shelf, manifest: Manifest, lease: Lease): Promise<boolean> => {
  const keys = rollupKeys(shelf.namespace, shelf.name);
  if (!(await shelf.kv.publish(keys.manifest, encodeManifest(manifest), keys.fence, lease.fence))) return false;
  const back = await shelf.kv.get(keys.manifest);
  if (back === undefined) throw error('redis-unavailable', { why: 'a value that was just written is not there' });
  await shelf.kv.announce(channelOf(shelf.namespace), shelf.layout.definition.id);
  return true;
};

/** What a new set retires of an old one, and what of the retired may go now. */
export const retire = (
  old: Manifest | undefined,
  partitions: readonly ManifestPartition[],
  now: number,
  grace: number,
): { readonly retired: Manifest['retired']; readonly gone: Manifest['retired'] } => {
  const kept = new Set(partitions.map((p) => `${p.key} ${p.version}`));
  const all = [
    ...(old?.retired ?? []),
    ...(old?.partitions ?? [])
      .filter((p) => p.chunks > 0)
      .map((p) => ({ key: p.key, version: p.version, chunks: p.chunks, at: now })),
  ].filter((p) => !kept.has(`${p.key} ${p.version}`));
  return { retired: all.filter((p) => now - p.at < grace), gone: all.filter((p) => now - p.at >= grace) };
};

/** Removes versions whose grace is over. */
export const dropAll = async (shelf: Shelf, gone: Manifest['retired']): Promise<void> => {
  for (const p of gone) await dropPartition(shelf.kv, shelf.namespace, shelf.name, p);
};
