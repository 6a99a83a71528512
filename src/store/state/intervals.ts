import { sql } from 'kysely';
import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import { holdLeases, leaseHolders, listed, throwLost } from './leases.js';
import type { Interval, Leased, LeaseRefused, Outcome, PartitionOf, StagedInterval } from './ledger-types.js';
import { type On, stateOf } from './queries.js';
import type { StagedColumn } from './tables.js';
import { microsOf } from './times.js';

/** The step of partitions whose rows stay as another run made them, and of which only the ledger learns what they hold by now. */
export const NO_STEP = 'none';

const AT_ONCE = 2000;
const pages = <T>(list: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(list.length / AT_ONCE) }, (_, page) =>
    list.slice(page * AT_ONCE, (page + 1) * AT_ONCE),
  );

const bigOf = (text: string | null): bigint | undefined => (text === null ? undefined : BigInt(text));
const countOf = (text: string | null): number | undefined => (text === null ? undefined : Number(text));

const stagedOf = (staged: StagedColumn, adds: StagedInterval['adds']): StagedInterval => ({
  stepId: staged.stepId,
  inVersions: staged.inVersions,
  rows: Number(staged.rows),
  bytes: Number(staged.bytes),
  contentHash: staged.contentHash,
  scoreMillionths: bigOf(staged.scoreMillionths),
  coverageMillionths: BigInt(staged.coverageMillionths),
  engine: staged.engine,
  route: staged.route,
  milliseconds: Number(staged.milliseconds),
  restatement: staged.restatement,
  adds,
});

const columnOf = (staged: StagedInterval): StagedColumn => ({
  stepId: staged.stepId,
  inVersions: staged.inVersions,
  rows: String(staged.rows),
  bytes: String(staged.bytes),
  contentHash: staged.contentHash,
  scoreMillionths: staged.scoreMillionths === undefined ? null : String(staged.scoreMillionths),
  coverageMillionths: String(staged.coverageMillionths),
  engine: staged.engine,
  route: staged.route,
  milliseconds: String(staged.milliseconds),
  ...(staged.restatement === undefined ? {} : { restatement: staged.restatement }),
});

interface IntervalRow {
  readonly version_id: string;
  readonly partition: string;
  readonly status: Interval['status'];
  readonly attempt: number;
  readonly fence: string;
  readonly lease_owner: string | null;
  readonly until: string | null;
  readonly in_versions: Record<string, string> | null;
  readonly row_count: string;
  readonly bytes: string;
  readonly content_hash: string | null;
  readonly score_millionths: string | null;
  readonly coverage_millionths: string | null;
  readonly engine: string | null;
  readonly route: string | null;
  readonly milliseconds: string | null;
  readonly published_revision: string | null;
  readonly published: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly staged: StagedColumn | null;
  readonly staged_adds: StagedInterval['adds'] | null;
}

const intervalOf = (row: IntervalRow): Interval => ({
  versionId: Number(row.version_id),
  partition: row.partition,
  status: row.status,
  attempt: row.attempt,
  fence: Number(row.fence),
  leaseOwner: row.lease_owner ?? undefined,
  leaseUntil: bigOf(row.until),
  inVersions: row.in_versions ?? undefined,
  rows: Number(row.row_count),
  bytes: Number(row.bytes),
  contentHash: row.content_hash ?? undefined,
  scoreMillionths: bigOf(row.score_millionths),
  coverageMillionths: bigOf(row.coverage_millionths),
  engine: row.engine ?? undefined,
  route: row.route ?? undefined,
  milliseconds: countOf(row.milliseconds),
  publishedRevision: countOf(row.published_revision),
  publishedAt: bigOf(row.published),
  errorCode: row.error_code ?? undefined,
  errorMessage: row.error_message ?? undefined,
  staged: row.staged === null ? undefined : stagedOf(row.staged, row.staged_adds ?? []),
});

/**
 * All intervals of these versions, by version and partition. `light` leaves out the Delta actions of what is staged (`adds` is
 * empty): enough for a plan.
 */
export const intervalsOf = async (
  on: On,
  versionIds: readonly number[],
  options: { readonly light?: boolean } = {},
): Promise<Interval[]> => {
  if (versionIds.length === 0) return [];
  const { rows } = await sql<IntervalRow>`
    SELECT version_id, partition, status, attempt, fence, lease_owner, ${microsOf('lease_until')} AS until,
      in_versions, row_count, bytes, content_hash, score_millionths, coverage_millionths, engine, route, milliseconds,
      published_revision, ${microsOf('published_at')} AS published, error_code, error_message, staged,
      ${options.light ? sql`NULL` : sql`staged_adds`} AS staged_adds
    FROM assay.interval WHERE version_id = ANY(${versionIds.map(String)}::bigint[])
    ORDER BY version_id, partition COLLATE "C"`.execute(stateOf(on));
  return rows.map(intervalOf);
};

/**
 * Writes down what steps came to. What was refused or failed loses its lease and what was staged of it; the published rows stay.
 * Errors: `lease-lost`; the outcomes of leases that hold are written even then.
 */
