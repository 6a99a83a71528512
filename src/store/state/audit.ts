import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Tx } from '../engine/index.js';
import { stateOf } from './queries.js';

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

const START = '0'.repeat(64);
const STATEMENT_ROWS = 500;
const VERIFY_ROWS = 5000;
const hashOf = (previous: string, parts: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([previous, ...parts]))
    .digest('hex');

/**
 * Appends rows in their order; writers of several processes take turns. Each row's hash covers the hash before it and the row's own
 * text, so a changed or missing row shows.
 */
export const appendAudit = async (tx: Tx, rows: readonly AuditRow[]): Promise<void> => {
  if (rows.length === 0) return;
  const db = stateOf(tx);
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('assay audit', 0))");
  const last = await db
    .selectFrom('assay.audit')
    .select(['id', 'hash'])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  let id = last === undefined ? 0n : BigInt(last.id);
  let previous = last?.hash ?? START;
  const values = rows.map((row) => {
    id += 1n;
    const record = {
      id: String(id),
      at_micros: String(row.at),
      subject: row.subject,
      tenant: row.tenant,
      roles: JSON.stringify(row.roles),
      surface: row.surface,
      request_id: row.requestId,
      outcome: row.outcome,
      details: JSON.stringify(row.details),
    };
    previous = hashOf(previous, Object.values(record));
    return { ...record, hash: previous };
  });
  for (let at = 0; at < values.length; at += STATEMENT_ROWS)
    await db
      .insertInto('assay.audit')
      .values(values.slice(at, at + STATEMENT_ROWS))
      .execute();
};

/** Checks the chain from its beginning; gives the number of rows and the first id that does not fit, if any. */
export const verifyAudit = async (
  tx: Tx,
): Promise<{ readonly rows: bigint; readonly brokenAt: bigint | undefined }> => {
  let rows = 0n;
  let previous = START;
  let after = '0';
  for (;;) {
    const batch = await stateOf(tx)
      .selectFrom('assay.audit')
      .select(['id', 'at_micros', 'subject', 'tenant', 'surface', 'request_id', 'outcome', 'hash'])
      .select([sql<string>`roles::text`.as('roles_text'), sql<string>`details::text`.as('details_text')])
      .where('id', '>', after)
      .orderBy('id')
      .limit(VERIFY_ROWS)
      .execute();
    for (const row of batch) {
      rows += 1n;
      const parts = [
        row.id,
        row.at_micros,
        row.subject,
        row.tenant,
        row.roles_text,
        row.surface,
        row.request_id,
        row.outcome,
        row.details_text,
      ].map(String);
      previous = hashOf(previous, parts);
      if (previous !== row.hash || BigInt(row.id) !== rows) return { rows, brokenAt: BigInt(row.id) };
      after = row.id;
    }
    if (batch.length < VERIFY_ROWS) return { rows, brokenAt: undefined };
  }
};
