import { scratchFolder } from '../../../store/delta/index.js';
import type { EngineRules } from '../plan/engine-pins.js';
import { checkPins } from '../plan/engine-pins.js';
import type { World } from '../plan/world.js';
import { ROUTE_LIMITS } from '../step/route.js';
import type { Spark, SparkReach } from '../step/spark-sessions.js';
import { memoryOf, type Parts } from './parts.js';

/** Asks for Spark only where a table allows it: nobody waits for a server that nobody wants. */
const reachOf = async ({ spark, lake, signal }: Parts, { nodes }: World): Promise<SparkReach> =>
  spark && nodes.some(({ transform }) => transform.engine.allow.includes('spark'))
    ? spark.reach(scratchFolder(lake), signal)
    : ROUTE_LIMITS.spark;

/** What engines are chosen by in a command. Errors: `usage` (an engine is asked for by hand for a table that is not there), `cancelled`. */
export const rulesOf = async (parts: Parts, world: World): Promise<EngineRules> => {
  const pins = parts.pins ?? new Map();
  checkPins(pins, [...world.stored.keys()]);
  const spark = await reachOf(parts, world);
  return { limits: { ...ROUTE_LIMITS, ...parts.limits, memoryBytes: memoryOf(parts), spark }, pins };
};

/** Spark, where it can be reached: a plan asks it whether it takes the statements. */
export const sparkOf = ({ spark }: Parts, { rules }: World): Spark | undefined =>
  rules?.limits.spark.reachable === true ? spark : undefined;
