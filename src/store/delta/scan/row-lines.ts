import { error } from '../../../errors/index.js';
import { quoted } from '../format/schema.js';
import type { DeltaType, Snapshot } from '../types.js';
import { relation } from './relation.js';

/**
 * SQL of a value as JSON keeps it without loss: 64-bit integers and decimals as text (no reader rounds a text), times in ISO form with
 * microseconds (`Z` where the column is an instant), bytes in base64, NaN and infinities as text; structs and maps as objects.
 */
const jsonValue = (value: string, type: DeltaType, depth: number): string => {
  if (typeof type !== 'string') {
    const inner = `v${depth}`;
    if (type.type === 'struct') {
      const fields = type.fields.map(
        ({ name, type: of }) =>
          `${quoted(name)} := ${jsonValue(`struct_extract(${value}, ${text(name)})`, of, depth + 1)}`,
      );
      return fields.length === 0
        ? `to_json(${value})`
        : `CASE WHEN ${value} IS NOT NULL THEN to_json(struct_pack(${fields.join(', ')})) END`;
    }
    if (type.type === 'array')
      return `to_json(list_transform(${value}, lambda ${inner}: ${jsonValue(inner, type.elementType, depth + 1)}))`;
    const key = plainText(`${inner}.key`, type.keyType);
    const entry = `struct_pack(key := ${key}, value := ${jsonValue(`${inner}.value`, type.valueType, depth + 1)})`;
    return `to_json(map_from_entries(list_transform(map_entries(${value}), lambda ${inner}: ${entry})))`;
  }
  switch (type) {
    case 'boolean':
    case 'byte':
    case 'short':
    case 'integer':
      return `to_json(${value})`;
    case 'float':
    case 'double':
      return `CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE to_json(CAST(${value} AS VARCHAR)) END`;
    default:
      return `to_json(${plainText(value, type)})`;
  }
};

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** SQL of a simple value's text. */
const plainText = (value: string, type: DeltaType): string => {
  switch (type) {
    case 'string':
      return value;
    case 'timestamp':
      return `CASE WHEN isfinite(${value}) THEN strftime(${value} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') ELSE CAST(${value} AS VARCHAR) END`;
    case 'timestamp_ntz':
      return `CASE WHEN isfinite(${value}) THEN strftime(${value}, '%Y-%m-%dT%H:%M:%S.%f') ELSE CAST(${value} AS VARCHAR) END`;
    case 'binary':
      return `base64(${value})`;
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
};

/** A field of CSV: null is nothing, empty text is `""` (RFC 4180). */
const csvField = (f: string): string =>
  `CASE WHEN ${f} IS NULL THEN '' WHEN ${f} = '' OR regexp_matches(${f}, '[",\\r\\n]') THEN '"' || replace(${f}, '"', '""') || '"' ELSE ${f} END`;

/** A table's rows as lines of text: a SELECT of one column, `line`, and what stands before the first line. */
export interface RowLines {
  readonly sql: string;
  readonly header: string;
  /** What ends each line. */
  readonly end: string;
}

/** The rows as JSON lines or CSV. Errors: `delta-unsupported`. */
export const rowLines = (snapshot: Snapshot, format: 'jsonl' | 'csv'): RowLines => {
  const { fields } = snapshot.schema;
  if (fields.length === 0)
    throw error('delta-unsupported', { table: snapshot.table.path, feature: 'a schema without columns' });
  const from = `FROM ${relation(snapshot)} r`;
  if (format === 'jsonl') {
    const values = fields.map(({ name, type }) => `${quoted(name)} := ${jsonValue(`r.${quoted(name)}`, type, 0)}`);
    return {
      sql: `SELECT CAST(to_json(struct_pack(${values.join(', ')})) AS VARCHAR) AS line ${from}`,
      header: '',
      end: '\n',
    };
  }
  const plain = fields.map(({ name, type }, i) => {
    const value = `r.${quoted(name)}`;
    const csv = typeof type === 'string' ? plainText(value, type) : `CAST(${jsonValue(value, type, 0)} AS VARCHAR)`;
    return `${csv} AS f${i}`;
  });
  const line = fields.map((_, i) => csvField(`f${i}`)).join(", ',', ");
  const names = fields.map(({ name }) => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name));
  return {
    sql: `SELECT concat(${line}) AS line FROM (SELECT ${plain.join(', ')} ${from})`,
    ...{ header: `${names.join(',')}\r\n`, end: '\r\n' },
  };
};
