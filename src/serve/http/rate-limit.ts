/** A limiter of requests per key. */
export interface RateLimit {
  /** 0 when the request may go on, else the seconds to wait. */
  take(key: string): number;
}

/** Keys that are remembered; a key that is forgotten has its whole allowance again. */
const MOST_KEYS = 20_000;

/**
 * The generic cell rate algorithm: a key may burst up to `perMinute`, then goes on at that rate. One number a key; no timers.
 * Counted in this process: behind several processes a caller has the allowance of each.
 */
export const rateLimit = (perMinute: number, now: () => number = () => performance.now()): RateLimit => {
  const interval = 60_000 / perMinute;
  /** By key, the time at which its allowance is whole again; keys that were asked last stand last. */
  const whole = new Map<string, number>();
  return {
    take: (key) => {
      const at = now();
      const next = Math.max(whole.get(key) ?? at, at) + interval;
      if (next - at > 60_000 + 1e-6) return Math.max(1, Math.ceil((next - at - 60_000) / 1000));
      whole.delete(key);
      whole.set(key, next);
      if (whole.size > MOST_KEYS) {
        const oldest = whole.keys().next();
        if (!oldest.done) whole.delete(oldest.value);
      }
      return 0;
    },
  };
};
