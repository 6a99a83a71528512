import { error } from '../../../errors/index.js';
import { render } from '../files/template.js';
import { viewOf } from '../sql-text.js';
import { replaceByKey } from './by-key.js';
import { fromPostgres } from './from-postgres.js';
import { existingOf, loadInputs, nameOf, openSession, referencesIn, type Session, takenSql } from './relations.js';
import { advanceHistory, historyOf } from './scd2.js';
import { bodyFor, checkShape } from './shape.js';
import { fromSpark } from './spark-step.js';
import type { StepOrder, StepParts } from './step.js';

/** What computing needs; a step on DuckDB alone asks neither the warehouse nor Spark. */
export type ComputeParts = Pick<StepParts, 'engine' | 'tmp' | 'spark' | 'emit'> & {
  readonly warehouse: StepParts['warehouse'] | undefined;
};

/** Rows of a step as a SELECT of DuckDB, and what it stands on. */
export interface Computed {
  /** Gives exactly the contract's columns. */
  readonly select: string;
  /** Takes away what the SELECT reads; call it when the rows are written. */
  readonly drop: () => Promise<void>;
}

const FRESH = viewOf('step.rows');

/** The SELECT's rows on the engine of the order, as a SELECT of DuckDB. */
const rowsOf = async (
  parts: ComputeParts,
  order: StepOrder,
  session: Session,
): Promise<{ readonly select: string; readonly columns: readonly string[]; readonly drop: () => Promise<void> }> => {
  const { transform, engine } = order;
  const body = bodyFor(transform, engine);
  const references = referencesIn(transform, body.text, body.line);
  if (engine === 'postgres') {
    await loadInputs(
      session,
      order,
      references.filter((of) => of.kind === 'seed'),
    );
    const { warehouse } = parts;
    if (!warehouse) throw error('internal', {}, new TypeError('a step on PostgreSQL needs the warehouse'));
    return fromPostgres({ ...parts, warehouse }, order);
  }
  if (engine === 'spark') return fromSpark(parts, order);
  await loadInputs(session, order, references);
  const select = render(body.file, body.text, body.line, nameOf(order), 'duckdb');
  const found = await checkShape(parts.engine, transform, select);
  return { select, columns: found.map(({ name }) => name), drop: async () => {} };
};

/**
 * Computes an order's rows as its kind wants them: what changed by partition, the whole table for every other kind. The rows are made
 * when the SELECT runs, except where a kind needs them twice. Errors: see `makeStep`.
 */
export const compute = async (parts: ComputeParts, order: StepOrder): Promise<Computed> => {
  const { transform, taken } = order;
  if (taken) return { select: takenSql(taken, transform.columns), drop: async () => {} };
  const session = openSession(parts.engine);
  const drops = [() => session.clear()];
  const drop = async () => {
    for (const step of drops.reverse()) await step();
  };
  try {
    const rows = await rowsOf(parts, order, session);
    drops.push(rows.drop);
    if (transform.kind !== 'scd2' && transform.kind !== 'incremental_by_key') return { select: rows.select, drop };
    await session.table(FRESH, rows.select);
    const existing = existingOf(order).duckdb;
    const { engine } = parts;
    const select =
      transform.kind === 'incremental_by_key'
        ? await replaceByKey(engine, transform, FRESH, existing)
        : transform.scd2?.history
          ? await historyOf(engine, transform, FRESH, rows.columns)
          : await advanceHistory(engine, transform, { fresh: FRESH, given: rows.columns, existing, at: order.at });
    return { select, drop };
  } catch (thrown) {
    await drop();
    throw thrown;
  }
};
