import { setTimeout as sleep } from 'node:timers/promises';
import type { Kv, Lease } from '../../store/kv/index.js';
import { orCancelled } from './duckdb.js';

/** A lease that is kept alive while work goes on. */
export interface HeldLease {
  readonly lease: Lease;
  /** Aborts when the caller cancels or the lease is lost. */
  readonly signal: AbortSignal;
  /** True when somebody else may hold it by now. */
  lost(): boolean;
  /** Gives it back. */
  end(): Promise<void>;
}

const RETRY = 50;

/** Waits for a lease and keeps it alive. Undefined when another holds it for longer than `wait` milliseconds. */
export const holdLease = async (
  kv: Kv,
  key: string,
  milliseconds: number,
  wait: number,
  signal: AbortSignal | undefined,
): Promise<HeldLease | undefined> => {
  const until = performance.now() + wait;
  let lease = await kv.lease(key, milliseconds);
  while (!lease) {
    if (performance.now() >= until) return undefined;
    await orCancelled(signal, () => sleep(RETRY, undefined, signal ? { signal } : {}));
    lease = await kv.lease(key, milliseconds);
  }
  return keepAlive(lease, milliseconds, signal);
};

const keepAlive = (lease: Lease, milliseconds: number, signal: AbortSignal | undefined): HeldLease => {
  const control = new AbortController();
  let lost = false;
  let renewing: Promise<void> | undefined;
  const lose = () => {
    lost = true;
    control.abort();
  };
  const renew = async () => {
    if (!(await lease.renew())) lose();
  };
  // a store that does not answer is a lost lease: others may have got it meanwhile
  const timer = setInterval(() => {
    renewing ??= renew()
      .catch(lose)
      .finally(() => {
        renewing = undefined;
      });
  }, milliseconds / 3);
  timer.unref();
  return {
    lease,
    signal: signal ? AbortSignal.any([signal, control.signal]) : control.signal,
    lost: () => lost,
    end: async () => {
      clearInterval(timer);
      await renewing;
      if (!lost) await lease.release();
    },
  };
};
