import { createHash } from 'node:crypto';

/**
 * A value's file: `AKV1`, expiry (double, milliseconds since 1970; 0: never), length of key and of value (32 bits), the first eight bytes
 * of the SHA-256 over key and value, key, value. A file that a power cut tore fails its hash and counts as absent.
 */
const MAGIC = 'AKV1';
export const HEADER = 28;

export interface Header {
  readonly expires: number;
  readonly keyLength: number;
  readonly valueLength: number;
  readonly hash: Buffer;
}

const hashOf = (key: Uint8Array, value: Uint8Array): Buffer =>
  createHash('sha256').update(key).update(value).digest().subarray(0, 8);

export const encodeEntry = (key: string, value: Buffer, expires: number): Uint8Array[] => {
  const name = Buffer.from(key);
  const header = Buffer.alloc(HEADER);
  header.write(MAGIC, 0, 'latin1');
  header.writeDoubleBE(expires, 4);
  header.writeUInt32BE(name.length, 12);
  header.writeUInt32BE(value.length, 16);
  hashOf(name, value).copy(header, 20);
  return [header, name, value];
};

export const readHeader = (bytes: Buffer): Header | undefined =>
  bytes.length < HEADER || bytes.toString('latin1', 0, 4) !== MAGIC
    ? undefined
    : {
        expires: bytes.readDoubleBE(4),
        keyLength: bytes.readUInt32BE(12),
        valueLength: bytes.readUInt32BE(16),
        hash: bytes.subarray(20, 28),
      };

export const isExpired = (expires: number): boolean => expires !== 0 && expires <= Date.now();

/** The value of a whole file; undefined when it is torn, or of another key. */
export const decodeEntry = (bytes: Buffer, key: string): { value: Buffer; expires: number } | undefined => {
  const header = readHeader(bytes);
  if (!header || bytes.length !== HEADER + header.keyLength + header.valueLength) return undefined;
  const name = bytes.subarray(HEADER, HEADER + header.keyLength);
  const value = bytes.subarray(HEADER + header.keyLength);
  if (name.toString() !== key || !hashOf(name, value).equals(header.hash)) return undefined;
  return { value, expires: header.expires };
};
