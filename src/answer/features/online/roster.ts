import { createHash } from 'node:crypto';

/**
 * Which entities a version has, where each has a blob of its own: a blob that the store has lost would otherwise look like an entity
 * that was never there. Hashes of 64 bits, sorted, in parts by their first bits.
 */

/** Entities of one part, about: 64 KB of hashes. */
const OF_A_PART = 8192;
const MOST_BITS = 16;

const hashOf = (key: string): bigint => createHash('sha1').update(key).digest().readBigUInt64BE(0);
const partOf = (hash: bigint, bits: number): number => Number(hash >> BigInt(64 - bits));

/** The part that would name an entity; `bits` is the manifest's. */
export const rosterPart = (key: string, bits: number): number => (bits === 0 ? 0 : partOf(hashOf(key), bits));

/** True when a part names the entity; undefined when its bytes are no part. A false alarm is one in 2^64 for each entity of the part. */
export const isNamed = (part: Buffer, key: string): boolean | undefined => {
  if (part.length % 8 !== 0) return undefined;
  const hash = hashOf(key);
  let [low, high] = [0, part.length / 8];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (part.readBigUInt64BE(8 * middle) < hash) low = middle + 1;
    else high = middle;
  }
  return 8 * low < part.length && part.readBigUInt64BE(8 * low) === hash;
};

/** Collects a version's entities. */
export class Roster {
  readonly #hashes: bigint[] = [];

  add(key: string): void {
    this.#hashes.push(hashOf(key));
  }

  /** How many first bits name a part. */
  get bits(): number {
    return Math.min(MOST_BITS, Math.max(0, Math.ceil(Math.log2(this.#hashes.length / OF_A_PART))));
  }

  /** Every part with its bytes, also those that name nobody: one that is not there was lost. */
  *parts(): Generator<readonly [part: number, bytes: Buffer]> {
    const { bits } = this;
    const sorted = BigUint64Array.from(this.#hashes).sort();
    let from = 0;
    for (let part = 0; part < 2 ** bits; part++) {
      let to = from;
      while (to < sorted.length && (bits === 0 || partOf(sorted[to] ?? 0n, bits) === part)) to += 1;
      const bytes = Buffer.alloc(8 * (to - from));
      for (let i = from; i < to; i++) bytes.writeBigUInt64BE(sorted[i] ?? 0n, 8 * (i - from));
      from = to;
      yield [part, bytes];
    }
  }
}
