import { scanSync } from 'libpg-query';

/**
 * SQL text as a string of its UTF-8 bytes, one character a byte: the parser's offsets are bytes, so slices of this form are exact.
 * Never shown; `readable` turns it back.
 */
export type ByteText = string & { readonly __bytes: true };

export const byteText = (text: string): ByteText => Buffer.from(text, 'utf8').toString('latin1') as ByteText;
export const readable = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
export const slice = (text: ByteText, from: number, to?: number): ByteText => text.slice(from, to) as ByteText;
export const joined = (...parts: readonly string[]): ByteText => parts.join('') as ByteText;

/** A token: byte offsets, its upper-case text, and how many parentheses are open around it. */
export interface Token {
  readonly start: number;
  readonly end: number;
  readonly word: string;
  readonly depth: number;
}

/** Tokens of a text without its comments. An opening parenthesis and its closing one have the depth outside of them. */
export const tokensOf = (text: ByteText): Token[] => {
  const out: Token[] = [];
  let depth = 0;
  for (const { start, end } of scanSync(readable(text)).tokens) {
    const word = text.slice(start, end).toUpperCase();
    if (word.startsWith('--') || word.startsWith('/*')) continue;
    if (word === ')') depth -= 1;
    out.push({ start, end, word, depth });
    if (word === '(') depth += 1;
  }
  return out;
};

/** Spaces in the place of a text, a character for a character, so that positions behind it stay the same. */
export const blank = (text: string): string => text.replace(/[\x80-\xbf]/g, '').replace(/[^\n]/g, ' ');

export const quoteLiteral = (text: string): string =>
  text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
