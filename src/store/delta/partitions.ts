import { duckdbType, literal, quoted } from './schema.js';
import type { DeltaField, DeltaSchema, PartitionValues } from './types.js';

/** The fields of the partition columns, in their order. */
export const partitionFields = (schema: DeltaSchema, columns: readonly string[]): readonly DeltaField[] =>
  columns.flatMap((name) => schema.fields.find((field) => field.name === name) ?? []);

/** SQL that gives a partition column's value as the protocol writes it; needs a session in UTC. */
export const partitionText = ({ name, type }: DeltaField): string => {
  const column = quoted(name);
  if (type === 'timestamp') return `strftime(${column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
  if (type === 'timestamp_ntz') return `strftime(${column}, '%Y-%m-%d %H:%M:%S.%f')`;
  return `CAST(${column} AS VARCHAR)`;
};

/** SQL of a partition value with its exact type. The empty text means null for every type. */
export const partitionLiteral = ({ name, type }: DeltaField, values: PartitionValues): string => {
  const value = values[name] ?? null;
  return `CAST(${value === null || value === '' ? 'NULL' : literal(value)} AS ${duckdbType(type)})`;
};
