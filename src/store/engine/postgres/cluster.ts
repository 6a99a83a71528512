import { error } from '../../../errors/index.js';
import type { Cluster, ClusterOptions } from './types.js';

/**
 * Starts a cluster of the embedded PostgreSQL, or adopts the durable one that an earlier process left running.
 * Errors: `postgres-cannot-run`, `disk-full`, `port-in-use`.
 */
export const startCluster = async (_options: ClusterOptions): Promise<Cluster> => {
  throw error('internal', {});
};
