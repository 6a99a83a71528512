import { duckdbType, literal } from './schema.js';
import type { DeltaField, DeltaSchema, PartitionValues } from './types.js';

/** The fields of the partition columns, in their order. */
export const partitionFields = (schema: DeltaSchema, columns: readonly string[]): readonly DeltaField[] =>
  columns.flatMap((name) => schema.fields.find((field) => field.name === name) ?? []);

/** A partition's value as the protocol writes it, from the engine's text of it (in UTC). */
export const keyText = ({ type }: DeltaField, text: string): string => {
  if (type !== 'timestamp' && type !== 'timestamp_ntz') return text;
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
  // What has no form of the protocol (infinity, years before 1) stays as it is: readers cast it back to the same value.
  if (!match) return text;
  const fraction = (match[3] ?? '').padEnd(6, '0');
  return type === 'timestamp' ? `${match[1]}T${match[2]}.${fraction}Z` : `${match[1]} ${match[2]}.${fraction}`;
};

/** SQL of a partition value with its exact type. The empty text means null for every type. */
export const partitionLiteral = ({ name, type }: DeltaField, values: PartitionValues): string => {
  const value = values[name] ?? null;
  return `CAST(${value === null || value === '' ? 'NULL' : literal(value)} AS ${duckdbType(type)})`;
};
