import { sql } from 'kysely';
import type { Tx } from '../engine/index.js';
import { type On, stateOf } from './queries.js';

/** How much of the past stays: a revision that readers saw in the last `keepMicros`, and the newest `keepRevisions` of each environment. */
export interface Keep {
  readonly keepMicros: bigint;
  readonly keepRevisions: number;
}

const garbageAmong = async (on: On, keep: Keep, ids: readonly number[] | undefined): Promise<readonly number[]> => {
  const since = sql`clock_timestamp() - ${String(keep.keepMicros)}::bigint * interval '1 microsecond'`;
  const { rows } = await sql<{ version_id: string }>`
    WITH history AS (
      SELECT p.revision,
        row_number() OVER (PARTITION BY p.environment ORDER BY p.revision DESC) AS age,
        lead(p.published_at) OVER (PARTITION BY p.environment ORDER BY p.revision) AS seen_until
      FROM assay.publication p
      JOIN assay.environment e ON e.name = p.environment AND p.published_at >= e.created_at),
    kept AS (
      SELECT revision FROM history WHERE age <= ${keep.keepRevisions} OR seen_until IS NULL OR seen_until > ${since})
    SELECT t.version_id FROM assay.physical_table t
    WHERE ${ids === undefined ? sql`true` : sql`t.version_id = ANY(${ids.map(String)}::bigint[])`}
      AND t.created_at <= ${since}
      AND NOT EXISTS (
        SELECT FROM assay.publication_table p JOIN kept ON kept.revision = p.revision WHERE p.version_id = t.version_id)
      AND NOT EXISTS (
        SELECT FROM assay.interval i WHERE i.version_id = t.version_id AND i.lease_until > clock_timestamp())
    ORDER BY t.version_id`.execute(stateOf(on));
  return rows.map((row) => Number(row.version_id));
};

/** Versions that have a table, which no kept revision points at and nobody is at work on. */
export const garbage = (on: On, keep: Keep): Promise<readonly number[]> => garbageAmong(on, keep, undefined);

/**
 * Forgets tables and their intervals, for a transaction (read committed) that drops them; gives those that it forgot: drop only these.
 * Tables that a publication is at work on, or that are garbage no more, are left out.
 */
export const forgetTables = async (tx: Tx, versionIds: readonly number[], keep: Keep): Promise<readonly number[]> => {
  if (versionIds.length === 0) return [];
  const db = stateOf(tx);
  // A publication locks its tables before this lock, so waiting for a table here would wait for each other.
  const { rows } = await sql<{ version_id: string }>`
    SELECT version_id FROM assay.physical_table WHERE version_id = ANY(${versionIds.map(String)}::bigint[])
    ORDER BY version_id FOR UPDATE SKIP LOCKED`.execute(db);
  await sql`SELECT pg_advisory_xact_lock(hashtextextended('assay publication', 0))`.execute(db);
  const free = await garbageAmong(
    tx,
    keep,
    rows.map((row) => Number(row.version_id)),
  );
  const ids = free.map(String);
  await sql`DELETE FROM assay.interval WHERE version_id = ANY(${ids}::bigint[])`.execute(db);
  await sql`DELETE FROM assay.partition_stat WHERE version_id = ANY(${ids}::bigint[])`.execute(db);
  await sql`DELETE FROM assay.physical_table WHERE version_id = ANY(${ids}::bigint[])`.execute(db);
  return free;
};
