import type { Candidate, SearchBackend } from '../backend.js';
import type { Document } from '../documents.js';
import { fuse, WEIGHTS, type Weights } from '../fusion.js';
import type { RelatedWords } from '../related-words.js';
import type { VectorStore } from '../vector-store.js';
import { ndcg, rankOf, type Share, wilson } from './metrics.js';
import type { EvaluationQuestion, EvaluationSet } from './questions.js';

/** A question with all that the signals said, so that any weights can be tried without asking again. */
export interface AskedQuestion {
  readonly set: string;
  readonly question: EvaluationQuestion;
  readonly candidates: readonly Candidate[];
}

export interface Measured {
  readonly questions: number;
  readonly r1: Share;
  readonly r5: Share;
  readonly r10: Share;
  readonly exactR1: Share;
  readonly paraphraseR10: Share;
  readonly ndcg10: number;
}

/** What every release must reach. */
export const GATES = { r5: 0.85, exactR1: 0.95, ndcg10: 0.72 } as const;

/** Asks all questions of all sets once. */
export const askAll = async (
  sets: readonly (EvaluationSet & { readonly documents: readonly Document[] })[],
  backend: SearchBackend,
  vectors: VectorStore | undefined,
  related: RelatedWords | undefined,
  signal?: AbortSignal,
): Promise<readonly AskedQuestion[]> => {
  const asked: AskedQuestion[] = [];
  for (const set of sets) {
    const slot = `evaluation-${set.title.toLowerCase().replace(/\W+/g, '-')}`;
    const index = await backend.open({ slot, version: '1', documents: set.documents, vectors, related }, signal);
    for (const question of set.questions)
      asked.push({ set: set.title, question, candidates: await index.candidates(question.q, signal) });
    await index.close();
  }
  return asked;
};

/** What some weights make of the questions. */
export const measure = (asked: readonly AskedQuestion[], weights: Weights = WEIGHTS): Measured => {
  const ranked = asked.map(({ question, candidates }) => {
    const found = fuse(candidates, undefined, weights).map((f) => f.id);
    return { question, rank: rankOf(found, question.right), gain: ndcg(found, question.right, 10) };
  });
  const within = (k: number, of: typeof ranked) =>
    wilson(of.filter(({ rank }) => rank !== undefined && rank <= k).length, of.length);
  const exact = ranked.filter(({ question }) => question.kind === 'exact');
  return {
    questions: ranked.length,
    r1: within(1, ranked),
    r5: within(5, ranked),
    r10: within(10, ranked),
    exactR1: within(1, exact),
    paraphraseR10: within(
      10,
      ranked.filter(({ question }) => question.kind === 'paraphrase'),
    ),
    ndcg10: ranked.reduce((sum, { gain }) => sum + gain, 0) / (ranked.length || 1),
  };
};

/** Gates that are missed, in words; empty when all are reached. */
export const missedGates = (m: Measured): readonly string[] =>
  [
    ['R@5', m.r5.share, GATES.r5] as const,
    ['R@1 of exact words', m.exactR1.share, GATES.exactR1] as const,
    ['nDCG@10', m.ndcg10, GATES.ndcg10] as const,
  ].flatMap(([name, value, gate]) => (value < gate ? [`${name} is ${value.toFixed(3)}, below ${gate}`] : []));

const STEPS: Readonly<Record<keyof Weights, readonly number[]>> = {
  words: [2, 3, 4, 5, 7],
  grams: [0, 0.75, 1.5, 2.5, 4],
  related: [0, 0.2, 0.35, 0.5, 0.75, 1],
  dense: [1],
};

/** The weights that do best on questions that are not held out; exact words are not given up for paraphrases. */
export const tune = (asked: readonly AskedQuestion[]): Weights => {
  const open = asked.filter(({ question }) => !question.heldOut);
  let best: { weights: Weights; gain: number } = { weights: WEIGHTS, gain: -1 };
  for (const words of STEPS.words)
    for (const grams of STEPS.grams)
      for (const related of STEPS.related) {
        const weights = { words, grams, related, dense: 1 };
        const m = measure(open, weights);
        const gain = m.ndcg10 + (m.r5.share + m.exactR1.share) / 2;
        if (gain > best.gain + 1e-9) best = { weights, gain };
      }
  return best.weights;
};

/** What each signal adds. */
export const ABLATIONS: Readonly<Record<string, (w?: Weights) => Weights>> = {
  words: () => ({ words: 1, grams: 0, related: 0, dense: 0 }),
  'words + spelling': ({ words, grams } = WEIGHTS) => ({ words, grams, related: 0, dense: 0 }),
  'words + spelling + related words': (w = WEIGHTS) => ({ ...w, dense: 0 }),
  'meaning alone': () => ({ words: 0, grams: 0, related: 0, dense: 1 }),
  'words + spelling + meaning': (w = WEIGHTS) => ({ ...w, related: 0 }),
  'all (default)': (w = WEIGHTS) => w,
};
