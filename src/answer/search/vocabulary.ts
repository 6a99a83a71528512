import { compareText } from '../../query/index.js';
import { gramIndex } from './gram-index.js';
import { best } from './scores.js';
import { editDistance, forgiven } from './tokens.js';

/** The words of an index. A question's word stands for itself, else for words that it begins, else for words it misspells. */
export interface Vocabulary {
  /** Words that one word of a question stands for, with what each is worth (0 to 1). */
  expand(asked: string): readonly (readonly [string, number])[];
}

const MOST_PREFIXED = 200;
const MOST_LIKE = 100;

export const vocabulary = async (known: ReadonlySet<string>, signal?: AbortSignal): Promise<Vocabulary> => {
  const sorted = [...known].sort(compareText);
  const like = await gramIndex(
    sorted.map((text) => [{ text, weight: 1 }]),
    signal,
  );
  const from = (word: string): number => {
    let low = 0;
    for (let high = sorted.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (compareText(sorted[middle] ?? '', word) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    expand: (asked) => {
      if (known.has(asked)) return [[asked, 1]];
      const found = new Map<string, number>();
      if (asked.length >= 3)
        for (let i = from(asked); found.size < MOST_PREFIXED; i++) {
          const word = sorted[i];
          if (word === undefined || !word.startsWith(asked)) break;
          found.set(word, 0.6 + (0.3 * asked.length) / word.length);
        }
      const typos = forgiven(asked);
      if (typos > 0) {
        const scores = like.score(asked);
        for (const i of best(scores.touched, (doc) => scores.of(doc), MOST_LIKE)) {
          const word = sorted[i] ?? '';
          const edits = found.has(word) ? undefined : editDistance(asked, word, typos);
          if (edits !== undefined) found.set(word, 0.7 - 0.2 * edits);
        }
      }
      return [...found];
    },
  };
};
