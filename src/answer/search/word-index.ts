import { editDistance, forgiven, questionWords, words } from './tokens.js';

/** A text that can be found: fields by name, each a text of its own weight. */
export interface Document {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A document that a question found. `why` names the words that matched and where. */
export interface Match {
  readonly id: string;
  readonly score: number;
  readonly why: readonly string[];
}

/** Answers questions with scored documents, best first; equal scores by id, so that the order is stable. */
export interface WordIndex {
  find(question: string): readonly Match[];
}

const WEIGHTS: Readonly<Record<string, number>> = {
  title: 3,
  name: 3,
  synonyms: 2.5,
  description: 1,
  unit: 0.5,
  owner: 0.5,
};
const B: Readonly<Record<string, number>> = {
  title: 0.4,
  name: 0.4,
  synonyms: 0.3,
  description: 0.75,
  unit: 0,
  owner: 0,
};
const K1 = 1.2;

/** One word's weight in one document, with the field that gave most. */
interface Posting {
  readonly document: number;
  readonly weight: number;
  readonly field: string;
}

/**
 * BM25F over a few thousand documents in memory: term frequencies are weighted and length-normalised per field, then saturated
 * once. A question's word also meets words that begin with it (from 3 letters on) and words with a typo, at a discount.
 */
export const wordIndex = (documents: readonly Document[]): WordIndex => {
  const postings = new Map<string, Posting[]>();
  const lengths = new Map<string, number>();
  const tokens = documents.map((d) => Object.entries(d.fields).map(([field, text]) => [field, words(text)] as const));
  for (const fields of tokens)
    for (const [field, ws] of fields) lengths.set(field, (lengths.get(field) ?? 0) + ws.length);
  tokens.forEach((fields, document) => {
    const weights = new Map<string, { weight: number; field: string; most: number }>();
    for (const [field, ws] of fields) {
      const average = (lengths.get(field) ?? 0) / documents.length || 1;
      const b = B[field] ?? 0.75;
      const per = (WEIGHTS[field] ?? 1) / (1 - b + (b * ws.length) / average);
      for (const w of ws) {
        const at = weights.get(w) ?? { weight: 0, field, most: 0 };
        at.weight += per;
        if (per > at.most) {
          at.most = per;
          at.field = field;
        }
        weights.set(w, at);
      }
    }
    for (const [word, { weight, field }] of weights) {
      const list = postings.get(word) ?? [];
      list.push({ document, weight, field });
      postings.set(word, list);
    }
  });
  const vocabulary = [...postings.keys()];

  /** Words of the vocabulary that one word of the question stands for, with what each is worth. */
  const expand = (asked: string): [string, number][] => {
    if (postings.has(asked)) return [[asked, 1]];
    const typos = forgiven(asked);
    const found: [string, number][] = [];
    for (const word of vocabulary) {
      if (asked.length >= 3 && word.startsWith(asked)) {
        found.push([word, 0.6 + (0.3 * asked.length) / word.length]);
        continue;
      }
      const edits = typos > 0 ? editDistance(asked, word, typos) : undefined;
      if (edits !== undefined) found.push([word, 0.7 - 0.2 * edits]);
    }
    return found;
  };

  return {
    find: (question) => {
      const scores = new Map<number, { score: number; why: string[] }>();
      const asked = questionWords(question);
      for (const word of asked) {
        const best = new Map<number, { score: number; why: string }>();
        for (const [term, worth] of expand(word)) {
          const list = postings.get(term) ?? [];
          const idf = Math.log(1 + (documents.length - list.length + 0.5) / (list.length + 0.5));
          for (const p of list) {
            const score = (worth * idf * p.weight * (K1 + 1)) / (p.weight + K1);
            if (score > (best.get(p.document)?.score ?? 0))
              best.set(p.document, {
                score,
                why: term === word ? `${word} in ${p.field}` : `${word} ~ ${term} in ${p.field}`,
              });
          }
        }
        for (const [document, { score, why }] of best) {
          const at = scores.get(document) ?? { score: 0, why: [] };
          at.score += score;
          at.why.push(why);
          scores.set(document, at);
        }
      }
      return [...scores]
        .map(([document, { score, why }]) => ({
          id: documents[document]?.id ?? '',
          score: score * (why.length / asked.length),
          why,
        }))
        .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
    },
  };
};
