import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';

/** Parts of Delta tables, written down by hand from the protocol and not by our own writer. */
export const v = (version: number): string => String(version).padStart(20, '0');
export const field = (name: string, type: unknown, metadata: object = {}) => ({ name, type, nullable: true, metadata });
export const protocol = (...features: string[]) =>
  features.length === 0
    ? { protocol: { minReaderVersion: 1, minWriterVersion: 2 } }
    : { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: features, writerFeatures: features } };
export const metaData = (
  fields: readonly object[],
  partitionColumns: readonly string[] = [],
  configuration: Record<string, string> = {},
) => ({
  metaData: {
    ...{ id: 'x', format: { provider: 'parquet', options: {} }, partitionColumns, configuration },
    schemaString: JSON.stringify({ type: 'struct', fields }),
  },
});
export const add = (path: string, more: object = {}) => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true, ...more },
});
export const remove = (path: string, more: object = {}) => ({
  remove: { path, dataChange: true, deletionTimestamp: 1, ...more },
});
export const lines = (actions: readonly object[]): string => `${actions.map((a) => JSON.stringify(a)).join('\n')}\n`;

/** Writes a file of the log. */
export const putLog = async (table: string, name: string, content: string | Buffer): Promise<void> => {
  const path = join(table, '_delta_log', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
};

/** Commits from version 0 on. */
export const putCommits = async (table: string, commits: readonly (readonly object[])[]): Promise<void> => {
  for (const [version, actions] of commits.entries()) await putLog(table, `${v(version)}.json`, lines(actions));
};

/** A deletion vector's bytes: one 32-bit bitmap of lists and bitmaps. */
export const vectorBytes = (rows: readonly number[]): Buffer => {
  const containers = new Map<number, number[]>();
  for (const row of rows) {
    const values = containers.get(row >> 16) ?? [];
    values.push(row & 0xffff);
    containers.set(row >> 16, values);
  }
  const head = Buffer.alloc(24);
  head.writeUInt32LE(1681511377, 0);
  head.writeUInt32LE(1, 4);
  head.writeUInt32LE(12346, 16);
  head.writeUInt32LE(containers.size, 20);
  const keys = Buffer.alloc(8 * containers.size);
  [...containers].forEach(([key, values], i) => {
    keys.writeUInt16LE(key, 4 * i);
    keys.writeUInt16LE(values.length - 1, 4 * i + 2);
  });
  const bodies = [...containers.values()].map((values) => {
    const bytes = Buffer.alloc(values.length <= 4096 ? 2 * values.length : 8192);
    values.forEach((value, i) => {
      if (values.length <= 4096) bytes.writeUInt16LE(value, 2 * i);
      else bytes[value >> 3] = (bytes[value >> 3] ?? 0) | (1 << (value & 7));
    });
    return bytes;
  });
  return Buffer.concat([head, keys, ...bodies]);
};

/** A file of vectors, each with its offset. */
export const vectorFile = (
  vectors: readonly Buffer[],
): { readonly bytes: Buffer; readonly offsets: readonly number[] } => {
  const parts: Buffer[] = [Buffer.from([1])];
  const offsets: number[] = [];
  let at = 1;
  for (const vector of vectors) {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(vector.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(vector));
    offsets.push(at);
    parts.push(size, vector, sum);
    at += vector.length + 8;
  }
  return { bytes: Buffer.concat(parts), offsets };
};

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
/** Z85 of bytes, filled up to a multiple of 4. */
export const z85 = (bytes: Buffer): string => {
  const whole = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  let text = '';
  for (let at = 0; at < whole.length; at += 4) {
    const group = whole.readUInt32BE(at);
    for (const power of [52200625, 614125, 7225, 85, 1]) text += Z85[Math.floor(group / power) % 85] ?? '';
  }
  return text;
};
