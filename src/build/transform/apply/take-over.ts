import type { Snapshot } from '../../../store/delta/index.js';
import type { GraphNode } from '../files/graph.js';
import type { ToMake } from '../plan/decide.js';
import { joined } from '../plan/joined.js';
import { isPartitioned } from '../plan/state.js';
import { type Made, makeBatch } from './make-batch.js';
import type { Parts } from './parts.js';
import type { Work } from './work.js';

/** Most partitions that are written at once: each has a file open meanwhile. */
const AT_ONCE = 200;

/**
 * Takes the rows of partitions that stay over from the version that readers have: steps like any other, audited and published like any
 * other, but that no SELECT of the file runs for them.
 */
export const takeOver = async (
  parts: Parts,
  work: Work,
  node: GraphNode,
  snapshot: Snapshot,
  open: readonly ToMake[],
): Promise<readonly Made[]> => {
  const staying = open.filter(({ stays }) => stays);
  const { partition, id } = node.transform;
  const past = work.world.pasts.get(id);
  if (staying.length === 0 || !past) return [];
  const whole = !isPartitioned(node.transform) || !partition;
  const batches = whole ? [staying] : joined(staying, partition.unit, partition.maxBatch ?? AT_ONCE, () => false);
  const by = (one: ToMake) => (one.stays?.meaning ?? past.state.fingerprint).split(' ')[0];
  const made: Made[] = [];
  for (const makes of batches) {
    parts.signal?.throwIfAborted();
    const why = `stays as ${[...new Set(makes.map(by))].sort().join(', ')} made it: no SELECT ran`;
    const route = { engine: 'duckdb', why, question: undefined } as const;
    made.push(...(await makeBatch(parts, work, node, snapshot, { makes, whole, route, from: past.state })));
  }
  return made;
};
