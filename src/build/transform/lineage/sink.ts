import { setTimeout as sleep } from 'node:timers/promises';
import type { Emit } from '../../../query/index.js';
import { type Delivery, fileDelivery, httpDelivery } from './delivery.js';
import type { RunEvent } from './events.js';

/** Where events of lineage go. It never fails and never keeps a run waiting. */
export interface LineageSink {
  /** Takes events; those that find the queue full are dropped and counted. */
  send(events: readonly RunEvent[]): void;
  counts(): { readonly delivered: number; readonly dropped: number; readonly waiting: number };
  /** Delivers what waits, for at most `milliseconds` (default 5,000), then drops the rest. Never rejects. */
  close(milliseconds?: number): Promise<void>;
}

export interface LineageSinkOptions {
  /** `file:///var/log/assay/lineage.jsonl`, or `https://host[/path]`; without a path `/api/v1/lineage` is taken. */
  readonly target: string;
  /** Sent as `Authorization: Bearer`; http only. */
  readonly apiKey?: string | undefined;
  /** Most events that wait. Default 10,000. */
  readonly most?: number;
  /** Times that an event is tried before it is dropped (default 6), and the first pause between two (default 200; doubled each time). */
  readonly tries?: number;
  readonly pauseMilliseconds?: number;
  readonly emit: Emit;
}

const LONGEST_PAUSE = 10_000;
const CLOSING = 5000;
const AT_ONCE = 200;

/** Opens a sink. Errors: `config-invalid` when the target is neither a file nor an http address. */
export const openLineageSink = (options: LineageSinkOptions): LineageSink => {
  const { emit, most = 10_000, tries = 6, pauseMilliseconds = 200 } = options;
  const delivery: Delivery = options.target.startsWith('file:')
    ? fileDelivery(options.target)
    : httpDelivery(options.target, options.apiKey);
  const queue: string[] = [];
  const closing = new AbortController();
  let delivered = 0;
  let dropped = 0;
  let failing = false;
  let working: Promise<void> | undefined;

  const drop = (count: number, why: string): void => {
    dropped += count;
    if (failing) return;
    failing = true;
    emit('notice', { message: `lineage events for ${delivery.name} are being dropped: ${why}` });
  };

  /** One batch, tried again while that may help. */
  const deliver = async (batch: readonly string[]): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await delivery.deliver(batch, closing.signal);
      if (result.done) {
        delivered += batch.length;
        if (failing)
          emit('notice', { message: `lineage events reach ${delivery.name} again; ${dropped} were dropped` });
        failing = false;
        return;
      }
      if (!result.again || attempt >= tries || closing.signal.aborted) return drop(batch.length, result.why);
      const pause = result.after ?? Math.min(pauseMilliseconds * 2 ** (attempt - 1), LONGEST_PAUSE);
      // Ended early by `close`.
      await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    }
  };

  const work = async (): Promise<void> => {
    while (queue.length > 0) await deliver(queue.splice(0, Math.min(delivery.batch, AT_ONCE)));
    working = undefined;
  };

  return {
    send: (events) => {
      const room = closing.signal.aborted ? 0 : Math.max(most - queue.length, 0);
      queue.push(...events.slice(0, room).map((event) => JSON.stringify(event)));
      if (events.length > room) drop(events.length - room, 'too many wait to be sent');
      if (queue.length > 0) working ??= work();
    },
    counts: () => ({ delivered, dropped, waiting: queue.length }),
    close: async (milliseconds = CLOSING) => {
      const timer = setTimeout(() => closing.abort(), milliseconds);
      while (working !== undefined && !closing.signal.aborted)
        await Promise.race([working, new Promise((resolve) => closing.signal.addEventListener('abort', resolve))]);
      clearTimeout(timer);
      closing.abort();
      const left = queue.splice(0).length;
      if (left > 0) drop(left, 'the program ends');
      await working;
      await delivery.close();
    },
  };
};
