import { BREATH, breathe, type Document, FIELDS, OTHER_FIELD } from './documents.js';
import { Scores } from './scores.js';
import { questionWords, words } from './tokens.js';
import { type Vocabulary, vocabulary } from './vocabulary.js';

/** What one question's words found. Valid until the next question. */
export interface WordsFound {
  readonly scores: Scores;
  /** Which words of the question matched in a document, and where: `refund in synonyms`. */
  why(doc: number): readonly string[];
}

export interface WordIndex {
  find(question: string): WordsFound;
}

const K1 = 1.2;
/** More for a document of which the whole question is the title or a synonym; 1 is a question of rare words, all in a title. */
const WHOLE: Readonly<Record<string, number>> = { title: 0.35, value: 0.35, synonyms: 0.25 };
/** The same for a part of the question between words that join: "revenue per country" is two titles. */
const PART = 0.7;
const JOINING = /\b(?:per|by|for each|for every|of each|for|in|and|versus)\b/i;

const phrase = (text: string): string => words(text).join(' ');

const wholePhrases = (documents: readonly Document[]): ReadonlyMap<string, ReadonlyMap<number, number>> => {
  const phrases = new Map<string, Map<number, number>>();
  for (const [doc, { fields }] of documents.entries())
    for (const [field, more] of Object.entries(WHOLE))
      for (const text of field === 'synonyms' ? (fields[field] ?? '').split(',') : [fields[field] ?? '']) {
        const key = phrase(text);
        if (key === '') continue;
        const docs = phrases.get(key) ?? new Map<number, number>();
        docs.set(doc, Math.max(docs.get(doc) ?? 0, more));
        phrases.set(key, docs);
      }
  return phrases;
};

/** One word's documents: their positions, the word's weight in each, and the field that gave most. */
interface Postings {
  readonly docs: Int32Array;
  readonly weights: Float32Array;
  readonly fields: Uint8Array;
}

/** What a whole corpus says of its words, so that some of its documents are scored as if all were there. */
export interface WordStatistics {
  readonly documents: number;
  /** How many documents hold a word. */
  readonly frequency: ReadonlyMap<string, number>;
  /** Words in a field of an average document. */
  readonly averages: ReadonlyMap<string, number>;
  readonly vocabulary: Vocabulary;
}

/** Counts the words of a corpus. */
export const wordStatistics = async (documents: readonly Document[], signal?: AbortSignal): Promise<WordStatistics> => {
  const frequency = new Map<string, number>();
  const lengths = new Map<string, number>();
  for (const [doc, { fields }] of documents.entries()) {
    if (doc % BREATH === BREATH - 1) await breathe(signal);
    const mine = new Set<string>();
    for (const [field, text] of Object.entries(fields)) {
      const found = words(text);
      lengths.set(field, (lengths.get(field) ?? 0) + found.length);
      for (const word of found) mine.add(word);
    }
    for (const word of mine) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  }
  return {
    documents: documents.length,
    frequency,
    averages: new Map([...lengths].map(([field, length]) => [field, length / documents.length])),
    vocabulary: await vocabulary(new Set(frequency.keys()), signal),
  };
};

/**
 * BM25F: term frequencies are weighted and length-normalised per field, then saturated once. A question's word also meets words
 * that begin with it (from 3 letters on) and words with a typo, at a discount; a document is worth less for every word it lacks.
 * `corpus`: what the documents are a part of; default all there are.
 */
