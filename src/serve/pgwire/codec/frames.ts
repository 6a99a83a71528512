import { error } from '../../../errors/index.js';

/** A message of the protocol: its type (empty for a startup packet), all of its bytes, and its payload. */
export interface Frame {
  readonly type: string;
  readonly bytes: Buffer;
  readonly payload: Buffer;
}

/** Longest message after authentication. */
export const LONGEST_FRAME = 64 * 1024 * 1024;
/** Longest one before it: PostgreSQL's own limit of a startup packet; a token fits. */
export const LONGEST_STARTUP = 65_536;

/** Splits a byte stream into messages (PostgreSQL manual, 54.7: a type byte, then a length that counts itself). */
export class FrameSplitter {
  private rest: Buffer | undefined;
  /** Startup packets have no type byte; exactly one is read ahead of authentication. */
  untyped = false;
  limit = LONGEST_STARTUP;

  /** The complete messages so far. Errors: `request-invalid` for a length that cannot be; nothing can be read behind it. */
  *push(chunk: Buffer): Generator<Frame> {
    let data = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    this.rest = undefined;
    for (;;) {
      const head = this.untyped ? 0 : 1;
      if (data.length < head + 4) break;
      const length = data.readInt32BE(head);
      if (length < 4 || length > this.limit)
        throw error('request-invalid', { where: 'message', what: `a length of ${length} bytes cannot be` });
      const end = head + length;
      if (data.length < end) break;
      const bytes = data.subarray(0, end);
      const type = head === 1 ? String.fromCharCode(bytes[0] ?? 0) : '';
      data = data.subarray(end);
      yield { type, bytes, payload: bytes.subarray(head + 4) };
    }
    if (data.length > 0) this.rest = data;
  }
}
