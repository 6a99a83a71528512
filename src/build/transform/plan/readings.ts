import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import { truncateKey } from '../step/partition-keys.js';
import type { Readings } from './digests.js';
import { drivingInput, lookedUp, lookupDigests } from './lookups.js';
import { standIns } from './same-rows.js';
import { digestOf, type TableState } from './state.js';
import type { World } from './world.js';

/** Digests as a plan or a run needs them: over the tables' states of this moment. `seen` is put around all of them. */
export const readingsOf = (
  world: World,
  states: ReadonlyMap<string, TableState>,
  engine: ParquetEngine,
  seen: (readings: Readings) => Readings = (readings) => readings,
): Readings => {
  const over = (others: ReadonlyMap<string, TableState>) => readingsOf(world, others, engine, seen);
  const table = (id: string): TableState => {
    const state = states.get(id);
    if (!state) throw error('internal', {}, new TypeError(`there is no state of ${id}`));
    return state;
  };
  return seen({
    table,
    source: (name) => {
      const source = world.sources.get(name);
      if (!source) throw error('internal', {}, new TypeError(`there is no source ${name}`));
      return source;
    },
    lookups: async (node, input, made) => {
      const driving = drivingInput(node, input);
      if (!driving) return new Map();
      const tables = { dimension: table(input.name), driving: table(driving.name), column: driving.column };
      const lineage = world.meanings.get(node.transform.id)?.lineage;
      const taken = lineage && lookedUp(lineage, input, tables.dimension.transform);
      if (taken) return lookupDigests(engine, node, input, tables, taken, made);
      // Read in other ways, too: any change of the dimension touches every partition.
      const unit = node.transform.partition?.unit ?? 'day';
      const version = digestOf([tables.dimension.dataVersion]);
      return new Map([...tables.driving.partitions.keys()].map((key) => [truncateKey(key, unit), version]));
    },
    alike: async (node) => {
      const reads = world.meanings.get(node.transform.id)?.reads ?? new Map();
      return (await standIns({ world, states, readings: over }, node, reads)).map(over);
    },
  });
};
