import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Kv } from '../../store/kv/index.js';
import { EMPTY, type Manifest } from './manifest.js';
import type { PublishedTables } from './options.js';
import { readManifests, shelvesOf } from './reading.js';

/** One rollup as an operator sees it. */
export interface RollupStatus {
  readonly rollup: string;
  /** `stale`: made from other contents of its tables; it serves as it is. `refused`: the last proof failed. `missing`: not built. */
  readonly state: 'current' | 'stale' | 'missing' | 'refused';
  readonly partitions: readonly {
    readonly key: string;
    readonly version: string;
    readonly rows: number;
    readonly bytes: number;
  }[];
  readonly rows: number;
  readonly bytes: number;
  /** Publication that it was proven against; undefined when nothing is published. */
  readonly revision: number | undefined;
  /** RFC 3339. */
  readonly builtAt: string | undefined;
  /** What the proof compared. */
  readonly proof: string | undefined;
  /** The last refusal after that, and why. */
  readonly refused: { readonly partition: string; readonly reason: string; readonly at: string } | undefined;
}

export interface RollupStatusOptions {
  readonly kv: Kv;
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  readonly publication: PublishedTables;
  readonly namespace: string;
}

/** What is published of every rollup of the catalogue, compared with a publication. Errors: `redis-unavailable`. */
export const rollupStatus = async (options: RollupStatusOptions): Promise<readonly RollupStatus[]> => {
  const shelves = shelvesOf(options.kv, options.namespace, options.catalogue, options.legs);
  const manifests = await readManifests(shelves);
  return options.catalogue.rollups.map(({ id }) => statusOf(id, manifests.get(id), options.publication));
};

const statusOf = (rollup: string, manifest: Manifest | undefined, publication: PublishedTables): RollupStatus => {
  const partitions = (manifest?.partitions ?? [])
    .filter((p) => p.version !== EMPTY)
    .map(({ key, version, rows, bytes }) => ({ key, version, rows, bytes }));
  const published = manifest !== undefined && manifest.proof !== '';
  const fresh = Object.entries(manifest?.builtFrom ?? {}).every(
    // a table of others has no version here: its refresh key is asked when rollups are built
    ([table, version]) => (publication.tables.get(table)?.dataVersion ?? version) === version,
  );
  return {
    rollup,
    state: manifest?.refused ? 'refused' : !published ? 'missing' : fresh ? 'current' : 'stale',
    partitions,
    rows: partitions.reduce((n, p) => n + p.rows, 0),
    bytes: partitions.reduce((n, p) => n + p.bytes, 0),
    revision: published ? manifest.revision : undefined,
    builtAt: published ? manifest.builtAt : undefined,
    proof: published ? manifest.proof : undefined,
    refused: manifest?.refused ?? undefined,
  };
};
