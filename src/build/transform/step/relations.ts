import { error } from '../../../errors/index.js';
import { timestampText } from '../../../query/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { CheckResultRow } from '../../../store/state/index.js';
import type { ContractColumn, DialectName, Transform } from '../files/definition.js';
import { loadSeed } from '../files/seeds.js';
import { idOfRef, type Reference, referencesOf } from '../files/template.js';
import { duckdbType, postgresType, quoted, viewOf } from '../sql-text.js';
import { boundsOf } from './partition-keys.js';
import { loadJson, loadPseudonyms } from './pseudonyms.js';
import { noSparkRows, sparkName, sparkTyped } from './spark-input.js';
import type { Readable, StepOrder, Taken } from './step.js';

/** A table that holds no rows yet, as each engine can read it: a contract's columns with their exact types. */
export const emptyRelation = (columns: readonly Pick<ContractColumn, 'name' | 'type'>[]): Readable => {
  const relation = (typeOf: typeof duckdbType) =>
    `(SELECT ${columns.map((c) => `CAST(NULL AS ${typeOf(c.type)}) AS ${quoted(c.name)}`).join(', ')} WHERE false)`;
  return {
    ...{ duckdb: relation(duckdbType), postgres: relation(postgresType) },
    spark: { kind: 'rows', relation: noSparkRows(sparkTyped(columns)) },
  };
};

/** Rows of an earlier version as a SELECT of a contract's columns: those that it has not are null. */
export const takenSql = (
  { relation, columns: had }: Taken,
  columns: readonly Pick<ContractColumn, 'name' | 'type'>[],
  typeOf: typeof duckdbType = duckdbType,
): string =>
  `SELECT ${columns.map(({ name, type }) => (had.has(name) ? quoted(name) : `CAST(NULL AS ${typeOf(type)}) AS ${quoted(name)}`)).join(', ')} FROM ${relation} AS earlier`;

/** A table of an earlier version as the present contract has it; Spark is not given such a one. */
export const widened = (
  readable: Readable | undefined,
  had: readonly Pick<ContractColumn, 'name'>[],
  columns: readonly Pick<ContractColumn, 'name' | 'type'>[],
): Readable | undefined => {
  if (!readable) return undefined;
  const names = new Set(had.map(({ name }) => name));
  const wide = (relation: string, typeOf: typeof duckdbType) =>
    `(${takenSql({ relation, columns: names }, columns, typeOf)})`;
  return {
    duckdb: wide(readable.duckdb, duckdbType),
    postgres: readable.postgres === undefined ? undefined : wide(readable.postgres, postgresType),
    spark: { kind: 'out', why: 'it holds rows of an earlier meaning; make it in DuckDB this once' },
  };
};

/** What `{{this}}` is called while a step runs. */
export const THIS = viewOf('this');

/** What a table, seed or the like is called in a dialect while a step runs. */
const calledIn = (dialect: DialectName) => (dialect === 'spark' ? (name: string) => sparkName(`@${name}`) : viewOf);

/**
 * What every reference is called while a step runs: views of DuckDB, WITH of PostgreSQL and of Spark. Instants are typed literals; with
 * its zone TIMESTAMP is an instant on Spark, as TIMESTAMPTZ is elsewhere.
 */
export const nameOf = (
  order: Pick<StepOrder, 'transform' | 'inputs' | 'partitions' | 'at'>,
  dialect: DialectName = 'duckdb',
): ((of: Reference) => string) => {
  const called = calledIn(dialect);
  const instant = dialect === 'spark' ? 'TIMESTAMP' : 'TIMESTAMPTZ';
  return (of) => {
    switch (of.kind) {
      case 'ref':
        return called(idOfRef(of, (id) => order.inputs.has(id)));
      case 'source':
        return called(of.name);
      case 'seed':
        return called(`seed.${of.name}`);
      case 'this':
        return called('this');
      case 'pseudonyms':
        return called('secret.pseudonyms');
      case 'checks':
        return called('checks');
      case 'run':
        return `${instant} '${timestampText(order.at)}'`;
      case 'partition': {
        const { partition } = order.transform;
        if (!partition || !order.partitions) return 'NULL';
        return boundsOf(order.partitions, partition.unit)[of.bound].replace(/^TIMESTAMPTZ/, instant);
      }
    }
  };
};

