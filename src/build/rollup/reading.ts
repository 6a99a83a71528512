import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Kv } from '../../store/kv/index.js';
import type { RollupInventory, RollupPartition, RollupState } from './inventory.js';
import { type StoredLayout, storedLayout } from './layout.js';
import type { Manifest, ManifestPartition } from './manifest.js';
import { readManifest, type Shelf, shelfOf } from './registry.js';
import { longestRun } from './span.js';

/** A model's rollups with their place in the store. Made once per model. */
export interface Shelves {
  readonly catalogue: Catalogue;
  readonly byId: ReadonlyMap<string, Shelf>;
  readonly layouts: ReadonlyMap<string, StoredLayout>;
  /** Rollups that cannot be stored, and why. */
  readonly refused: ReadonlyMap<string, unknown>;
}

export const shelvesOf = (kv: Kv, namespace: string, catalogue: Catalogue, legs: LegCompiler): Shelves => {
  const byId = new Map<string, Shelf>();
  const layouts = new Map<string, StoredLayout>();
  const refused = new Map<string, unknown>();
  for (const definition of catalogue.rollups) {
    try {
      const layout = storedLayout(definition, catalogue, legs);
      layouts.set(definition.id, layout);
      byId.set(definition.id, shelfOf(kv, namespace, layout));
    } catch (thrown) {
      refused.set(definition.id, thrown); // told by the node once; this rollup then serves nothing
    }
  }
  return { catalogue, byId, layouts, refused };
};

/** Everything that is published of a model's rollups, as read at one time. Errors: `redis-unavailable`. */
export const readManifests = async (shelves: Shelves): Promise<ReadonlyMap<string, Manifest>> => {
  const found = new Map<string, Manifest>();
  await Promise.all(
    [...shelves.byId].map(async ([id, shelf]) => {
      const manifest = await readManifest(shelf);
      if (manifest) found.set(id, manifest);
    }),
  );
  return found;
};

const instant = (text: string): bigint => BigInt(text);

const partitionOf = (
  rollup: string,
  p: ManifestPartition,
  builtFrom: ReadonlyMap<string, string>,
): RollupPartition => ({
  rollup,
  key: p.key,
  version: p.version,
  span: p.from === null || p.to === null ? null : { from: instant(p.from), to: instant(p.to) },
  rows: p.rows,
  bytes: p.bytes,
  builtFrom,
});

/** A manifest as the planner sees it, without the partitions that this node knows to be gone. */
const stateOf = (manifest: Manifest, absent: (p: ManifestPartition) => boolean): RollupState => {
  const builtFrom = new Map(Object.entries(manifest.builtFrom));
  const there = manifest.partitions.filter((p) => !absent(p));
  const partitions = there.map((p) => Object.freeze(partitionOf(manifest.rollup, p, builtFrom)));
  const whole = there.length === manifest.partitions.length;
  const covers = manifest.covers && { from: instant(manifest.covers.from), to: instant(manifest.covers.to) };
  const spans = partitions.flatMap((p) => (p.span ? [p.span] : []));
  return Object.freeze({
    rollup: manifest.rollup,
    hash: manifest.definition,
    partitions,
    covers: whole ? covers : longestRun(spans),
    complete: manifest.complete && whole,
    builtFrom,
    refused:
      manifest.refused === null
        ? undefined
        : { partition: manifest.refused.partition, reason: manifest.refused.reason },
  });
};

/** An immutable reading for queries. */
export const inventoryOf = (
  manifests: ReadonlyMap<string, Manifest>,
  absent: (rollup: string, p: ManifestPartition) => boolean,
): RollupInventory =>
  Object.freeze({
    states: new Map([...manifests].map(([id, m]) => [id, stateOf(m, (p) => absent(id, p))])),
  });
