import type { Kind } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import type { Read } from '../meaning/meaning.js';
import { sameJson } from '../meaning/same-json.js';
import type { StoredDefinition } from '../meaning/stored.js';
import { deciding, differing, type InVersions, type Readings, wantedOf } from './digests.js';
import { inputsOf } from './inputs.js';
import type { OtherVersion } from './other-versions.js';
import type { PartitionState, TableState } from './state.js';
import { viewStateOf } from './view-state.js';
import type { World } from './world.js';

/**
 * A change that only adds columns gives a table another meaning and another table, although what most of its readers read of it is as it
 * was. Here that is proven from the ledger, and without reading a row: a partition of the present version holds what the same partition
 * of another version holds, in all columns of equal meaning, where both were made from the same. Readers of only such columns need not be
 * made again; whoever compares what they were made from finds the other version's digests in the place of the present ones.
 */

type States = ReadonlyMap<string, TableState>;
type Partitions = ReadonlyMap<string, PartitionState>;
type Reads = ReadonlyMap<string, Read>;

/** What the proof is made from: tables as they are at this moment, and how their digests come about. */
export interface Proof {
  readonly world: World;
  readonly states: States;
  readings(states: States): Readings;
}

/** Kinds that keep rows of the past: what they hold is not decided by what they read now. */
const REMEMBERING: readonly Kind[] = ['incremental_by_key', 'history', 'view'];

/** Whether what a table reads decides its rows: nothing of the run's time and nothing of what it held before goes into them. */
const decidedByInputs = ({ transform, inputs }: GraphNode): boolean =>
  !REMEMBERING.includes(transform.kind) &&
  (transform.scd2 === undefined || transform.scd2.history) &&
  !transform.forwardOnly &&
  !inputs.some(({ kind }) => kind === 'this' || kind === 'run' || kind === 'checks');

/** Parts of the front matter that columns have hashes for, or that only say where rows are kept. */
const APART = new Set(['columns', 'targets']);
const sameDefinition = (a: StoredDefinition, b: StoredDefinition): boolean =>
  a.rowset === b.rowset &&
  !a.forwardOnly &&
  Object.keys({ ...a.definition, ...b.definition }).every(
    (key) => APART.has(key) || sameJson(a.definition[key], b.definition[key]),
  );

/** Whether all that is read of a table means the same in another version of it. */
const meansTheSame = (read: Read | undefined, { rowset, columns }: StoredDefinition): boolean =>
  read !== undefined && read.rowset === rowset && [...read.columns].every(([name, hash]) => columns[name] === hash);

const nodeOf = (world: World, id: string): GraphNode | undefined =>
  world.nodes.find(({ transform }) => transform.id === id);

const readsOf = ({ reads }: StoredDefinition): Reads =>
  new Map(
    Object.entries(reads).map(([name, { rowset, columns }]) => [
      name,
      { rowset, columns: new Map(Object.entries(columns)) },
    ]),
  );

/** Partitions of a table that were made from what those of another version were made from, as that version has them. */
const partitionsAlike = async (proof: Proof, id: string, other: OtherVersion): Promise<Partitions> => {
  const { world, states } = proof;
  const [node, state, stored] = [nodeOf(world, id), states.get(id), world.stored.get(id)];
  if (!node || !state || !stored || !decidedByInputs(node) || !sameDefinition(other.stored, stored)) return new Map();
  const alike = new Map<string, PartitionState>();
  const open = new Map<string, readonly [now: InVersions, was: InVersions, state: PartitionState]>();
  for (const [key, now] of state.partitions) {
    const was = other.partitions.get(key);
    if (!was?.madeFrom || !now.madeFrom) continue;
    if (differing(now.madeFrom, was.madeFrom).length === 0) alike.set(key, was);
    else open.set(key, [now.madeFrom, was.madeFrom, was]);
  }
  if (open.size === 0) return alike;
  // What it reads may have got columns as well: then the digests differ, and what they stand for does not.
  const standing = await standIns(proof, node, readsOf(other.stored));
  if (standing.length === 0) return alike;
  const madeFrom = (key: string) => other.partitions.get(key)?.madeFrom;
  const present = await wantedOf(node, proof.readings(states), madeFrom);
  const others = await Promise.all(standing.map((one) => wantedOf(node, proof.readings(one), madeFrom)));
  for (const [key, [now, was, held]] of open) {
    const stands = (name: string): boolean =>
      deciding(present.get(key)?.[name]) === deciding(now[name]) &&
      others.some(
        (wanted) => wanted.get(key)?.[name] !== undefined && deciding(wanted.get(key)?.[name]) === deciding(was[name]),
      );
    if (differing(now, was).every(stands)) alike.set(key, held);
  }
  return alike;
};

