import type { Events } from '../query/index.js';
import type { Warehouse } from '../store/engine/index.js';
import { type AuditRow, appendAudit } from '../store/state/index.js';
import type { Telemetry } from '../telemetry/index.js';

const BATCH = 500;
const MOST_HELD = 50_000;

/**
 * Writes every answer and refusal to the audit, in batches and in order. Gives the function that writes out what is held and ends
 * it. A store that is away keeps rows in memory; when too many are held the fault is told for each that is lost, never silently.
 */
export const auditSink = (telemetry: Telemetry, warehouse: Warehouse): (() => Promise<void>) => {
  let held: AuditRow[] = [];
  let writing: Promise<void> | undefined;
  const write = async () => {
    while (held.length > 0) {
      const batch = held.slice(0, BATCH);
      await warehouse.transaction((tx) => appendAudit(tx, batch));
      held = held.slice(batch.length);
    }
  };
  const flush = () => {
    writing ??= write()
      .catch((thrown: unknown) => telemetry.emit('bug', { where: 'audit', error: thrown }))
      .finally(() => {
        writing = undefined;
      });
    return writing;
  };
  const timer = setInterval(() => void flush(), 250);
  const hold = (row: AuditRow) => {
    if (held.length >= MOST_HELD) {
      telemetry.emit('bug', { where: 'audit', error: `the audit is full; lost ${row.requestId}` });
      return;
    }
    held.push(row);
    if (held.length >= BATCH) void flush();
  };
  const now = () => BigInt(Date.now()) * 1000n;
  const answered = (e: Events['query.answered']) =>
    hold({
      at: now(),
      subject: e.subject,
      tenant: 'default',
      roles: e.roles,
      surface: e.surface,
      requestId: e.requestId,
      outcome: 'answered',
      details: {
        members: e.members,
        policies: e.policies,
        plan: e.plan,
        source: e.source,
        cached: e.cached,
        rows: e.rows,
      },
    });
  const refused = (e: Events['query.refused']) =>
    hold({
      at: now(),
      subject: e.subject,
      tenant: 'default',
      roles: [],
      surface: e.surface,
      requestId: e.requestId,
      outcome: e.code,
      details: {},
    });
  const ends = [telemetry.subscribe('query.answered', answered), telemetry.subscribe('query.refused', refused)];
  return async () => {
    for (const end of ends) end();
    clearInterval(timer);
    await flush();
    if (held.length > 0) await flush();
  };
};
