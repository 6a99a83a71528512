import { setImmediate as turn } from 'node:timers/promises';
import { RecordBatchReader } from 'apache-arrow';
import { error } from '../../../errors/index.js';
import { nullable } from './arrow-values.js';
import type { SparkBatch, SparkColumn, SparkValue } from './gateway.js';

/** Values that are read before others get their turn: some milliseconds. */
const AT_ONCE = 40_000;

/**
 * One Arrow stream of Spark (a schema and one batch) as batches of ours, some thousand rows each, with a turn of the event loop
 * between them. `rows` is what Spark says that it holds.
 */
export async function* readArrow(
  bytes: Buffer,
  rows: number,
  columns: readonly SparkColumn[],
): AsyncGenerator<SparkBatch> {
  // A copy that begins at an address which 64-bit arrays may begin at.
  const reader = RecordBatchReader.from(new Uint8Array(bytes));
  let seen = 0;
  for (const batch of reader) {
    if (batch.data.children.length !== columns.length)
      throw error('engine-failed', { engine: 'spark' }, 'the columns of a batch are not those of the schema');
    const reads = columns.map((column, i) => {
      const child = batch.data.children[i];
      if (!child) throw error('engine-failed', { engine: 'spark' }, 'a batch lacks a column');
      return nullable(child, column.name);
    });
    const step = Math.max(256, Math.floor(AT_ONCE / Math.max(1, columns.length)));
    for (let from = 0; from < batch.numRows; from += step) {
      if (seen > 0) await turn();
      const length = Math.min(step, batch.numRows - from);
      const values = reads.map((read) => {
        const column = new Array<SparkValue>(length);
        for (let row = 0; row < length; row++) column[row] = read(from + row);
        return column;
      });
      seen += length;
      yield { length, columns, values };
    }
  }
  if (seen !== rows)
    throw error('engine-failed', { engine: 'spark' }, `a batch of ${rows} rows came with ${seen} of them`);
}
