import {
  type DataType as ArrowType,
  Bool,
  type Data,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
} from 'apache-arrow';
import { type Column, type DataType, typeText, type Value } from '../../query/index.js';
import type { Encoder } from './encoders.js';

/** A type of ours as Arrow has it; every value keeps its exact form. */
const arrowType = (type: DataType): ArrowType => {
  switch (type.kind) {
    case 'string':
      return new Utf8();
    case 'boolean':
      return new Bool();
    case 'integer':
      return new Int32();
    case 'bigint':
      return new Int64();
    case 'double':
      return new Float64();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
  }
};

const DAY = 86_400_000;
const nullsOf = (values: readonly Value[]) => {
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8);
  let nullCount = 0;
  values.forEach((v, i) => {
    if (v === null) nullCount += 1;
    else bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return { nullCount, nullBitmap: nullCount === 0 ? null : bits };
};

const filled = <T extends { [i: number]: N }, N>(
  into: T,
  values: readonly Value[],
  of: (v: Exclude<Value, null>) => N,
): T => {
  values.forEach((v, i) => {
    if (v !== null) into[i] = of(v);
  });
  return into;
};

/** The values of one column in Arrow's layout. */
const dataOf = (column: Column, values: readonly Value[]): Data => {
  const type = arrowType(column.type);
  const length = values.length;
  const base = { length, ...nullsOf(values) };
  switch (column.type.kind) {
    case 'string': {
      const texts = values.map((v) => (v === null ? '' : (v as string)));
      const data = Buffer.from(texts.join(''));
      const valueOffsets = new Int32Array(length + 1);
      texts.forEach((t, i) => {
        valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + Buffer.byteLength(t);
      });
      return makeData({ type: type as Utf8, ...base, valueOffsets, data });
    }
    case 'boolean': {
      const data = new Uint8Array(Math.ceil(length / 64) * 8);
      values.forEach((v, i) => {
        if (v === true) data[i >> 3] = (data[i >> 3] ?? 0) | (1 << (i & 7));
      });
      return makeData({ type: type as Bool, ...base, data });
    }
    case 'integer':
      return makeData({ type: type as Int32, ...base, data: filled(new Int32Array(length), values, Number) });
    case 'double':
      return makeData({ type: type as Float64, ...base, data: filled(new Float64Array(length), values, Number) });
    case 'date':
      return makeData({
        type: type as DateDay,
        ...base,
        data: filled(new Int32Array(length), values, (v) => Date.parse(`${v}T00:00:00Z`) / DAY),
      });
    case 'bigint':
      return makeData({
        type: type as Int64,
        ...base,
        data: filled(new BigInt64Array(length), values, (v) => v as bigint),
      });
    case 'timestamp':
      return makeData({
        type: type as TimestampMicrosecond,
        ...base,
        data: filled(new BigInt64Array(length), values, (v) => v as bigint),
      });
    case 'decimal': {
      // 128 bits, the low half first
      const halves = new BigInt64Array(2 * length);
      values.forEach((v, i) => {
        if (v === null) return;
        halves[2 * i] = BigInt.asIntN(64, v as bigint);
        halves[2 * i + 1] = (v as bigint) >> 64n;
      });
      return makeData({ type: type as Decimal, ...base, data: new Uint32Array(halves.buffer) });
    }
  }
};

/** Bytes that end a stream: a continuation and no message. */
const END = 8;

const schemaOf = (columns: readonly Column[]): Schema => {
  const fields = columns.map(
    (c) =>
      new Field(
        c.name,
        arrowType(c.type),
        true,
        new Map([['type', typeText(c.type)], ...(c.unit ? [['unit', c.unit] as const] : [])]),
      ),
  );
  return new Schema(fields);
};

/** A stream of columns without rows: their schema. */
export const emptyArrow = (columns: readonly Column[]): Uint8Array =>
  tableToIPC(new Table(schemaOf(columns), []), 'stream');

/** Arrow's IPC stream: the schema, a record batch for each batch of rows, the end. Units and exact types stand in the fields' metadata. */
export const arrowEncoder = (columns: readonly Column[]): Encoder => {
  const schema = schemaOf(columns);
  const bytesOf = (batches: RecordBatch[]): Uint8Array => tableToIPC(new Table(schema, batches), 'stream');
  const empty = bytesOf([]);
  const head = empty.subarray(0, empty.length - END);
  return {
    type: 'application/vnd.apache.arrow.stream',
    head,
    rows: (batch, from, to) => {
      const children = columns.map((column, i) => dataOf(column, (batch.columns[i] ?? []).slice(from, to)));
      const data = makeData({ type: new Struct(schema.fields), length: to - from, nullCount: 0, children });
      const bytes = bytesOf([new RecordBatch(schema, data)]);
      return bytes.subarray(head.length, bytes.length - END);
    },
    tail: () => empty.subarray(empty.length - END),
  };
};
