import { createHash } from 'node:crypto';
import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { dot, type Embedder } from './embedder.js';

/** Vectors of texts, made once: kept in a file, so that a build that was stopped goes on where it was. */
export interface VectorStore {
  /** Embedder and version: `use-lite-en@0.2.0`. */
  readonly id: string;
  /** Numbers in a vector; asking may open the embedder. */
  dims(): Promise<number>;
  /** One vector for each text, in their order. What was made stays made, also when `signal` ends the rest. Errors: `embedder-failed`. */
  of(texts: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]>;
  /** The vector of a question; the last thousand are remembered, none is written. */
  ofQuestion(text: string, signal?: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}

const MARK = Buffer.from('AVEC');
const DIGEST = 16;
const SLICE = 64;
const MOST_QUESTIONS = 1_000;
/** Vectors in memory; what an index holds it holds itself. */
const MOST_KEPT = 8_000;

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, DIGEST);

interface Opened {
  readonly file: string | undefined;
  readonly dims: number;
  readonly kept: Map<string, Float32Array>;
}

const openFile = async (embedder: Embedder, dir: string | undefined): Promise<Opened> => {
  const dims = await embedder.dims();
  const kept = new Map<string, Float32Array>();
  if (dir === undefined) return { file: undefined, dims, kept };
  const file = join(dir, `${`${embedder.id}-${embedder.version}-${dims}`.replace(/[^\w.-]/g, '_')}.vec`);
  await mkdir(dir, { recursive: true });
  await readRecords(file, MARK.length + DIGEST + 4 * dims, kept);
  return { file, dims, kept };
};

/**
 * Nothing is opened before the first text comes. `dir` undefined: nothing is kept. Records of one size: mark, digest of the text,
 * 32-bit floats. A torn end (a kill while writing) is cut off; the file's name holds embedder, version and size, so that another
 * embedder begins another file.
 */
export const vectorStore = (embedder: Embedder, dir: string | undefined): VectorStore => {
  let opening: Promise<Opened> | undefined;
  const opened = (): Promise<Opened> => {
    opening ??= openFile(embedder, dir).catch((thrown: unknown) => {
      opening = undefined;
      throw thrown;
    });
    return opening;
  };
  const write = async (
    { kept, file }: Opened,
    records: readonly (readonly [Buffer, Float32Array])[],
  ): Promise<void> => {
    for (const [digest, vector] of records) {
      if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value ?? '');
      kept.set(digest.toString('hex'), vector);
    }
    if (file === undefined) return;
    // one write at the end of the file: records of two processes never mix
    const handle = await open(file, 'a');
    try {
      await handle.write(
        Buffer.concat(
          records.flatMap(([digest, v]) => [MARK, digest, Buffer.from(v.buffer, v.byteOffset, v.byteLength)]),
        ),
      );
    } finally {
      await handle.close();
    }
  };
  const questions = new Map<string, Float32Array>();
  return {
    id: `${embedder.id}@${embedder.version}`,
    dims: async () => (await opened()).dims,
    close: () => embedder.close(),
    of: async (texts, signal) => {
      const store = await opened();
      const digests = texts.map(digestOf);
      const found = digests.map((d) => store.kept.get(d.toString('hex')));
      const missing = found.flatMap((v, i) => (v ? [] : [i]));
      for (let i = 0; i < missing.length; i += SLICE) {
        const slice = missing.slice(i, i + SLICE);
        const made = await embedder.embed(
          slice.map((at) => texts[at] ?? ''),
          signal,
        );
        const records = slice.flatMap((at, j) => {
          const [digest, vector] = [digests[at], made[j]];
          if (!digest || !vector) return [];
          found[at] = vector;
          return [[digest, vector] as const];
        });
        await write(store, records);
      }
      return found.map((v) => v ?? new Float32Array(store.dims));
    },
    ofQuestion: async (text, signal) => {
      const known = questions.get(text);
      if (known) return known;
      const [made] = await embedder.embed([text], signal);
      const vector = made ?? new Float32Array(await embedder.dims());
      if (questions.size >= MOST_QUESTIONS) questions.delete(questions.keys().next().value ?? '');
      questions.set(text, vector);
      return vector;
    },
  };
};

const readRecords = async (file: string, size: number, into: Map<string, Float32Array>): Promise<void> => {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  let at = 0;
  for (; at + size <= bytes.length; at += size) {
    if (!bytes.subarray(at, at + MARK.length).equals(MARK)) break;
    const digest = bytes.subarray(at + MARK.length, at + MARK.length + DIGEST).toString('hex');
    const vector = new Float32Array((size - MARK.length - DIGEST) / 4);
    for (let i = 0; i < vector.length; i++) vector[i] = bytes.readFloatLE(at + MARK.length + DIGEST + 4 * i);
    into.set(digest, vector);
  }
  if (at < bytes.length) await truncate(file, at);
};

/** Likeness of a question to every document, by position. */
export const likeness = (question: Float32Array, vectors: readonly Float32Array[]): Float64Array =>
  Float64Array.from(vectors, (v) => dot(question, v));
