import { error } from '../../../errors/index.js';
import { type MappingMode, partitionValue } from '../columns/mapping.js';
import { isPartitionText, partitionCast, partitionFields } from '../format/partitions.js';
import { literal } from '../format/schema.js';
import type { AddFile, DeltaField, Snapshot } from '../types.js';

/** SQL of each partition column, in the table's order, and what must follow `FROM read_parquet(...) f` for it. */
export interface PartitionColumns {
  readonly columns: readonly string[];
  readonly join: string;
}

type Value = string | null;

/** Values of all files in one text up to this length: the engine takes a value out of it for each piece of rows that it reads. */
const MOST_TEXT = 65_536;

/** Values by file, then by column. Errors: `delta-corrupt` for a value that its type does not have. */
const valuesOf = (snapshot: Snapshot, adds: readonly AddFile[], fields: readonly DeltaField[], mode: MappingMode) =>
  adds.map((add) =>
    fields.map((field): Value => {
      const value = partitionValue(add.partitionValues, field, mode);
      if (value !== null && !isPartitionText(field.type, value))
        throw error('delta-corrupt', {
          file: snapshot.table.path,
          why: `the file ${add.path} has no value of its type in the partition column ${field.name}`,
        });
      return value;
    }),
  );

const isWords = ({ type }: DeltaField): boolean => type === 'string' || type === 'binary';

/**
 * Values of one column cut out of one text by the file's number, each in its own stretch of the same width; nothing there is null.
 * A file's number is one value for all rows that are read at a time, so this costs nothing by row, nothing at all where the column is not
 * asked for, and a filter over it leaves out files before they are opened. Undefined where the text would be long.
 */
const cutOut = (field: DeltaField, values: readonly Value[]): string | undefined => {
  const texts = values.map((v) => (v === null ? '' : isWords(field) ? Buffer.from(v, 'utf8').toString('hex') : v));
  const width = texts.reduce((most, text) => Math.max(most, text.length), 1);
  if (width * texts.length > MOST_TEXT) return undefined;
  const all = literal(texts.map((text) => text.padEnd(width)).join(''));
  const text = `nullif(rtrim(substr(${all}, CAST(f.file_index AS BIGINT) * ${width} + 1, ${width})), '')`;
  return partitionCast(field.type, isWords(field) ? `decode(unhex(${text}))` : text);
};

const joined = (fields: readonly DeltaField[], values: readonly (readonly Value[])[]): string => {
  const casts = fields.map((field, i) => `${partitionCast(field.type, `t[${i + 1}]`)} AS p${i}`);
  return ` JOIN (SELECT CAST(i AS UBIGINT) AS i, ${casts.join(', ')} FROM (SELECT unnest(range(${values.length})) AS i,
    unnest(from_json(${literal(JSON.stringify(values))}, '[["VARCHAR"]]')) AS t)) p ON p.i = f.file_index`;
};

/** The table's partition columns for the rows of these files, as the log has their values. Errors: `delta-corrupt`. */
export const partitionColumns = (snapshot: Snapshot, adds: readonly AddFile[], mode: MappingMode): PartitionColumns => {
  const fields = partitionFields(snapshot.schema, snapshot.metadata.partitionColumns);
  const values = valuesOf(snapshot, adds, fields, mode);
  const cut = fields.map((field, i) =>
    cutOut(
      field,
      values.map((row) => row[i] ?? null),
    ),
  );
  const whole = cut.flatMap((sql) => sql ?? []);
  if (whole.length === fields.length) return { columns: whole, join: '' };
  return { columns: fields.map((_, i) => `p.p${i}`), join: joined(fields, values) };
};
