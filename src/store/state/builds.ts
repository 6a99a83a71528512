import { sql } from 'kysely';
import { timestampText } from '../../query/index.js';
import { type On, stateOf } from './queries.js';
import type { BuildStatus, RunStatus } from './tables.js';
import { microsOf } from './times.js';

/** One run of the builder, as its ledger has it. */
export interface BuildRecord {
  readonly buildId: string;
  readonly status: RunStatus;
  readonly baseRevision: number;
  readonly revision: number | undefined;
  readonly errorCode: string | undefined;
  readonly errorMessage: string | undefined;
  /** Microseconds since 1970 UTC. */
  readonly startedAt: bigint;
  readonly finishedAt: bigint | undefined;
}

/** Records that a build begins. */
export const beginBuild = async (
  on: On,
  build: { readonly buildId: string; readonly baseRevision: number; readonly at: bigint },
): Promise<void> => {
  await stateOf(on)
    .insertInto('assay.build')
    .values({
      build_id: build.buildId,
      status: 'running',
      base_revision: String(build.baseRevision),
      started_at: timestampText(build.at),
    })
    .execute();
};

/** Records how a build ended. One that has ended stays as it is: a commit whose answer was lost did happen. */
export const endBuild = async (
  on: On,
  build: {
    readonly buildId: string;
    readonly status: Exclude<BuildStatus, 'running'>;
    readonly at: bigint;
    readonly revision?: number;
    readonly error?: { readonly code: string; readonly message: string };
  },
): Promise<void> => {
  await stateOf(on)
    .updateTable('assay.build')
    .set({
      status: build.status,
      finished_at: timestampText(build.at),
      revision: build.revision === undefined ? null : String(build.revision),
      error_code: build.error?.code ?? null,
      error_message: build.error?.message ?? null,
    })
    .where('build_id', '=', build.buildId)
    .where('status', '=', 'running')
    .execute();
};

/**
 * Marks builds that nobody runs any more; only the holder of the builder's lock may call it. Runs that tell by a heartbeat that they
 * live are left alone. Gives their ids.
 */
export const abandonBuilds = async (on: On, at: bigint): Promise<readonly string[]> => {
  const rows = await stateOf(on)
    .updateTable('assay.build')
    .set({ status: 'abandoned', finished_at: timestampText(at) })
    .where('status', '=', 'running')
    .where('heartbeat', 'is', null)
    .returning('build_id')
    .execute();
  return rows.map((row) => row.build_id);
};

/** The last builds, newest first. */
export const listBuilds = async (on: On, limit: number): Promise<BuildRecord[]> => {
  const rows = await stateOf(on)
    .selectFrom('assay.build')
    .select(['build_id', 'status', 'base_revision', 'revision', 'error_code', 'error_message'])
    .select([microsOf('started_at').as('started'), sql<string | null>`${microsOf('finished_at')}`.as('finished')])
    .orderBy('started_at', 'desc')
    .orderBy('build_id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    buildId: row.build_id,
    status: row.status,
    baseRevision: Number(row.base_revision),
    revision: row.revision === null ? undefined : Number(row.revision),
    errorCode: row.error_code ?? undefined,
    errorMessage: row.error_message ?? undefined,
    startedAt: BigInt(row.started),
    finishedAt: row.finished === null ? undefined : BigInt(row.finished),
  }));
};
