import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Transform } from '../../src/build/transform/files/definition.js';
import { readTransform } from '../../src/build/transform/files/read-transforms.js';
import { parquetSession } from '../../src/build/transform/index.js';
import { emptyRelation } from '../../src/build/transform/step/relations.js';
import { sparkFiles } from '../../src/build/transform/step/spark-input.js';
import type { Spark } from '../../src/build/transform/step/spark-sessions.js';
import type { Readable, StepOrder, StepParts } from '../../src/build/transform/step/step.js';
import type { DataType } from '../../src/query/index.js';
import { createTable, type ParquetEngine, relationOf, writeParquet } from '../../src/store/delta/index.js';
import type { Place } from './warehouse-and-lake.js';

export const KEY = 'a key for pseudonyms of tests only, 32 bytes';
export const AT = 1_291_248_000_000_000n; // 2010-12-02 00:00 UTC

/** A transform from the words that matter to a test; what the front matter cannot say yet is put over it. */
export const transformOf = (head: string, body: string, over: Partial<Transform> = {}): Transform => ({
  ...readTransform(
    'sql/gold/t.v1.sql',
    'gold',
    `/* @transform
name: gold.t
version: 1
description: a table
kind: full
role: fact
targets: [delta, postgres]
owner: somebody
${head}
*/
${body}`,
  ),
  ...over,
});

/** Runs work with the parts of a step on a session of its own: its table is made in the lake. */
export const withParts = <T>(
  place: Place,
  transform: Transform,
  work: (parts: StepParts) => Promise<T>,
  spark?: Spark,
): Promise<T> =>
  place.duckdb.session(async (session) => {
    const engine = parquetSession(session);
    const tmp = join(place.home, 'tmp');
    mkdirSync(tmp, { recursive: true });
    const snapshot = await createTable(`${place.lake}/${transform.layer}/${transform.table}/${nextId()}`, engine, {
      columns: transform.columns,
      partitionColumns: transform.partition ? [transform.partition.column] : [],
      description: transform.description,
    });
    return work({ engine, warehouse: place.warehouse, snapshot, tmp, spark });
  });

/** The same rows in the lake, where Spark reads them, too. */
export const inLake = (place: Place, { duckdb, postgres }: Readable): Promise<Readable> =>
  place.duckdb.session(async (session) => {
    const engine = parquetSession(session);
    const columns = (await engine.query(`DESCRIBE SELECT * FROM ${duckdb}`)).map((row) => ({
      name: String(row['column_name']),
      type: typeOf(String(row['column_type'])),
      nullable: true,
    }));
    const snapshot = await createTable(`${place.lake}/bronze/${nextId()}`, engine, { columns, partitionColumns: [] });
    const staged = await writeParquet({
      ...{ engine, snapshot, stepId: 'rows', sortBy: [] },
      select: `SELECT * FROM ${duckdb}`,
    });
    return { duckdb: relationOf(snapshot, staged.adds), postgres, spark: sparkFiles(snapshot, staged.adds) };
  });

const typeOf = (duckdb: string): DataType => {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(duckdb);
  if (decimal) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) };
  const kinds: Readonly<Record<string, Exclude<DataType['kind'], 'decimal'>>> = {
    ...{ VARCHAR: 'string', BOOLEAN: 'boolean', INTEGER: 'integer', BIGINT: 'bigint', DOUBLE: 'double', DATE: 'date' },
    'TIMESTAMP WITH TIME ZONE': 'timestamp',
  };
  const kind = kinds[duckdb];
  if (!kind) throw new Error(`no column of a table is ${duckdb}`);
  return { kind };
};

let made = 0;
export const nextId = (): string => {
  made += 1;
  return `step-${made}`;
};

export const orderOf = (transform: Transform, over: Partial<StepOrder> = {}): StepOrder => ({
  stepId: nextId(),
  transform,
  engine: 'duckdb',
  partitions: undefined,
  inputs: new Map(),
  existing: undefined,
  seeds: [],
  pseudonymKey: KEY,
  checks: undefined,
  at: AT,
  signal: undefined,
  ...over,
});

/** A relation that both engines read alike. */
export const readable = (sql: string): Readable => ({ duckdb: `(${sql})`, postgres: `(${sql})` });
export const emptyOf = (transform: Transform): Readable => emptyRelation(transform.columns);

/** Rows of a relation as texts, in order of all columns; null is ∅. */
export const textsOf = async (engine: ParquetEngine, relation: string): Promise<string[][]> => {
  const rows = await engine.query(`SELECT COLUMNS(*)::VARCHAR FROM ${relation} ORDER BY ALL NULLS FIRST`);
  return rows.map((row) => Object.values(row).map((value) => (value === null ? '∅' : String(value))));
};
