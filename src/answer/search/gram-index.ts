import { BREATH, breathe, type Document } from './documents.js';
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

/** Below this cosine a trigram in common is chance. */
export const LEAST_GRAMS = 0.1;

/** Texts whose spelling counts; descriptions say much that is not asked for. */
const SPELT: Readonly<Record<string, number>> = { title: 1, name: 0.5, value: 1, synonyms: 1, description: 0.3 };

export const speltTexts = ({ fields }: Document): readonly GramText[] =>
  Object.entries(SPELT).flatMap(([field, weight]): GramText[] => {
    const text = fields[field];
    return text ? [{ text, weight }] : [];
  });

const folded = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** Trigrams of each word, its ends marked by a space: `_re rev eve ven enu nue ue_`. */
export const grams = function* (text: string): Generator<string> {
  for (const word of folded(text).split(' ')) {
    if (word === '') continue;
    const marked = ` ${word} `;
    for (let i = 0; i + 3 <= marked.length; i++) yield marked.slice(i, i + 3);
  }
};

/** How many documents of a corpus hold a trigram, so that some of them are scored as if all were there. */
export interface GramStatistics {
  readonly documents: number;
  readonly frequency: ReadonlyMap<string, number>;
}

/** Counts the trigrams of a corpus. */
export const gramStatistics = async (
  documents: readonly (readonly GramText[])[],
  signal?: AbortSignal,
): Promise<GramStatistics> => {
  const frequency = new Map<string, number>();
  for (const [doc, texts] of documents.entries()) {
    if (doc % BREATH === BREATH - 1) await breathe(signal);
    const mine = new Set(texts.flatMap(({ text }) => [...grams(text)]));
    for (const gram of mine) frequency.set(gram, (frequency.get(gram) ?? 0) + 1);
  }
  return { documents: documents.length, frequency };
};

/** TF-IDF over character trigrams, as postings of unit vectors. Deterministic. `corpus`: what the documents are a part of. */
export const gramIndex = async (
  documents: readonly (readonly GramText[])[],
  signal?: AbortSignal,
  corpus?: GramStatistics,
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
  const n = corpus?.documents ?? documents.length;
  const texts = [...ids.keys()];
  const idf = docs.map((list, id) => Math.log(1 + n / (corpus?.frequency.get(texts[id] ?? '') ?? list.length)));
  const norms = new Float64Array(documents.length);
  for (const [id, list] of docs.entries())
    for (const [i, doc] of list.entries())
      norms[doc] = (norms[doc] ?? 0) + (weighted(counts[id]?.[i] ?? 0) * (idf[id] ?? 0)) ** 2;
  const postings = docs.map((list) => Int32Array.from(list));
  const weights = docs.map((list, id) =>
    Float32Array.from(list, (doc, i) => (weighted(counts[id]?.[i] ?? 0) * (idf[id] ?? 0)) / Math.sqrt(norms[doc] || 1)),
  );
  const scores = new Scores(documents.length);
  return {
    score: (text) => {
      scores.clear();
      const asked = new Map<number, number>();
      let unknown = 0;
      const elsewhere = new Map<string, number>();
      for (const gram of grams(text)) {
        const id = ids.get(gram);
        if (id !== undefined) asked.set(id, (asked.get(id) ?? 0) + 1);
        else if (corpus?.frequency.has(gram)) elsewhere.set(gram, (elsewhere.get(gram) ?? 0) + 1);
        else unknown++;
      }
      // what stands nowhere is as telling as the rarest gram: a text of which little is known has no high cosine
      const rare = Math.log(1 + n);
      let norm = unknown * rare ** 2;
      for (const [id, count] of asked) norm += (weighted(count) * (idf[id] ?? 0)) ** 2;
      for (const [gram, count] of elsewhere)
        norm += (weighted(count) * Math.log(1 + n / (corpus?.frequency.get(gram) ?? 1))) ** 2;
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
