import type { Document } from './documents.js';
import { baseForms, OTHER_FORM, type RelatedWords } from './related-words.js';
import { Scores } from './scores.js';
import { questionWords } from './tokens.js';

/** Scores documents by words that are related to the question's. */
export interface RelatedIndex {
  /** Valid until the next call. */
  score(question: string): Scores;
}

const FIELDS: Readonly<Record<string, number>> = { title: 1, synonyms: 0.85, description: 0.6 };

/** For each word of a question the best of a document's words: how near it is, how rare, and where it stands. */
export const relatedIndex = (documents: readonly Document[], related: RelatedWords): RelatedIndex => {
  const postings = new Map<string, Map<number, number>>();
  for (const [doc, { fields }] of documents.entries())
    for (const [field, weight] of Object.entries(FIELDS))
      for (const word of fields[field] ? questionWords(fields[field]) : []) {
        const list = postings.get(word) ?? new Map<number, number>();
        list.set(doc, Math.max(list.get(doc) ?? 0, weight));
        postings.set(word, list);
      }
  const forms = new Map<string, string[]>();
  for (const word of postings.keys())
    for (const base of baseForms(word)) if (base !== word) forms.set(base, [...(forms.get(base) ?? []), word]);
  const scores = new Scores(documents.length);
  const one = new Scores(documents.length);
  const meet = (word: string, near: number) => {
    const list = postings.get(word);
    if (!list) return;
    const idf = Math.log(1 + documents.length / list.size);
    for (const [doc, weight] of list) one.raise(doc, near * weight * idf);
  };
  return {
    score: (question) => {
      scores.clear();
      const asked = questionWords(question);
      for (const word of asked) {
        one.clear();
        for (const [other, near] of [[word, 1] as const, ...related(word)]) {
          meet(other, near);
          for (const form of forms.get(other) ?? []) meet(form, near * OTHER_FORM);
        }
        for (const doc of one.touched) scores.add(doc, one.of(doc) / asked.length);
      }
      return scores;
    },
  };
};
