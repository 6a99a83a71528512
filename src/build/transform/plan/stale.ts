import { timestampText } from '../../../query/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import { freshnessChecks, freshnessOf } from '../step/freshness.js';
import { readableOf } from './state.js';
import type { World } from './world.js';

/** Tables whose newest published row is older than their files allow, a sentence for each check. `at`: microseconds since 1970 UTC. */
export const staleTables = async (
  world: Pick<World, 'nodes' | 'published'>,
  engine: ParquetEngine,
  at: bigint,
): Promise<readonly string[]> => {
  const told: string[] = [];
  for (const { transform } of world.nodes) {
    const state = world.published.get(transform.id);
    const readable = state && readableOf(state);
    if (!readable) continue;
    for (const check of freshnessChecks(transform)) {
      const found = await freshnessOf(engine, transform, check, readable.duckdb, at);
      if (found?.stale)
        told.push(
          `${transform.id} is stale: its newest ${found.column} ends ${timestampText(found.newest)}, and ${check.name} allows ${found.hours} h`,
        );
    }
  }
  return told;
};
