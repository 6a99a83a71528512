import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';

/** One answer or refusal. Values of filters are not kept. */
export interface AuditRow {
  /** Microseconds since 1970 UTC. */
  readonly at: bigint;
  readonly subject: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly surface: string;
  readonly requestId: string;
  /** `answered`, or the error's code. */
  readonly outcome: string;
  /** Anything else worth keeping (members, policies, plan, rows, source); JSON. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Appends rows in their order. Each row's hash covers the hash before it, so a changed or missing row shows. */
export const appendAudit = async (_tx: Tx, _rows: readonly AuditRow[]): Promise<void> => {
  throw error('internal', {});
};

/** Checks the chain; gives the number of rows and the first id that does not fit, if any. */
export const verifyAudit = async (
  _tx: Tx,
): Promise<{ readonly rows: bigint; readonly brokenAt: bigint | undefined }> => {
  throw error('internal', {});
};
