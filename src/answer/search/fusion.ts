import { compareText } from '../../query/index.js';
import type { Candidate } from './backend.js';

/** How much each signal counts: words and spelling by their own size, the others by how far a document stands out. */
export interface Weights {
  readonly words: number;
  readonly grams: number;
  readonly related: number;
  readonly dense: number;
  readonly sense: number;
}

/** Set by `assay search eval --tune` on one half of the evaluation's questions (docs/search.md). */
export const WEIGHTS: Weights = { words: 2.4, grams: 0.2, related: 0.16, dense: 0.4, sense: 0.48 };

/** Below all of these, and without a word in common, a document answers nothing. */
export const LEAST = { grams: 0.2, related: 0.6, dense: 0.15, sense: 0.3 };

export interface Fused {
  readonly id: string;
  readonly score: number;
  readonly why: readonly string[];
}

/** Distance from the mean in standard deviations; a signal that says the same of all says nothing. */
const standardised = (values: readonly number[]): readonly number[] => {
  const mean = values.reduce((sum, v) => sum + v, 0) / (values.length || 1);
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length || 1));
  return values.map((v) => (deviation > 1e-12 ? (v - mean) / deviation : 0));
};

/** One ranking from all signals, best first; equal scores by id. */
export const fuse = (
  candidates: readonly Candidate[],
  prior: (id: string) => number = () => 0,
  weights: Weights = WEIGHTS,
): readonly Fused[] => {
  const { words, grams, related, dense, sense } = weights;
  const least = Math.min(...candidates.map((c) => c.dense ?? Number.POSITIVE_INFINITY));
  const near = standardised(candidates.map((c) => c.related));
  const like = standardised(candidates.map((c) => c.dense ?? (Number.isFinite(least) ? least : 0)));
  const alike = standardised(candidates.map((c) => c.sense ?? 0));
  return candidates
    .flatMap((c, i) => {
      const telling =
        (words > 0 && c.words > 0) ||
        (grams > 0 && c.grams >= LEAST.grams) ||
        (related > 0 && c.related >= LEAST.related) ||
        (dense > 0 && (c.dense ?? 0) >= LEAST.dense) ||
        (sense > 0 && (c.sense ?? 0) >= LEAST.sense);
      if (!telling) return [];
      const meant = related * (near[i] ?? 0) + dense * (like[i] ?? 0) + sense * (alike[i] ?? 0);
      const score = words * c.words + grams * c.grams + meant + prior(c.id);
      return [{ id: c.id, score, why: reasons(c) }];
    })
    .sort((a, b) => b.score - a.score || compareText(a.id, b.id));
};

const reasons = (c: Candidate): readonly string[] => [
  ...c.why,
  ...(c.why.length === 0 && c.related >= LEAST.related ? ['related words'] : []),
  ...(c.why.length === 0 && c.grams >= LEAST.grams ? ['spelt alike'] : []),
  ...(c.why.length === 0 && (c.sense ?? 0) >= LEAST.sense ? ['words of like sense'] : []),
  ...((c.dense ?? 0) >= LEAST.dense ? [`meaning ${(c.dense ?? 0).toFixed(2)}`] : []),
];
