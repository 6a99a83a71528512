import { sql } from 'kysely';
import { timestampText } from '../../query/index.js';
import { type On, stateOf } from './queries.js';
import type { RunKind, RunStatus } from './tables.js';
import { microsOf } from './times.js';

/** One run of any command that works on tables. */
export interface RunRecord {
  readonly runId: string;
  readonly kind: RunKind;
  readonly environment: string;
  readonly planId: string | undefined;
  /** Undefined for builds of the time before environments. */
  readonly owner: string | undefined;
  readonly status: RunStatus;
  readonly baseRevision: number;
  readonly revision: number | undefined;
  readonly errorCode: string | undefined;
  readonly errorMessage: string | undefined;
  /** Microseconds since 1970 UTC. */
  readonly startedAt: bigint;
  readonly finishedAt: bigint | undefined;
}

/** Records that a run begins; from now on it must tell that it lives. */
export const beginRun = async (
  on: On,
  run: Pick<RunRecord, 'runId' | 'kind' | 'environment' | 'planId' | 'baseRevision' | 'startedAt'> & {
    readonly owner: string;
  },
): Promise<void> => {
  await stateOf(on)
    .insertInto('assay.build')
    .values({
      build_id: run.runId,
      kind: run.kind,
      environment: run.environment,
      plan_id: run.planId ?? null,
      owner: run.owner,
      status: 'running',
      base_revision: String(run.baseRevision),
      started_at: timestampText(run.startedAt),
      heartbeat: sql<string>`clock_timestamp()`,
    })
    .execute();
};

/** Records how a run ended. One that has ended stays as it is: a commit whose answer was lost did happen. */
export const endRun = async (
  on: On,
  run: {
    readonly runId: string;
    readonly status: Exclude<RunStatus, 'running'>;
    readonly at: bigint;
    readonly revision?: number | undefined;
    readonly error?: { readonly code: string; readonly message: string } | undefined;
  },
): Promise<void> => {
  await stateOf(on)
    .updateTable('assay.build')
    .set({
      status: run.status,
      finished_at: timestampText(run.at),
      revision: run.revision === undefined ? null : String(run.revision),
      error_code: run.error?.code ?? null,
      error_message: run.error?.message ?? null,
    })
    .where('build_id', '=', run.runId)
    .where('status', '=', 'running')
    .execute();
};

/** Tells that a run lives. False: it was taken for dead or has ended. */
export const heartbeat = async (on: On, runId: string): Promise<boolean> => {
  const told = await stateOf(on)
    .updateTable('assay.build')
    .set({ heartbeat: sql<string>`clock_timestamp()` })
    .where('build_id', '=', runId)
    .where('status', '=', 'running')
    .executeTakeFirst();
  return told.numUpdatedRows === 1n;
};

/** What a run published of one table, by engine. */
export interface RunRoute {
  readonly runId: string;
  readonly model: string;
  readonly engine: string;
  /** Why this engine, with the numbers of then. */
  readonly route: string;
  /** The same for a whole table: `*`. */
  readonly first: string;
  readonly last: string;
  readonly partitions: number;
  readonly rows: number;
}

/** What runs have published that nobody has published since: which engine made it, and why that one. */
export const routesOf = async (on: On, runIds: readonly string[]): Promise<RunRoute[]> => {
  if (runIds.length === 0) return [];
  const { rows } = await sql<Record<'run' | 'name' | 'engine' | 'route' | 'first' | 'last' | 'n' | 'rows', string>>`
    SELECT i.published_run AS run, v.name, i.engine, i.route, min(i.partition COLLATE "C") AS first,
      max(i.partition COLLATE "C") AS last, count(*) AS n, sum(i.row_count) AS rows
    FROM assay.interval i JOIN assay.model_version v ON v.id = i.version_id
    WHERE i.published_run = ANY(${[...runIds]}::text[]) AND i.engine IS NOT NULL AND i.route IS NOT NULL
    GROUP BY i.published_run, v.name, i.engine, i.route
    ORDER BY min(i.published_at), v.name, first`.execute(stateOf(on));
  return rows.map(({ run, name, n, rows: made, ...of }) => ({
    ...{ runId: run, model: name, engine: of.engine, route: of.route, first: of.first, last: of.last },
    ...{ partitions: Number(n), rows: Number(made) },
  }));
};

/** The last runs, newest first; of one environment, if given. */
export const listRuns = async (on: On, limit: number, environment?: string): Promise<RunRecord[]> => {
  const rows = await stateOf(on)
    .selectFrom('assay.build')
    .select(['build_id', 'kind', 'environment', 'plan_id', 'owner', 'status', 'base_revision', 'revision'])
    .select(['error_code', 'error_message', microsOf('started_at').as('started')])
    .select(sql<string | null>`${microsOf('finished_at')}`.as('finished'))
    .$if(environment !== undefined, (query) => query.where('environment', '=', environment ?? ''))
    .orderBy('started_at', 'desc')
    .orderBy('build_id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    runId: row.build_id,
    kind: row.kind,
    environment: row.environment,
    planId: row.plan_id ?? undefined,
    owner: row.owner ?? undefined,
    status: row.status,
    baseRevision: Number(row.base_revision),
    revision: row.revision === null ? undefined : Number(row.revision),
    errorCode: row.error_code ?? undefined,
    errorMessage: row.error_message ?? undefined,
    startedAt: BigInt(row.started),
    finishedAt: row.finished === null ? undefined : BigInt(row.finished),
  }));
};
