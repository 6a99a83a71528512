import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Kv } from '../../store/kv/index.js';
import { keyPrefix, parseKey, rollupKeys } from './keys.js';
import { decodeManifest, type Manifest } from './manifest.js';
import { shelvesOf } from './reading.js';

export interface SweepOptions {
  readonly kv: Kv;
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  readonly namespace: string;
  /** Rollups that the model does not have stay, however old: another model may be in use beside this one. */
  readonly keepOthers?: boolean;
  /** A rollup that the model no longer has is removed when it was built longer ago than this. Default one day. */
  readonly orphanMilliseconds?: number;
}

const DAY = 86_400_000;
const LEASE = 30_000;

/**
 * Removes what no reader can want: versions that builders wrote and never published, and rollups that the model no longer defines.
 * Each rollup is swept under its lease, so never while it is built. Gives the number of keys removed. Errors: `redis-unavailable`.
 */
export const sweepRollups = async (options: SweepOptions): Promise<number> => {
  const { kv, namespace } = options;
  const byName = new Map<string, string[]>();
  for (const key of await kv.keys(keyPrefix(namespace))) {
    const name = parseKey(namespace, key)?.name;
    if (name !== undefined) byName.set(name, [...(byName.get(name) ?? []), key]);
  }
  const shelves = shelvesOf(kv, namespace, options.catalogue, options.legs);
  const known = new Set([...shelves.byId.values()].map((s) => s.name));
  let removed = 0;
  for (const [name, keys] of byName) {
    const of = rollupKeys(namespace, name);
    const lease = await kv.lease(of.lease, LEASE);
    if (!lease) continue; // it is being built
    try {
      const bytes = await kv.get(of.manifest);
      const manifest = bytes && decodeManifest(bytes);
      const old = !manifest || Date.now() - Date.parse(manifest.builtAt) > (options.orphanMilliseconds ?? DAY);
      const wanted = known.has(name) || !old || options.keepOthers ? wantedBy(manifest) : undefined;
      const gone = keys.filter((key) => {
        const at = parseKey(namespace, key);
        if (at?.partition === undefined) return wanted === undefined && key === of.manifest;
        return wanted === undefined || !wanted.has(`${at.partition} ${at.version}`);
      });
      // one slot at a time: keys of different partitions lie on different nodes of a cluster
      for (const key of gone) await kv.delete([key]);
      removed += gone.length;
    } finally {
      await lease.release();
    }
  }
  return removed;
};

const wantedBy = (manifest: Manifest | undefined): ReadonlySet<string> =>
  new Set([...(manifest?.partitions ?? []), ...(manifest?.retired ?? [])].map((p) => `${p.key} ${p.version}`));
