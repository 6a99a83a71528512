import { error } from '../../../errors/index.js';
import { type Column, type DataType, parseDecimal, typeText, type Value } from '../../../query/index.js';

/** Reads one field as PostgreSQL prints it (DateStyle ISO, UTC). Undefined: it does not fit the type. */
type Read = (text: string) => Value | undefined;

const INT64 = 1n << 63n;
const DAY_MICROS = 86_400_000_000n;

/** Days from 1970-01-01 in the proleptic Gregorian calendar, which PostgreSQL uses for all times. */
const daysFromCivil = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
};

const TIMESTAMP =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?|Z)?)?$/;

const timestamp: Read = (text) => {
  const m = TIMESTAMP.exec(text);
  if (!m) return undefined;
  const days = daysFromCivil(Number(m[1]), Number(m[2]), Number(m[3]));
  let seconds = Number(m[4] ?? 0) * 3600 + Number(m[5] ?? 0) * 60 + Number(m[6] ?? 0);
  if (m[8] !== undefined) {
    const offset = Number(m[9]) * 3600 + Number(m[10] ?? 0) * 60 + Number(m[11] ?? 0);
    seconds -= m[8] === '-' ? -offset : offset;
  }
  const fraction = m[7] === undefined ? 0 : Number(m[7].padEnd(6, '0'));
  return BigInt(days) * DAY_MICROS + BigInt(seconds) * 1_000_000n + BigInt(fraction);
};

const date: Read = (text) => {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return text;
  // A time of midnight is a date; any other would lose its clock.
  return /^\d{4}-\d\d-\d\d 00:00:00(\.0+)?([+-]00)?$/.test(text) ? text.slice(0, 10) : undefined;
};

/** The one fast case of decimals, digits with at most `scale` behind the point; everything else goes the general way. */
const decimal = (precision: number, scale: number): Read => {
  const limit = 10n ** BigInt(precision);
  return (text) => {
    const point = text.indexOf('.');
    const behind = point < 0 ? 0 : text.length - point - 1;
    const plain = behind <= scale && /^-?\d+(\.\d+)?$/.test(text);
    const value = plain
      ? BigInt((point < 0 ? text : text.slice(0, point) + text.slice(point + 1)) + '0'.repeat(scale - behind))
      : parseDecimal(text, scale);
    return value !== undefined && value < limit && value > -limit ? value : undefined;
  };
};

const whole = (text: string): bigint | undefined => (/^-?\d+$/.test(text) ? BigInt(text) : parseDecimal(text, 0));

const bigint: Read = (text) => {
  const value = whole(text);
  return value !== undefined && value < INT64 && value >= -INT64 ? value : undefined;
};

const integer: Read = (text) => {
  const value = /^-?\d{1,10}$/.test(text) ? Number(text) : Number(whole(text) ?? Number.NaN);
  return value === (value | 0) ? value : undefined;
};

const double: Read = (text) => {
  const value = Number(text);
  return Number.isNaN(value) && text !== 'NaN' ? undefined : value;
};

const boolean: Read = (text) => (text === 't' ? true : text === 'f' ? false : undefined);

const reader = (type: DataType): Read => {
  switch (type.kind) {
    case 'string':
      return (text) => text;
    case 'boolean':
      return boolean;
    case 'integer':
      return integer;
    case 'bigint':
      return bigint;
    case 'double':
      return double;
    case 'date':
      return date;
    case 'timestamp':
      return timestamp;
    case 'decimal':
      return decimal(type.precision, type.scale);
  }
};

/** Reads a column's fields into its declared type; rounds nothing. Errors: `value-does-not-fit`. */
export const fieldReader = (column: Column): ((text: string | null) => Value) => {
  const read = reader(column.type);
  return (text) => {
    if (text === null) return null;
    const value = read(text);
    if (value === undefined) throw error('value-does-not-fit', { column: column.name, type: typeText(column.type) });
    return value;
  };
};
