/** Why a record is no row of eight fields; the list is closed. */
export type RejectReason =
  | 'empty_line'
  | 'too_few_fields'
  | 'too_many_fields'
  | 'unbalanced_quote'
  | 'text_after_quote'
  | 'record_too_large'
  | 'invalid_encoding';

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

/** What stands at a place of the buffer. Positions are of the buffer. */
export type Scan =
  /** A whole record: `end` is behind its last byte, `next` behind its line end. `count` may be above `bounds`' fields. */
  | { readonly kind: 'record'; readonly end: number; readonly next: number; readonly count: number }
  | {
      readonly kind: 'malformed';
      readonly reason: 'unbalanced_quote' | 'text_after_quote';
      readonly at: number;
      readonly detail: string;
    }
  /** The limit was reached before the record's end. */
  | { readonly kind: 'over' }
  /** The buffer ends before the record does. */
  | { readonly kind: 'more' };

/** Where the fields of the last record stand: three numbers each: start, end, 1 if it holds doubled quotes. */
export class Bounds {
  readonly numbers: number[] = [];
  constructor(readonly most: number) {}
  set(field: number, start: number, end: number, doubled: boolean): void {
    // One field more than wanted tells that there are too many; a record of commas alone must not fill the memory.
    if (field > this.most) return;
    this.numbers[field * 3] = start;
    this.numbers[field * 3 + 1] = end;
    this.numbers[field * 3 + 2] = doubled ? 1 : 0;
  }
}

/**
 * Scans one CSV record (RFC 4180: comma, double quotes, LF or CRLF) from `start`. Bytes are enough: comma, quote and line end are
 * single bytes in every encoding that is read. A quote inside of an unquoted field is text. `limit` is the most bytes of a record;
 * `last` says that the file ends with the buffer.
 */
export const scanRecord = (buffer: Buffer, start: number, last: boolean, limit: number, bounds: Bounds): Scan => {
  // One byte more than the limit: the line end of a record that just fits.
  const stop = Math.min(buffer.length, start + limit + 1);
  const cut = (unfinished: Scan): Scan =>
    buffer.length > start + limit ? { kind: 'over' } : last ? unfinished : { kind: 'more' };
  let i = start;
  let field = 0;
  for (;;) {
    if (buffer[i] === QUOTE && i < stop) {
      let doubled = false;
      const from = i + 1;
      let close = from;
      for (;;) {
        close = buffer.indexOf(QUOTE, close);
        if (close < 0 || close >= stop)
          return cut({
            kind: 'malformed',
            reason: 'unbalanced_quote',
            at: stop,
            detail: `the quote of field ${field + 1} is never closed`,
          });
        // A quote as the buffer's last byte may be the first half of a doubled one.
        if (close + 1 >= buffer.length && !last) return { kind: 'more' };
        if (buffer[close + 1] !== QUOTE) break;
        doubled = true;
        close += 2;
      }
      bounds.set(field, from, close, doubled);
      i = close + 1;
      if (i >= buffer.length) return { kind: 'record', end: i, next: i, count: field + 1 };
      if (buffer[i] === LF) return { kind: 'record', end: i, next: i + 1, count: field + 1 };
      if (buffer[i] === CR) {
        if (i + 1 >= buffer.length && !last) return { kind: 'more' };
        if (buffer[i + 1] === LF) return { kind: 'record', end: i, next: i + 2, count: field + 1 };
      }
      if (buffer[i] !== COMMA)
        return {
          kind: 'malformed',
          reason: 'text_after_quote',
          at: i,
          detail: `text follows the closing quote of field ${field + 1}`,
        };
    } else {
      const from = i;
      while (i < stop && buffer[i] !== COMMA && buffer[i] !== LF) i += 1;
      if (i >= stop) {
        bounds.set(field, from, i, false);
        return cut({ kind: 'record', end: i, next: i, count: field + 1 });
      }
      if (buffer[i] === LF) {
        const end = i > from && buffer[i - 1] === CR ? i - 1 : i;
        bounds.set(field, from, end, false);
        return { kind: 'record', end, next: i + 1, count: field + 1 };
      }
      bounds.set(field, from, i, false);
    }
    i += 1;
    field += 1;
  }
};
