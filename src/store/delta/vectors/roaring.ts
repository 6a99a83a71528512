import type { DeletedRows } from '../types.js';

/** Magic number of the portable 64-bit format, little-endian, at the beginning of a vector. */
const MAGIC = 1681511377;
/** Cookies of the 32-bit format: without and with containers of runs. */
const NO_RUNS = 12346;
const WITH_RUNS = 12347;
/** Containers of this many values or fewer are lists, larger ones bitmaps. */
const LIST_MOST = 4096;
const BITMAP_BYTES = 8192;
/** Below this many containers a bitmap with runs has no table of offsets. */
const NO_OFFSETS = 4;
/** Row numbers above this are no safe integers; no Parquet file has as many rows. */
const MOST_HIGH = 0x1f_ffff;

/** 65,536 rows from `base` on; its parts are views of the vector's bytes. */
interface Container {
  readonly base: number;
  readonly kind: 'list' | 'bitmap' | 'runs';
  readonly data: Buffer;
}

/** Why bytes are no vector. */
export class VectorDamaged extends Error {}

/** Reads numbers one after the other; a read behind the end is damage. */
class Cursor {
  at = 0;
  constructor(readonly bytes: Buffer) {}
  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) throw new VectorDamaged('it ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  u16(): number {
    return this.take(2).readUInt16LE();
  }
  u32(): number {
    return this.take(4).readUInt32LE();
  }
}

/** Values of a list ascend, so equal or falling ones are damage. */
const checkList = (data: Buffer): void => {
  for (let at = 2; at < data.length; at += 2)
    if (data.readUInt16LE(at) <= data.readUInt16LE(at - 2)) throw new VectorDamaged('its rows do not ascend');
};

const checkRuns = (data: Buffer, cardinality: number): void => {
  let before = -1;
  let rows = 0;
  for (let at = 0; at < data.length; at += 4) {
    const first = data.readUInt16LE(at);
    const last = first + data.readUInt16LE(at + 2);
    if (first <= before || last > 0xffff) throw new VectorDamaged('its runs do not ascend');
    before = last;
    rows += last - first + 1;
  }
  if (rows !== cardinality) throw new VectorDamaged('a container holds another count of rows');
};

const POPULATION = Uint8Array.from({ length: 256 }, (_, n) => n.toString(2).replaceAll('0', '').length);

const checkBitmap = (data: Buffer, cardinality: number): void => {
  let rows = 0;
  for (const byte of data) rows += POPULATION[byte] ?? 0;
  if (rows !== cardinality) throw new VectorDamaged('a container holds another count of rows');
};

const readContainer = (cursor: Cursor, base: number, cardinality: number, runs: boolean): Container => {
  if (runs) {
    const data = cursor.take(4 * cursor.u16());
    checkRuns(data, cardinality);
    return { base, kind: 'runs', data };
  }
  if (cardinality <= LIST_MOST) {
    const data = cursor.take(2 * cardinality);
    checkList(data);
    return { base, kind: 'list', data };
  }
  const data = cursor.take(BITMAP_BYTES);
  checkBitmap(data, cardinality);
  return { base, kind: 'bitmap', data };
};

/** One 32-bit bitmap: 65,536 times 65,536 rows from `base` on. Gives how many rows it holds. */
const readBitmap = (cursor: Cursor, base: number, containers: Container[]): number => {
  const cookie = cursor.u32();
  const runs = (cookie & 0xffff) === WITH_RUNS;
  if (!runs && cookie !== NO_RUNS) throw new VectorDamaged('it holds a bitmap of an unknown kind');
  const count = runs ? (cookie >>> 16) + 1 : cursor.u32();
  if (count > 65536) throw new VectorDamaged('it holds too many containers');
  const flags = runs ? cursor.take(Math.ceil(count / 8)) : undefined;
  const heads = cursor.take(4 * count);
  if (!runs || count >= NO_OFFSETS) cursor.take(4 * count);
  let rows = 0;
  let before = -1;
  for (let i = 0; i < count; i++) {
    const key = heads.readUInt16LE(4 * i);
    const cardinality = heads.readUInt16LE(4 * i + 2) + 1;
    if (key <= before) throw new VectorDamaged('its containers do not ascend');
    before = key;
    const isRuns = ((flags?.[i >> 3] ?? 0) & (1 << (i & 7))) !== 0;
    containers.push(readContainer(cursor, base + key * 65536, cardinality, isRuns));
    rows += cardinality;
  }
  return rows;
};

function* runsOfBitmap({ base, data }: Container): Iterable<readonly [number, number]> {
  let first = -1;
  for (let at = 0; at < BITMAP_BYTES; at++) {
    const byte = data[at] ?? 0;
    // Eight rows at once where all of them agree with what came before.
    if (byte === (first < 0 ? 0 : 0xff)) continue;
    for (let bit = 0; bit < 8; bit++) {
      const isSet = (byte & (1 << bit)) !== 0;
      if (isSet && first < 0) first = at * 8 + bit;
      else if (!isSet && first >= 0) {
        yield [base + first, base + at * 8 + bit - 1];
        first = -1;
      }
    }
  }
  if (first >= 0) yield [base + first, base + 0xffff];
}

function* runsOf(container: Container): Iterable<readonly [number, number]> {
  const { base, kind, data } = container;
  if (kind === 'bitmap') yield* runsOfBitmap(container);
  else if (kind === 'runs')
    for (let at = 0; at < data.length; at += 4) {
      const first = base + data.readUInt16LE(at);
      yield [first, first + data.readUInt16LE(at + 2)];
    }
  else
    for (let at = 0; at < data.length; ) {
      const first = data.readUInt16LE(at);
      let last = first;
      for (at += 2; at < data.length && data.readUInt16LE(at) === last + 1; at += 2) last += 1;
      yield [base + first, base + last];
    }
}

/**
 * Row numbers in the portable 64-bit Roaring format, as Delta keeps them: magic number, count of 32-bit bitmaps, and each with its
 * high half. Throws `VectorDamaged`.
 */
export const readRoaring = (bytes: Buffer): DeletedRows => {
  const cursor = new Cursor(bytes);
  if (cursor.u32() !== MAGIC) throw new VectorDamaged('it does not begin with the magic number');
  const count = cursor.take(8).readBigUInt64LE();
  if (count > BigInt(bytes.length)) throw new VectorDamaged('it ends too early');
  const containers: Container[] = [];
  let cardinality = 0;
  let before = -1;
  for (let i = 0; i < Number(count); i++) {
    const high = cursor.u32();
    if (high <= before) throw new VectorDamaged('its bitmaps do not ascend');
    if (high > MOST_HIGH) throw new VectorDamaged('it names a row that no file has');
    before = high;
    cardinality += readBitmap(cursor, high * 2 ** 32, containers);
  }
  if (cursor.at !== bytes.length) throw new VectorDamaged('there is more behind its end');
  return {
    cardinality,
    *runs() {
      for (const container of containers) yield* runsOf(container);
    },
  };
};
