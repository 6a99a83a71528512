import type { Column, DataType, Value } from '../../../query/index.js';

/** The online values of one entity, in the order of the set's columns. */
export interface EntityValues {
  readonly key: string;
  readonly values: readonly Value[];
}

const DAY = 86_400_000;
const FORM = 1;

/** Bytes of one value; every value keeps its exact form. */
const valueBytes = (type: DataType, value: Exclude<Value, null>): Buffer => {
  switch (type.kind) {
    case 'string': {
      const text = Buffer.from(value as string);
      const size = Buffer.alloc(4);
      size.writeUInt32LE(text.length);
      return Buffer.concat([size, text]);
    }
    case 'boolean':
      return Buffer.from([value === true ? 1 : 0]);
    case 'integer': {
      const b = Buffer.alloc(4);
      b.writeInt32LE(value as number);
      return b;
    }
    case 'date': {
      const b = Buffer.alloc(4);
      b.writeInt32LE(Date.parse(`${value}T00:00:00Z`) / DAY);
      return b;
    }
    case 'double': {
      const b = Buffer.alloc(8);
      b.writeDoubleLE(value as number);
      return b;
    }
    case 'bigint':
    case 'timestamp': {
      const b = Buffer.alloc(8);
      b.writeBigInt64LE(value as bigint);
      return b;
    }
    case 'decimal': {
      const b = Buffer.alloc(16);
      b.writeBigUInt64LE(BigInt.asUintN(64, value as bigint));
      b.writeBigInt64LE((value as bigint) >> 64n, 8);
      return b;
    }
  }
};

/** Reads on from a place; beyond the end of the bytes it throws a `RangeError`, which the caller tells as damage. */
class Cursor {
  at = 0;
  constructor(readonly bytes: Buffer) {}
  take(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw new RangeError(`${length} bytes are wanted at ${from}`);
    this.at += length;
    return from;
  }
  text(): string {
    const length = this.bytes.readUInt32LE(this.take(4));
    const from = this.take(length);
    return this.bytes.toString('utf8', from, from + length);
  }
  value(type: DataType): Value {
    const { bytes } = this;
    switch (type.kind) {
      case 'string':
        return this.text();
      case 'boolean':
        return bytes[this.take(1)] === 1;
      case 'integer':
        return bytes.readInt32LE(this.take(4));
      case 'date':
        return new Date(bytes.readInt32LE(this.take(4)) * DAY).toISOString().slice(0, 10);
      case 'double':
        return bytes.readDoubleLE(this.take(8));
      case 'bigint':
      case 'timestamp':
        return bytes.readBigInt64LE(this.take(8));
      case 'decimal': {
        const from = this.take(16);
        return (bytes.readBigInt64LE(from + 8) << 64n) | bytes.readBigUInt64LE(from);
      }
    }
  }
}

/**
 * Entities of one version in one blob: form, version, number of entities; for each its key, a bit for each value that is null, and the
 * others. `columns` decide the layout, so they are no part of it: the version names them.
 */
export const encodeEntities = (
  version: string,
  columns: readonly Column[],
  entities: readonly EntityValues[],
): Buffer => {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(entities.length);
  const parts: Buffer[] = [Buffer.from([FORM]), valueBytes({ kind: 'string' }, version), size];
  for (const { key, values } of entities) {
    const nulls = Buffer.alloc(Math.ceil(columns.length / 8));
    columns.forEach((_, i) => {
      if ((values[i] ?? null) === null) nulls[i >> 3] = (nulls[i >> 3] ?? 0) | (1 << (i & 7));
    });
    parts.push(valueBytes({ kind: 'string' }, key), nulls);
    columns.forEach(({ type }, i) => {
      const value = values[i] ?? null;
      if (value !== null) parts.push(valueBytes(type, value));
    });
  }
  return Buffer.concat(parts);
};

/** Undefined: the bytes are damaged, or of another version. */
export const decodeEntities = (
  version: string,
  columns: readonly Column[],
  bytes: Buffer,
): readonly EntityValues[] | undefined => {
  const cursor = new Cursor(bytes);
  try {
    if (bytes[cursor.take(1)] !== FORM || cursor.text() !== version) return undefined;
    const count = bytes.readUInt32LE(cursor.take(4));
    const found: EntityValues[] = [];
    for (let i = 0; i < count; i++) {
      const key = cursor.text();
      const nulls = cursor.take(Math.ceil(columns.length / 8));
      const values = columns.map(({ type }, c) =>
        ((bytes[nulls + (c >> 3)] ?? 0) >> (c & 7)) & 1 ? null : cursor.value(type),
      );
      found.push({ key, values });
    }
    return cursor.at === bytes.length ? found : undefined;
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
};
