import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import { type DataType, parseType } from '../../query/index.js';
import type { DuckDb } from '../../store/engine/index.js';
import type { GivenRow, GivenTables } from './test-file.js';

/** Columns of tables, by table, as types of ours. */
export type TableColumns = ReadonlyMap<string, ReadonlyMap<string, DataType>>;

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const BATCH = 500;

const sqlType = (type: DataType): string => {
  switch (type.kind) {
    case 'string':
      return 'VARCHAR';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'timestamp':
      return 'TIMESTAMPTZ';
    default:
      return type.kind.toUpperCase();
  }
};

/** A contract's type as ours. Errors: `usage` naming the column. */
export const typeOf = (table: string, column: string, text: string): DataType => {
  const type = parseType(text);
  if (!type) throw error('usage', { text: `${table}.${column}: ${text} is no type` });
  return type;
};

/** Tables in memory for tests of a model: all that it reads, empty, and those that tests give rows for. */
export const openFixtures = (duckdb: DuckDb, catalogue: Catalogue, columns: TableColumns) => {
  const made = new Map<string, ReadonlyMap<string, string>>();
  const tables = [...new Set(catalogue.tables.values())];
  // a cube's own SELECT names its tables itself: they must stand where it looks for them
  const selects = [...catalogue.owners.values()].some((o) => o.kind === 'cube' && !catalogue.tables.has(o.name));

  const columnsOf = (table: string): ReadonlyMap<string, DataType> => {
    const found = columns.get(table);
    if (found) return found;
    throw error('usage', {
      text: `no transform makes ${table}; give its columns in the test's file: tables: { ${table}: { column: type } }`,
    });
  };
  const fill = async (relation: string, table: string, rows: readonly GivenRow[]): Promise<void> => {
    const of = columnsOf(table);
    for (const name of rows.flatMap(Object.keys))
      if (!of.has(name)) throw error('usage', { text: `${table} has no column ${name}` });
    const list = [...of].map(([name, type]) => `${quoted(name)} ${sqlType(type)}`).join(', ');
    await duckdb.execute(`CREATE TABLE ${relation} (${list})`);
    for (let at = 0; at < rows.length; at += BATCH) {
      const some = rows.slice(at, at + BATCH);
      const values: (string | boolean | null)[] = [];
      const texts = some.map((row) => {
        const places = [...of].map(([name, type]) => `CAST($${values.push(row[name] ?? null)} AS ${sqlType(type)})`);
        return `(${places.join(', ')})`;
      });
      await duckdb.execute(`INSERT INTO ${relation} VALUES ${texts.join(', ')}`, values);
    }
  };

  /** The relation of each table that the model reads, holding just these rows. */
  const relationsOf = async (given: GivenTables): Promise<ReadonlyMap<string, string>> => {
    const key = JSON.stringify(given);
    const known = made.get(key);
    if (known) return known;
    const schema = `fixture_${made.size}`;
    await duckdb.execute(`CREATE SCHEMA ${schema}`);
    const relations = new Map<string, string>();
    const wanted = new Set([...tables, ...Object.keys(given), ...(selects ? columns.keys() : [])]);
    for (const table of wanted) {
      const rows = given[table] ?? [];
      const empty = rows.length === 0 ? made.get('{}')?.get(table) : undefined;
      const relation = empty ?? `${schema}.${quoted(table)}`;
      if (!empty) await fill(relation, table, rows);
      relations.set(table, relation);
    }
    made.set(key, relations);
    return relations;
  };

  return {
    relations: async (given: GivenTables): Promise<ReadonlyMap<string, string>> => {
      await relationsOf({});
      const relations = await relationsOf(given);
      if (selects)
        for (const [table, relation] of relations) {
          const [schema = '', name = ''] = table.split('.');
          await duckdb.execute(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`);
          await duckdb.execute(`CREATE OR REPLACE VIEW ${quoted(schema)}.${quoted(name)} AS SELECT * FROM ${relation}`);
        }
      return relations;
    },
  };
};
