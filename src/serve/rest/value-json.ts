import {
  type Column,
  type DataType,
  decimalText,
  timestampText,
  type Value,
  zoneOffsetMinutes,
} from '../../query/index.js';

/** Characters that JSON must escape, and halves of surrogate pairs, which `JSON.stringify` escapes for UTF-8's sake. */
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;
const text = (value: string): string => (ESCAPED.test(value) ? JSON.stringify(value) : `"${value}"`);

/** Offsets change at quarters of an hour at most, so one look-up serves all instants of a quarter. */
const QUARTER = 900_000_000n;
/** Instants as text in one zone. Asking the runtime for an offset is a hundred times dearer than writing the digits. */
export const timestampWriter = (zone: string): ((micros: bigint) => string) => {
  if (zone === 'UTC') return (micros) => timestampText(micros);
  const offsets = new Map<bigint, number>();
  return (micros) => {
    const quarter = micros / QUARTER;
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      offset = zoneOffsetMinutes(zone, micros);
      if (offsets.size > 10_000) offsets.clear();
      offsets.set(quarter, offset);
    }
    return timestampText(micros, offset);
  };
};

/** A value's plain text: what CSV prints, and JSON between quotes. */
export const plainWriter = (type: DataType, zone: string): ((value: Exclude<Value, null>) => string) => {
  switch (type.kind) {
    case 'decimal': {
      const { scale } = type;
      return (value) => decimalText(value as bigint, scale);
    }
    case 'timestamp': {
      const write = timestampWriter(zone);
      return (value) => write(value as bigint);
    }
    case 'double':
      return (value) => (Object.is(value, -0) ? '-0' : String(value));
    default:
      return String;
  }
};

/**
 * A value as JSON. Integer, boolean and double are themselves (NaN and the infinities are texts); bigint and decimal are texts in
 * plain notation with the full scale; dates and times are texts.
 */
export const jsonWriter = ({ type }: Column, zone: string): ((value: Value) => string) => {
  const plain = plainWriter(type, zone);
  switch (type.kind) {
    case 'string':
      return (value) => (value === null ? 'null' : text(value as string));
    case 'integer':
    case 'boolean':
      return (value) => (value === null ? 'null' : String(value));
    case 'double':
      return (value) => (value === null ? 'null' : Number.isFinite(value) ? plain(value) : `"${value}"`);
    default:
      return (value) => (value === null ? 'null' : `"${plain(value)}"`);
  }
};
