import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Emit } from '../../../query/index.js';

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;

/** LISTEN on a connection of its own, which is opened again when it breaks. The first connection must succeed. */
export const listenOn = async (
  url: string,
  channel: string,
  on: (message: string) => void,
  emit: Emit,
): Promise<() => Promise<void>> => {
  let closed = false;
  let client: pg.Client | undefined;
  const open = async () => {
    const next = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'assay listens' });
    let lost = false;
    const again = () => {
      if (lost || closed) return;
      lost = true;
      void reopen();
    };
    next.on('error', again);
    next.on('notification', (message) => on(message.payload ?? ''));
    try {
      await next.connect();
      await next.query(`LISTEN ${next.escapeIdentifier(channel)}`);
    } catch (e) {
      lost = true;
      await next.end();
      throw e;
    }
    next.on('end', again);
    client = next;
    if (closed) await next.end();
  };
  const reopen = async () => {
    for (let wait = FIRST_PAUSE; !closed; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      await pause(wait, undefined, { ref: false });
      try {
        if (!closed) await open();
        return;
      } catch (e) {
        emit('notice', { message: `listening on ${channel} broke and is tried again: ${(e as Error).message}` });
      }
    }
  };
  await open();
  return async () => {
    closed = true;
    await client?.end();
  };
};