export const wordIndex = async (
  documents: readonly Document[],
  signal?: AbortSignal,
  corpus?: WordStatistics,
): Promise<WordIndex> => {
  const fieldNames: string[] = [];
  const fieldId = (name: string): number => {
    const known = fieldNames.indexOf(name);
    return known >= 0 ? known : fieldNames.push(name) - 1;
  };
  const lengths: number[] = [];
  const tokens: (readonly [number, readonly string[]])[][] = [];
  for (const [doc, { fields }] of documents.entries()) {
    if (doc % BREATH === BREATH - 1) await breathe(signal);
    tokens.push(
      Object.entries(fields).map(([field, text]) => {
        const id = fieldId(field);
        const found = words(text);
        lengths[id] = (lengths[id] ?? 0) + found.length;
        return [id, found] as const;
      }),
    );
  }
  const averages = fieldNames.map(
    (name, id) => (corpus ? corpus.averages.get(name) : (lengths[id] ?? 0) / documents.length) || 1,
  );
  const postings = await postingsOf(tokens, fieldNames, averages, signal);
  const whole = wholePhrases(documents);
  const terms = corpus?.vocabulary ?? (await vocabulary(new Set(postings.keys()), signal));
  const n = corpus?.documents ?? documents.length;
  const frequency = (term: string, list: Postings) => corpus?.frequency.get(term) ?? list.docs.length;
  const idf = (df: number) => Math.log(1 + (n - df + 0.5) / (df + 0.5));
  const total = new Scores(documents.length);
  const one = new Scores(documents.length);
  const matched = new Scores(documents.length);

  return {
    find: (question) => {
      total.clear();
      matched.clear();
      const asked = questionWords(question).map((word) => ({ word, terms: terms.expand(word) }));
      for (const { terms: meant } of asked) {
        one.clear();
        for (const [term, worth] of meant) {
          const list = postings.get(term);
          if (!list) continue;
          const per = worth * idf(frequency(term, list)) * (K1 + 1);
          for (let i = 0; i < list.docs.length; i++) {
            const weight = list.weights[i] ?? 0;
            one.raise(list.docs[i] ?? 0, (per * weight) / (weight + K1));
          }
        }
        for (const doc of one.touched) {
          total.add(doc, one.of(doc));
          matched.add(doc, 1 / asked.length);
        }
      }
      // 1 is: every word of the question, each as rare as can be, in a title
      const ideal = asked.length * idf(1) * (K1 + 1) * 0.75 || 1;
      for (const doc of total.touched) total.add(doc, total.of(doc) * (matched.of(doc) / ideal - 1));
      for (const [doc, more] of whole.get(phrase(question)) ?? []) total.add(doc, more);
      const parts = question.split(JOINING);
      for (const part of new Set(parts.length > 1 ? parts.map(phrase) : []))
        for (const [doc, more] of whole.get(part) ?? []) total.add(doc, PART * more);
      return {
        scores: total,
        why: (doc) =>
          asked.flatMap(({ word, terms: meant }) => {
            for (const [term] of [...meant].sort((a, b) => b[1] - a[1])) {
              const field = fieldAt(postings.get(term), doc);
              if (field === undefined) continue;
              const where = fieldNames[field] ?? '';
              return [term === word ? `${word} in ${where}` : `${word} ~ ${term} in ${where}`];
            }
            return [];
          }),
      };
    },
  };
};

const postingsOf = async (
  tokens: readonly (readonly (readonly [number, readonly string[]])[])[],
  fieldNames: readonly string[],
  averages: readonly number[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Postings>> => {
  const open = new Map<string, { docs: number[]; weights: number[]; fields: number[] }>();
  for (const [doc, fields] of tokens.entries()) {
    if (doc % BREATH === BREATH - 1) await breathe(signal);
    const mine = new Map<string, { weight: number; field: number; most: number }>();
    for (const [field, found] of fields) {
      const { weight, b } = FIELDS[fieldNames[field] ?? ''] ?? OTHER_FIELD;
      const per = weight / (1 - b + (b * found.length) / (averages[field] ?? 1));
      for (const word of found) {
        const at = mine.get(word) ?? { weight: 0, field, most: 0 };
        at.weight += per;
        if (per > at.most) {
          at.most = per;
          at.field = field;
        }
        mine.set(word, at);
      }
    }
    for (const [word, { weight, field }] of mine) {
      let list = open.get(word);
      if (!list) {
        list = { docs: [], weights: [], fields: [] };
        open.set(word, list);
      }
      list.docs.push(doc);
      list.weights.push(weight);
      list.fields.push(field);
    }
  }
  return new Map(
    [...open].map(([word, l]) => [
      word,
      { docs: Int32Array.from(l.docs), weights: Float32Array.from(l.weights), fields: Uint8Array.from(l.fields) },
    ]),
  );
};

/** The field of a document that holds a word; postings are in the order of documents. */
const fieldAt = (list: Postings | undefined, doc: number): number | undefined => {
  if (!list) return undefined;
  let low = 0;
  for (let high = list.docs.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((list.docs[middle] ?? 0) < doc) low = middle + 1;
    else high = middle;
  }
  return list.docs[low] === doc ? list.fields[low] : undefined;
};