export const stageIntervals = async (on: On, outcomes: readonly Outcome[]): Promise<void> => {
  const lost: Leased[] = [];
  for (const page of pages(outcomes)) {
    const list = page.map((outcome) => ({
      ...{ v: outcome.versionId, p: outcome.partition, f: outcome.fence, status: outcome.status },
      ...(outcome.status === 'audited'
        ? { staged: columnOf(outcome.staged), adds: outcome.staged.adds }
        : { code: outcome.code, message: outcome.message }),
    }));
    const { rows } = await sql<{ version_id: string; partition: string }>`
      WITH done AS (
        SELECT r.* FROM assay.interval i
        JOIN json_to_recordset(${JSON.stringify(list)}::json)
          AS r(v bigint, p text, f bigint, status text, staged json, adds json, code text, message text)
          ON r.v = i.version_id AND r.p = i.partition AND r.f = i.fence
        WHERE i.lease_until IS NOT NULL
        ORDER BY i.version_id, i.partition FOR UPDATE OF i)
      UPDATE assay.interval i SET status = done.status, staged = done.staged, staged_adds = done.adds,
        error_code = done.code, error_message = done.message,
        lease_run = CASE WHEN done.status = 'audited' THEN i.lease_run END,
        lease_owner = CASE WHEN done.status = 'audited' THEN i.lease_owner END,
        lease_until = CASE WHEN done.status = 'audited' THEN i.lease_until END
      FROM done WHERE done.v = i.version_id AND done.p = i.partition
      RETURNING i.version_id, i.partition`.execute(stateOf(on));
    if (rows.length === page.length) continue;
    const written = new Set(rows.map((row) => `${row.version_id} ${row.partition}`));
    lost.push(...page.filter((outcome) => !written.has(`${outcome.versionId} ${outcome.partition}`)));
  }
  await throwLost(on, lost);
};

/**
 * What is staged under these leases is published at `revision`; the leases end. Call it after `publishEnvironment` in the same
 * transaction. Errors: `lease-lost`.
 */
export const publishIntervals = async (
  tx: Tx,
  publish: { readonly revision: number; readonly leases: readonly Leased[] },
): Promise<void> => {
  if (publish.leases.length === 0) return;
  await holdLeases(tx, publish.leases);
  const { numAffectedRows } = await sql`
    UPDATE assay.interval i SET status = 'published', attempt = 0, reopened = false,
      in_versions = i.staged -> 'inVersions', row_count = (i.staged ->> 'rows')::bigint,
      bytes = (i.staged ->> 'bytes')::bigint, content_hash = i.staged ->> 'contentHash',
      score_millionths = (i.staged ->> 'scoreMillionths')::bigint,
      coverage_millionths = (i.staged ->> 'coverageMillionths')::bigint,
      engine = i.staged ->> 'engine', route = i.staged ->> 'route', milliseconds = (i.staged ->> 'milliseconds')::bigint,
      published_run = CASE WHEN i.staged ->> 'stepId' = ${NO_STEP} THEN i.published_run ELSE i.lease_run END,
      published_revision = ${String(publish.revision)}::bigint,
      published_at = clock_timestamp(), error_code = NULL, error_message = NULL, staged = NULL, staged_adds = NULL,
      lease_run = NULL, lease_owner = NULL, lease_until = NULL
    FROM ${listed(publish.leases)}
    WHERE w.version_id = i.version_id AND w.partition = i.partition AND i.staged IS NOT NULL`.execute(stateOf(tx));
  // Every row is held and has its fence: one that has nothing staged was never audited.
  if (numAffectedRows !== BigInt(publish.leases.length))
    throw error('internal', {}, new RangeError('an interval without staged rows was to be published'));
};

/** Says that partitions must be made again although their inputs have not changed. Gives those that a run is at work on: they stay. */
export const reopenIntervals = async (on: On, partitions: readonly PartitionOf[]): Promise<readonly LeaseRefused[]> => {
  if (partitions.length === 0) return [];
  const { rows } = await sql<{ version_id: string; partition: string }>`
    WITH free AS (
      SELECT i.version_id, i.partition FROM assay.interval i
      JOIN ${listed(partitions)} ON w.version_id = i.version_id AND w.partition = i.partition
      WHERE i.lease_until IS NULL OR i.lease_until <= clock_timestamp()
      ORDER BY i.version_id, i.partition FOR UPDATE OF i)
    UPDATE assay.interval i SET status = 'pending', reopened = true, fence = i.fence + 1, staged = NULL,
      staged_adds = NULL, lease_run = NULL, lease_owner = NULL, lease_until = NULL
    FROM free WHERE free.version_id = i.version_id AND free.partition = i.partition
    RETURNING i.version_id, i.partition`.execute(stateOf(on));
  const done = new Set(rows.map((row) => `${row.version_id} ${row.partition}`));
  return leaseHolders(
    on,
    partitions.filter((of) => !done.has(`${of.versionId} ${of.partition}`)),
  );
};
