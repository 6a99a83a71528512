import { literal } from '../format/schema.js';
import type { DeletedRows } from '../types.js';

/** Deleted rows of the file at a place of the list of files. */
export interface FileDeletions {
  readonly index: number;
  readonly rows: DeletedRows;
}

/** Rows of one bitmap: as many as its bits. */
const CHUNK_BITS = 15;
const CHUNK = 2 ** CHUNK_BITS;
/** Bytes of text that a row number takes, about. */
const NUMBER_TEXT = 8;

/** `12,13,19`: the rows one by one. */
const listText = ({ index, rows }: FileDeletions): string => {
  const numbers: number[] = [];
  for (const [first, last] of rows.runs()) for (let row = first; row <= last; row++) numbers.push(row);
  return `${index}:${numbers.join(',')}`;
};

/** Chunk number and its bits in base64, the first row at the highest bit of the first byte. */
const chunksOf = ({ index, rows }: FileDeletions): readonly string[] => {
  const chunks = new Map<number, Buffer>();
  for (const [first, last] of rows.runs())
    for (let row = first; row <= last; row++) {
      const number = Math.floor(row / CHUNK);
      let bits = chunks.get(number);
      if (!bits) {
        bits = Buffer.alloc(CHUNK / 8);
        chunks.set(number, bits);
      }
      const at = row % CHUNK;
      bits[at >> 3] = (bits[at >> 3] ?? 0) | (0x80 >> (at & 7));
    }
  return [...chunks].map(([number, bits]) => `${index}:${number}:${bits.toString('base64')}`);
};

/** Chunks of bits that a file's deleted rows touch. */
const touched = (rows: DeletedRows): number => {
  let count = 0;
  let before = -1;
  for (const [first, last] of rows.runs()) {
    const begin = Math.max(Math.floor(first / CHUNK), before + 1);
    const end = Math.floor(last / CHUNK);
    count += Math.max(0, end - begin + 1);
    before = Math.max(before, end);
  }
  return count;
};

const isDense = ({ rows }: FileDeletions): boolean =>
  rows.cardinality * NUMBER_TEXT > touched(rows) * ((CHUNK / 8) * (4 / 3) + 16);

const lines = (texts: readonly string[]): string =>
  `(SELECT unnest(string_split(${literal(texts.join(';'))}, ';')) AS l)`;

/**
 * What follows `FROM read_parquet(...) f` so that deleted rows are left out. Few rows of a file come as their numbers and are an
 * anti-join; many come as bits, of which a row asks its own, so a vector of millions costs no more than the scan and the text stays short.
 */
export const deletionsSql = (files: readonly FileDeletions[]): { readonly joins: string; readonly where: string } => {
  const some = files.filter(({ rows }) => rows.cardinality > 0);
  const sparse = some.filter((file) => !isDense(file)).map(listText);
  const dense = some.filter(isDense).flatMap(chunksOf);
  const anti = `ANTI JOIN (SELECT CAST(split_part(l, ':', 1) AS UBIGINT) AS i,
      unnest(CAST(string_split(split_part(l, ':', 2), ',') AS BIGINT[])) AS r FROM ${lines(sparse)}) d
    ON d.i = f.file_index AND d.r = f.file_row_number`;
  const bits = `LEFT JOIN (SELECT CAST(split_part(l, ':', 1) AS UBIGINT) AS i, CAST(split_part(l, ':', 2) AS BIGINT) AS c,
      CAST(from_base64(split_part(l, ':', 3)) AS BIT) AS b FROM ${lines(dense)}) v
    ON v.i = f.file_index AND v.c = f.file_row_number >> ${CHUNK_BITS}`;
  return {
    joins: `${dense.length > 0 ? ` ${bits}` : ''}${sparse.length > 0 ? ` ${anti}` : ''}`,
    where:
      dense.length > 0 ? ` WHERE coalesce(get_bit(v.b, CAST(f.file_row_number & ${CHUNK - 1} AS INTEGER)), 0) = 0` : '',
  };
};
