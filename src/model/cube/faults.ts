import { AssayError, error } from '../../errors/index.js';
import type { Place } from '../catalog/index.js';

/** One fault of a model. `file` is relative to the model's folder, `what` names the member and the way out. */
export interface Fault extends Place {
  readonly what: string;
}

/** Takes a fault; the check goes on behind it. */
export type Report = (fault: AssayError) => void;

const faultOf = (thrown: AssayError): Fault => {
  const { file, line, what } = thrown.parameters;
  return { file: String(file), line: Number(line), what: String(what) };
};

/** The faults of a model as they are found, so that all of them can be told at once. */
export class Faults {
  readonly #found: Fault[] = [];

  readonly report: Report = (fault) => {
    if (fault.code !== 'model-invalid') throw fault;
    const one = faultOf(fault);
    if (!this.#found.some((f) => f.file === one.file && f.line === one.line && f.what === one.what))
      this.#found.push(one);
  };

  /** Does work whose fault, if it throws one, is kept. Anything else that is thrown goes on. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      if (!(thrown instanceof AssayError)) throw thrown;
      this.report(thrown);
      return undefined;
    }
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** In the order in which they were found: what stands first may be the cause of what follows. */
  get all(): readonly Fault[] {
    return this.#found;
  }

  /** Errors: `model-invalid`, the first fault, with the number of the others. */
  throwIfAny(): void {
    const [first, ...others] = this.#found;
    if (first) throw error('model-invalid', { ...first, ...(others.length > 0 && { others }) });
  }
}
