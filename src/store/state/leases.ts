import { sql } from 'kysely';
import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import type { Leased, LeaseRefused, PartitionOf } from './ledger-types.js';
import { type On, stateOf } from './queries.js';
import { microsOf } from './times.js';

/** A list of partitions as a relation `w(version_id, partition, fence)`; without a fence it is null. */
export const listed = (list: readonly (PartitionOf & { readonly fence?: number })[]) => {
  const rows = list.map(({ versionId, partition, fence }) => ({ v: versionId, p: partition, f: fence ?? null }));
  return sql`(SELECT DISTINCT v AS version_id, p AS partition, f AS fence
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS r(v bigint, p text, f bigint)) AS w`;
};

const keyOf = (of: PartitionOf): string => `${of.versionId} ${of.partition}`;
const inSeconds = (seconds: number) => sql`clock_timestamp() + make_interval(secs => ${seconds})`;

/** What an interval is without its lease: staged rows wait for a run that goes on; else it is as it was before. */
const UNLEASED = sql`CASE WHEN i.staged IS NOT NULL THEN 'audited'
  WHEN i.published_revision IS NOT NULL AND NOT i.reopened THEN 'published' ELSE 'pending' END`;

type Lease = {
  readonly runId: string;
  readonly owner: string;
  readonly seconds: number;
};

const make = async (on: On, list: readonly PartitionOf[]): Promise<void> => {
  if (list.length === 0) return;
  await sql`
    INSERT INTO assay.interval (version_id, partition)
    SELECT w.version_id, w.partition FROM ${listed(list)}
    WHERE NOT EXISTS (SELECT FROM assay.interval i WHERE i.version_id = w.version_id AND i.partition = w.partition)
    ORDER BY w.version_id, w.partition
    ON CONFLICT DO NOTHING`.execute(stateOf(on));
};

/** Leases those of the list that nobody has. `wait`: stands in line behind transactions that hold their rows. */
const take = async (on: On, lease: Lease, list: readonly PartitionOf[], wait: boolean): Promise<Leased[]> => {
  if (list.length === 0) return [];
  const { rows } = await sql<{ version_id: string; partition: string; fence: string }>`
    WITH free AS (
      SELECT i.version_id, i.partition FROM assay.interval i
      JOIN ${listed(list)} ON w.version_id = i.version_id AND w.partition = i.partition
      WHERE i.lease_until IS NULL OR i.lease_until <= clock_timestamp()
      ORDER BY i.version_id, i.partition
      FOR UPDATE OF i ${wait ? sql`` : sql`SKIP LOCKED`})
    UPDATE assay.interval i SET status = 'leased', fence = i.fence + 1, attempt = i.attempt + 1,
      lease_run = ${lease.runId}, lease_owner = ${lease.owner}, lease_until = ${inSeconds(lease.seconds)},
      error_code = NULL, error_message = NULL
    FROM free WHERE free.version_id = i.version_id AND free.partition = i.partition
    RETURNING i.version_id, i.partition, i.fence`.execute(stateOf(on));
  return rows.map((row) => ({
    versionId: Number(row.version_id),
    partition: row.partition,
    fence: Number(row.fence),
  }));
};

interface Holder extends LeaseRefused {
  /** False: the lease has run out, and yet somebody has its row: a publication, or whoever takes it over just now. */
  readonly live: boolean;
}

/** Who has the intervals of a list; those that nobody is seen to have are left out. */
const holdersOf = async (on: On, list: readonly PartitionOf[]): Promise<Holder[]> => {
  if (list.length === 0) return [];
  const { rows } = await sql<{
    version_id: string;
    partition: string;
    lease_owner: string;
    until: string;
    live: boolean;
  }>`
    SELECT i.version_id, i.partition, i.lease_owner, ${microsOf('i.lease_until')} AS until,
      i.lease_until > clock_timestamp() AS live
    FROM assay.interval i
    JOIN ${listed(list)} ON w.version_id = i.version_id AND w.partition = i.partition
    WHERE i.lease_owner IS NOT NULL
    ORDER BY i.version_id, i.partition`.execute(stateOf(on));
  return rows.map((row) => ({
    ...{ versionId: Number(row.version_id), partition: row.partition },
    ...{ owner: row.lease_owner, until: BigInt(row.until), live: row.live },
  }));
};

/** Who has the intervals of a list. */
export const leaseHolders = async (on: On, list: readonly PartitionOf[]): Promise<LeaseRefused[]> =>
  (await holdersOf(on, list)).map(({ live: _live, ...refused }) => refused);

const without = (list: readonly PartitionOf[], taken: readonly PartitionOf[]): PartitionOf[] => {
  const keys = new Set(taken.map(keyOf));
  return list.filter((of) => !keys.has(keyOf(of)));
};

/** Times that a lease which has run out is asked for again while somebody has its row. */
const ASKED_AGAIN = 5;

/**
 * Leases what can be had of `wanted` until `seconds` from now by the server's clock; intervals that are not there are made. A lease
 * that has run out is taken over, with what was staged under it. Waits for nobody who works; `owner` is shown to those who are refused
 * (`until` is past where a publication goes on longer than its lease).
 */
