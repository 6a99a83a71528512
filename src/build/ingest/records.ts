import { createHash } from 'node:crypto';
import { Bounds, type RejectReason, scanRecord } from './scan.js';

/** A file that can be read anywhere; gives fewer bytes only at its end. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
}

interface Place {
  /** Counts records from 0, the header. */
  readonly number: number;
  /** Line of the file on which the record begins, from 1. */
  readonly line: number;
  readonly offset: number;
  /** Bytes without the line end. */
  readonly length: number;
}
export interface Row extends Place {
  readonly fields: readonly string[];
}
export interface Reject extends Place {
  readonly reason: RejectReason;
  readonly detail: string;
  /** The first bytes, at most `HEAD`. */
  readonly head: Buffer;
  readonly sha256: string;
}
export type CsvRecord = Row | Reject;
export const isReject = (record: CsvRecord): record is Reject => 'reason' in record;

export interface ReadRecords {
  readonly source: ByteSource;
  /** Where the header begins: behind a byte order mark. */
  readonly from: number;
  /** How many fields a row has. */
  readonly fields: number;
  readonly decode: (bytes: Buffer) => string;
  /** Undefined: every byte sequence is text. */
  readonly valid?: (bytes: Buffer) => boolean;
  /** Stops between two reads. */
  readonly check: () => void;
  /** For tests: the most bytes of a record, and how much is read at once. */
  readonly limit?: number;
  readonly chunk?: number;
}

export const RECORD_LIMIT = 16 << 20;
export const HEAD = 1 << 20;
const CHUNK = 1 << 20;
const LF = 0x0a;
const CR = 0x0d;

const countLines = (buffer: Buffer, from: number, to: number): number => {
  let lines = 0;
  for (let i = buffer.indexOf(LF, from); i >= 0 && i < to; i = buffer.indexOf(LF, i + 1)) lines += 1;
  return lines;
};

/**
 * Splits a CSV file into rows and rejects, in order; every byte belongs to exactly one record. Memory is bounded by the record limit.
 * After a quote that is never closed, or text behind a closing one, only the line where the record began is rejected and reading goes
 * on with the next line, so one bad quote does not swallow the file. That means reading again, and a file made of such lines could
 * make it quadratic: beyond a budget the whole malformed stretch becomes one reject.
 */
export async function* readRecords(options: ReadRecords): AsyncGenerator<readonly CsvRecord[]> {
  const { source, fields, decode, valid, check } = options;
  const limit = options.limit ?? RECORD_LIMIT;
  const chunk = options.chunk ?? CHUNK;
  const bounds = new Bounds(fields);
  let budget = 4 * (limit + source.size);
  /** The window: bytes of the file from `base` on; `at` is where the next record begins in it. */
  let window = Buffer.alloc(0);
  let base = options.from;
  let at = 0;
  let number = 0;
  let line = 1;
  let batch: CsvRecord[] = [];
  const last = () => base + window.length >= source.size;

  /** Reads on, at least as much as is there already: growing by doubling keeps rescans cheap. */
  const more = async () => {
    check();
    const held = window.length - at;
    const read = await source.read(base + window.length, Math.max(chunk, Math.min(held, limit)));
    window = Buffer.concat([window.subarray(at), read]);
    base += at;
    at = 0;
    return read.length > 0;
  };
  const place = (end: number) => ({ number, line, offset: base + at, length: end - at });
  const reject = (end: number, reason: RejectReason, detail: string): Reject => ({
    ...place(end),
    reason,
    detail,
    head: Buffer.from(window.subarray(at, Math.min(end, at + HEAD))),
    sha256: createHash('sha256').update(window.subarray(at, end)).digest('hex'),
  });
  const advance = (next: number) => {
    line += countLines(window, at, next);
    at = next;
    number += 1;
  };

  /**
   * Rejects the line at hand, however long it is, holding no more of it than its head. `least`: the lines up to so many bytes from
   * here on are taken as one.
   */
  const rejectLine = async (reason: RejectReason, detail: string, least = 0): Promise<Reject> => {
    const hash = createHash('sha256');
    const heads: Buffer[] = [];
    const start = { number, line, offset: base + at };
    let length = 0;
    /** A CR at the end of a piece may belong to the line end. */
    let held = false;
    const take = (bytes: Buffer) => {
      if (length < HEAD) heads.push(Buffer.from(bytes.subarray(0, HEAD - length)));
      hash.update(bytes);
      length += bytes.length;
    };
    for (;;) {
      const taken = base + at - start.offset;
      const end = window.indexOf(LF, Math.min(window.length, at + Math.max(0, least - taken)));
      const piece = window.subarray(at, end < 0 ? window.length : end);
      line += countLines(piece, 0, piece.length);
      if (piece.length > 0) {
        if (held) take(Buffer.from([CR]));
        held = piece[piece.length - 1] === CR;
        take(held ? piece.subarray(0, -1) : piece);
      }
      at += piece.length;
      if (end >= 0) {
        at = end + 1;
        line += 1;
        break;
      }
      if (!(await more())) {
        if (held) take(Buffer.from([CR]));
        break;
      }
    }
    number += 1;
    return { ...start, length, reason, detail, head: Buffer.concat(heads), sha256: hash.digest('hex') };
  };

  const fieldText = (index: number): string => {
    const text = decode(window.subarray(bounds.numbers[index * 3] ?? 0, bounds.numbers[index * 3 + 1] ?? 0));
    return bounds.numbers[index * 3 + 2] === 1 ? text.replaceAll('""', '"') : text;
  };
  const whole = (end: number, count: number): CsvRecord => {
    if (end === at) return reject(end, 'empty_line', 'the line is empty');
    if (count !== fields)
      return reject(
        end,
        count < fields ? 'too_few_fields' : 'too_many_fields',
        `${count} fields, ${fields} are wanted`,
      );
    if (valid && !valid(window.subarray(at, end)))
      return reject(end, 'invalid_encoding', 'its bytes are no text of the encoding asked for');
    return { ...place(end), fields: Array.from({ length: fields }, (_, i) => fieldText(i)) };
  };

  for (;;) {
    if (at >= window.length && last()) break;
    const before = base;
    const scan = scanRecord(window, at, last(), limit, bounds);
    if (scan.kind === 'more') {
      await more();
    } else if (scan.kind === 'record') {
      batch.push(whole(scan.end, scan.count));
      advance(scan.next);
    } else {
      const to = scan.kind === 'over' ? at + limit : scan.at;
      const lineEnd = window.indexOf(LF, at);
      if (lineEnd < 0 || lineEnd >= to) {
        const alone = scan.kind === 'over' ? 'record_too_large' : scan.reason;
        batch.push(await rejectLine(alone, scan.kind === 'over' ? `it is longer than ${limit} bytes` : scan.detail));
      } else {
        budget -= to - lineEnd;
        batch.push(
          budget >= 0
            ? await rejectLine('unbalanced_quote', 'a quote of this line is not closed on it')
            : await rejectLine('unbalanced_quote', 'quotes are not closed; these lines are kept as one', to - at - 1),
        );
      }
    }
    if (base !== before && batch.length > 0) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
