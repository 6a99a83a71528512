import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { error } from '../../errors/index.js';
import type { ByteSource } from './records.js';

/** Encodings that a file may have. UTF-16 and UTF-32 are refused: their commas are not single bytes. */
export const ENCODINGS = ['utf-8', 'windows-1252', 'iso-8859-1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** What one reading of the whole file tells. */
export interface Inspection {
  /** SHA-256 of all bytes, hex. */
  readonly contentHash: string;
  readonly encoding: Encoding;
  /** Where the header begins: behind a byte order mark. */
  readonly from: number;
  /** False: single records may hold bytes that are no text of the encoding. */
  readonly valid: boolean;
}

const CHUNK = 1 << 20;

/** How many bytes of the buffer are whole UTF-8 sequences, as far as the last four bytes tell. */
export const wholeSequences = (bytes: Buffer): number => {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) {
      const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < wanted ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
};

const starts = (bytes: Buffer, ...mark: number[]) => mark.every((byte, i) => bytes[i] === byte);

const refuseMark = (file: string, head: Buffer) => {
  const name =
    starts(head, 0xff, 0xfe, 0, 0) || starts(head, 0, 0, 0xfe, 0xff)
      ? 'UTF-32'
      : starts(head, 0xff, 0xfe) || starts(head, 0xfe, 0xff)
        ? 'UTF-16'
        : undefined;
  if (name)
    throw error('file-refused', {
      file,
      why: `it begins with a byte order mark of ${name}`,
      way: 'convert it to UTF-8 first',
    });
};

/** The encoding that was asked for by name. Errors: `usage`. */
export const encodingNamed = (name: string): Encoding => {
  const found = ENCODINGS.find((e) => e === name.toLowerCase());
  if (!found) throw error('usage', { text: `unknown encoding ${name}; known: ${ENCODINGS.join(', ')}` });
  return found;
};

/**
 * Reads the file once: its hash, and its encoding. UTF-8 as a whole (a mark is allowed), else Windows-1252, unless one was asked for.
 * Errors: `file-refused` (empty, NUL bytes, UTF-16 or UTF-32).
 */
export const inspect = async (
  file: string,
  source: ByteSource,
  wanted: Encoding | undefined,
  check: () => void,
): Promise<Inspection> => {
  const hash = createHash('sha256');
  let utf8 = true;
  let carry = Buffer.alloc(0);
  let from = 0;
  if (source.size === 0)
    throw error('file-refused', { file, why: 'it is empty', way: 'a header line is the least that is wanted' });
  for (let offset = 0; offset < source.size; ) {
    check();
    const bytes = await source.read(offset, Math.min(CHUNK, source.size - offset));
    if (offset === 0) {
      refuseMark(file, bytes);
      if (starts(bytes, 0xef, 0xbb, 0xbf)) from = 3;
    }
    const nul = bytes.indexOf(0);
    if (nul >= 0)
      throw error('file-refused', {
        file,
        why: `it holds a NUL byte at offset ${offset + nul}`,
        way: 'only text can be taken in; convert it to UTF-8 first',
      });
    hash.update(bytes);
    if (utf8) {
      const joined = carry.length > 0 ? Buffer.concat([carry, bytes]) : bytes;
      const whole = wholeSequences(joined);
      utf8 = isUtf8(joined.subarray(0, whole));
      carry = Buffer.from(joined.subarray(whole));
    }
    offset += bytes.length;
  }
  utf8 = utf8 && carry.length === 0;
  const encoding = wanted ?? (utf8 ? 'utf-8' : 'windows-1252');
  return { contentHash: hash.digest('hex'), encoding, from, valid: encoding !== 'utf-8' || utf8 };
};

/** Windows-1252 differs from ISO-8859-1 in 0x80 to 0x9f; five of these are not assigned and stay control characters. */
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Bytes to text. Bytes that are no text of the encoding become U+FFFD; rows never hold such bytes. */
export const decoder = (encoding: Encoding): ((bytes: Buffer) => string) => {
  if (encoding === 'utf-8') return (bytes) => bytes.toString('utf8');
  if (encoding === 'iso-8859-1') return (bytes) => bytes.toString('latin1');
  // Not TextDecoder: since Node 20.18.3 it reads these bytes as ISO-8859-1 (nodejs/node #60888).
  return (bytes) => bytes.toString('latin1').replace(/[\u0080-\u009f]/g, (c) => WINDOWS.charAt(c.charCodeAt(0) - 0x80));
};
