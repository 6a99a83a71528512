import { createHash } from 'node:crypto';
import type { Document } from '../documents.js';

/** Some documents of a corpus under the name of their content: equal documents have equal names, whoever indexes them and when. */
export interface Part {
  readonly name: string;
  /** Positions in the corpus; a document's place in this list is its place in the part. */
  readonly documents: readonly number[];
}

/** Documents of a part, about: small enough to be made anew for one change, and few enough parts to be named in a filter. */
const PER_PART = 512;
const MOST_PARTS = 128;
/** Changes when records of equal documents would differ. */
const FORM = 'records 1';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Cuts a corpus into parts by the ids of its documents: where some documents change, only their parts have new names. `embedder` is in
 * the name, too: another embedder's vectors are other records.
 */
export const partsOf = (documents: readonly Document[], embedder: string | undefined): readonly Part[] => {
  let count = 1;
  while (count < MOST_PARTS && count * PER_PART < documents.length) count *= 2;
  const lists: number[][] = Array.from({ length: count }, () => []);
  for (const [doc, { id }] of documents.entries()) lists[digest(id).readUInt32BE(0) % count]?.push(doc);
  return lists.flatMap((list) => {
    if (list.length === 0) return [];
    const texts = list.map((doc) => JSON.stringify([documents[doc]?.id, documents[doc]?.fields]));
    return [
      {
        name: digest(JSON.stringify([FORM, embedder ?? null, texts]))
          .subarray(0, 12)
          .toString('hex'),
        documents: list,
      },
    ];
  });
};
