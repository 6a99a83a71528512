import { error } from '../../errors/index.js';
import type { Totals } from '../../query/index.js';

/** Every set is a leg of its own. */
const MOST_SETS = 64;

const bad = (what: string) => error('query-invalid', { where: 'totals', what });

/**
 * The sets of groups that an answer has rows for, as positions in `groups` (names of columns); each set once. Errors: `query-invalid`.
 */
export const totalSets = (totals: Totals | undefined, groups: readonly string[]): readonly (readonly number[])[] => {
  const all = groups.map((_, i) => i);
  if (totals === undefined || totals === 'none') return [all];
  if (groups.length === 0) throw bad('there is nothing to sum up: the query has no dimension and no bucketed time');
  const sets = Array.isArray(totals) ? givenSets(totals, groups) : named(totals as string, all);
  if (sets.length > MOST_SETS)
    throw bad(`at most ${MOST_SETS} sets of groups are answered at once; these are ${sets.length}`);
  return sets;
};

const named = (totals: string, all: readonly number[]): readonly (readonly number[])[] => {
  switch (totals) {
    case 'grand':
      return [all, []];
    case 'rollup':
      return [all, ...all.map((_, i) => all.slice(0, all.length - 1 - i))];
    case 'cube': {
      // the number of sets is checked before they are made
      if (all.length > 6) throw bad(`cube takes at most 6 groups, not ${all.length}; list the sets that are wanted`);
      const size = 2 ** all.length;
      return Array.from({ length: size }, (_, i) => all.filter((g) => ((size - 1 - i) >> (all.length - 1 - g)) & 1));
    }
    default:
      throw bad(`${JSON.stringify(totals)} is none of none, grand, rollup, cube, nor a list of lists of columns`);
  }
};

const givenSets = (given: readonly unknown[], groups: readonly string[]): readonly (readonly number[])[] => {
  if (given.length === 0) throw bad('at least one set is wanted');
  const sets = given.map((set, s) => {
    if (!Array.isArray(set)) throw bad(`[${s}]: a list of columns is wanted`);
    const positions = set.map((name: unknown) => {
      const at = groups.indexOf(String(name));
      if (at < 0) throw bad(`[${s}]: ${JSON.stringify(name)} is no dimension or bucketed time of the query`);
      return at;
    });
    return [...new Set(positions)].sort((a, b) => a - b);
  });
  const missing = groups.find((_, g) => !sets.some((set) => set.includes(g)));
  if (missing !== undefined) throw bad(`${missing} is in none of the sets`);
  return [...new Map(sets.map((set) => [set.join(), set])).values()];
};
