import type { Candidate, SearchBackend } from '../backend.js';
import type { Document } from '../documents.js';
import { fuse, WEIGHTS, type Weights } from '../fusion.js';
import type { RelatedWords } from '../related-words.js';
import type { Senses } from '../token-vectors.js';
import type { VectorStore } from '../vector-store.js';
import { ndcg, rankOf, type Share, wilson } from './metrics.js';
import type { EvaluationQuestion, EvaluationSet } from './questions.js';

/** A question with all that the signals said, so that any weights can be tried without asking again. */
export interface AskedQuestion {
  readonly set: string;
  readonly question: EvaluationQuestion;
  readonly candidates: readonly Candidate[];
  /** Head starts of members that somebody vouched for. */
  readonly prior: ReadonlyMap<string, number>;
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
  senses: Senses | undefined,
  signal?: AbortSignal,
): Promise<readonly AskedQuestion[]> => {
  const asked: AskedQuestion[] = [];
  for (const set of sets) {
    const slot = `evaluation-${set.title.toLowerCase().replace(/\W+/g, '-')}`;
    const index = await backend.open(
      { slot, version: '1', documents: set.documents, vectors, related, senses },
      signal,
    );
    const prior = new Map(set.documents.map((d) => [d.id, d.prior ?? 0] as const));
    for (const question of set.questions)
      asked.push({ set: set.title, question, candidates: await index.candidates(question.q, signal), prior });
    await index.close();
  }
  return asked;
};

interface Ranked {
  readonly question: EvaluationQuestion;
  readonly rank: number | undefined;
  readonly gain: number;
}

const rankAll = (asked: readonly AskedQuestion[], weights: Weights): readonly Ranked[] =>
  asked.map(({ question, candidates, prior }) => {
    const found = fuse(candidates, (id) => prior.get(id) ?? 0, weights).map((f) => f.id);
    return { question, rank: rankOf(found, question.right), gain: ndcg(found, question.right, 10) };
  });

const summary = (ranked: readonly Ranked[]): Measured => {
  const within = (k: number, of: readonly Ranked[]) =>
    wilson(of.filter(({ rank }) => rank !== undefined && rank <= k).length, of.length);
  const of = (kind: EvaluationQuestion['kind']) => ranked.filter(({ question }) => question.kind === kind);
  return {
    questions: ranked.length,
    r1: within(1, ranked),
    r5: within(5, ranked),
    r10: within(10, ranked),
    exactR1: within(1, of('exact')),
    paraphraseR10: within(10, of('paraphrase')),
    ndcg10: ranked.reduce((sum, { gain }) => sum + gain, 0) / (ranked.length || 1),
  };
};

/** What some weights make of the questions. */
export const measure = (asked: readonly AskedQuestion[], weights: Weights = WEIGHTS): Measured =>
  summary(rankAll(asked, weights));

/** Gates that are missed, in words; empty when all are reached. */
export const missedGates = (m: Measured): readonly string[] =>
  [
    ['R@5', m.r5.share, GATES.r5] as const,
    ['R@1 of exact words', m.exactR1.share, GATES.exactR1] as const,
    ['nDCG@10', m.ndcg10, GATES.ndcg10] as const,
  ].flatMap(([name, value, gate]) => (value < gate ? [`${name} is ${value.toFixed(3)}, below ${gate}`] : []));

const STEPS: Readonly<Record<keyof Weights, readonly number[]>> = {
  words: [0.8, 1.2, 1.8, 2.4],
  grams: [0.2, 0.4, 0.8],
  related: [0, 0.08, 0.16],
  dense: [0.4],
  sense: [0, 0.12, 0.24, 0.36, 0.48],
};

const tried = (): readonly Weights[] => {
  const all: Weights[] = [];
  for (const words of STEPS.words)
    for (const grams of STEPS.grams)
      for (const related of STEPS.related)
        for (const dense of STEPS.dense)
          for (const sense of STEPS.sense) all.push({ words, grams, related, dense, sense });
  return all;
};

/** Exact words are not given up for paraphrases. */
const worth = (ranked: readonly Ranked[]): number => {
  const { ndcg10, r5, exactR1 } = summary(ranked);
  return ndcg10 + r5.share + exactR1.share / 2;
};

const bestOf = <T>(items: readonly T[], gain: (item: T) => number): T | undefined => {
  let best: { item: T; gain: number } | undefined;
  for (const item of items) {
    const one = gain(item);
    if (best === undefined || one > best.gain + 1e-9) best = { item, gain: one };
  }
  return best?.item;
};

const FOLDS = 5;

export interface Tuned {
  /** The weights that do best on questions that are not held out. */
  readonly weights: Weights;
  /** Every question ranked by weights that were set on the other four fifths of the questions. */
  readonly crossValidated: Measured;
}

/** Tries all weights of a grid. */
export const tune = (asked: readonly AskedQuestion[]): Tuned => {
  const all = tried().map((weights) => ({ weights, ranked: rankAll(asked, weights) }));
  const open = bestOf(all, ({ ranked }) => worth(ranked.filter(({ question }) => !question.heldOut)));
  const folds = Array.from({ length: FOLDS }, (_, fold) => fold).flatMap((fold) => {
    const best = bestOf(all, ({ ranked }) => worth(ranked.filter((_, i) => i % FOLDS !== fold)));
    return best?.ranked.filter((_, i) => i % FOLDS === fold) ?? [];
  });
  return { weights: open?.weights ?? WEIGHTS, crossValidated: summary(folds) };
};

const NONE: Weights = { words: 0, grams: 0, related: 0, dense: 0, sense: 0 };
/** What each signal adds. */
export const ABLATIONS: Readonly<Record<string, (w?: Weights) => Weights>> = {
  words: () => ({ ...NONE, words: 1 }),
  'words + spelling': ({ words, grams } = WEIGHTS) => ({ ...NONE, words, grams }),
  'words + spelling + related words': (w = WEIGHTS) => ({ ...w, dense: 0, sense: 0 }),
  'all but the encoder (the floor)': (w = WEIGHTS) => ({ ...w, dense: 0 }),
  'the encoder alone': () => ({ ...NONE, dense: 1 }),
  'all but senses of words': (w = WEIGHTS) => ({ ...w, sense: 0 }),
  'all but related words': (w = WEIGHTS) => ({ ...w, related: 0 }),
  'all (default)': (w = WEIGHTS) => w,
};
