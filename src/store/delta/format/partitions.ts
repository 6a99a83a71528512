import { parseType } from '../../../query/index.js';
import type { DeltaField, DeltaSchema, DeltaType } from '../types.js';
import { duckdbType } from './schema.js';

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

const BITS: Readonly<Record<string, bigint>> = { byte: 8n, short: 16n, integer: 32n, long: 64n };

const isInteger = (text: string, bits: bigint): boolean => {
  if (!/^[+-]?\d{1,20}$/.test(text)) return false;
  const value = BigInt(text.replace('+', ''));
  return value >= -(1n << (bits - 1n)) && value < 1n << (bits - 1n);
};

/** Digits before the point, without leading zeros: more than the type has cannot be kept. */
const isDecimal = (text: string, precision: number, scale: number): boolean => {
  const match = /^[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!match || `${match[1]}${match[2] ?? ''}` === '') return false;
  const whole = (match[1] ?? '').replace(/^0+/, '').length + Number(match[3] ?? 0);
  return whole <= precision - scale;
};

/** The engine has values at the ends of time; only writers of our make put them into the log. */
const ENDLESS = /^-?infinity$/;
const DATE = /^(\d{4,6})-(\d\d)-(\d\d)$/;
const isDate = (text: string): boolean => {
  if (ENDLESS.test(text)) return true;
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined || month < 1 || month > 12 || day < 1)
    return false;
  return day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
};

const TIME = /^(.+?)(?:[ T]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(Z|[+-]\d\d(?::?[0-5]\d)?)?)?$/;
const isTime = (text: string, zoned: boolean): boolean => {
  const match = TIME.exec(text);
  return match !== null && isDate(match[1] ?? '') && (zoned || match[3] === undefined);
};

/** True for a text that the engine casts to the type without an error; null partitions are no texts. */
export const isPartitionText = (type: DeltaType, text: string): boolean => {
  if (typeof type !== 'string') return false;
  const bits = BITS[type];
  if (bits !== undefined) return isInteger(text, bits);
  if (type === 'string' || type === 'binary') return !text.includes('\0');
  if (type === 'boolean') return /^(true|false)$/i.test(text);
  if (type === 'date') return isDate(text);
  if (type === 'timestamp' || type === 'timestamp_ntz') return isTime(text, type === 'timestamp');
  if (type === 'float' || type === 'double')
    return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$|^NaN$|^[+-]?Infinity$/.test(text);
  const decimal = parseType(type);
  return decimal?.kind === 'decimal' && isDecimal(text, decimal.precision, decimal.scale);
};

/** SQL of a partition value with its exact type, from SQL of its text. */
export const partitionCast = (type: DeltaType, text: string): string =>
  type === 'binary' ? `encode(${text})` : `CAST(${text} AS ${duckdbType(type)})`;
