import { type Data, DataType, DateUnit, IntervalUnit, TimeUnit } from 'apache-arrow';
import { error } from '../../../errors/index.js';
import { dateText } from '../duckdb/values.js';
import type { SparkValue } from './gateway.js';

/** Gives the value of a row; the row is not null. */
type Read = (row: number) => SparkValue;
type Reader = (data: Data, column: string) => Read;

const misfit = (column: string, type: string) => error('value-does-not-fit', { column, type });

const textAt = (bytes: Uint8Array, offsets: Int32Array): Read => {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (row) => all.toString('utf8', offsets[row] ?? 0, offsets[row + 1] ?? 0);
};

const bytesAt =
  (bytes: Uint8Array, offsets: Int32Array): Read =>
  (row) =>
    bytes.slice(offsets[row] ?? 0, offsets[row + 1] ?? 0);

/** Days beyond the years that have a plain form, as ISO 8601 writes them with six digits. */
const dateOf = (days: number, column: string): string => {
  const plain = dateText(days);
  if (plain !== undefined) return plain;
  const time = new Date(days * 86_400_000);
  if (Number.isNaN(time.getTime())) throw misfit(column, 'date');
  return time.toISOString().slice(0, -14);
};

/** 128-bit integers, least word first. Most decimals fit in 64 bits, where the upper half only repeats the sign. */
const unscaledAt = (data: Data): Read => {
  const words = data.values as Uint32Array;
  const aligned = words.byteOffset % 8 === 0 ? words : words.slice();
  const low = new BigInt64Array(aligned.buffer, aligned.byteOffset, aligned.length >> 1);
  return (row) => {
    const lower = low[2 * row] ?? 0n;
    const upper = low[2 * row + 1] ?? 0n;
    return upper === lower >> 63n ? lower : (upper << 64n) | BigInt.asUintN(64, lower);
  };
};

const UNITS: Partial<Record<TimeUnit, (value: bigint) => bigint>> = {
  [TimeUnit.SECOND]: (v) => v * 1_000_000n,
  [TimeUnit.MILLISECOND]: (v) => v * 1_000n,
  [TimeUnit.MICROSECOND]: (v) => v,
};
const microsAt = (data: Data, unit: TimeUnit, column: string): Read => {
  const values = data.values as BigInt64Array;
  const scale = UNITS[unit];
  if (!scale) throw misfit(column, String(data.type));
  return unit === TimeUnit.MICROSECOND ? (row) => values[row] ?? 0n : (row) => scale(values[row] ?? 0n);
};

const listOf: Reader = (data, column) => {
  const [child] = data.children;
  const offsets = data.valueOffsets as Int32Array;
  if (!child) throw misfit(column, String(data.type));
  const read = nullable(child, column);
  return (row) => {
    const from = offsets[row] ?? 0;
    return Array.from({ length: (offsets[row + 1] ?? from) - from }, (_, i) => read(from + i));
  };
};

const mapOf: Reader = (data, column) => {
  const [entries] = data.children;
  const [keys, values] = entries?.children ?? [];
  const offsets = data.valueOffsets as Int32Array;
  if (!keys || !values) throw misfit(column, String(data.type));
  const key = nullable(keys, column);
  const value = nullable(values, column);
  return (row) => {
    const found = new Map<SparkValue, SparkValue>();
    for (let at = offsets[row] ?? 0; at < (offsets[row + 1] ?? 0); at++) found.set(key(at), value(at));
    return found;
  };
};

const structOf: Reader = (data, column) => {
  const names = (data.type.children ?? []).map((field) => field.name);
  const fields = data.children.map((child) => nullable(child, column));
  return (row) => new Map(fields.map((read, i) => [names[i] ?? '', read(row)]));
};

const plain =
  (values: ArrayLike<number | bigint>): Read =>
  (row) =>
    values[row] ?? 0;

/** Reads by the type of the buffer; the checks tell types of Arrow that Spark never sends. */
const readerOf: Reader = (data, column) => {
  const { type } = data;
  if (DataType.isInt(type) || (DataType.isFloat(type) && type.precision > 0)) return plain(data.values);
  if (DataType.isUtf8(type)) return textAt(data.values, data.valueOffsets as Int32Array);
  if (DataType.isDecimal(type) && type.bitWidth === 128) return unscaledAt(data);
  if (DataType.isTimestamp(type) || DataType.isDuration(type)) return microsAt(data, type.unit, column);
  if (DataType.isDate(type) && type.unit === DateUnit.DAY) {
    const days = data.values as Int32Array;
    return (row) => dateOf(days[row] ?? 0, column);
  }
  if (DataType.isBool(type)) {
    const bits = data.values as Uint8Array;
    return (row) => (((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
  }
  if (DataType.isBinary(type)) return bytesAt(data.values, data.valueOffsets as Int32Array);
  if (DataType.isNull(type)) return () => null;
  if (DataType.isInterval(type) && type.unit === IntervalUnit.YEAR_MONTH) return plain(data.values as Int32Array);
  if (DataType.isMap(type)) return mapOf(data, column);
  if (DataType.isList(type)) return listOf(data, column);
  if (DataType.isStruct(type)) return structOf(data, column);
  throw misfit(column, String(type));
};

/** Reads values and nulls of a whole buffer (Spark sends no slices of buffers). */
export const nullable = (data: Data, column: string): Read => {
  const read = readerOf(data, column);
  const valid = data.nullBitmap;
  if (!valid || valid.length === 0 || data.nullCount === 0) return read;
  return (row) => (((valid[row >> 3] ?? 0) >> (row & 7)) & 1 ? read(row) : null);
};
