import type { GraphNode } from '../files/graph.js';
import { previousKey, truncateKey } from '../step/partition-keys.js';
import { inputsOf } from './inputs.js';
import { keyOfAdd, type TableState } from './state.js';
import { tablesUnder } from './view-state.js';
import type { World } from './world.js';

/** Sizes of what a table reads, after its partitions have been told apart. */
export interface ReadBytes {
  /** Of what is read whole, however few partitions are made. */
  readonly whole: number;
  /** Of what these partitions read besides: neighbours, in order. */
  of(keys: readonly string[]): number;
}

/** Something that some partitions read together counts once. */
interface Part {
  readonly key: string;
  readonly name: string;
  readonly bytes: number;
}

const sum = (list: Iterable<{ readonly bytes: number }>): number => {
  let total = 0;
  for (const { bytes } of list) total += bytes;
  return total;
};

/** Everything of an input: its files, or what a plan expects of a table that is yet to be made. */
const wholeOf = (state: TableState): number =>
  state.adds.length > 0 ? state.adds.reduce((total, add) => total + add.size, 0) : sum(state.partitions.values());

/** Of an input that is cut as the table is: the files or the expected bytes of each partition. */
const partsOfTable = (state: TableState): Part[] =>
  state.adds.length > 0
    ? state.adds.flatMap((add) => {
        const key = keyOfAdd(state.transform, add);
        return key === undefined ? [] : [{ key, name: add.path, bytes: add.size }];
      })
    : [...state.partitions].map(([key, { bytes }]) => ({ key, name: key, bytes }));

/** What a table reads as it is now, or as a plan expects it to be. */
export const readBytesOf = (world: World, states: ReadonlyMap<string, TableState>, node: GraphNode): ReadBytes => {
  const { partition } = node.transform;
  const nodes = new Map(world.nodes.map((one) => [one.transform.id, one]));
  const parts: Part[] = [];
  let whole = 0;
  for (const input of inputsOf(node)) {
    const state = states.get(input.name);
    const source = world.sources.get(input.name);
    if (input.role === 'partition' && state && state.transform.partition?.column === input.column)
      parts.push(...partsOfTable(state).map((part) => ({ ...part, name: `${input.name} ${part.name}` })));
    else if (input.role === 'source' && source && input.expression !== undefined) {
      const sizes = new Map(source.snapshot.adds.map((add) => [add.path, add.size]));
      for (const [key, paths] of source.filesOf(node, input.expression))
        for (const path of paths) parts.push({ key, name: `${input.name} ${path}`, bytes: sizes.get(path) ?? 0 });
    } else if (source) whole += source.snapshot.adds.reduce((total, add) => total + add.size, 0);
    else
      for (const id of tablesUnder(input.name, nodes)) {
        const under = states.get(id);
        if (under) whole += wholeOf(under);
      }
  }
  if (!partition) return { whole: whole + sum(parts), of: () => 0 };
  const byKey = new Map<string, Part[]>();
  for (const part of parts) {
    const own = truncateKey(part.key, partition.unit);
    byKey.set(own, [...(byKey.get(own) ?? []), part]);
  }
  return {
    whole,
    of: (keys) => {
      const wanted = new Set(keys);
      let first = keys[0];
      for (let back = 0; back < partition.lookback && first !== undefined; back++) {
        first = previousKey(first, partition.unit);
        wanted.add(first);
      }
      const found = new Map<string, number>();
      for (const key of wanted) for (const { name, bytes } of byKey.get(key) ?? []) found.set(name, bytes);
      return [...found.values()].reduce((total, bytes) => total + bytes, 0);
    },
  };
};
