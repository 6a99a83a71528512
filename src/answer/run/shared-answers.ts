import { setTimeout as pause } from 'node:timers/promises';
import { AssayError, error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Kv, Lease } from '../../store/kv/index.js';
import { decodeRows, encodeRows } from './kept-codec.js';
import type { Started } from './start.js';

/** Larger answers are not worth a place in a store that rollups need. */
const MOST_BYTES = 512 << 10;
const KEPT_SECONDS = 600;
/** A node that died with a question holds it up for so long. */
const LEASE = 3_000;
/** Waiting for another node is given up then, and the question is asked here. */
const LONGEST_WAIT = 10_000;
/**
 * A store that does not answer within this time helps nobody; it is left alone for a while. The time is counted in ticks of our own
 * clock: a node that was busy itself has not waited.
 */
const TICK = 25;
const TICKS = 10;
const REST = 5_000;
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 80;

export interface SharedAnswers {
  /** An answer that another node has, is making, or that `begin` makes here while others wait for it. */
  through(
    key: string,
    signal: AbortSignal,
    begin: (signal: AbortSignal) => Promise<Started>,
  ): Promise<{ readonly started: Started; readonly shared: boolean }>;
}

/**
 * The second level of the result cache, and the one flight of many nodes: of equal questions to the source one is asked, whichever
 * nodes they come to. A key holds all that its rows depend on, so nothing there is ever wrong. The store only saves work: where it
 * is away, slow or full, every node asks for itself.
 */
export const sharedAnswers = (kv: Kv, namespace: string, emit: Emit): SharedAnswers => {
  let resting = 0;
  let told = false;
  const rest = (why: string) => {
    resting = performance.now() + REST;
    if (!told) emit('notice', { message: `answers are not shared between nodes for now: ${why}` });
    told = true;
  };
  /** What the store says, or undefined with a rest when it does not say it in time. */
  const quick = async <T>(work: Promise<T>): Promise<{ readonly said: T } | undefined> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      let ticks = 0;
      timer = setInterval(() => {
        ticks += 1;
        if (ticks === TICKS) resolve(undefined);
      }, TICK);
    });
    try {
      const answer = await Promise.race([work.then((said) => ({ said })), late]);
      if (answer) told = false;
      else rest('the key-value store is slow');
      return answer;
    } catch (thrown) {
      if (!(thrown instanceof AssayError)) throw thrown;
      rest(thrown.message);
      return undefined;
    } finally {
      clearInterval(timer);
      work.catch(() => undefined); // it may fail after nobody waits for it any more
    }
  };

  const make = async (
    key: string,
    lease: Lease,
    signal: AbortSignal,
    begin: (signal: AbortSignal) => Promise<Started>,
  ): Promise<Started> => {
    const timer = setInterval(() => void quick(lease.renew()), LEASE / 3);
    timer.unref();
    try {
      const started = await begin(signal);
      if (started.kind === 'whole' && started.rows.bytes <= MOST_BYTES)
        await quick(kv.set(key, encodeRows(started.rows), { ttlSeconds: KEPT_SECONDS }));
      return started;
    } finally {
      clearInterval(timer);
      await quick(lease.release());
    }
  };

  return {
    through: async (hash, signal, begin) => {
      const here = async () => ({ started: await begin(signal), shared: false });
      if (performance.now() < resting) return here();
      const key = `assay:${namespace}:answer:{${hash}}`;
      const until = performance.now() + LONGEST_WAIT;
      for (let wait = FIRST_PAUSE; performance.now() < until; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
        if (signal.aborted) throw error('cancelled', {});
        const found = await quick(kv.get(key));
        if (!found) return here();
        const rows = found.said && decodeRows(found.said);
        if (rows) return { started: { kind: 'whole', rows }, shared: true };
        const lease = await quick(kv.lease(`${key}:lease`, LEASE));
        if (!lease) return here();
        if (lease.said) {
          // between the look and the lease its holder may have put the answer there
          const late = await quick(kv.get(key));
          const there = late?.said && decodeRows(late.said);
          if (!there) return { started: await make(key, lease.said, signal, begin), shared: false };
          await quick(lease.said.release());
          return { started: { kind: 'whole', rows: there }, shared: true };
        }
        await pause(wait);
      }
      return here();
    },
  };
};