const holdRows = (partitions: Partitions): string[] =>
  [...partitions].flatMap(([key, { rows }]) => (rows > 0 ? [key] : []));

/** Whether these are all partitions of a table, and all of the other version. */
const areAll = (alike: Partitions, state: TableState, other: OtherVersion): boolean =>
  [...holdRows(state.partitions), ...holdRows(other.partitions)].every((key) => alike.has(key));

/** A table's state with another version in its place, wherever that holds the same; undefined where it does so nowhere. */
const standIn = async (proof: Proof, id: string, other: OtherVersion): Promise<TableState | undefined> => {
  const state = proof.states.get(id);
  const alike = state && (await partitionsAlike(proof, id, other));
  if (!alike || alike.size === 0) return undefined;
  const partitions = new Map([...state.partitions].map(([key, now]) => [key, alike.get(key) ?? now]));
  return { ...state, partitions, dataVersion: areAll(alike, state, other) ? other.dataVersion : state.dataVersion };
};

/**
 * What a view gives where others stand for the tables below it, or for the view itself: it holds no rows, so it is what it says over
 * what they hold.
 */
const viewStandIns = async (proof: Proof, node: GraphNode, others: readonly OtherVersion[]): Promise<TableState[]> => {
  const { id } = node.transform;
  const [state, meaning] = [proof.states.get(id), proof.world.meanings.get(id)];
  if (!state || !meaning) return [];
  const over = (states: States, fingerprint: string) => viewStateOf({ ...state, fingerprint }, node, states, meaning);
  const found = (await standIns(proof, node, meaning.reads)).map((states) => over(states, state.fingerprint));
  for (const { stored } of others) {
    const below = await standIns(proof, node, readsOf(stored));
    found.push(...[proof.states, ...below].map((states) => over(states, stored.fingerprint)));
  }
  return found;
};

/** An input's states in which other versions stand for the present one, or for those that it looks through to. */
const standInsOf = async (proof: Proof, id: string, read: Read | undefined): Promise<TableState[]> => {
  const alike = ((await proof.world.others()).get(id) ?? []).filter(({ stored }) => meansTheSame(read, stored));
  const node = nodeOf(proof.world, id);
  if (node?.transform.kind === 'view') return viewStandIns(proof, node, alike);
  const found: TableState[] = [];
  for (const other of alike) {
    const state = await standIn(proof, id, other);
    if (state) found.push(state);
  }
  return found;
};

/**
 * What a table's inputs were before they changed in nothing that it reads: states in which other versions stand for the present ones.
 * `reads`: what it reads, by input.
 */
export const standIns = async (proof: Proof, node: GraphNode, reads: Reads): Promise<readonly States[]> => {
  const found: Map<string, TableState>[] = [];
  for (const { name } of inputsOf(node))
    for (const [at, state] of (await standInsOf(proof, name, reads.get(name))).entries()) {
      const into = found[at] ?? new Map(proof.states);
      found[at] = into.set(name, state);
    }
  return found;
};

/** Whether a table holds all that the version held which readers of the environment have, in every column of that. */
export const holdsWhatItHeld = async (proof: Proof, id: string): Promise<boolean> => {
  const { world, states } = proof;
  const before = world.environment.pointers.find(({ name }) => name === id)?.versionId;
  const other = (await world.others()).get(id)?.find(({ versionId }) => versionId === before);
  const [state, columns] = [states.get(id), world.meanings.get(id)?.columns];
  if (!state || !other || !columns) return false;
  if (Object.entries(other.stored.columns).some(([name, hash]) => columns.get(name) !== hash)) return false;
  return areAll(await partitionsAlike(proof, id, other), state, other);
};
