import type { GraphNode } from '../files/graph.js';
import { ROUTE_LIMITS, type Route, route } from '../step/route.js';
import { inputsOf } from './inputs.js';
import { isPartitioned, type TableState } from './state.js';
import { tablesUnder } from './view-state.js';
import type { World } from './world.js';

/** Joins, sorts, groups and windows take about this many times what they read. */
const WORKING_FACTOR = 4;

/**
 * The engine for some partitions of a table and the number of statements: from the sizes of what it reads, as it is now. `partitions`
 * is how many of the table's partitions are to be made.
 */
export const chooseEngine = (
  world: World,
  states: ReadonlyMap<string, TableState>,
  node: GraphNode,
  partitions: number,
  memoryBytes: number,
): Route & { readonly readBytes: number } => {
  const { transform } = node;
  const own = states.get(transform.id);
  let readBytes = 0;
  let inPostgres = true;
  const nodes = new Map(world.nodes.map((one) => [one.transform.id, one]));
  for (const input of inputsOf(node)) {
    const state = states.get(input.name);
    const under = tablesUnder(input.name, nodes);
    const adds = under.flatMap((id) => states.get(id)?.adds ?? world.sources.get(id)?.snapshot.adds ?? []);
    const bytes = adds.reduce((sum, add) => sum + add.size, 0);
    const all = state?.partitions.size ?? 0;
    readBytes += input.role === 'partition' && all > 0 ? Math.ceil((bytes * Math.min(partitions, all)) / all) : bytes;
    if (state?.postgres === undefined) inPostgres = false;
  }
  const intervals = [...(world.intervals.get(transform.id)?.values() ?? [])];
  const last = intervals.find(({ engine }) => engine !== undefined)?.engine;
  return {
    readBytes,
    ...route({
      ...{ allow: transform.engine.allow, prefer: transform.engine.prefer },
      estimateBytes: readBytes * WORKING_FACTOR,
      inputsInPostgres: inPostgres,
      outputInPostgres: own?.transform.targets.has('postgres') === true,
      last: last === 'duckdb' || last === 'postgres' || last === 'spark' ? last : undefined,
      partitions: isPartitioned(transform) ? Math.max(1, partitions) : 1,
      limits: { ...ROUTE_LIMITS, memoryBytes },
    }),
  };
};
