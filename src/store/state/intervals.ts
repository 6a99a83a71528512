import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import type { Interval, Leased, LeaseRefused, Outcome, PartitionOf } from './ledger-types.js';
import type { On } from './queries.js';

/**
 * All intervals of these versions, by version and partition. `light` leaves out the Delta actions of what is staged (`adds` is
 * empty): enough for a plan.
 */
export const intervalsOf = async (
  _on: On,
  _versionIds: readonly number[],
  _options: { readonly light?: boolean } = {},
): Promise<Interval[]> => {
  throw error('internal', {});
};

/**
 * Leases what can be had of `wanted` until `seconds` from now by the server's clock; intervals that are not there are made. A lease
 * that has run out is taken over, with what was staged under it.
 */
export const leaseIntervals = async (
  _on: On,
  _lease: {
    readonly runId: string;
    /** Who to ask about it: shown to those who are refused. */
    readonly owner: string;
    readonly seconds: number;
    readonly wanted: readonly PartitionOf[];
  },
): Promise<{ readonly granted: readonly Leased[]; readonly refused: readonly LeaseRefused[] }> => {
  throw error('internal', {});
};

/** Makes leases last until `seconds` from now; gives those that were lost to another run. */
export const renewLeases = async (
  _on: On,
  _renew: { readonly leases: readonly Leased[]; readonly seconds: number },
): Promise<readonly Leased[]> => {
  throw error('internal', {});
};

/** Gives leases back: what is staged stays, the rest is as it was before. Leases that were lost are left alone. */
export const releaseLeases = async (_on: On, _leases: readonly Leased[]): Promise<void> => {
  throw error('internal', {});
};

/**
 * Writes down what steps came to. What was refused or failed loses its lease; the published rows stay.
 * Errors: `lease-lost`; the outcomes of leases that hold are written even then.
 */
export const stageIntervals = async (_on: On, _outcomes: readonly Outcome[]): Promise<void> => {
  throw error('internal', {});
};

/** Takes the rows of leases for the rest of the transaction, so that nobody can take them over. Errors: `lease-lost`. */
export const holdLeases = async (_tx: Tx, _leases: readonly Leased[]): Promise<void> => {
  throw error('internal', {});
};

/** What is staged under these leases is published at `revision`; the leases end. Errors: `lease-lost`. */
export const publishIntervals = async (
  _tx: Tx,
  _publish: { readonly revision: number; readonly leases: readonly Leased[] },
): Promise<void> => {
  throw error('internal', {});
};

/** Says that partitions must be made again although their inputs have not changed. Gives those that a run is at work on: they stay. */
export const reopenIntervals = async (
  _on: On,
  _partitions: readonly PartitionOf[],
): Promise<readonly LeaseRefused[]> => {
  throw error('internal', {});
};
