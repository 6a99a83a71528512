import { AssayError } from '../../errors/index.js';
import { tableToken } from '../../query/index.js';
import { UNVERSIONED } from './chosen.js';
import type { StoredLayout } from './layout.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import { legOf, type RawReader, type RollupSource, wholeLeg } from './raw.js';
import { entriesStand, type Shelf } from './registry.js';
import type { Scope } from './scope.js';
import { spanOf } from './span.js';
import { NULL_KEY } from './stage.js';
import { keptTotals, summed } from './totals.js';

/** What of a rollup is made anew, and what stays as it was proven before. */
export interface Increment {
  readonly scope: Scope;
  readonly kept: readonly ManifestPartition[];
}

/** One rollup and where its rows come from now. */
export interface MovedWorld {
  readonly layout: StoredLayout;
  readonly source: RollupSource;
  readonly raw: RawReader;
  /** The managed table of the rollup's own cube. */
  readonly root: string | undefined;
  readonly signal: AbortSignal;
}

/** The snapshot of the only table that moved, when that is the fact itself and its moved rows tell their partitions. */
const movedFact = (world: MovedWorld, old: Manifest, builtFrom: Manifest['builtFrom']): string | undefined => {
  const { root, raw, layout } = world;
  const { cube, timeDimension, partitionGranularity } = layout.definition;
  if (root === undefined || partitionGranularity === undefined || !timeDimension?.startsWith(`${cube}.`))
    return undefined;
  const tables = Object.keys(builtFrom);
  if (tables.length !== Object.keys(old.builtFrom).length) return undefined;
  if (!tables.every((table) => table === root || builtFrom[table] === old.builtFrom[table])) return undefined;
  if (tables.some((table) => builtFrom[table] === UNVERSIONED)) return undefined;
  // read twice, the table would decide rows of other partitions, too
  if (raw.compile(wholeLeg(layout)).sql.split(tableToken(root)).length !== 2) return undefined;
  return old.snapshots?.[root];
};

const bucketsOf = async (world: MovedWorld, root: string, relation: string): Promise<readonly (bigint | null)[]> => {
  const { raw, layout, signal } = world;
  const { granularity, partitionGranularity } = layout.definition;
  const [measure] = summed(layout);
  const query = legOf(layout, { measures: measure ? [measure.member] : [], dimensions: [], granularity });
  const rows = await raw.read(query, [{ name: 'g', type: { kind: 'timestamp' }, role: 'time' }], {
    signal,
    relations: new Map([[root, relation]]),
    wrap: (leg) => `SELECT DISTINCT date_trunc('${partitionGranularity}', "c0") AS g FROM (${leg}) AS moved`,
  });
  const buckets: (bigint | null)[] = [];
  for await (const batch of rows) for (const value of batch.columns[0] ?? []) buckets.push(value as bigint | null);
  return buckets;
};

const keysOf = (layout: StoredLayout, buckets: readonly (bigint | null)[]): Scope => {
  const granularity = layout.definition.partitionGranularity ?? '';
  return {
    spans: buckets
      .flatMap((b) => (b === null ? [] : [spanOf(b, granularity)]))
      .sort((a, b) => (a.from < b.from ? -1 : 1)),
    nulls: buckets.includes(null),
  };
};

/**
 * Which partitions may hold other rows than when a set was made. Undefined: that cannot be told, because more moved than the fact's
 * own rows, or because the earlier snapshot is gone. Never fewer than moved: rows that were and rows that are count alike.
 */
export const movedScope = async (
  world: MovedWorld,
  old: Manifest,
  builtFrom: Manifest['builtFrom'],
): Promise<Scope | undefined> => {
  const { layout, root = '', source, signal } = world;
  if (!old.complete || source.moved === undefined || summed(layout).length === 0) return undefined;
  const snapshot = movedFact(world, old, builtFrom);
  if (snapshot === undefined) return undefined;
  try {
    const relation = await source.moved(root, snapshot);
    return relation === undefined ? undefined : keysOf(layout, await bucketsOf(world, root, relation));
  } catch (thrown) {
    // files of the earlier snapshot may be gone by now: then all partitions count as moved
    if (thrown instanceof AssayError && GONE.has(thrown.code) && !signal.aborted) return undefined;
    throw thrown;
  }
};
const GONE = new Set(['engine-failed', 'delta-corrupt']);

/** Keys of the partitions of a scope. */
export const scopeKeys = (scope: Scope): ReadonlySet<string> =>
  new Set([...scope.spans.map((s) => s.key), ...(scope.nulls ? [NULL_KEY] : [])]);

/** What must be made because its rows moved, and what may stay; undefined: everything is made. Errors: those of the store. */
export const incrementOf = async (
  world: MovedWorld & { readonly shelf: Shelf },
  old: Manifest | undefined,
  builtFrom: Manifest['builtFrom'],
): Promise<Increment | undefined> => {
  if (!old || old.refused !== null) return undefined;
  const scope = await movedScope(world, old, builtFrom);
  if (scope === undefined) return undefined;
  const anew = scopeKeys(scope);
  const kept = old.partitions.filter((p) => p.version !== EMPTY && !anew.has(p.key));
  if (keptTotals(world.layout, kept) === undefined || !(await entriesStand(world.shelf, kept))) return undefined;
  return { scope, kept };
};
