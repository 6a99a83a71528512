import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { error } from '../../../errors/index.js';
import type { EngineOptions, Held, ParquetEngine } from '../../../store/delta/index.js';
import type { SparkGateway } from '../../../store/engine/index.js';
import type { ContractColumn } from '../files/definition.js';
import { loadSeed, type Seed } from '../files/seeds.js';
import { idOfRef, type Reference, render } from '../files/template.js';
import { duckdbType, literal, quoted, sparkType, viewOf } from '../sql-text.js';
import { existingOf, nameOf, referencesIn } from './relations.js';
import { bodyFor } from './shape.js';
import { noSparkRows, type SparkReadable, sparkName, sparkText, sparkTyped } from './spark-input.js';
import type { Readable, StepOrder } from './step.js';

export type SparkOrder = Omit<StepOrder, 'stepId' | 'engine'>;

/** A step's SELECT over temporary views of a session. */
export interface SparkSelect {
  readonly sql: string;
  /** Of the files that it reads. */
  readonly bytes: number;
  /** Lets the files go; the views go with the session, or by `drop`. */
  release(): void;
  drop(): Promise<void>;
}

/** Lines above the body in the whole text. */
export const LINES_ABOVE_BODY = 1;

/** Rows as a relation that holds them itself; null is null. */
export const sparkRows = (
  columns: readonly Pick<ContractColumn, 'name' | 'type'>[],
  rows: readonly (readonly (string | null)[])[],
): string => {
  if (rows.length === 0) return noSparkRows(sparkTyped(columns));
  const lines = rows.map((row) => `(${row.map((text) => (text === null ? 'NULL' : sparkText(text))).join(', ')})`);
  const names = columns.map((_, i) => `c${i}`).join(', ');
  // A column of nulls has no type of its own.
  const typed = columns.map(
    ({ name, type }, i) => `CAST(CAST(c${i} AS string) AS ${sparkType(type)}) AS ${sparkName(name)}`,
  );
  return `(SELECT ${typed.join(', ')} FROM VALUES ${lines.join(', ')} AS given(${names}))`;
};

const seedRows = async (engine: ParquetEngine, seed: Seed): Promise<string> => {
  await loadSeed(engine, seed);
  const table = viewOf(`seed.${seed.name}`);
  try {
    const columns = seed.columns.map(({ name }, i) => `${quoted(name)}::VARCHAR AS c${i}`).join(', ');
    const rows = await engine.query(`SELECT ${columns} FROM ${table}`);
    return sparkRows(
      seed.columns,
      rows.map((row) => seed.columns.map((_, i) => (row[`c${i}`] === null ? null : String(row[`c${i}`])))),
    );
  } finally {
    await engine.execute(`DROP TABLE IF EXISTS ${table}`);
  }
};

/** What a text names that exists in sessions of DuckDB alone, in words; undefined: nothing. */
export const onlyInDuckDb = (references: readonly Reference[]): string | undefined => {
  if (references.some(({ kind }) => kind === 'pseudonyms')) return '{{secret.pseudonyms}} is made in DuckDB only';
  return references.some(({ kind }) => kind === 'checks') ? '{{checks}} is made in DuckDB only' : undefined;
};

/** Why Spark cannot make a table: what it reads; undefined when it can. */
export const outOfSpark = (
  { transform, inputs }: Pick<StepOrder, 'transform' | 'inputs'>,
  references: readonly Reference[],
): string | undefined => {
  const only = onlyInDuckDb(references);
  if (only !== undefined) return only;
  for (const of of references) {
    const name = of.kind === 'ref' ? idOfRef(of, (id) => inputs.has(id)) : of.kind === 'source' ? of.name : undefined;
    const input = name === undefined ? undefined : inputs.get(name);
    const why = input && unreadable(input);
    if (why !== undefined) return `Spark cannot read ${name}: ${why}`;
  }
  return transform.kind === 'view' ? 'a view stores nothing' : undefined;
};

const unreadable = ({ spark }: Readable): string | undefined =>
  spark === undefined ? 'it is no table of the lake' : spark.kind === 'out' ? spark.why : undefined;

