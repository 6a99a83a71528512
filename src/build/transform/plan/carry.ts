import { openTable, type ParquetEngine } from '../../../store/delta/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import {
  type Interval,
  intervalsOf,
  type ModelVersion,
  pinnedRelation,
  type TablePointer,
  versionsById,
} from '../../../store/state/index.js';
import type { ModelChange } from '../meaning/compare.js';
import { type Asked, decide, type Staying } from './decide.js';
import { earlierMeaning, meaningMark, type Readings, versionOfMark } from './digests.js';
import { nodeBefore } from './node-before.js';
import type { Carry, MadeBefore, Past } from './past.js';
import { readingsOf } from './readings.js';
import { isPartitioned, partitionsOf, type TableState } from './state.js';
import type { World } from './world.js';

/**
 * A change that holds from now on gives a table a new meaning and another table, and its partitions stay as they are: they are taken
 * over from the version that readers have, as far as what they were made from has not moved since. Later, too, each partition is asked as
 * the meaning that made it asked: what only the present SELECT reads does not open the past again. The ledger says which meaning it was.
 */

type Parts = { readonly engine: ParquetEngine; readonly warehouse: Warehouse; readonly lake: string };
type Seen = (readings: Readings) => Readings;
type Intervals = Iterable<Interval>;

const isPublished = ({ publishedRevision, contentHash, status }: Interval): boolean =>
  publishedRevision !== undefined && contentHash !== undefined && status !== 'pending';

const onlyOf = (interval: Interval, names: ReadonlySet<string>): Interval => ({
  ...interval,
  inVersions:
    interval.inVersions && Object.fromEntries(Object.entries(interval.inVersions).filter(([name]) => names.has(name))),
});

/** Published partitions by the meaning that made them. `own`: the version of those that bear no mark; undefined: these are left out. */
const byMeaning = async (
  warehouse: Warehouse,
  world: World,
  id: string,
  intervals: Intervals,
  own: ModelVersion | undefined,
): Promise<readonly MadeBefore[]> => {
  const groups = new Map<string | undefined, Interval[]>();
  for (const one of intervals) {
    const mark = earlierMeaning(one.inVersions);
    if (isPublished(one) && (mark !== undefined || own)) groups.set(mark, [...(groups.get(mark) ?? []), one]);
  }
  const versions = await versionsById(
    warehouse,
    [...groups.keys()].flatMap((mark) => (mark === undefined ? [] : [versionOfMark(mark)])),
  );
  return [...groups].flatMap(([meaning, made]) => {
    const version = meaning === undefined ? own : versions.get(versionOfMark(meaning));
    if (!version) return [];
    const { names, ...was } = nodeBefore(world, id, version);
    return [{ ...was, meaning, made: new Map(made.map((one) => [one.partition, onlyOf(one, names)])) }];
  });
};

const stateOf = async (
  { engine, lake }: Parts,
  { node }: MadeBefore,
  fingerprint: string,
  pointer: TablePointer,
  intervals: Intervals,
): Promise<TableState> => {
  const { lakePath, lakeVersion, versionId, dataVersion, postgres, changedAt } = pointer;
  const snapshot =
    lakePath === undefined || lakeVersion === undefined
      ? undefined
      : await openTable(`${lake}/${lakePath}`, engine, lakeVersion);
  return {
    ...{ transform: node.transform, versionId, fingerprint, snapshot, adds: snapshot?.adds ?? [], dataVersion },
    partitions: partitionsOf(intervals),
    postgres: postgres === undefined ? undefined : pinnedRelation(postgres, versionId, changedAt),
    view: undefined,
  };
};

/** The world with what an earlier meaning made of its tables. */
export const withEarlier = async (warehouse: Warehouse, world: World): Promise<World> => {
  const earlier = new Map<string, readonly MadeBefore[]>();
  for (const [id, intervals] of world.intervals) {
    const parts = await byMeaning(warehouse, world, id, intervals.values(), undefined);
    if (parts.length > 0) earlier.set(id, parts);
  }
  return { ...world, earlier };
};

/** The versions that these tables' rows are taken over from. A table that readers do not have is not among them. */
export const pastsOf = async (
  parts: Parts,
  world: World,
  carries: readonly Carry[],
): Promise<ReadonlyMap<string, Past>> => {
  const { warehouse } = parts;
  const pointers = carries.flatMap(({ id, own, from }) => {
    const pointer = world.comparedWith.pointers.find(({ name, versionId }) => name === id && versionId === from);
    return pointer ? [{ id, own, pointer }] : [];
  });
  const ids = pointers.map(({ pointer }) => pointer.versionId);
  const [versions, all] = await Promise.all([
    versionsById(warehouse, ids),
    intervalsOf(warehouse, ids, { light: true }),
  ]);
  const pasts = new Map<string, Past>();
  for (const { id, own, pointer } of pointers) {
    const version = versions.get(pointer.versionId);
    if (!version) continue;
    const intervals = all.filter(({ versionId }) => versionId === version.id);
    const groups = await byMeaning(warehouse, world, id, intervals, version);
    const { names: _names, ...was } = nodeBefore(world, id, version);
    const now = { ...was, meaning: undefined, made: new Map() };
    pasts.set(id, { own, parts: groups, state: await stateOf(parts, now, version.fingerprint, pointer, intervals) });
  }
  return pasts;
};

