import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { error } from '../../errors/index.js';
import { literal, namingDamage, relation, rowLines, type Snapshot } from '../../store/delta/index.js';
import type { DuckDb } from '../../store/engine/duckdb/types.js';
import { explainIo } from '../home.js';

export type RowFormat = 'parquet' | 'jsonl' | 'csv';

export const formatOf = (text: string): RowFormat => {
  if (text === 'parquet' || text === 'jsonl' || text === 'csv') return text;
  throw error('usage', { text: `--format is parquet, jsonl or csv, not ${text}` });
};

/** Text that is collected before it is written. */
const PIECE = 1 << 18;

/** Waits until more is taken, or nothing ever will be. */
const drained = (to: Writable): Promise<void> =>
  new Promise((done) => {
    const end = (): void => {
      to.off('drain', end);
      to.off('close', end);
      done();
    };
    to.on('drain', end);
    to.on('close', end);
  });

/** Writes lines no faster than they are taken. */
const writeLines = async (
  duckdb: DuckDb,
  snapshot: Snapshot,
  format: 'jsonl' | 'csv',
  to: Writable,
  signal: AbortSignal,
) => {
  const { sql, header, end } = rowLines(snapshot, format);
  let failed: unknown;
  const fail = (thrown: unknown) => {
    failed ??= thrown;
  };
  to.on('error', fail);
  const write = async (text: string): Promise<void> => {
    if (failed !== undefined) throw failed;
    if (text !== '' && !to.write(text)) await drained(to);
  };
  const columns = [{ name: 'line', type: { kind: 'string' as const }, role: 'dimension' as const }];
  const rows = await duckdb.stream({ sql, parameters: [], columns }, { signal });
  let count = 0;
  let held = header;
  for await (const batch of rows) {
    for (let i = 0; i < batch.length; i++) held += `${String(batch.columns[0]?.[i])}${end}`;
    count += batch.length;
    if (held.length < PIECE) continue;
    await write(held);
    held = '';
  }
  await write(held);
  to.off('error', fail);
  return count;
};

const writeParquetFile = async (duckdb: DuckDb, snapshot: Snapshot, file: string, signal: AbortSignal) =>
  (
    await duckdb.execute(
      `COPY (SELECT * FROM ${relation(snapshot)}) TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`,
      [],
      { signal },
    )
  ).rowsChanged;

/** Makes a file whole or not at all: what is there stays until the new one is complete. */
const atomically = async (file: string, work: (temporary: string) => Promise<number>): Promise<number> => {
  const path = resolve(file);
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    const rows = await work(temporary);
    const handle = await open(temporary, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(temporary, path);
    return rows;
  } catch (thrown) {
    throw explainIo(thrown, dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
};

export interface RowsTo {
  readonly format: RowFormat;
  /** A file, or `-`. */
  readonly out: string;
  readonly tempDir: string;
}

const exported = async (duckdb: DuckDb, snapshot: Snapshot, to: RowsTo, signal: AbortSignal): Promise<number> => {
  const { format, out } = to;
  if (format === 'parquet') {
    if (out !== '-') return atomically(out, (file) => writeParquetFile(duckdb, snapshot, file, signal));
    // A Parquet file ends with what it begins with: it can be sent only when it is whole.
    const file = join(to.tempDir, `${randomUUID()}.parquet`);
    try {
      const rows = await writeParquetFile(duckdb, snapshot, file, signal);
      await pipeline(createReadStream(file), process.stdout, { end: false });
      return rows;
    } finally {
      await rm(file, { force: true });
    }
  }
  if (out === '-') return writeLines(duckdb, snapshot, format, process.stdout, signal);
  return atomically(out, async (file) => {
    const stream = createWriteStream(file, { flags: 'wx' });
    try {
      const rows = await writeLines(duckdb, snapshot, format, stream, signal);
      stream.end();
      await once(stream, 'close');
      return rows;
    } finally {
      stream.destroy();
    }
  });
};

/**
 * Writes a table's rows to a file, or to standard output for `-`. Gives how many there were. Errors: `usage`, `disk-full`,
 * `engine-failed`, `delta-*`, `cancelled`.
 */
export const exportRows = (duckdb: DuckDb, snapshot: Snapshot, to: RowsTo, signal: AbortSignal): Promise<number> =>
  namingDamage(snapshot, snapshot.adds, { signal }, () => exported(duckdb, snapshot, to, signal));
