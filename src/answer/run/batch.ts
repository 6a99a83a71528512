import type { ColumnBatch } from '../../query/index.js';

/** About the bytes that a batch takes: eight a value, and its text. Budgets and the cache count by it. */
export const batchBytes = (batch: ColumnBatch): number => {
  let bytes = 64;
  for (const values of batch.columns) {
    bytes += 8 * batch.length;
    if (!values.some((v) => typeof v === 'string')) continue;
    for (const value of values) if (typeof value === 'string') bytes += value.length;
  }
  return bytes;
};
