import { AssayError, error } from '../../../errors/index.js';
import { render } from '../files/template.js';
import { checksOf } from './audit-step.js';
import { rowFails } from './check-sql.js';
import { askPostgres } from './from-postgres.js';
import { emptyRelation, loadInputs, nameOf, openSession, referencesIn, type Session, THIS } from './relations.js';
import { bodyFor, checkShape, describe } from './shape.js';
import { noSparkRows } from './spark-input.js';
import { askSpark } from './spark-step.js';
import type { DryRun, Readable, StepOrder, StepParts } from './step.js';

/** What a dry run needs of an order: nothing is computed, so partitions, rows and keys are left out. */
export type DryOrder = Pick<StepOrder, 'transform' | 'inputs' | 'seeds' | 'signal'>;

const SOME_KEY = { hour: '2000-01-01T00', day: '2000-01-01', month: '2000-01', year: '2000' } as const;

/** An order of the same shape that nobody runs. Ids of pseudonyms are not read: the names and types of their table are enough. */
const asOrder = (order: DryOrder): Omit<StepOrder, 'stepId' | 'engine'> => {
  const { partition, columns, pseudonyms } = order.transform;
  const inputs = new Map(order.inputs);
  if (pseudonyms) inputs.set(pseudonyms.of, inputs.get(pseudonyms.of) ?? emptyRelation(columns));
  return {
    ...order,
    inputs,
    existing: undefined,
    partitions: partition && [SOME_KEY[partition.unit]],
    pseudonymKey: '',
    checks: undefined,
    at: 946_684_800_000_000n,
  };
};

type DryParts = Pick<StepParts, 'engine' | 'warehouse' | 'spark' | 'emit'>;

/**
 * Asks each allowed engine whether it understands the transform and gives the contract's columns: names, order and types; DuckDB is
 * asked for the checks, too, for it runs them, and Spark only where `parts` has it. Nothing is computed. Inputs that are not made yet
 * are given as `emptyRelation`; a source or a table that is missing is an error of the caller.
 * Errors: `postgres-unavailable`, `spark-unavailable`, `cancelled`.
 */
export const dryRun = async (parts: DryParts, order: DryOrder): Promise<readonly DryRun[]> => {
  const asked = asOrder(order);
  const answers: DryRun[] = [];
  for (const engine of order.transform.engine.allow) {
    if (order.signal?.aborted) throw error('cancelled', {});
    if (engine === 'spark' && !parts.spark) continue;
    try {
      const ask = { duckdb: askDuckDb, postgres: askWarehouse, spark: askSparkOnly }[engine];
      await ask(parts, asked);
      answers.push({ engine, ok: true });
    } catch (thrown) {
      if (!(thrown instanceof AssayError) || thrown.code !== 'transform-invalid') throw thrown;
      answers.push({ engine, ok: false, problem: thrown.message });
    }
  }
  return answers;
};

const withSession = async <T>(engine: StepParts['engine'], work: (session: Session) => Promise<T>): Promise<T> => {
  const session = openSession(engine);
  try {
    return await work(session);
  } finally {
    await session.clear();
  }
};

type Asked = ReturnType<typeof asOrder>;

const askDuckDb = ({ engine }: Pick<StepParts, 'engine'>, order: Asked): Promise<void> =>
  withSession(engine, async (session) => {
    const { transform } = order;
    const body = bodyFor(transform, 'duckdb');
    await loadInputs(session, order, referencesIn(transform, body.text, body.line));
    await checkShape(engine, transform, render(body.file, body.text, body.line, nameOf(order), 'duckdb'));
    await askChecks(session, order);
  });

const askChecks = async (session: Session, order: Asked): Promise<void> => {
  const { transform } = order;
  await session.view(THIS, emptyRelation(transform.columns).duckdb);
  for (const check of checksOf(transform)) {
    const { question, place } = check;
    const fails = rowFails(check);
    const at = { file: place.file, line: place.line };
    if (fails !== undefined) await describe(session.engine, at, `SELECT count(*) FILTER (WHERE ${fails}) FROM ${THIS}`);
    if (question.type !== 'sql') continue;
    const references = referencesIn(transform, question.sql, place.line).filter((of) => of.kind !== 'this');
    if (references.some((of) => of.kind === 'ref' && !order.inputs.has(of.name))) continue;
    await loadInputs(session, order, references);
    const found = await describe(
      session.engine,
      at,
      render(transform.file, question.sql, place.line, nameOf(order), 'duckdb'),
    );
    for (const column of ['evaluated', 'failed'])
      if (!found.some(({ name }) => name === column))
        throw error('transform-invalid', { ...at, what: `check ${check.name}: the SELECT must give ${column}` });
  }
};

/** Names and types are enough: no file is looked at. */
const withoutRows = (input: Readable): Readable =>
  input.spark?.kind === 'files'
    ? { ...input, spark: { kind: 'rows', relation: noSparkRows(input.spark.columns) } }
    : input;

const askSparkOnly = (parts: DryParts, order: Asked): Promise<void> =>
  askSpark(parts, { ...order, inputs: new Map([...order.inputs].map(([name, input]) => [name, withoutRows(input)])) });

const askWarehouse = ({ engine, warehouse }: Pick<StepParts, 'engine' | 'warehouse'>, order: Asked): Promise<void> =>
  withSession(engine, async (session) => {
    const body = bodyFor(order.transform, 'postgres');
    const references = referencesIn(order.transform, body.text, body.line);
    await loadInputs(
      session,
      order,
      references.filter((of) => of.kind === 'seed'),
    );
    await askPostgres({ engine, warehouse }, order);
  });
