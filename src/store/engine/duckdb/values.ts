import {
  type DuckDBDateValue,
  DuckDBDecimal16Vector,
  DuckDBDecimal32Vector,
  DuckDBDecimal64Vector,
  DuckDBDecimal128Vector,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBVector,
} from '@duckdb/node-api';
import { error } from '../../../errors/index.js';
import { type Column, type DataType, decimalText, typeText, type Value } from '../../../query/index.js';

/** Turns one item of a vector, never null, into its declared form. Undefined: it does not fit. */
type Convert = (item: unknown) => Value | undefined;

const INT64 = 1n << 63n;
const DAY = 86_400_000_000n;
/** DuckDB's largest days and micros stand for infinity, the most negative ones for minus infinity and beyond. */
const INFINITE_DAYS = 2_147_483_647;
const INFINITE_MICROS = INT64 - 1n;

const INTEGERS = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
]);

/** Days since 1970 as a date's text; columns repeat few of them. */
const dates = new Map<number, string>();
export const dateText = (days: number): string | undefined => {
  const known = dates.get(days);
  if (known !== undefined) return known;
  const time = new Date(days * 86_400_000);
  // Years before 0 or after 9999 have no plain ISO form; JavaScript's calendar is the proleptic Gregorian one, as DuckDB's.
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 0 || time.getUTCFullYear() > 9999) return undefined;
  const text = time.toISOString().slice(0, 10);
  if (dates.size < 100_000) dates.set(days, text);
  return text;
};

/** Micros since 1970 of any of DuckDB's timestamps; undefined when they hold parts of a microsecond, or infinity. */
const micros = (id: DuckDBTypeId): ((item: unknown) => bigint | undefined) | undefined => {
  switch (id) {
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return (item) => finite((item as DuckDBTimestampValue).micros);
    case DuckDBTypeId.TIMESTAMP_S:
      return (item) => finite((item as DuckDBTimestampSecondsValue).seconds, 1_000_000n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return (item) => finite((item as DuckDBTimestampMillisecondsValue).millis, 1000n);
    case DuckDBTypeId.TIMESTAMP_NS:
      return (item) => {
        const nanos = finite((item as DuckDBTimestampNanosecondsValue).nanos);
        return nanos === undefined || nanos % 1000n !== 0n ? undefined : nanos / 1000n;
      };
    case DuckDBTypeId.DATE:
      return (item) => {
        const { days } = item as DuckDBDateValue;
        return Math.abs(days) >= INFINITE_DAYS ? undefined : BigInt(days) * DAY;
      };
    default:
      return undefined;
  }
};
const finite = (n: bigint, times = 1n): bigint | undefined =>
  n >= INFINITE_MICROS || n <= -INFINITE_MICROS ? undefined : n * times;

/** Whole value of an unscaled decimal, when nothing is lost. */
const rescale = (unscaled: bigint, from: number, to: number): bigint | undefined => {
  if (to >= from) return unscaled * 10n ** BigInt(to - from);
  const divisor = 10n ** BigInt(from - to);
  return unscaled % divisor === 0n ? unscaled / divisor : undefined;
};

/** Items as unscaled bigints of `scale` digits, for integers and decimals alike. */
const exact = (id: DuckDBTypeId, from: number, scale: number): ((item: unknown) => bigint | undefined) | undefined => {
  if (INTEGERS.has(id)) return (item) => BigInt(item as number | bigint) * 10n ** BigInt(scale);
  if (id === DuckDBTypeId.DECIMAL) return (item) => rescale(BigInt(item as number | bigint), from, scale);
  return undefined;
};

const within =
  (read: ((item: unknown) => bigint | undefined) | undefined, low: bigint, high: bigint): Convert =>
  (item) => {
    const value = read?.(item);
    return value !== undefined && value >= low && value <= high ? value : undefined;
  };

const nothingFits: Convert = () => undefined;

const converter = (type: DataType, id: DuckDBTypeId, scale: number): Convert => {
  switch (type.kind) {
    case 'string':
      return id === DuckDBTypeId.VARCHAR || id === DuckDBTypeId.ENUM ? (item) => item as string : String;
    case 'boolean':
      return id === DuckDBTypeId.BOOLEAN ? (item) => item as boolean : nothingFits;
    case 'integer': {
      if (id === DuckDBTypeId.INTEGER || id === DuckDBTypeId.SMALLINT || id === DuckDBTypeId.TINYINT)
        return (item) => item as number;
      const read = within(exact(id, scale, 0), -(1n << 31n), (1n << 31n) - 1n);
      return (item) => {
        const value = read(item);
        return value === undefined ? undefined : Number(value);
      };
    }
    case 'bigint':
      return id === DuckDBTypeId.BIGINT ? (item) => item as bigint : within(exact(id, scale, 0), -INT64, INT64 - 1n);
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision) - 1n;
      return within(exact(id, scale, type.scale), -limit, limit);
    }
    case 'double':
      if (id === DuckDBTypeId.DOUBLE || id === DuckDBTypeId.FLOAT) return (item) => item as number;
      if (INTEGERS.has(id)) return (item) => Number(item);
      return id === DuckDBTypeId.DECIMAL
        ? (item) => Number(decimalText(BigInt(item as number | bigint), scale))
        : nothingFits;
    case 'date': {
      if (id === DuckDBTypeId.DATE) return (item) => dateText((item as DuckDBDateValue).days);
      const read = micros(id);
      return (item) => {
        const value = read?.(item);
        return value === undefined || value % DAY !== 0n ? undefined : dateText(Number(value / DAY));
      };
    }
    case 'timestamp':
      return micros(id) ?? nothingFits;
  }
};

/** An item of a decimal vector as its unscaled number, of any other as the driver gives it. */
const itemsOf = (vector: DuckDBVector): ((row: number) => unknown) => {
  if (
    vector instanceof DuckDBDecimal16Vector ||
    vector instanceof DuckDBDecimal32Vector ||
    vector instanceof DuckDBDecimal64Vector ||
    vector instanceof DuckDBDecimal128Vector
  )
    return (row) => vector.getScaledValue(row);
  return (row) => vector.getItem(row);
};

/** Reads the vectors of one result column into the declared type, rounding nothing. Errors: `value-does-not-fit`. */
export const vectorReader = (
  column: Column,
  id: DuckDBTypeId,
  scale: number,
): ((vector: DuckDBVector, length: number) => Value[]) => {
  const convert = converter(column.type, id, scale);
  return (vector, length) => {
    const item = itemsOf(vector);
    const values = new Array<Value>(length);
    for (let row = 0; row < length; row++) {
      const found = item(row);
      if (found === null) {
        values[row] = null;
        continue;
      }
      const value = convert(found);
      if (value === undefined) throw error('value-does-not-fit', { column: column.name, type: typeText(column.type) });
      values[row] = value;
    }
    return values;
  };
};
