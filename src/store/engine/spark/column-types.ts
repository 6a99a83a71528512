import type { DataType } from '../../../query/index.js';
import type { SparkColumn } from './gateway.js';
import type { DataTypeMessage, StructField } from './messages.js';

const NAMES: Record<string, string> = {
  null: 'void',
  binary: 'binary',
  boolean: 'boolean',
  byte: 'tinyint',
  short: 'smallint',
  integer: 'int',
  long: 'bigint',
  float: 'float',
  double: 'double',
  date: 'date',
  timestamp: 'timestamp',
  timestamp_ntz: 'timestamp_ntz',
  calendar_interval: 'interval',
  variant: 'variant',
};
const OURS: Record<string, DataType> = {
  string: { kind: 'string' },
  char: { kind: 'string' },
  var_char: { kind: 'string' },
  boolean: { kind: 'boolean' },
  byte: { kind: 'integer' },
  short: { kind: 'integer' },
  integer: { kind: 'integer' },
  long: { kind: 'bigint' },
  float: { kind: 'double' },
  double: { kind: 'double' },
  date: { kind: 'date' },
  timestamp: { kind: 'timestamp' },
};
const YEAR_MONTH = ['year', 'month'];
const DAY_TIME = ['day', 'hour', 'minute', 'second'];

/** An identifier of Spark. */
export const sparkQuoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
/** A text literal of Spark. */
export const sparkLiteral = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const interval = (names: readonly string[], start: number, end: number): string =>
  start === end ? `interval ${names[start]}` : `interval ${names[start]} to ${names[end]}`;

const kindOf = (type: DataTypeMessage): string => Object.keys(type)[0] ?? 'null';

/** A type as Spark's DDL writes it. */
export const ddlOf = (type: DataTypeMessage): string => {
  const { decimal, string, char, var_char, year_month_interval: ym, day_time_interval: dt, array, map, struct } = type;
  if (decimal) return `decimal(${decimal.precision ?? 10},${decimal.scale ?? 0})`;
  if (string)
    return string.collation && string.collation !== 'UTF8_BINARY' ? `string collate ${string.collation}` : 'string';
  if (char) return `char(${char.length ?? 1})`;
  if (var_char) return `varchar(${var_char.length ?? 1})`;
  if (ym) return interval(YEAR_MONTH, ym.start_field ?? 0, ym.end_field ?? 1);
  if (dt) return interval(DAY_TIME, dt.start_field ?? 0, dt.end_field ?? 3);
  if (array) return `array<${ddlOf(array.element_type ?? {})}>`;
  if (map) return `map<${ddlOf(map.key_type ?? {})},${ddlOf(map.value_type ?? {})}>`;
  if (struct)
    return `struct<${(struct.fields ?? []).map((f) => `${sparkQuoted(f.name ?? '')}:${ddlOf(f.data_type ?? {})}`).join(',')}>`;
  return NAMES[kindOf(type)] ?? kindOf(type);
};

export const columnOf = ({ name, data_type, nullable }: StructField): SparkColumn => {
  const type = data_type ?? {};
  const { decimal } = type;
  return {
    name: name ?? '',
    ddl: ddlOf(type),
    nullable: nullable ?? false,
    type: decimal
      ? { kind: 'decimal', precision: decimal.precision ?? 10, scale: decimal.scale ?? 0 }
      : OURS[kindOf(type)],
  };
};

/** The columns of a result's schema. */
export const columnsOf = (schema: DataTypeMessage | undefined): readonly SparkColumn[] =>
  (schema?.struct?.fields ?? []).map(columnOf);
