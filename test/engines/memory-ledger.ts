import type { IngestBatch, IngestLedger } from '../../src/build/ingest/index.js';

/** The ledger's contract in memory. `failing` makes `record` fail, as a lost database would. */
export const memoryLedger = () => {
  const batches = new Map<string, IngestBatch>();
  let tail: Promise<unknown> = Promise.resolve();
  const state = { failing: false };
  const ledger: IngestLedger = {
    exclusive: (work) => {
      const done = tail.then(work);
      tail = done.catch(() => undefined);
      return done;
    },
    find: async (batchId) => batches.get(batchId),
    findByHash: async (source, hash) =>
      [...batches.values()].find((b) => b.source === source && b.contentHash === hash),
    record: async (batch) => {
      if (state.failing) throw new Error('the state store is gone');
      if (!batches.has(batch.batchId)) batches.set(batch.batchId, batch);
    },
  };
  return { ledger, batches, state };
};
