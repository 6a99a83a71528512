import { error } from '../../../errors/index.js';
import { fileKey } from '../format/file-key.js';
import { locate } from '../scan/locate.js';
import type { AddFile, DeletedRows, DeletionVector, DeltaTable } from '../types.js';
import { crc32 } from './crc32.js';
import { readRoaring, VectorDamaged } from './roaring.js';
import { decodeZ85 } from './z85.js';

/** The last characters of a `u` vector's name, which are a UUID in Z85; what stands before is a folder. */
const UUID = 20;
/** The version that a vector file begins with. */
const VERSION = 1;
/** Bytes that are read along rather than asked for apart. */
const NEAR = 65_536;

/** The file of a vector below the table, or by its absolute path; undefined for what is no name. */
export const pathOfVector = (
  table: DeltaTable,
  { storageType, pathOrInlineDv }: DeletionVector,
): string | undefined => {
  if (storageType === 'p') return locate(table, pathOrInlineDv);
  const uuid = decodeZ85(pathOrInlineDv.slice(-UUID));
  const prefix = pathOrInlineDv.slice(0, -UUID);
  if (uuid?.length !== 16 || !/^[A-Za-z0-9_-]*$/.test(prefix)) return undefined;
  const hex = uuid.toString('hex');
  const name = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return `${prefix === '' ? '' : `${prefix}/`}deletion_vector_${name}.bin`;
};

const roaring = (bytes: Buffer, { cardinality }: DeletionVector, file: string): DeletedRows => {
  try {
    const rows = readRoaring(bytes);
    if (rows.cardinality !== cardinality)
      throw new VectorDamaged(`it deletes ${rows.cardinality} rows and not ${cardinality}`);
    return rows;
  } catch (thrown) {
    if (thrown instanceof VectorDamaged)
      throw error('delta-corrupt', { file, why: `its deletion vector is damaged: ${thrown.message}` }, thrown);
    throw thrown;
  }
};

/** A vector that stands in a file: size, bytes, checksum, at its offset. */
const fromFile = async (table: DeltaTable, vector: DeletionVector, path: string): Promise<DeletedRows> => {
  const file = table.files.name(path);
  const damaged = (why: string) => error('delta-corrupt', { file, why });
  // Without an offset it is the file's only one, behind the version.
  const from = vector.offset ?? 1;
  const length = vector.sizeInBytes + 8;
  // The file's first byte is its version; it comes with a vector that stands near the beginning.
  const near = from <= NEAR;
  const begin = await table.files.read(path, { from: 0, length: near ? from + length : 1 });
  if (!begin) throw damaged('it is missing, and a data file counts on it');
  if (begin[0] !== VERSION) throw damaged('it is no file of deletion vectors of version 1');
  const found = near ? begin.subarray(from) : await table.files.read(path, { from, length });
  if (found?.length !== length) throw damaged('it ends before its deletion vector');
  if (found.readUInt32BE() !== vector.sizeInBytes) throw damaged(`its deletion vector at ${from} has another size`);
  const bytes = found.subarray(4, 4 + vector.sizeInBytes);
  if (crc32(bytes) !== found.readUInt32BE(4 + vector.sizeInBytes))
    throw damaged(`the checksum of its deletion vector at ${from} is wrong`);
  return roaring(bytes, vector, file);
};

/** Longest vector that is read: bytes of one that deletes every row of a file of four thousand million. */
const LONGEST = 600_000_000;

/** The rows of one file that count as deleted. Errors: `delta-corrupt` that names the file of the vector, `delta-unsupported`. */
export const readVector = async (table: DeltaTable, add: AddFile, vector: DeletionVector): Promise<DeletedRows> => {
  const owner = `the deletion vector of ${add.path} in ${table.path}`;
  if (vector.sizeInBytes > LONGEST) throw error('delta-corrupt', { file: owner, why: 'it is too long' });
  if (vector.storageType === 'i') {
    const bytes = decodeZ85(vector.pathOrInlineDv);
    if (!bytes || bytes.length < vector.sizeInBytes)
      throw error('delta-corrupt', { file: owner, why: 'it is no text in Z85 of its size' });
    return roaring(bytes.subarray(0, vector.sizeInBytes), vector, owner);
  }
  const path = pathOfVector(table, vector);
  if (path === undefined) throw error('delta-corrupt', { file: owner, why: 'it names no file' });
  return fromFile(table, vector, path);
};

/** Vectors that are read at one time. */
const AT_ONCE = 16;

/**
 * The deleted rows of all these files that have any, by `fileKey`; `known` are taken over. Errors: those of `readVector`.
 */
export const readVectors = async (
  table: DeltaTable,
  adds: readonly AddFile[],
  known: ReadonlyMap<string, DeletedRows> = new Map(),
): Promise<ReadonlyMap<string, DeletedRows>> => {
  const found = new Map<string, DeletedRows>();
  const left: (readonly [string, AddFile, DeletionVector])[] = [];
  for (const add of adds) {
    if (!add.deletionVector) continue;
    const key = fileKey(add);
    const rows = known.get(key);
    if (rows) found.set(key, rows);
    else left.push([key, add, add.deletionVector]);
  }
  const worker = async () => {
    for (let next = left.pop(); next; next = left.pop()) found.set(next[0], await readVector(table, next[1], next[2]));
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, worker));
  return found;
};
