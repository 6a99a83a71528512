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

/** Splits a byte stream into messages (PostgreSQL manual, 54.7: a type byte, then a length that counts itself), one at a time. */
export class FrameSplitter {
  private chunks: Buffer[] = [];
  /** Bytes that wait. */
  size = 0;
  private needed = 1;
  /** Startup packets have no type byte; whether one follows is only known once the last was answered. */
  untyped = false;
  limit = LONGEST_STARTUP;

  append(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  /** The next message, when it is complete. Errors: `request-invalid` for a length that cannot be; nothing can be read behind it. */
  take(): Frame | undefined {
    const head = this.untyped ? 0 : 1;
    if (this.size < Math.max(this.needed, head + 4)) return undefined;
    const data = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
    const length = data.readInt32BE(head);
    if (length < 4 || length > this.limit)
      throw error('request-invalid', { where: 'message', what: `a length of ${length} bytes cannot be` });
    const end = head + length;
    this.chunks = [data];
    if (data.length < end) {
      this.needed = end;
      return undefined;
    }
    const bytes = data.subarray(0, end);
    this.chunks = end === data.length ? [] : [data.subarray(end)];
    this.size -= end;
    this.needed = 1;
    const type = head === 1 ? String.fromCharCode(bytes[0] ?? 0) : '';
    return { type, bytes, payload: bytes.subarray(head + 4) };
  }
}
