import { error } from '../../errors/index.js';
import { type DescribedColumn, readReport, readRowDescription } from './codec/read.js';
import { bindMessage, closeMessage, describeMessage, parseMessage, reportMessage } from './codec/write.js';
import type { SessionParts } from './parts.js';
import { type Bound, planAndRun } from './planner.js';
import { withoutContext } from './reports.js';
import type { Statement } from './statement.js';

/** Number of the type text[]. */
const TEXT_ARRAY = 1009;

/** How a swap ended: the portal runs the answer now; the statement needs none; an error was shown. */
export type Swapped = 'swapped' | 'relay' | 'failed';

/** Names of rewritten statements that live in a backend. */
export class Rewritten {
  private serial = 0;
  private readonly alive = new Set<string>();
  next(): string {
    const name = `_assay_${++this.serial}`;
    this.alive.add(name);
    return name;
  }
  has(name: string): boolean {
    return this.alive.has(name);
  }
  /** After DISCARD ALL or DEALLOCATE ALL. */
  clear(): void {
    this.alive.clear();
  }
}

/**
 * Runs a statement's blocks and puts the rewritten statement under the client's portal name. No Sync goes between, so it stays in
 * the client's own transaction.
 */
export const swapIn = async (
  parts: SessionParts,
  rewritten: Rewritten,
  statement: Statement,
  portal: string,
  bound: Bound,
  results: readonly number[],
): Promise<Swapped> => {
  const { conversation } = parts;
  const planned = await planAndRun(parts, statement, bound);
  if (planned === 'relay' || planned === 'failed') return planned;
  const { sql, arrays, checked } = planned;
  if (portal !== '') conversation.hidden(closeMessage('P', portal), 'close');
  const known = statement.rewritten;
  let name = known?.name ?? '';
  if (known?.sql !== sql || !rewritten.has(name)) {
    if (known && rewritten.has(name)) conversation.hidden(closeMessage('S', name), 'close');
    name = rewritten.next();
    let row: Buffer | undefined;
    const types = checked ? [...bound.types, ...arrays.map(() => TEXT_ARRAY)] : [];
    conversation.hidden(parseMessage(name, sql, types), 'parse', { patch: (p) => broken(parts, p, sql) });
    conversation.hidden(describeMessage('S', name), 'describe', {
      on: (type, payload) => {
        if (type === 'T') row = Buffer.from(payload);
      },
    });
    if (!(await conversation.drain())) return 'failed';
    if (checked) checkRow(statement.row, row, sql);
    statement.rewritten = { name, sql };
  }
  const formats = checked ? [...each(bound), ...arrays.map(() => 0)] : [];
  const values = checked ? [...bound.values, ...arrays] : [];
  conversation.hidden(bindMessage({ portal, statement: name, formats, values, results }), 'bind', {
    patch: withoutContext,
  });
  return 'swapped';
};

/** One format for each value, as the Bind message's short forms mean it. */
const each = ({ formats, values }: Bound): readonly number[] =>
  values.map((_, i) => (formats.length > 1 ? (formats[i] ?? 0) : (formats[0] ?? 0)));

/** The rewritten text must never fail to parse: what PostgreSQL says of it is for the log. */
const broken = (parts: SessionParts, payload: Buffer, sql: string): Buffer => {
  const report = readReport(payload);
  // A failed transaction is the client's own doing, and said as it is.
  if (report.get('C') === '25P02') return withoutContext(payload);
  const requestId = parts.requestId();
  parts.emit('bug', { where: 'sql', error: new Error(`${report.get('M') ?? ''}: ${sql.slice(0, 2_000)}`), requestId });
  const { message, sqlstate: code, hint } = error('internal', { requestId });
  return reportMessage('E', { severity: 'ERROR', code, message, hint });
};

const same = (a: DescribedColumn | undefined, b: DescribedColumn): boolean =>
  a?.name === b.name && a.type === b.type && a.modifier === b.modifier;

const checkRow = (described: Buffer | undefined, made: Buffer | undefined, sql: string): void => {
  if (!described || !made) return;
  const wanted = readRowDescription(described);
  const got = readRowDescription(made);
  if (wanted.length === got.length && got.every((c, i) => same(wanted[i], c))) return;
  throw error(
    'internal',
    {},
    `the rewritten row differs from the described one: ${JSON.stringify({ wanted, got })}: ${sql.slice(0, 2_000)}`,
  );
};
