import type { Warehouse } from '../engine/index.js';
import { withLock } from './lock.js';

const lockName = (runId: string): string => `run ${runId}`;

/** Runs the work under a lock that dies with this process's connection: so others see at once that a killed run is dead. */
export const whileAlive = <T>(
  warehouse: Warehouse,
  runId: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> => withLock(warehouse, lockName(runId), work, signal);

/**
 * Marks runs whose process is gone (nobody holds their lock) as abandoned and ends their leases now, not when their time is up. What
 * they staged stays for whoever takes the leases over. Gives their ids.
 */
export const buryDead = (warehouse: Warehouse): Promise<readonly string[]> =>
  warehouse.transaction(async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      `SELECT build_id AS id FROM assay.build WHERE status = 'running' AND owner IS NOT NULL
       ORDER BY build_id FOR UPDATE SKIP LOCKED`,
    );
    const dead: string[] = [];
    for (const { id } of rows) {
      const { rows: got } = await tx.query<{ free: boolean }>(
        'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS free',
        [`assay ${lockName(id)}`],
      );
      if (got[0]?.free === true) dead.push(id);
    }
    if (dead.length > 0) {
      await tx.query(
        "UPDATE assay.build SET status = 'abandoned', finished_at = now() WHERE build_id = ANY($1::text[])",
        [dead],
      );
      await tx.query(
        'UPDATE assay.interval SET lease_until = now() WHERE lease_run = ANY($1::text[]) AND lease_until > now()',
        [dead],
      );
    }
    return dead;
  });
