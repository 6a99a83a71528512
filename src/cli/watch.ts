import type { Context } from './context.js';

/** Waits, or until the signal comes. */
const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) return done();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });

/**
 * Runs now, and again after each pause, until SIGINT or SIGTERM: the first one lets a run that is at work end and then ends the
 * process with exit code 0, a second one ends that run, too. A run that fails is told, and the next one tries again.
 */
export const watch = async (
  c: Context,
  seconds: number,
  once: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const [last, now] = [new AbortController(), new AbortController()];
  const onSignal = (): void => {
    if (now.signal.aborted) process.exit(130);
    if (last.signal.aborted) now.abort();
    last.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    while (!last.signal.aborted) {
      await once(now.signal).catch((thrown: unknown) =>
        c.note(`assay: ${thrown instanceof Error ? thrown.message : String(thrown)}`),
      );
      await pause(seconds * 1000, last.signal);
    }
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
  // Each run has told how it ended; that the watch ended was asked for.
  process.exitCode = 0;
};
