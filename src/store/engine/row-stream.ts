import type { Column, ColumnBatch, RowStream } from '../../query/index.js';

/** Where the batches of a stream come from. */
export interface BatchSource {
  /** The next batch, or undefined after the last. After a rejection nothing more is asked. */
  next(): Promise<ColumnBatch | undefined>;
  /** Stops the engine's work and gives everything back. Called once, however the stream ended. */
  stop(): Promise<void>;
}

/** A stream over a source: it is stopped after its last row, on an error, when its reader breaks off, and by `cancel`. */
export const rowStream = (columns: readonly Column[], source: BatchSource): RowStream => {
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= source.stop();
    return stopped;
  };
  async function* read(): AsyncGenerator<ColumnBatch> {
    try {
      while (!stopped) {
        const batch = await source.next();
        if (!batch) return;
        if (batch.length > 0) yield batch;
      }
    } finally {
      await stop();
    }
  }
  const rows = read();
  return {
    columns,
    [Symbol.asyncIterator]: () => rows,
    cancel: stop,
  };
};
