import { cut, NUMBER, numberOf, RANKED } from './text.js';

/** An order and how many rows are wanted. `limit` undefined: one for a single thing, ten for several. */
export interface RankAsked {
  readonly rest: string;
  readonly dir?: 'asc' | 'desc';
  readonly limit?: number;
}

const MOST = 'top|best|highest|largest|biggest|greatest|strongest|most';
const LEAST = 'bottom|worst|lowest|smallest|weakest|fewest|least';
const dirOf = (word: string): 'asc' | 'desc' => (new RegExp(`^(?:${LEAST})$`).test(word) ? 'asc' : 'desc');

/** "top 5", "three best", "the highest", "sorted by": cut out. "best selling" stays, because it names a measure. */
export const rankPhrases = (question: string): RankAsked => {
  const numbered =
    cut(question, new RegExp(` (?:the |our )?(?<how>${MOST}|${LEAST}) (?<n>${NUMBER}) `), RANKED) ??
    cut(
      question,
      new RegExp(` (?:the |our )?(?<n>${NUMBER}) (?<how>${MOST}|${LEAST})(?! (?:selling|sold)) `),
      RANKED,
    ) ??
    cut(question, new RegExp(` (?:the |our )?(?<n>${NUMBER})(?= (?:best|most) (?:selling|sold|popular))`), RANKED);
  if (numbered) {
    const { how, n } = numbered.match.groups ?? {};
    return { rest: numbered.rest, dir: dirOf(how ?? 'best'), limit: numberOf(n ?? '') };
  }
  const sold = / (?:best|most) (?:selling|sold|popular) | best ?sellers? /.exec(question);
  if (sold) return { rest: question, dir: 'desc' };
  const plain = cut(
    question,
    new RegExp(` (?:by |with |has |have |had |made |brought |brings |the |our )*(?<how>${MOST}|${LEAST}) `),
    RANKED,
  );
  if (plain) return { rest: plain.rest, dir: dirOf(plain.match.groups?.['how'] ?? 'best') };
  const sorted = cut(question, / (?:sorted|ordered|ranked)(?: by)?(?: (?<dir>ascending|descending))? /);
  if (sorted) return { rest: sorted.rest, dir: sorted.match.groups?.['dir'] === 'ascending' ? 'asc' : 'desc' };
  return { rest: question };
};