/** Views and tables of one session that go when the step ends, so that the connection is given back as it was. */
export interface Session {
  readonly engine: ParquetEngine;
  view(name: string, relation: string): Promise<void>;
  table(name: string, select: string): Promise<void>;
  /** Names a table that something else has made. */
  keep(name: string): void;
  clear(): Promise<void>;
}

export const openSession = (engine: ParquetEngine): Session => {
  const made = new Map<string, 'VIEW' | 'TABLE'>();
  const forget = async (name: string) => {
    const kind = made.get(name);
    if (kind) await engine.execute(`DROP ${kind} IF EXISTS ${name}`);
    made.delete(name);
  };
  return {
    engine,
    async view(name, relation) {
      await forget(name);
      await engine.execute(`CREATE OR REPLACE TEMP VIEW ${name} AS SELECT * FROM ${relation}`);
      made.set(name, 'VIEW');
    },
    async table(name, select) {
      await forget(name);
      await engine.execute(`CREATE OR REPLACE TEMP TABLE ${name} AS ${select}`);
      made.set(name, 'TABLE');
    },
    keep: (name) => made.set(name, 'TABLE'),
    async clear() {
      for (const name of [...made.keys()].reverse()) await forget(name);
    },
  };
};

const CHECK_STRUCTURE: Readonly<Record<keyof CheckResultRow, string>> = {
  ...{ metric_id: 'VARCHAR', table_name: 'VARCHAR', column_name: 'VARCHAR', metric_type: 'VARCHAR' },
  ...{ metric_value: 'VARCHAR', threshold_value: 'VARCHAR', status: 'VARCHAR', check_timestamp: 'VARCHAR' },
  ...{ check_details: 'VARCHAR', severity: 'VARCHAR', weight: 'INTEGER' },
};

const loadChecks = async (session: Session, rows: StepOrder['checks']): Promise<void> => {
  const name = viewOf('checks');
  const columns = Object.entries(CHECK_STRUCTURE).map(([column, type]) => `CAST(NULL AS ${type}) AS ${column}`);
  await session.table(name, `SELECT ${columns.join(', ')} WHERE false`);
  for await (const page of rows ?? []) await loadJson(session.engine, name, JSON.stringify(CHECK_STRUCTURE), page);
};

/** What a text's references are made of: the body's, or those of checks. */
export const referencesIn = (transform: Transform, text: string, line: number): readonly Reference[] =>
  referencesOf(transform.file, text, line).map(({ reference }) => reference);

/** The table as it is before the step; before the first time an empty one. */
export const existingOf = (order: Pick<StepOrder, 'transform' | 'existing'>): Readable =>
  order.existing ?? emptyRelation(order.transform.columns);

/** Makes what the references mean readable in the step's session. */
export const loadInputs = async (
  session: Session,
  order: Omit<StepOrder, 'stepId' | 'engine'>,
  references: readonly Reference[],
): Promise<void> => {
  const { transform, inputs } = order;
  const has = (id: string) => inputs.has(id);
  const wanted = new Set(
    references.flatMap((of) => (of.kind === 'ref' ? [idOfRef(of, has)] : of.kind === 'source' ? [of.name] : [])),
  );
  const pseudonyms = references.some((of) => of.kind === 'pseudonyms') ? transform.pseudonyms : undefined;
  if (pseudonyms) wanted.add(pseudonyms.of);
  for (const name of wanted) {
    const input = inputs.get(name);
    if (!input) throw error('internal', {}, new ReferenceError(`no relation of ${name} for ${transform.id}`));
    await session.view(viewOf(name), input.duckdb);
  }
  for (const seed of order.seeds)
    if (references.some((of) => of.kind === 'seed' && of.name === seed.name)) {
      session.keep(viewOf(`seed.${seed.name}`));
      await loadSeed(session.engine, seed);
    }
  if (pseudonyms) {
    session.keep(viewOf('secret.pseudonyms'));
    // Without a key nothing is computed: a dry run only asks for names and types.
    if (order.pseudonymKey === '')
      await session.table(viewOf('secret.pseudonyms'), "SELECT '' AS id, '' AS pseudonym, '' AS key_id WHERE false");
    else await loadPseudonyms(session.engine, { table: pseudonyms.of, column: pseudonyms.column }, order.pseudonymKey);
  }
  if (references.some((of) => of.kind === 'checks')) await loadChecks(session, order.checks);
  if (references.some((of) => of.kind === 'this')) await session.view(THIS, existingOf(order).duckdb);
};
