import type { ParquetEngine } from '../../../store/delta/index.js';
import { duckdbType, literal, postgresType, quoted } from '../sql-text.js';
import { loadJson } from '../step/pseudonyms.js';
import { sparkRows } from '../step/spark-select.js';
import type { Readable } from '../step/step.js';
import type { Rows } from './test-case.js';

/** Rows as objects of texts, column by column. */
export const objectsOf = ({ columns, rows }: Rows): Readonly<Record<string, string | null>>[] =>
  rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])));

/** Rows as a temporary table of the session with exact types. */
export const loadRows = async (engine: ParquetEngine, name: string, given: Rows): Promise<void> => {
  const typed = given.columns.map((c) => `${quoted(c.name)} ${duckdbType(c.type)}`).join(', ');
  await engine.execute(`CREATE OR REPLACE TEMP TABLE ${name} (${typed})`);
  const structure = Object.fromEntries(given.columns.map((column) => [column.name, 'VARCHAR']));
  if (given.rows.length > 0) await loadJson(engine, name, JSON.stringify(structure), objectsOf(given));
};

/** The same rows as each engine reads them: a table that `loadRows` has made, and for the others a relation that holds them itself. */
export const readableOf = (name: string, given: Rows): Readable => {
  const typed = given.columns.map((c) => `${quoted(c.name)} ${postgresType(c.type)}`).join(', ');
  return {
    duckdb: name,
    postgres: `jsonb_to_recordset(${literal(JSON.stringify(objectsOf(given)))}::jsonb) AS given(${typed})`,
    spark: { kind: 'rows', relation: sparkRows(given.columns, given.rows) },
  };
};
