import { AssayError, error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Emit } from '../../query/index.js';
import type { Kv } from '../../store/kv/index.js';
import { copyName, openCopies } from './copies.js';
import type { RollupDuckDb } from './duckdb.js';
import { openEdges, type SourcesAt } from './edges.js';
import type { PinnedPartitions, RollupEdge, RollupInventory, RollupLayout, RollupPartition } from './inventory.js';
import { channelOf, partitionKeys } from './keys.js';
import { type LiveLeg, liveLeg } from './live.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import type { PublishedTables } from './options.js';
import { inventoryOf, readManifests, type Shelves, shelvesOf } from './reading.js';
import type { Shelf } from './registry.js';
import { openTables, type TableWish } from './tables.js';

export interface OpenRollupsOptions {
  readonly kv: Kv;
  readonly duckdb: RollupDuckDb;
  /** A folder of this node for copies of partitions; it may be emptied at any time. */
  readonly dir: string;
  /** The model in use. Asked at every reading, so that a reloaded model is seen. */
  readonly model: () => { readonly catalogue: Catalogue; readonly legs: LegCompiler };
  readonly emit: Emit;
  readonly namespace: string;
  /** Bytes that loaded tables may take. Default 512 MiB. Pinned tables are never dropped, so it may be passed for a while. */
  readonly memoryBudget?: number;
  /**
   * Whether copies of versions that the model in use does not publish are removed from `dir`. A command beside a server must not: the
   * server's model may be another one. Default true.
   */
  readonly tidies?: boolean;
  /** Called when a published partition is missing or damaged in the store: build that rollup again. */
  readonly onMissing?: (rollup: string) => void;
  /** Where rows that moved since a rollup was made can be read; without it a stale rollup is stale as a whole. */
  readonly sourcesAt?: SourcesAt;
  /** Milliseconds between readings of the registry. Default 1,000. */
  readonly pollMilliseconds?: number;
}

/** The rollups of one node: an immutable reading of the registry, and tables loaded from it. */
export interface Rollups {
  /** The last reading. The same object until something changed. */
  inventory(): RollupInventory;
  /** The columns of a rollup of the model in use; undefined when there is no such rollup. */
  layout(rollup: string): RollupLayout | undefined;
  /**
   * Loads partitions into DuckDB and holds them until `release`. Errors: `rollup-unavailable` when one cannot be had now (the
   * inventory then no longer has it: plan again), `cancelled`.
   */
  pin(partitions: readonly RollupPartition[], signal?: AbortSignal): Promise<PinnedPartitions>;
  /**
   * The moving edges of the last reading against a publication, of rollups that are behind it. Errors: `cancelled`, those of the lake.
   */
  edges(publication: PublishedTables): Promise<ReadonlyMap<string, RollupEdge>>;
  /** Rows of an edge as the source has them, in a rollup's columns. Undefined when there is no such rollup. */
  live(rollup: string, scope: Pick<RollupEdge, 'spans' | 'nulls'>): LiveLeg | undefined;
  /** Reads the registry now. Errors: `redis-unavailable`; what was read before then stays. */
  refresh(): Promise<void>;
  /** Bytes and tables held now. */
  loaded(): { readonly bytes: number; readonly tables: number };
  close(): Promise<void>;
}

const BUDGET = 512 * 1024 * 1024;
const POLL = 1_000;

