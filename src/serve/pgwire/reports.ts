import { AssayError, toAssayError } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import { readReport } from './codec/read.js';
import { frame, reportMessage, text } from './codec/write.js';

/** What a client is told of an error. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Fields that would tell of the front's own frames: context, internal query, and the position in a text that the client never saw. */
const HIDDEN = new Set(['W', 'P', 'p', 'q', 'F', 'L', 'R']);

/** A backend's error without what belongs to the front; or `instead` of it. */
export const withoutContext = (payload: Buffer, instead?: Buffer): Buffer => {
  if (instead) return instead;
  const parts = [...readReport(payload)].filter(([k]) => !HIDDEN.has(k)).flatMap(([k, v]) => [Buffer.from(k), text(v)]);
  return frame('E', ...parts, Buffer.of(0));
};

/** A backend's error about a text that was changed, with the position in the text that the client sent. */
export const positioned = (payload: Buffer, original: (position: number) => number): Buffer => {
  const parts = [...readReport(payload)].flatMap(([k, v]) => [
    Buffer.from(k),
    text(k === 'P' ? String(original(Number(v))) : v),
  ]);
  return frame('E', ...parts, Buffer.of(0));
};

/** What a client is told of anything thrown. What is no error of the catalogue is logged whole and shown as `internal`. */
export const failureOf = (thrown: unknown, requestId: string, emit: Emit): Failure => {
  const known = toAssayError(thrown, requestId);
  if (!(thrown instanceof AssayError) || known.code === 'internal')
    emit('bug', { where: 'sql', error: thrown, requestId });
  return { code: known.sqlstate, message: known.message, hint: known.hint };
};

export const fatal = (code: string, message: string, hint?: string): Buffer =>
  reportMessage('E', { severity: 'FATAL', code, message, hint });
