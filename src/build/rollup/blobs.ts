import { createHash } from 'node:crypto';
import type { Kv } from '../../store/kv/index.js';
import { partitionKeys } from './keys.js';
import type { ManifestPartition } from './manifest.js';

/** Small enough for any Redis, large enough that a partition is few round trips. */
export const CHUNK_BYTES = 1 << 20;
const AT_ONCE = 4;

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Runs `task` for 0 to n-1, a few at a time. The first error ends it. */
export const eachOf = async (n: number, task: (i: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const lane = async () => {
    while (next < n) {
      const i = next;
      next += 1;
      await task(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, n) }, lane));
};

/** Writes a partition: chunks first, its entry last, so that an entry never points at nothing. */
export const putPartition = async (
  kv: Kv,
  namespace: string,
  name: string,
  partition: ManifestPartition,
  blob: Buffer,
  entry: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const keys = partitionKeys(namespace, name, partition.key, partition.version);
  await eachOf(partition.chunks, (n) => kv.set(keys.chunk(n), blob.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES)));
  await kv.set(keys.entry, Buffer.from(JSON.stringify(entry)));
};

/** A partition's bytes, or what is wrong with it in the store. Errors: `redis-unavailable`. */
export const getPartition = async (
  kv: Kv,
  namespace: string,
  name: string,
  partition: ManifestPartition,
  signal?: AbortSignal,
): Promise<{ readonly blob: Buffer } | { readonly damage: string }> => {
  const keys = partitionKeys(namespace, name, partition.key, partition.version);
  const chunks: (Buffer | undefined)[] = [];
  await eachOf(partition.chunks, async (n) => {
    signal?.throwIfAborted();
    chunks[n] = await kv.get(keys.chunk(n));
  });
  const whole: Buffer[] = [];
  for (let n = 0; n < partition.chunks; n++) {
    const chunk = chunks[n];
    if (!chunk) return { damage: `chunk ${n} is missing` };
    whole.push(chunk);
  }
  const blob = Buffer.concat(whole);
  if (blob.length !== partition.bytes) return { damage: `it has ${blob.length} of ${partition.bytes} bytes` };
  if (sha256(blob) !== partition.sha256) return { damage: 'its SHA-256 differs' };
  return { blob };
};

/** Removes a version of a partition: its entry first, so that nobody takes it for whole. */
export const dropPartition = async (
  kv: Kv,
  namespace: string,
  name: string,
  partition: { readonly key: string; readonly version: string; readonly chunks: number },
): Promise<void> => {
  const keys = partitionKeys(namespace, name, partition.key, partition.version);
  await kv.delete([keys.entry]);
  if (partition.chunks > 0) await kv.delete(Array.from({ length: partition.chunks }, (_, n) => keys.chunk(n)));
};