export const leaseIntervals = async (
  on: On,
  lease: Lease & { readonly wanted: readonly PartitionOf[] },
): Promise<{ readonly granted: readonly Leased[]; readonly refused: readonly LeaseRefused[] }> => {
  const wanted = [...new Map(lease.wanted.map((of) => [keyOf(of), of])).values()];
  if (wanted.length === 0) return { granted: [], refused: [] };
  await make(on, wanted);
  const granted = await take(on, lease, wanted, false);
  for (let asked = 0; ; asked += 1) {
    const left = without(wanted, granted);
    const holders = await holdersOf(on, left);
    // A row that was passed over because somebody was just taking it has no owner yet: their transaction is about to end.
    const unseen = without(left, holders);
    const late = asked < ASKED_AGAIN ? holders.filter(({ live }) => !live) : [];
    if (unseen.length === 0 && late.length === 0)
      return { granted, refused: holders.map(({ live: _live, ...refused }) => refused) };
    await make(on, unseen);
    granted.push(...(await take(on, lease, unseen, true)), ...(await take(on, lease, late, false)));
  }
};

/** Those of the list whose fence has moved. */
const moved = async (on: On, leases: readonly Leased[]): Promise<Leased[]> => {
  const { rows } = await sql<{ version_id: string; partition: string; fence: string }>`
    SELECT w.version_id, w.partition, w.fence FROM ${listed(leases)}
    LEFT JOIN assay.interval i ON i.version_id = w.version_id AND i.partition = w.partition AND i.fence = w.fence
      AND i.lease_until IS NOT NULL
    WHERE i.version_id IS NULL ORDER BY w.version_id, w.partition`.execute(stateOf(on));
  return rows.map((row) => ({
    versionId: Number(row.version_id),
    partition: row.partition,
    fence: Number(row.fence),
  }));
};

/**
 * Makes leases last until `seconds` from now, also those that have run out and that nobody took; gives those that are lost. Rows that
 * a publication holds are passed over: nobody can take them.
 */
export const renewLeases = async (
  on: On,
  renew: { readonly leases: readonly Leased[]; readonly seconds: number },
): Promise<readonly Leased[]> => {
  if (renew.leases.length === 0) return [];
  await sql`
    WITH mine AS (
      SELECT i.version_id, i.partition FROM assay.interval i
      JOIN ${listed(renew.leases)} ON w.version_id = i.version_id AND w.partition = i.partition AND w.fence = i.fence
      WHERE i.lease_until IS NOT NULL
      ORDER BY i.version_id, i.partition
      FOR UPDATE OF i SKIP LOCKED)
    UPDATE assay.interval i SET lease_until = ${inSeconds(renew.seconds)}
    FROM mine WHERE mine.version_id = i.version_id AND mine.partition = i.partition`.execute(stateOf(on));
  return moved(on, renew.leases);
};

/** Gives leases back: what is staged stays, the rest is as it was before. Leases that were lost are left alone. */
export const releaseLeases = async (on: On, leases: readonly Leased[]): Promise<void> => {
  if (leases.length === 0) return;
  await sql`
    WITH mine AS (
      SELECT i.version_id, i.partition FROM assay.interval i
      JOIN ${listed(leases)} ON w.version_id = i.version_id AND w.partition = i.partition AND w.fence = i.fence
      WHERE i.lease_until IS NOT NULL
      ORDER BY i.version_id, i.partition
      FOR UPDATE OF i)
    UPDATE assay.interval i SET status = ${UNLEASED}, lease_run = NULL, lease_owner = NULL, lease_until = NULL
    FROM mine WHERE mine.version_id = i.version_id AND mine.partition = i.partition`.execute(stateOf(on));
};

/** Throws for the first lease whose fence has moved. */
export const throwLost = async (on: On, lost: readonly Leased[]): Promise<void> => {
  const [first] = lost;
  if (first === undefined) return;
  const row = await stateOf(on)
    .selectFrom('assay.model_version')
    .select('name')
    .where('id', '=', String(first.versionId))
    .executeTakeFirst();
  throw error('lease-lost', { model: row?.name ?? `version ${first.versionId}`, partition: first.partition });
};

/** Checks without a lock that leases are still held. Errors: `lease-lost`. */
export const checkLeases = async (on: On, leases: readonly Leased[]): Promise<void> => {
  if (leases.length > 0) await throwLost(on, await moved(on, leases));
};

/** Takes the rows of leases for the rest of the transaction, so that nobody can take them over. Errors: `lease-lost`. */
export const holdLeases = async (tx: Tx, leases: readonly Leased[]): Promise<void> => {
  if (leases.length === 0) return;
  await sql`
    SELECT 1 FROM assay.interval i
    JOIN ${listed(leases)} ON w.version_id = i.version_id AND w.partition = i.partition
    ORDER BY i.version_id, i.partition FOR UPDATE OF i`.execute(stateOf(tx));
  await checkLeases(tx, leases);
};
