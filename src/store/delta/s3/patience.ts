import { setTimeout as pause } from 'node:timers/promises';
import { error } from '../../../errors/index.js';
import { type Asked, type Failure, failureOf } from './failures.js';

/** How often a request is tried, and how long is waited before the second try; the wait doubles from try to try. */
export interface Patience {
  readonly tries: number;
  /** Milliseconds. */
  readonly first: number;
  /** Milliseconds that one wait takes at most. */
  readonly longest: number;
}

export const PATIENCE: Patience = { tries: 7, first: 50, longest: 5000 };

/** How a request ended that came to an end. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T; readonly unsure: boolean }
  | { readonly kind: 'absent' | 'condition'; readonly unsure: boolean };

/**
 * Sends a request until it is answered: broken connections, overloaded and failing stores are given time, with waits that no two
 * clients share. `unsure` of the outcome says that an earlier try may have been carried out although its answer was lost.
 * Errors: those that name the bucket, `cancelled`.
 */
export const patiently = async <T>(
  patience: Patience,
  asked: Asked,
  signal: AbortSignal | undefined,
  send: (attempt: number) => Promise<T>,
): Promise<Outcome<T>> => {
  let unsure = false;
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw error('cancelled', {});
    let failure: Failure;
    try {
      return { kind: 'done', value: await send(attempt), unsure };
    } catch (thrown) {
      failure = failureOf(thrown, asked);
    }
    if (failure.kind === 'refused') throw failure.refusal;
    if (failure.kind !== 'again') return { kind: failure.kind, unsure };
    unsure ||= failure.unsure;
    if (attempt >= patience.tries) throw failure.refusal;
    const most = Math.min(patience.longest, patience.first * 2 ** (attempt - 1));
    await pause(most * (0.5 + Math.random() / 2), undefined, signal ? { signal } : {}).catch((thrown: unknown) => {
      throw error('cancelled', {}, thrown);
    });
  }
};
