import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { error } from '../../../errors/index.js';
import { postgresFailure } from './failures.js';
import type { CopyOptions, Tx } from './types.js';

/** COPY FROM STDIN with back-pressure. An error of the source, or an abort, fails the COPY on the server too. */
export const copyInto = async (
  tx: Tx,
  table: string,
  columns: readonly string[],
  source: Readable | AsyncIterable<Buffer | string>,
  options: CopyOptions,
  what: string,
): Promise<number> => {
  const { format = 'csv', signal } = options;
  if (signal?.aborted) throw error('cancelled', {});
  const names = columns.map((name) => pg.escapeIdentifier(name)).join(', ');
  const target = tx.client.query(copyFrom(`COPY ${table} (${names}) FROM STDIN (FORMAT ${format})`));
  try {
    await pipeline(source instanceof Readable ? source : Readable.from(source), target, signal ? { signal } : {});
    return target.rowCount;
  } catch (e) {
    if (signal?.aborted) throw error('cancelled', {}, e);
    throw 'severity' in (e as object) || isConnectionError(e) ? postgresFailure(e, what) : e;
  }
};

/** Errors of the source go through as they are; those of the connection have node's codes or node-postgres' words. */
const isConnectionError = (e: unknown): boolean =>
  e instanceof Error &&
  (/^Connection terminated|not queryable/.test(e.message) ||
    ['ECONNRESET', 'EPIPE'].includes((e as NodeJS.ErrnoException).code ?? ''));
