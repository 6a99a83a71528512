import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Readings } from './digests.js';
import { drivingInput, lookupDigests } from './lookups.js';
import type { TableState } from './state.js';
import { madeOf, type World } from './world.js';

/** Digests as a plan or a run needs them: over the tables' states of this moment. */
export const readingsOf = (world: World, states: ReadonlyMap<string, TableState>, engine: ParquetEngine): Readings => {
  const table = (id: string): TableState => {
    const state = states.get(id);
    if (!state) throw error('internal', {}, new TypeError(`there is no state of ${id}`));
    return state;
  };
  return {
    table,
    source: (name) => {
      const source = world.sources.get(name);
      if (!source) throw error('internal', {}, new TypeError(`there is no source ${name}`));
      return source;
    },
    lookups: async (node, input) => {
      const driving = drivingInput(node, input);
      if (!driving) return new Map();
      const tables = { dimension: table(input.name), driving: table(driving.name), column: driving.column };
      return lookupDigests(engine, node, input, tables, madeOf(world, node.transform.id));
    },
  };
};
