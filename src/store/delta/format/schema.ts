import { type DataType, parseType, typeText } from '../../../query/index.js';
import type { DeltaField, DeltaSchema, DeltaType, TableColumn } from '../types.js';

const DELTA_NAMES: Record<Exclude<DataType['kind'], 'decimal'>, string> = {
  string: 'string',
  boolean: 'boolean',
  integer: 'integer',
  bigint: 'long',
  double: 'double',
  date: 'date',
  timestamp: 'timestamp',
};

/** Our column types as Delta writes them. */
export const schemaOf = (columns: readonly TableColumn[]): DeltaSchema => ({
  type: 'struct',
  fields: columns.map(({ name, type, nullable }) => ({
    name,
    type: type.kind === 'decimal' ? typeText(type) : DELTA_NAMES[type.kind],
    nullable,
    metadata: {},
  })),
});

/** A schema's one-line JSON, keys in the protocol's order. */
export const schemaText = (schema: DeltaSchema): string =>
  JSON.stringify({
    type: 'struct',
    fields: schema.fields.map(({ name, type, nullable, metadata }) => ({ name, type, nullable, metadata })),
  });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const DUCKDB: Record<string, string> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  byte: 'TINYINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  binary: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ntz: 'TIMESTAMP',
};

/** Deeper nesting than any table has: it would only exhaust the stack. */
const DEEPEST = 200;

/** A type of a schema, at a depth of nesting. Undefined: no type of the protocol that we know. */
const readType = (value: unknown, depth: number): DeltaType | undefined => {
  if (depth > DEEPEST) return undefined;
  if (typeof value === 'string')
    return value in DUCKDB || parseType(value)?.kind === 'decimal' ? value.replaceAll(' ', '') : undefined;
  if (!isRecord(value)) return undefined;
  if (value['type'] === 'struct') return readStruct(value, depth + 1);
  if (value['type'] === 'array') {
    const elementType = readType(value['elementType'], depth + 1);
    return elementType === undefined
      ? undefined
      : { type: 'array', elementType, containsNull: value['containsNull'] !== false };
  }
  if (value['type'] === 'map') {
    const keyType = readType(value['keyType'], depth + 1);
    const valueType = readType(value['valueType'], depth + 1);
    return keyType === undefined || valueType === undefined
      ? undefined
      : { type: 'map', keyType, valueType, valueContainsNull: value['valueContainsNull'] !== false };
  }
  return undefined;
};

const readStruct = (value: unknown, depth: number): DeltaSchema | undefined => {
  if (!isRecord(value) || value['type'] !== 'struct' || !Array.isArray(value['fields'])) return undefined;
  const fields: DeltaField[] = [];
  for (const field of value['fields'] as unknown[]) {
    if (!isRecord(field) || typeof field['name'] !== 'string' || field['name'] === '') return undefined;
    const type = readType(field['type'], depth);
    if (type === undefined) return undefined;
    const metadata = isRecord(field['metadata']) ? field['metadata'] : {};
    fields.push({ name: field['name'], type, nullable: field['nullable'] !== false, metadata });
  }
  if (new Set(fields.map((f) => f.name.toLowerCase())).size !== fields.length) return undefined;
  return { type: 'struct', fields };
};

/** Reads a schema; undefined when it is none, holds a type that we do not know, or a name twice (case ignored). */
export const parseSchema = (text: string): DeltaSchema | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  return readStruct(value, 0);
};

/** An identifier of DuckDB. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A text literal of DuckDB. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The DuckDB type that holds a Delta type exactly. */
export const duckdbType = (type: DeltaType): string => {
  if (typeof type === 'string') return DUCKDB[type] ?? type.toUpperCase();
  if (type.type === 'array') return `${duckdbType(type.elementType)}[]`;
  if (type.type === 'map') return `MAP(${duckdbType(type.keyType)}, ${duckdbType(type.valueType)})`;
  return `STRUCT(${type.fields.map((f) => `${quoted(f.name)} ${duckdbType(f.type)}`).join(', ')})`;
};
