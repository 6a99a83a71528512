import { quoted } from '../format/schema.js';

/** A name that no column can have. */
export const Z = 'assay z';
/** Bits of a signed 64-bit number that ranks may fill. */
const BITS = 60;
const MOST_BITS = 16;

/** One bit of each rank after the other, the highest first. */
const interleaved = (count: number, bits: number): string =>
  Array.from({ length: bits }, (_, bit) =>
    Array.from({ length: count }, (_, i) => `((("assay r${i}" >> ${bit}) & 1) << ${bit * count + count - 1 - i})`),
  )
    .flat()
    .join(' + ');

/**
 * A SELECT with one more column, by which rows that are near each other in every one of the columns come to lie together: the
 * interleaved bits of the rows' ranks. Equal values have one rank, nulls the lowest.
 */
export const zorderSql = (relation: string, columns: readonly string[]): string => {
  const bits = Math.min(MOST_BITS, Math.floor(BITS / columns.length));
  const ranks = columns.map(
    (name, i) =>
      `(rank() OVER (ORDER BY ${quoted(name)} NULLS FIRST) - 1) * ${2 ** bits} // count(*) OVER () AS "assay r${i}"`,
  );
  return `SELECT *, ${interleaved(columns.length, bits)} AS ${quoted(Z)} FROM (SELECT *, ${ranks.join(', ')} FROM ${relation})`;
};
