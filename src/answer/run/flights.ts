import { error } from '../../errors/index.js';
import type { Started } from './start.js';

interface Flight {
  readonly started: Promise<Started>;
  readonly controller: AbortController;
  waiting: number;
  /** A flowing answer goes to one reader; set when it is taken. */
  taken: boolean;
}

/** Starts an answer; the signal ends it. */
export type Begin = (signal: AbortSignal) => Promise<Started>;

const untilAborted = (
  signal: AbortSignal | undefined,
): { readonly aborted: Promise<never>; readonly off: () => void } => {
  if (!signal) return { aborted: new Promise<never>(() => {}), off: () => {} };
  let off = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const on = () => reject(error('cancelled', {}));
    if (signal.aborted) on();
    else signal.addEventListener('abort', on, { once: true });
    off = () => signal.removeEventListener('abort', on);
  });
  // it may lose the race and reject later, unheard
  aborted.catch(() => {});
  return { aborted, off };
};

/** Equal requests in flight run once. A flight ends when the last of its callers has left. */
export class Flights {
  readonly #flying = new Map<string, Flight>();
  /** @param onError told when what nobody waits for could not be stopped cleanly. */
  constructor(readonly onError: (thrown: unknown) => void) {}

  get size(): number {
    return this.#flying.size;
  }

  /**
   * Waits for the answer of `key`, beginning it if nobody has. Whole answers are shared; one that is too long to hold goes to the
   * first who waits, and the others run it for themselves. Errors: those of `begin`; `cancelled` when `signal` aborts.
   */
  async join(
    key: string,
    signal: AbortSignal | undefined,
    begin: Begin,
  ): Promise<{ started: Started; shared: boolean }> {
    const found = this.#flying.get(key);
    const flight = found ?? this.#launch(key, begin);
    flight.waiting += 1;
    const { aborted, off } = untilAborted(signal);
    try {
      const started = await Promise.race([flight.started, aborted]);
      if (started.kind === 'whole') return { started, shared: found !== undefined };
      if (!flight.taken) {
        flight.taken = true;
        signal?.addEventListener('abort', () => flight.controller.abort(), { once: true });
        return { started, shared: false };
      }
    } finally {
      off();
      flight.waiting -= 1;
      if (flight.waiting === 0) this.#leave(key, flight);
    }
    return { started: await begin(signal ?? new AbortController().signal), shared: false };
  }

  #launch(key: string, begin: Begin): Flight {
    const controller = new AbortController();
    const flight: Flight = { started: begin(controller.signal), controller, waiting: 0, taken: false };
    this.#flying.set(key, flight);
    const land = () => {
      if (this.#flying.get(key) === flight) this.#flying.delete(key);
    };
    flight.started.then(land, land);
    return flight;
  }

  /** The last caller left: what nobody reads is stopped. */
  #leave(key: string, flight: Flight): void {
    if (this.#flying.get(key) === flight) {
      this.#flying.delete(key);
      flight.controller.abort();
    }
    if (!flight.taken)
      flight.started.then(
        (started) => (started.kind === 'flowing' ? started.cancel().catch(this.onError) : undefined),
        () => undefined, // its callers were told, or have left
      );
  }
}
