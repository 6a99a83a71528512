import { hostname } from 'node:os';
import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import {
  heartbeat,
  type Leased,
  leaseIntervals,
  type PartitionOf,
  releaseLeases,
  renewLeases,
} from '../../../store/state/index.js';

/** Long enough for a machine that stands still for a moment; short enough that nobody waits long for a dead one. */
const LEASE_SECONDS = 60;
const RENEW_MILLISECONDS = 15_000;

/** The leases of one run, renewed for as long as it lives. */
export interface Leases {
  /** Takes them all, or none. Errors: `interval-leased` naming who has one. */
  take(model: string, wanted: readonly PartitionOf[]): Promise<readonly Leased[]>;
  /** Those that this run holds. */
  held(): readonly Leased[];
  /** No more to be held by us: they were refused, or given back. */
  drop(leases: readonly Leased[]): void;
  /** Gives back what is held: what is staged stays for the next run. */
  end(): Promise<void>;
}

/** Who a run is, for those who are refused: machine and process. */
export const owner = (): string => `${hostname()} process ${process.pid}`;

const idOf = ({ versionId, partition }: PartitionOf): string => `${versionId} ${partition}`;

export const openLeases = (warehouse: Warehouse, runId: string, emit: Emit): Leases => {
  const held = new Map<string, Leased>();
  let renewing: Promise<unknown> = Promise.resolve();
  const renew = async (): Promise<void> => {
    await heartbeat(warehouse, runId);
    const lost = await renewLeases(warehouse, { leases: [...held.values()], seconds: LEASE_SECONDS });
    // The publication finds out, too; this only tells early.
    if (lost.length > 0) emit('notice', { message: `run ${runId} lost ${lost.length} leases to another run` });
  };
  const timer = setInterval(() => {
    renewing = renewing
      .then(renew)
      .catch((thrown: unknown) => emit('bug', { where: 'renewing leases', error: thrown }));
  }, RENEW_MILLISECONDS);
  timer.unref();
  return {
    take: async (model, wanted) => {
      const { granted, refused } = await leaseIntervals(warehouse, {
        ...{ runId, owner: owner(), seconds: LEASE_SECONDS, wanted },
      });
      const [first] = refused;
      if (first) {
        await releaseLeases(warehouse, granted);
        throw error('interval-leased', {
          ...{ model, partition: first.partition, owner: first.owner },
          until: new Date(Number(first.until / 1000n)).toISOString(),
        });
      }
      for (const lease of granted) held.set(idOf(lease), lease);
      return granted;
    },
    held: () => [...held.values()],
    drop: (leases) => {
      for (const lease of leases) held.delete(idOf(lease));
    },
    end: async () => {
      clearInterval(timer);
      await renewing;
      if (held.size > 0) await releaseLeases(warehouse, [...held.values()]);
      held.clear();
    },
  };
};
