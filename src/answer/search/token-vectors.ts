import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { unit } from './embedder.js';

/** The sense of a text as the sum of what its words mean, each the less the more common it is. A unit vector; undefined for no known word. */
export type Senses = (text: string) => Float32Array | undefined;

const MARK = 'ATV1';
const HEAD = 16;
/** A word that falls into pieces shorter than this on average is no word: their senses would be chance. */
const LEAST_PIECE = 3;

interface Table {
  readonly rows: ReadonlyMap<string, number>;
  readonly dims: number;
  /** Of each row: how much its bytes count, commonness included. */
  readonly scales: Float32Array;
  readonly values: Int8Array;
}

/** What `bin/token-vectors.py` wrote: mark, counts of rows, dimensions and bytes of names (32 bits, little endian), names, scales, bytes. */
const readTable = (file: string): Table => {
  const bytes = gunzipSync(readFileSync(file));
  const [rows, dims, names] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt32LE(12)];
  if (bytes.toString('latin1', 0, 4) !== MARK || bytes.length !== HEAD + names + rows * (4 + dims))
    return { rows: new Map(), dims: 0, scales: new Float32Array(0), values: new Int8Array(0) };
  const tokens = bytes.toString('latin1', HEAD, HEAD + names).split('\n');
  const at = HEAD + names;
  return {
    rows: new Map(tokens.map((token, row) => [token, row] as const)),
    dims,
    scales: Float32Array.from({ length: rows }, (_, row) => bytes.readFloatLE(at + 4 * row)),
    values: new Int8Array(bytes.buffer, bytes.byteOffset + at + 4 * rows, rows * dims),
  };
};

/** Rows of a word: itself, else the longest pieces that it falls into from the left (`##` marks those that begin none). */
const rowsOf = (word: string, rows: ReadonlyMap<string, number>): readonly number[] => {
  const found: number[] = [];
  for (let from = 0; from < word.length; ) {
    let to = word.length;
    let row: number | undefined;
    for (; to > from; to--) {
      row = rows.get((from > 0 ? '##' : '') + word.slice(from, to));
      if (row !== undefined) break;
    }
    if (row === undefined) return [];
    found.push(row);
    from = to;
  }
  return found.length > 1 && word.length / found.length < LEAST_PIECE ? [] : found;
};

/** Reads the table when it is first asked. */
export const readTokenVectors = (file: string): Senses => {
  let table: Table | undefined;
  return (text) => {
    table ??= readTable(file);
    const { rows, dims, scales, values } = table;
    const sum = new Float64Array(dims);
    let known = 0;
    const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
    for (const [word] of plain.matchAll(/[a-z0-9]+/g))
      for (const row of rowsOf(word, rows)) {
        known += 1;
        const scale = scales[row] ?? 0;
        for (let i = 0; i < dims; i++) sum[i] = (sum[i] ?? 0) + scale * (values[row * dims + i] ?? 0);
      }
    return known === 0 ? undefined : unit(sum);
  };
};

/** Scores documents by the likeness of their sense to a question's: by position, 0 where a document has none. */
export interface SenseIndex {
  score(question: string): Float64Array | undefined;
}

/** Every document is compared: members are some hundreds. */
export const senseIndex = (texts: readonly string[], senses: Senses): SenseIndex => {
  const vectors = texts.map(senses);
  return {
    score: (question) => {
      const asked = senses(question);
      if (!asked) return undefined;
      return Float64Array.from(vectors, (v) => {
        let sum = 0;
        if (v) for (let i = 0; i < v.length; i++) sum += (v[i] ?? 0) * (asked[i] ?? 0);
        return sum;
      });
    },
  };
};
