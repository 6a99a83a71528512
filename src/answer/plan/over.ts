import type { Catalogue } from '../../model/catalog/index.js';
import { type Fact, factOf } from './facts.js';
import type { CheckedFilter } from './filter.js';
import { type Leaf, leafKey, leavesAsked, type Taken, windowOf } from './measures.js';
import type { AskedComparison, AskedMeasure, AskedWindow } from './question.js';

/** Which rows a value is over, beside those of its group, and how these are taken together. */
export interface Over {
  readonly where: readonly CheckedFilter[];
  readonly window: AskedWindow | undefined;
  readonly compare: AskedComparison | undefined;
  readonly fact: Fact;
  readonly taken: Taken | undefined;
  /** Cube members of the groups that are kept; undefined: all. */
  readonly level: readonly string[] | undefined;
}

/** What is over just the rows of its group. */
export const plainOver = (fact: Fact): Over => ({
  where: [],
  window: undefined,
  compare: undefined,
  fact,
  taken: undefined,
  level: undefined,
});

export const isPlain = ({ where, window, compare, taken, level }: Over): boolean =>
  where.length === 0 && !window && !compare && !taken && level === undefined;

/** Values that agree in what is delivered and over which rows are one. */
export const overKey = (leaf: string, over: Pick<Over, 'where' | 'window' | 'compare'>): string =>
  JSON.stringify([leaf, over.where, over.window ?? null, over.compare?.as ?? null]);

/** What is asked, by the rows that it is over. */
export const groupedByOver = (
  measures: readonly AskedMeasure[],
  compare: AskedComparison | undefined,
  catalogue: Catalogue,
): readonly { readonly over: Over; readonly leaves: readonly Leaf[] }[] => {
  const found = new Map<string, { over: Over; leaves: Map<string, Leaf> }>();
  const facts = new Map<string, Fact>();
  for (const asked of measures)
    for (const leaf of leavesAsked([asked], catalogue)) {
      const own = factOf(leaf.member);
      const fact = facts.get(JSON.stringify(own)) ?? own;
      facts.set(JSON.stringify(own), fact);
      const { taken, level } = leaf;
      const over: Over = { where: asked.where, window: windowOf(leaf, asked), compare, fact, taken, level };
      const key = overKey(JSON.stringify([fact, taken ?? null, level ?? null]), over);
      const known = found.get(key) ?? { over, leaves: new Map<string, Leaf>() };
      known.leaves.set(leafKey(leaf), leaf);
      found.set(key, known);
    }
  return [...found.values()].map(({ over, leaves }) => ({ over, leaves: [...leaves.values()] }));
};
