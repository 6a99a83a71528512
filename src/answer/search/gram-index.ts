import { BREATH, breathe } from './documents.js';
import { Scores } from './scores.js';

/** Scores by character trigrams: forgives typos, compound words and other endings, needs no language and no model. */
export interface GramIndex {
  /** Cosine (0 to 1) of a text with every document that shares a trigram. Valid until the next call. */
  score(text: string): Scores;
}

/** A text's part in a document: description counts less than a title. */
export interface GramText {
  readonly text: string;
  readonly weight: number;
}

const folded = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** Trigrams of each word, its ends marked by a space: `_re rev eve ven enu nue ue_`. */
const grams = function* (text: string): Generator<string> {
  for (const word of folded(text).split(' ')) {
    if (word === '') continue;
    const marked = ` ${word} `;
    for (let i = 0; i + 3 <= marked.length; i++) yield marked.slice(i, i + 3);
  }
};

/** TF-IDF over character trigrams, as postings of unit vectors. Deterministic. */
export const gramIndex = async (
  documents: readonly (readonly GramText[])[],
  signal?: AbortSignal,
): Promise<GramIndex> => {
  const ids = new Map<string, number>();
  const docs: number[][] = [];
  const counts: number[][] = [];
  for (const [doc, texts] of documents.entries()) {
    if (doc % BREATH === BREATH - 1) await breathe(signal);
    const mine = new Map<number, number>();
    for (const { text, weight } of texts)
      for (const gram of grams(text)) {
        let id = ids.get(gram);
        if (id === undefined) {
          id = ids.size;
          ids.set(gram, id);
          docs.push([]);
          counts.push([]);
        }
        mine.set(id, (mine.get(id) ?? 0) + weight);
      }
    for (const [id, count] of mine) {
      docs[id]?.push(doc);
      counts[id]?.push(count);
    }
  }
  const n = documents.length;
  const idf = docs.map((list) => Math.log(1 + n / list.length));
  const norms = new Float64Array(n);
  for (const [id, list] of docs.entries())
    for (const [i, doc] of list.entries())
      norms[doc] = (norms[doc] ?? 0) + (weighted(counts[id]?.[i] ?? 0) * (idf[id] ?? 0)) ** 2;
  const postings = docs.map((list) => Int32Array.from(list));
  const weights = docs.map((list, id) =>
    Float32Array.from(list, (doc, i) => (weighted(counts[id]?.[i] ?? 0) * (idf[id] ?? 0)) / Math.sqrt(norms[doc] || 1)),
  );
  const scores = new Scores(n);
  return {
    score: (text) => {
      scores.clear();
      const asked = new Map<number, number>();
      let unknown = 0;
      for (const gram of grams(text)) {
        const id = ids.get(gram);
        if (id === undefined) unknown++;
        else asked.set(id, (asked.get(id) ?? 0) + 1);
      }
      // what stands nowhere is as telling as the rarest gram: a text of which little is known has no high cosine
      const rare = Math.log(1 + n);
      let norm = unknown * rare ** 2;
      for (const [id, count] of asked) norm += (weighted(count) * (idf[id] ?? 0)) ** 2;
      for (const [id, count] of asked) {
        const per = (weighted(count) * (idf[id] ?? 0)) / Math.sqrt(norm);
        const list = postings[id] ?? [];
        const at = weights[id] ?? [];
        for (let i = 0; i < list.length; i++) scores.add(list[i] ?? 0, per * (at[i] ?? 0));
      }
      return scores;
    },
  };
};

const weighted = (count: number): number => (count <= 1 ? count : 1 + Math.log(count));
