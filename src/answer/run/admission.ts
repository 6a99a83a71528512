import { error } from '../../errors/index.js';

/** How much is worked on at once: statements that run, and more that wait for their turn. What is beyond is refused at once. */
export interface AdmissionLimits {
  readonly running: number;
  readonly waiting: number;
}

/** Seconds after which a refused caller may try again. */
const AGAIN = 1;

/** Lets statements in, a few at a time and in order; the queue is bounded, so that a flood is told so instead of served late. */
export class Admission {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  constructor(readonly limits: AdmissionLimits) {}

  /** Gives the function that lets the next one in. Errors: `overloaded`, `cancelled`. */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw error('cancelled', {});
    if (this.#running < this.limits.running) this.#running += 1;
    else if (this.#waiting.length >= this.limits.waiting) throw error('overloaded', { seconds: AGAIN });
    else await this.#turn(signal);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(error('cancelled', {}));
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(turn);
    });
  }
}