/** Reads of a body, and what each is called there. */
const inputsIn = (order: SparkOrder, references: readonly Reference[]): Map<string, Readable> => {
  const named = nameOf(order, 'spark');
  const found = new Map<string, Readable>();
  for (const of of references) {
    const id =
      of.kind === 'ref' ? idOfRef(of, (one) => order.inputs.has(one)) : of.kind === 'source' ? of.name : undefined;
    if (of.kind === 'this') found.set(named(of), existingOf(order));
    if (id === undefined) continue;
    const input = order.inputs.get(id);
    if (!input) throw error('internal', {}, new ReferenceError(`no relation of ${id} for ${order.transform.id}`));
    found.set(named(of), input);
  }
  return found;
};

type Of<Kind extends SparkReadable['kind']> = Extract<SparkReadable, { readonly kind: Kind }>;

/** Rows that DuckDB makes, as a file that is removed when it is let go. */
const madeFile = async (
  engine: ParquetEngine,
  tmp: string,
  { columns, relation }: Of<'made'>,
  options: EngineOptions,
): Promise<Of<'files'>> => {
  const file = join(tmp, `${randomUUID()}.parquet`);
  const release = () => rmSync(file, { force: true });
  const exact = columns.map(({ name, type }) => `CAST(${quoted(name)} AS ${duckdbType(type)}) AS ${quoted(name)}`);
  try {
    await engine.execute(
      `COPY (SELECT ${exact.join(', ')} FROM ${relation}) TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`,
      options,
    );
    const { size } = await stat(file);
    const view = { columns: sparkTyped(columns), groups: [{ files: [file] }] };
    return { kind: 'files', columns: view.columns, view: () => view, bytes: size, hold: async () => ({ release }) };
  } catch (thrown) {
    release();
    throw thrown;
  }
};

/**
 * Makes what the body reads readable in the session, and gives the body over it. `tmp`: a folder that Spark sees, for rows that DuckDB
 * makes; without it they are left out, as nothing is run. Errors: `transform-invalid` (Spark cannot read an
 * input), those of the session.
 */
export const sparkSelect = async (
  gateway: SparkGateway,
  { engine, tmp }: { readonly engine: ParquetEngine; readonly tmp?: string | undefined },
  order: SparkOrder,
): Promise<SparkSelect> => {
  const { transform, signal } = order;
  const options = signal ? { signal } : {};
  const body = bodyFor(transform, 'spark');
  const references = referencesIn(transform, body.text, body.line);
  const why = outOfSpark(order, references);
  if (why !== undefined) throw error('transform-invalid', { file: body.file, line: body.line, what: `spark: ${why}` });
  const views: string[] = [];
  const holds: Held[] = [];
  const release = () => {
    for (const held of holds.splice(0)) held.release();
  };
  const drop = async () => {
    release();
    for (const view of views.splice(0)) await gateway.dropView(view);
  };
  const given: string[] = [];
  let bytes = 0;
  const put = (name: string, relation: string) => given.push(`${name} AS (SELECT * FROM ${relation})`);
  try {
    for (const [name, { spark }] of inputsIn(order, references)) {
      if (spark?.kind === 'rows') put(name, spark.relation);
      if (spark?.kind === 'made' && tmp === undefined) put(name, noSparkRows(sparkTyped(spark.columns)));
      const files = spark?.kind === 'made' && tmp !== undefined ? await madeFile(engine, tmp, spark, options) : spark;
      if (files?.kind !== 'files') continue;
      holds.push(await files.hold(signal));
      const view = `assay_input_${given.length}`;
      await gateway.tempView(view, files.view(), options);
      views.push(view);
      bytes += files.bytes;
      put(name, view);
    }
    for (const seed of order.seeds)
      if (references.some((of) => of.kind === 'seed' && of.name === seed.name))
        put(nameOf(order, 'spark')({ kind: 'seed', name: seed.name }), await seedRows(engine, seed));
    const select = render(body.file, body.text, body.line, nameOf(order, 'spark'), 'spark');
    // All on one line: a line that Spark names is then found in the file.
    const above = given.length === 0 ? '' : `WITH ${given.join(', ')} `;
    return { sql: `${above}SELECT * FROM (\n${select}\n) AS body`, bytes, release, drop };
  } catch (thrown) {
    // The session ends with the error, and its views with it.
    release();
    throw thrown;
  }
};