/** What partitions say that were made before: each group is asked as its own meaning asked. */
const ask = async (
  world: World,
  states: ReadonlyMap<string, TableState>,
  engine: ParquetEngine,
  of: { readonly id: string; readonly parts: readonly MadeBefore[] },
  seen?: Seen,
): Promise<ReadonlyMap<string, Asked>> => {
  const asked = new Map<string, Asked>();
  for (const { node, lineage, reads, made, lost } of of.parts) {
    const meaning = world.meanings.get(of.id);
    const meanings = new Map(world.meanings);
    if (meaning) meanings.set(of.id, { ...meaning, lineage, reads });
    const { make, newer } = await decide(node, readingsOf({ ...world, meanings }, states, engine, seen), made);
    for (const [partition, { inVersions = {} }] of made) asked.set(partition, { because: [], reads: inVersions });
    for (const { partition, wanted } of newer) asked.set(partition, { because: [], reads: wanted, newer: true });
    for (const { partition, wanted, because } of make)
      if (made.has(partition) && !(lost && Object.keys(wanted).length === 0))
        asked.set(partition, { because, reads: wanted });
  }
  return asked;
};

/** Of a table's published partitions those that an earlier meaning made, and what has moved of what they were made from. */
export const askEarlier = async (
  world: World,
  states: ReadonlyMap<string, TableState>,
  engine: ParquetEngine,
  id: string,
  seen?: Seen,
): Promise<ReadonlyMap<string, Asked>> => {
  const parts = world.earlier.get(id);
  return parts ? ask(world, states, engine, { id, parts }, seen) : new Map();
};

/**
 * The partitions of a table as readers have them, and whether they stay, by its states of this moment; none where no past is taken over.
 */
export const stayingIn = async (
  world: World,
  states: ReadonlyMap<string, TableState>,
  engine: ParquetEngine,
  id: string,
  seen?: Seen,
): Promise<ReadonlyMap<string, Staying>> => {
  const past = world.pasts.get(id);
  if (!past) return new Map();
  const asked = await ask(world, states, engine, { id, parts: past.parts }, seen);
  const { versionId = 0, fingerprint, partitions, transform } = past.state;
  const staying = new Map<string, Staying>();
  for (const { meaning, made } of past.parts)
    for (const partition of made.keys()) {
      const [answer, was] = [asked.get(partition), partitions.get(partition)];
      if (!answer || !was || (was.rows === 0 && isPartitioned(transform))) continue;
      const mark = meaning ?? (past.own ? meaningMark(fingerprint, versionId) : undefined);
      staying.set(partition, { because: answer.because, was, meaning: mark, reads: answer.reads });
    }
  return staying;
};

/** Partitions that hold rows of an earlier meaning, in order. */
export const earlierOf = (intervals: Intervals): readonly string[] =>
  [...intervals]
    .flatMap((one) => (one.publishedRevision !== undefined && earlierMeaning(one.inVersions) ? [one.partition] : []))
    .sort();

/**
 * Tables whose rows are taken over: those whose change holds from now on, and those that only read something else, where that comes from
 * such a change or they hold rows of an earlier meaning themselves. The latter give the same over inputs that stay.
 */
export const carriesOf = (
  world: World,
  changes: readonly ModelChange[],
  hasEarlier: (id: string) => boolean,
): readonly Carry[] => {
  const byId = new Map(changes.map((change) => [change.id, change]));
  const touched = new Set<string>();
  const carries: Carry[] = [];
  const carry = (id: string, own: boolean): void => {
    const from = world.comparedWith.pointers.find(({ name }) => name === id)?.versionId;
    if (from !== undefined) carries.push({ id, own, from });
  };
  for (const { transform, reads } of world.nodes) {
    const { id } = transform;
    const change = byId.get(id);
    if (change?.category === 'forward_only') carry(id, true);
    else if (change?.category !== 'indirect' || change.before?.version !== change.after?.version) continue;
    else if (!hasEarlier(id) && ![...reads].some((read) => touched.has(read))) continue;
    else if (isPartitioned(transform)) carry(id, false);
    touched.add(id);
  }
  return carries;
};
