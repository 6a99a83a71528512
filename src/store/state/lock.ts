import type { Warehouse } from '../engine/index.js';

/**
 * Runs the work while no other process holds the lock of this name; a second one waits. The lock belongs to a connection, so it dies
 * with its holder. It keeps order, not truth: what must not be overtaken compares and swaps when it commits.
 */
export const withLock = async <T>(
  warehouse: Warehouse,
  name: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> =>
  warehouse.transaction(
    async (tx) => {
      await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`assay ${name}`]);
      return work();
    },
    signal ? { signal } : {},
  );
