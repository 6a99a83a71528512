import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { error } from '../../../errors/index.js';
import type { Bucket } from './bucket.js';

/** Files up to this size go in one request; parts of larger ones are of this size or more. */
const PART = 16 * 2 ** 20;
/** Parts of one file that are on their way at one time. */
const PARTS_AT_ONCE = 4;
/** Parts that a store takes of one file. */
const MOST_PARTS = 10_000;

const codeOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;

/** What this machine's disk refuses, in the catalogue's words. */
export const diskFailure = (path: string, thrown: unknown): unknown => {
  const code = codeOf(thrown);
  if (code === 'ENOSPC' || code === 'EDQUOT') return error('disk-full', { path }, thrown);
  return code !== undefined && /^E[A-Z]+$/.test(code) ? error('lake-unusable', { path, why: code }, thrown) : thrown;
};

/**
 * Fetches an object into a new file, durably; a broken connection goes on where it broke, as long as the object is the same one.
 * Gives its size and identity; undefined when there is no such object. Errors: those of the bucket, `disk-full`, `cancelled`.
 */
export const download = async (
  bucket: Bucket,
  key: string,
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly size: number; readonly identity: string } | undefined> => {
  const { sdk, client } = bucket.store;
  const file = await open(path, 'wx').catch((thrown: unknown) => Promise.reject(diskFailure(path, thrown)));
  try {
    let done = 0;
    let etag: string | undefined;
    const begin = async () => {
      const resumed = etag !== undefined && done > 0 ? { Range: `bytes=${done}-`, IfMatch: etag } : {};
      const { Body, ETag } = await client.send(
        new sdk.GetObjectCommand({ Bucket: bucket.name, Key: key, ...resumed }),
        signal ? { abortSignal: signal } : {},
      );
      etag = ETag;
      for await (const piece of (Body ?? []) as Readable | readonly Buffer[]) {
        const bytes = piece as Buffer;
        for (let at = 0; at < bytes.length; ) {
          const { bytesWritten } = await file
            .write(bytes, at, bytes.length - at, done)
            .catch((thrown: unknown) => Promise.reject(diskFailure(path, thrown)));
          at += bytesWritten;
          done += bytesWritten;
        }
        if (signal?.aborted) throw error('cancelled', {});
      }
    };
    for (;;) {
      const answer = await bucket.ask(key, signal, begin);
      if (answer.kind === 'absent') return undefined;
      if (answer.kind === 'done') break;
      // Another object has come under this key: from its beginning.
      await file.truncate(0);
      done = 0;
      etag = undefined;
    }
    await file.datasync();
    return { size: done, identity: (etag ?? '').replaceAll('"', '') };
  } finally {
    await file.close();
  }
};

/** Sends a file, whole or not at all. Errors: those of the bucket, `lake-unusable`, `cancelled`. */
export const upload = async (bucket: Bucket, path: string, key: string, signal?: AbortSignal): Promise<void> => {
  const file = await open(path, 'r').catch((thrown: unknown) => Promise.reject(diskFailure(path, thrown)));
  try {
    const { size } = await file.stat();
    const part = async (from: number, length: number): Promise<Buffer> => {
      const bytes = Buffer.alloc(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(bytes, at, length - at, from + at);
        if (bytesRead === 0) throw error('lake-unusable', { path, why: 'it became shorter while it was sent' });
        at += bytesRead;
      }
      return bytes;
    };
    if (size <= PART) await bucket.put(key, await part(0, size));
    else await sendParts(bucket, key, size, part, signal);
  } finally {
    await file.close();
  }
};

const sendParts = async (
  bucket: Bucket,
  key: string,
  size: number,
  part: (from: number, length: number) => Promise<Buffer>,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const { sdk, client } = bucket.store;
  const at = { Bucket: bucket.name, Key: key };
  const lost = (why: string) => error('bucket-refused', { bucket: bucket.name, key, why });
  const must = async <T>(send: () => Promise<T>): Promise<T> => {
    const answer = await bucket.ask(key, signal, send);
    if (answer.kind !== 'done') throw lost('the upload is not known any more');
    return answer.value;
  };
  const { UploadId } = await must(() => client.send(new sdk.CreateMultipartUploadCommand(at)));
  if (UploadId === undefined) throw lost('it gave no id for an upload');
  try {
    const length = Math.max(PART, Math.ceil(size / MOST_PARTS));
    const count = Math.ceil(size / length);
    const etags: string[] = [];
    let next = 0;
    let failed = false;
    const worker = async () => {
      while (next < count && !failed) {
        const i = next++;
        const Body = await part(i * length, Math.min(length, size - i * length));
        const sent = await must(() =>
          client.send(new sdk.UploadPartCommand({ ...at, UploadId, PartNumber: i + 1, Body })),
        );
        etags[i] = sent.ETag ?? '';
      }
    };
    const working = Array.from({ length: PARTS_AT_ONCE }, () =>
      worker().catch((thrown: unknown) => {
        failed = true;
        throw thrown;
      }),
    );
    // All must have ended before the upload is given up: a part that comes later would stay in the bucket.
    const [broken] = (await Promise.allSettled(working)).filter((one) => one.status === 'rejected');
    if (broken) throw broken.reason;
    const Parts = etags.map((ETag, i) => ({ ETag, PartNumber: i + 1 }));
    const ended = await bucket.ask(key, signal, () =>
      client.send(new sdk.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } })),
    );
    // An upload that is gone was completed by a try whose answer was lost, if the object is there.
    if (ended.kind !== 'done' || ended.unsure) {
      const there = await bucket.facts(key);
      if (there?.size !== size) throw lost('the upload was not completed');
    }
  } catch (thrown) {
    // What cannot be given up now is left to the bucket's own rules: why the file was not sent matters more.
    await Promise.allSettled([
      bucket.ask(key, undefined, () => client.send(new sdk.AbortMultipartUploadCommand({ ...at, UploadId }))),
    ]);
    throw thrown;
  }
};