/** Reads the registry once and follows it. A store that is away is no error here: the inventory stays empty until it is back. */
export const openRollups = async (options: OpenRollupsOptions): Promise<Rollups> => {
  const { kv, duckdb, emit, namespace } = options;
  const copies = await openCopies(options.dir);
  const names = new Map<string, { rollup: string; partition: string; version: string }>();
  const tables = openTables(
    duckdb,
    options.memoryBudget ?? BUDGET,
    (key, bytes) => {
      const what = names.get(key);
      if (what) emit('rollup.loaded', { ...what, bytes });
    },
    (thrown) => emit('bug', { where: 'rollup tables', error: thrown }),
  );
  const edges = options.sourcesAt && openEdges({ duckdb, sourcesAt: options.sourcesAt, model: options.model });
  let shelves: Shelves | undefined;
  let manifests: ReadonlyMap<string, Manifest> = new Map();
  let inventory: RollupInventory = Object.freeze({ states: new Map() });
  /** Every version of the last reading, and replaced ones that the store still keeps: a query may have planned with them. */
  const known = new Map<string, ManifestPartition>();
  /** Versions that could not be had: `damaged` until their rollup is published anew, `away` until the store answers again. */
  const absent = new Map<string, 'damaged' | 'away'>();
  let away = false;
  let closed = false;

  const mark = (rollup: string, p: { key: string; version: string }) => `${rollup}/${p.key}/${p.version}`;
  const remake = () => {
    inventory = inventoryOf(manifests, (rollup, p) => absent.has(mark(rollup, p)));
  };
  const current = (): Shelves => {
    const { catalogue, legs } = options.model();
    if (shelves?.catalogue === catalogue) return shelves;
    shelves = shelvesOf(kv, namespace, catalogue, legs);
    for (const [rollup, thrown] of shelves.refused)
      if (thrown instanceof AssayError) emit('notice', { message: thrown.message });
      else emit('bug', { where: `rollup ${rollup}`, error: thrown });
    return shelves;
  };

  const read = async (): Promise<void> => {
    const of = current();
    const found = await readManifests(of);
    if (closed) return;
    let changed = found.size !== manifests.size;
    for (const [id, manifest] of found) {
      const old = manifests.get(id);
      if (old && old.fence === manifest.fence && old.builtAt === manifest.builtAt && old.layout === manifest.layout)
        if (JSON.stringify(old) === JSON.stringify(manifest)) continue;
      changed = true;
      for (const [key, why] of absent) if (why === 'damaged' && key.startsWith(`${id}/`)) absent.delete(key);
    }
    for (const [key, why] of absent)
      if (why === 'away') {
        absent.delete(key);
        changed = true;
      }
    const lost = [...manifests.keys()].filter((id) => !found.has(id) && of.byId.has(id));
    manifests = found;
    if (!changed) return;
    remake();
    for (const id of lost) options.onMissing?.(id);
    await tidy(of);
  };
  /** Drops tables and copies of versions that are published no more. Queries in flight hold theirs. */
  const tidy = async (of: Shelves): Promise<void> => {
    const keys = new Set<string>();
    const files = new Set<string>();
    const kept = new Set<string>();
    for (const [id, manifest] of manifests) {
      const shelf = of.byId.get(id);
      for (const p of manifest.partitions) keys.add(tableKey(shelf, p));
      for (const p of manifest.partitions) known.set(tableKey(shelf, p), p);
      for (const p of [...manifest.partitions, ...manifest.retired]) {
        kept.add(tableKey(shelf, p));
        if (shelf) files.add(copyName(shelf, p));
      }
    }
    for (const key of known.keys()) if (!kept.has(key)) known.delete(key);
    for (const key of names.keys()) if (!keys.has(key)) names.delete(key);
    await tables.keepOnly(keys);
    if (options.tidies ?? true) await copies.keepOnly(files);
  };
  const tableKey = (shelf: Shelf | undefined, p: { key: string; version: string }) =>
    `${shelf?.name ?? ''}/${p.key}/${p.version}`;

  let reading: Promise<void> | undefined;
  let again = false;
  /** One reading at a time; a call during one makes it read once more. */
  const refresh = (): Promise<void> => {
    if (reading) {
      again = true;
      return reading;
    }
    const run = async () => {
      do {
        again = false;
        await read();
      } while (again && !closed);
    };
    reading = run().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const follow = async (): Promise<void> => {
    if (closed) return;
    try {
      await refresh();
      if (away) emit('notice', { message: 'the rollup registry can be read again' });
      away = false;
    } catch (thrown) {
      if (closed) return;
      if (!(thrown instanceof AssayError)) emit('bug', { where: 'rollup registry', error: thrown });
      else if (!away) emit('notice', { message: `the rollup registry cannot be read: ${thrown.message}` });
      away = true;
    }
  };

  const isPublished = (rollup: string, p: { key: string; version: string }): boolean =>
    manifests.get(rollup)?.partitions.some((q) => q.key === p.key && q.version === p.version) ?? false;
  /** Loads a partition's file, or notes why it cannot be had and says so. */
  const fileOf = async (shelf: Shelf, p: ManifestPartition, signal: AbortSignal): Promise<string> => {
    const rollup = shelf.layout.definition.id;
    const unavailable = (why: string, cause?: unknown) =>
      error('rollup-unavailable', { rollup, partition: p.key, why }, cause);
    let got: Awaited<ReturnType<typeof copies.file>>;
    try {
      got = await copies.file(shelf, p, signal);
    } catch (thrown) {
      if (signal.aborted) throw error('cancelled', {}, thrown);
      if (!(thrown instanceof AssayError)) throw thrown;
      absent.set(mark(rollup, p), 'away');
      remake();
      throw unavailable('the store does not answer', thrown);
    }
    if ('path' in got) return got.path;
    if (!isPublished(rollup, p)) throw unavailable('it is published no more');
    absent.set(mark(rollup, p), 'damaged');
    remake();
    const { entry } = partitionKeys(namespace, shelf.name, p.key, p.version);
    // without its entry a builder takes the partition for missing; a store that is away is found out by the next reading
    await kv.delete([entry]).catch((thrown) => {
      if (!(thrown instanceof AssayError)) throw thrown;
    });
    emit('notice', { message: `rollup ${rollup} partition ${p.key} is not served: ${got.damage}` });
    options.onMissing?.(rollup);
    throw unavailable(got.damage);
  };
  const wishOf = (partition: RollupPartition): TableWish => {
    const shelf = current().byId.get(partition.rollup);
    const gone = () =>
      error('rollup-unavailable', {
        rollup: partition.rollup,
        partition: partition.key,
        why: 'it is published no more',
      });
    if (!shelf) throw gone();
    const key = tableKey(shelf, partition.version === EMPTY ? { key: '', version: EMPTY } : partition);
    if (partition.version === EMPTY) return { key, layout: shelf.layout, file: undefined };
    const found = known.get(key);
    if (!names.has(key))
      names.set(key, { rollup: partition.rollup, partition: partition.key, version: partition.version });
    return {
      key,
      layout: shelf.layout,
      file: (signal) => {
        if (!found) throw gone();
        return fileOf(shelf, found, signal);
      },
    };
  };

  const stopListening = await kv
    .listen(channelOf(namespace), () => {
      void follow();
    })
    .catch((thrown) => {
      if (!(thrown instanceof AssayError)) throw thrown;
      return async () => {}; // the poll goes on without announcements
    });
  await follow();
  const timer = setInterval(() => {
    void follow();
  }, options.pollMilliseconds ?? POLL);
  timer.unref();

  return {
    inventory: () => inventory,
    layout: (rollup) => current().layouts.get(rollup)?.published,
    pin: async (partitions, signal) => {
      const held = await tables.hold(partitions.map(wishOf), signal);
      return { tables: held.names, release: held.release };
    },
    edges: async (publication) => (await edges?.of(current(), manifests, publication)) ?? new Map(),
    live: (rollup, scope) => {
      const layout = current().layouts.get(rollup);
      return layout && liveLeg(layout, options.model().legs, scope);
    },
    refresh,
    loaded: () => ({ bytes: tables.bytes(), tables: tables.count() }),
    close: async () => {
      closed = true;
      edges?.close();
      clearInterval(timer);
      await stopListening();
      await reading?.catch(() => undefined);
      await tables.close();
    },
  };
};
