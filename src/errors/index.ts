import { answer } from './answer.js';
import { build } from './build.js';
import type { Blame, Entry } from './entry.js';
import { features } from './features.js';
import { ground } from './ground.js';
import { model } from './model.js';
import { serve } from './serve.js';
import { store } from './store.js';

export type { Blame, Entry } from './entry.js';

/** The closed catalogue: every error that a caller or an operator can meet. */
export const catalogue = { ...ground, ...store, ...model, ...build, ...answer, ...features, ...serve };
export type ErrorCode = keyof typeof catalogue;
export type ErrorParameters<C extends ErrorCode> = (typeof catalogue)[C] extends Entry<infer P> ? P : never;

/** An error of the catalogue. Anything else that is thrown is a bug: logged whole, shown as `internal`. */
export class AssayError extends Error {
  readonly code: ErrorCode;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
  constructor(code: ErrorCode, parameters: object, options?: { cause?: unknown }) {
    const row = catalogue[code] as Entry<object>;
    super(row.message(parameters), options);
    this.name = 'AssayError';
    this.code = code;
    this.parameters = parameters as Record<string, unknown>;
    this.hint = row.hint?.(parameters);
  }
  get status(): number {
    return catalogue[this.code].status;
  }
  get sqlstate(): string {
    return catalogue[this.code].sqlstate;
  }
  get exit(): number {
    return catalogue[this.code].exit;
  }
  get blame(): Blame {
    return catalogue[this.code].blame;
  }
}

/** Makes an error of the catalogue: `throw error('unknown-member', { name })`. `cause` goes to the log only. */
export const error = <C extends ErrorCode>(code: C, parameters: ErrorParameters<C>, cause?: unknown): AssayError =>
  new AssayError(code, parameters as object, cause === undefined ? undefined : { cause });

/** What a caller may see of anything thrown: itself if it is of the catalogue, else `internal`. */
export const toAssayError = (thrown: unknown, requestId?: string): AssayError =>
  thrown instanceof AssayError ? thrown : error('internal', requestId === undefined ? {} : { requestId }, thrown);
