import { driftHistory } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import type { PartitionSummary } from '../step/step.js';
import type { Parts } from './parts.js';
import type { Work } from './work.js';

/** The published partitions that a new one is compared with. */
const WINDOW = 14;

/**
 * What the published partitions up to the last of these looked like, oldest first: as many as the first of them is compared with, and
 * those between. Nothing for a table that is made as a whole.
 */
export const pastOf = async (
  parts: Parts,
  work: Work,
  { transform }: GraphNode,
  partitions: readonly string[] | undefined,
): Promise<readonly PartitionSummary[]> => {
  const versionId = work.states.get(transform.id)?.versionId;
  const before = partitions?.at(-1);
  if (versionId === undefined || partitions === undefined || before === undefined) return [];
  const found = await driftHistory(parts.warehouse, {
    ...{ versionIds: [versionId], before, limit: WINDOW + partitions.length },
  });
  return found
    .reverse()
    .map(({ stats }): PartitionSummary => JSON.parse(stats['summary'] ?? '{}') as PartitionSummary)
    .filter(({ partition }) => partition !== undefined);
};
