import { AssayError, error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import type { CheckResultRow } from '../../../store/state/index.js';
import type { DialectName, Transform } from '../files/definition.js';
import type { Seed } from '../files/seeds.js';
import { idOfRef, referencesOf } from '../files/template.js';
import { quoted } from '../sql-text.js';
import { compute } from '../step/compute.js';
import { partitionIn } from '../step/outside.js';
import { emptyRelation } from '../step/relations.js';
import { bodyFor } from '../step/shape.js';
import type { Spark } from '../step/spark-sessions.js';
import type { Readable, StepOrder } from '../step/step.js';
import type { Cell } from './cells.js';
import { difference } from './compare.js';
import { loadRows, objectsOf, readableOf } from './given.js';
import type { Rows, TestCase, TypedColumn } from './test-case.js';

export interface Outcome {
  readonly status: 'pass' | 'fail' | 'skip';
  readonly message?: string;
}

export interface CaseParts {
  readonly engine: ParquetEngine;
  readonly warehouse: Warehouse | undefined;
  readonly spark?: Spark | undefined;
  readonly tmp: string;
  readonly signal: AbortSignal | undefined;
}

interface Question {
  readonly test: TestCase;
  readonly on: DialectName;
  readonly transforms: ReadonlyMap<string, Transform>;
  readonly seeds: readonly Seed[];
}

/** Pseudonyms of tests are made with a key that everybody may know. */
export const TEST_KEY = 'the key of pseudonyms in tests of transforms';

/** What a test calls the rows of `{{checks}}`. */
export const CHECKS = 'checks';

/** Errors that are no test's. */
const STOPPING = new Set([
  'cancelled',
  'postgres-unavailable',
  'spark-unavailable',
  'spark-session-lost',
  'spark-refused',
]);

const RESULT = quoted('test.result');
const EXPECTED = quoted('test.expected');

/** Runs one test on one engine. What the test expects to fail passes by failing so. */
export const runCase = async (parts: CaseParts, question: Question): Promise<Outcome> => {
  const { test, on } = question;
  if (on === 'spark' && !parts.spark) return { status: 'skip', message: 'no Spark server is configured' };
  if (on === 'postgres' && !parts.warehouse) return { status: 'skip', message: 'no warehouse is at hand' };
  const tables: string[] = [];
  try {
    await makeTable(parts, question, tables);
    if (!('rows' in test.expect))
      return { status: 'fail', message: `the error ${test.expect.code} was expected, and there was none` };
    const message = await compareTables(parts.engine, test.transform, test.expect.rows);
    return message === undefined ? { status: 'pass' } : { status: 'fail', message };
  } catch (thrown) {
    if (!(thrown instanceof AssayError) || STOPPING.has(thrown.code)) throw thrown;
    return judged(test, thrown);
  } finally {
    for (const name of [...tables, RESULT, EXPECTED]) await parts.engine.execute(`DROP TABLE IF EXISTS ${name}`);
  }
};

/** The engine's own words are told, too: the rows are the test's own. */
const judged = ({ expect }: TestCase, thrown: AssayError): Outcome => {
  const cause = thrown.cause instanceof Error ? `: ${thrown.cause.message.split('\n')[0]}` : '';
  const message = `${thrown.code}: ${thrown.message}${cause}`;
  if ('rows' in expect) return { status: 'fail', message };
  const as = thrown.code === expect.code && (expect.says === undefined || thrown.message.includes(expect.says));
  if (as) return { status: 'pass' };
  const wanted = expect.says === undefined ? expect.code : `${expect.code} (… ${expect.says} …)`;
  return { status: 'fail', message: `the error ${wanted} was expected, and there was ${message}` };
};

async function* checksOf(given: Rows | undefined): AsyncGenerator<readonly CheckResultRow[]> {
  if (!given) return;
  // The columns are those of a check's result; numbers among them are read by the engine.
  yield objectsOf(given) as readonly unknown[] as readonly CheckResultRow[];
}

const makeTable = async (parts: CaseParts, question: Question, tables: string[]): Promise<void> => {
  const { engine, warehouse, spark, tmp, signal } = parts;
  const { test, on, transforms, seeds } = question;
  const { transform } = test;
  const load = async (name: string, rows: Rows): Promise<Readable> => {
    const table = quoted(`test.${name}`);
    tables.push(table);
    await loadRows(engine, table, rows);
    return readableOf(table, rows);
  };
  const inputs = new Map<string, Readable>();
  for (const [name, rows] of test.given) if (name !== CHECKS) inputs.set(name, await load(name, rows));
  const body = bodyFor(transform, on);
  const references = referencesOf(body.file, body.text, body.line).map(({ reference }) => reference);
  for (const of of references) {
    if (of.kind === 'source' && !inputs.has(of.name))
      throw error('transform-invalid', { file: test.file, line: test.line, what: `the test must give ${of.name}` });
    // A table that the test does not give is empty.
    const id = of.kind === 'ref' ? idOfRef(of, (one) => transforms.has(one)) : undefined;
    if (id !== undefined && !inputs.has(id)) inputs.set(id, emptyRelation(transforms.get(id)?.columns ?? []));
  }
  const order: StepOrder = {
    ...{ stepId: 'test', transform, engine: on, partitions: test.partitions, inputs, seeds, at: test.at, signal },
    existing: test.existing && (await load('existing', test.existing)),
    pseudonymKey: TEST_KEY,
    checks: checksOf(test.given.get(CHECKS)),
  };
  const computed = await compute({ engine, warehouse, spark, tmp }, order);
  try {
    await engine.execute(`CREATE OR REPLACE TEMP TABLE ${RESULT} AS ${computed.select}`);
  } finally {
    await computed.drop();
  }
  await refuseWrongRows(engine, order);
};

/** What a real step would refuse: rows outside of the partitions, and nulls that the contract forbids. */
const refuseWrongRows = async (engine: ParquetEngine, order: StepOrder): Promise<void> => {
  const { transform, partitions } = order;
  if (transform.partition && partitions) {
    const column = quoted(transform.partition.column);
    for (const row of await engine.query(`SELECT DISTINCT ${column}::VARCHAR AS value FROM ${RESULT} ORDER BY 1`))
      partitionIn(order, row['value'] === null ? null : String(row['value']));
  }
  const strict = transform.columns.filter(({ nullable }) => !nullable);
  if (strict.length === 0) return;
  const counts = strict.map(({ name }, i) => `(count(*) - count(${quoted(name)}))::VARCHAR AS n${i}`);
  const [row] = await engine.query(`SELECT ${counts.join(', ')} FROM ${RESULT}`);
  strict.forEach(({ name }, i) => {
    if (String(row?.[`n${i}`]) !== '0')
      throw error('contract-broken', {
        ...{ model: transform.id, file: transform.file },
        what: `${name} may not be null, and is so in ${String(row?.[`n${i}`])} rows`,
      });
  });
};

const compareTables = async (
  engine: ParquetEngine,
  transform: Transform,
  expected: Rows,
): Promise<string | undefined> => {
  const { columns } = expected;
  await loadRows(engine, EXPECTED, expected);
  const names = columns.map(({ name }) => name);
  const natural = transform.natural.map((name) => names.indexOf(name));
  const surrogate = names.indexOf(transform.surrogate ?? '');
  const key = natural.length > 0 && !natural.includes(-1) ? natural : surrogate >= 0 ? [surrogate] : [];
  return difference(names, key, await rowsIn(engine, EXPECTED, columns), await rowsIn(engine, RESULT, columns));
};

const rowsIn = async (
  engine: ParquetEngine,
  table: string,
  columns: readonly TypedColumn[],
): Promise<readonly (readonly Cell[])[]> => {
  const texts = columns.map(({ name }, i) => `${quoted(name)}::VARCHAR AS c${i}`);
  const rows = await engine.query(`SELECT ${texts.join(', ')} FROM ${table} ORDER BY ALL NULLS FIRST`);
  return rows.map((row) =>
    columns.map((_, i) => {
      const value = row[`c${i}`];
      return value === null || value === undefined ? null : String(value);
    }),
  );
};
