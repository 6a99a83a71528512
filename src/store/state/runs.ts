import { error } from '../../errors/index.js';
import type { On } from './queries.js';
import type { RunKind, RunStatus } from './tables.js';

/** One run of any command that works on tables. */
export interface RunRecord {
  readonly runId: string;
  readonly kind: RunKind;
  readonly environment: string;
  readonly planId: string | undefined;
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
  _on: On,
  _run: Pick<RunRecord, 'runId' | 'kind' | 'environment' | 'planId' | 'baseRevision' | 'startedAt'> & {
    readonly owner: string;
  },
): Promise<void> => {
  throw error('internal', {});
};

/** Records how a run ended. One that has ended stays as it is: a commit whose answer was lost did happen. */
export const endRun = async (
  _on: On,
  _run: {
    readonly runId: string;
    readonly status: Exclude<RunStatus, 'running'>;
    readonly at: bigint;
    readonly revision?: number;
    readonly error?: { readonly code: string; readonly message: string };
  },
): Promise<void> => {
  throw error('internal', {});
};

/** Tells that a run lives. False: it was taken for dead or has ended. */
export const heartbeat = async (_on: On, _runId: string): Promise<boolean> => {
  throw error('internal', {});
};

/** Marks running runs that have not told for `seconds` that they live. Gives their ids. */
export const abandonRuns = async (_on: On, _seconds: number): Promise<readonly string[]> => {
  throw error('internal', {});
};

/** The last runs, newest first; of one environment, if given. */
export const listRuns = async (_on: On, _limit: number, _environment?: string): Promise<RunRecord[]> => {
  throw error('internal', {});
};
