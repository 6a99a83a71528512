import { error } from '../../../errors/index.js';
import { compareText, type Value } from '../../../query/index.js';
import type { Chosen } from '../choose.js';
import type { FeatureParts } from '../parts.js';
import { decodeEntities } from './codec.js';
import { type OnlineKeys, onlineKeys } from './keys.js';
import { decodeManifest, type Manifest } from './manifest.js';
import { isNamed, rosterPart } from './roster.js';

/** Values of a set at one version. `undefined`: the entity is not in it. */
export interface OnlineReading {
  readonly manifest: Manifest;
  readonly values: ReadonlyMap<string, readonly Value[] | undefined>;
}

/** How long a pointer is believed when no news comes: a lost message costs no more than this. */
const BELIEVED = 500;
/** Entities kept in memory; a version never changes, so they need no time-out. */
const KEPT = 100_000;
/** Parts of rosters kept in memory, 64 KB each. */
const ROSTERS = 64;
/** A version is removed only after the next but one was published; a reader that is so slow begins again. */
const TRIES = 3;

/** The blob that would hold a key: the last one that begins at or before it. */
const bucketOf = (buckets: readonly string[], key: string): number => {
  let [low, high] = [0, buckets.length - 1];
  let found = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (compareText(buckets[middle] ?? '', key) <= 0) {
      found = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  return found;
};

/** Reads of online values, each from one version. */
export class OnlineReader {
  readonly #pointers = new Map<string, { readonly at: number; readonly manifest: Promise<Manifest | undefined> }>();
  readonly #kept = new Map<string, readonly Value[]>();
  readonly #rosters = new Map<string, Buffer>();
  #listening: Promise<() => Promise<void>> | undefined;
  constructor(readonly parts: FeatureParts) {}

  #manifest(set: string, fresh: boolean): Promise<Manifest | undefined> {
    const keys = onlineKeys(this.parts.namespace, set);
    this.#listening ??= this.parts.kv.listen(keys.news, (name) => void this.#pointers.delete(name));
    const known = this.#pointers.get(set);
    if (!fresh && known && performance.now() - known.at < BELIEVED) return known.manifest;
    const manifest = this.parts.kv.get(keys.current).then((bytes) => {
      if (!bytes) return undefined;
      const found = decodeManifest(bytes);
      if (!found) throw error('features-lost', { service: set, version: 'unknown' });
      return found;
    });
    this.#pointers.set(set, { at: performance.now(), manifest });
    manifest.catch(() => this.#pointers.delete(set));
    return manifest;
  }

  /** The manifest of a set; undefined when nothing was materialized yet. */
  manifest(set: string): Promise<Manifest | undefined> {
    return this.#manifest(set, true);
  }

  /** Values of entities, all of one version. Errors: `features-not-materialized`, `features-lost`, those of the store. */
  async read(chosen: Chosen, set: string, wanted: readonly string[]): Promise<OnlineReading> {
    for (let attempt = 1; ; attempt++) {
      const manifest = await this.#manifest(set, attempt > 1);
      if (!manifest) throw error('features-not-materialized', { service: set, why: 'nothing was made yet' });
      if (manifest.fingerprint !== chosen.fingerprint)
        throw error('features-not-materialized', {
          service: set,
          why: `the values that are there were made for schema ${manifest.fingerprint}, and the model's is ${chosen.fingerprint}`,
        });
      const values = await this.#values(manifest, set, wanted);
      if (values === 'lost') {
        if (attempt < TRIES) continue;
        throw error('features-lost', { service: set, version: manifest.version });
      }
      return { manifest, values };
    }
  }

  async #values(
    manifest: Manifest,
    set: string,
    wanted: readonly string[],
  ): Promise<ReadonlyMap<string, readonly Value[] | undefined> | 'lost'> {
    const { kv, namespace } = this.parts;
    const keys = onlineKeys(namespace, set);
    const found = new Map<string, readonly Value[] | undefined>();
    const asked = new Map<string | number, string[]>();
    for (const key of new Set(wanted)) {
      const kept = this.#kept.get(keys.blob(manifest.version, key));
      const bucket = manifest.buckets ? bucketOf(manifest.buckets, key) : key;
      found.set(key, kept);
      if (kept || bucket === -1) continue;
      const of = asked.get(bucket);
      if (of) of.push(key);
      else asked.set(bucket, [key]);
    }
    const blobs = await Promise.all(
      [...asked].map(async ([bucket, of]) => ({ of, bytes: await kv.get(keys.blob(manifest.version, bucket)) })),
    );
    for (const { of, bytes } of blobs) {
      if (!bytes) {
        if (!(await this.#absent(manifest, keys, of))) return 'lost';
        continue;
      }
      const entities = decodeEntities(manifest.version, manifest.columns, bytes);
      if (!entities) return 'lost';
      for (const { key, values } of entities) {
        this.#keep(keys.blob(manifest.version, key), values);
        if (of.includes(key)) found.set(key, values);
      }
    }
    return found;
  }

  /** Whether a version never had these entities, by its roster: a blob that was lost is not an entity without values. */
  async #absent({ version, roster }: Manifest, keys: OnlineKeys, wanted: readonly string[]): Promise<boolean> {
    if (roster === undefined) return false;
    for (const key of wanted) {
      const name = keys.roster(version, rosterPart(key, roster));
      const bytes = this.#rosters.get(name) ?? (await this.parts.kv.get(name));
      if (!bytes || isNamed(bytes, key) !== false) return false;
      if (!this.#rosters.has(name) && this.#rosters.size >= ROSTERS) this.#rosters.clear();
      this.#rosters.set(name, bytes);
    }
    return true;
  }

  #keep(key: string, values: readonly Value[]): void {
    if (this.#kept.size >= KEPT) {
      // those of versions before go first, because they were put in first
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        if (this.#kept.size < KEPT) break;
      }
    }
    this.#kept.set(key, values);
  }

  async close(): Promise<void> {
    await (await this.#listening)?.();
  }
}
