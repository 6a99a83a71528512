import { type Candidate, type Corpus, MOST_CANDIDATES, type SearchBackend, type SearchIndex } from './backend.js';
import { sentenceOf } from './documents.js';
import { gramIndex, LEAST_GRAMS, speltTexts } from './gram-index.js';
import { relatedIndex } from './related-index.js';
import { best } from './scores.js';
import { senseIndex } from './token-vectors.js';
import { likeness } from './vector-store.js';
import { wordIndex } from './word-index.js';

/** Everything in this process: words, spelling and vectors of one corpus. */
export const embeddedIndex = async (corpus: Corpus, signal?: AbortSignal): Promise<SearchIndex> => {
  const { documents, vectors: store } = corpus;
  const near = corpus.related && relatedIndex(documents, corpus.related);
  const sense = corpus.senses && senseIndex(documents.map(sentenceOf), corpus.senses);
  const words = await wordIndex(documents, signal);
  const grams = await gramIndex(documents.map(speltTexts), signal);
  const vectors = await store?.of(documents.map(sentenceOf), signal);
  return {
    semantic: vectors !== undefined,
    candidates: async (question, asking) => {
      const asked = vectors && store ? await store.ofQuestion(question, asking) : undefined;
      const like = asked && vectors ? likeness(asked, vectors) : undefined;
      const byWords = words.find(question);
      const byGrams = grams.score(question);
      const byRelated = near?.score(question);
      const bySense = sense?.score(question);
      const spelt = byGrams.touched.filter((doc) => byGrams.of(doc) >= LEAST_GRAMS);
      const found = new Set([
        ...best(byWords.scores.touched, (doc) => byWords.scores.of(doc), MOST_CANDIDATES),
        ...best(spelt, (doc) => byGrams.of(doc), MOST_CANDIDATES),
        ...(byRelated ? best(byRelated.touched, (doc) => byRelated.of(doc), MOST_CANDIDATES) : []),
        ...(bySense ? best(bySense.keys(), (doc) => bySense[doc] ?? 0, MOST_CANDIDATES) : []),
        ...(like ? best(like.keys(), (doc) => like[doc] ?? 0, MOST_CANDIDATES) : []),
      ]);
      return [...found].map(
        (doc): Candidate => ({
          id: documents[doc]?.id ?? '',
          words: byWords.scores.of(doc),
          grams: byGrams.of(doc),
          related: byRelated?.of(doc) ?? 0,
          dense: like?.[doc],
          sense: bySense?.[doc],
          why: byWords.why(doc),
        }),
      );
    },
    close: async () => {},
  };
};

export const embeddedBackend: SearchBackend = {
  name: 'embedded',
  check: async () => {},
  open: embeddedIndex,
  close: async () => {},
};
