import type { Unit } from '../files/definition.js';
import { nextKey } from '../step/partition-keys.js';
import type { ToMake } from './decide.js';

/** Days without sales are many, years without any are not: a longer gap parts two batches. */
const MOST_BETWEEN = 400;

/**
 * Partitions in batches that one statement makes, each of at most `most`: neighbours, and those with only partitions between them that
 * nothing holds rows of. A partition that is as it should be is never made again for the sake of its neighbours.
 */
export const joined = (
  makes: readonly ToMake[],
  unit: Unit,
  most: number,
  hasRows: (key: string) => boolean,
): readonly (readonly ToMake[])[] => {
  const batches: ToMake[][] = [];
  for (const one of [...makes].sort((a, b) => (a.partition < b.partition ? -1 : 1))) {
    const batch = batches.at(-1);
    const last = batch?.at(-1);
    if (batch && last && batch.length < most && onlyEmptyBetween(last.partition, one.partition, unit, hasRows))
      batch.push(one);
    else batches.push([one]);
  }
  return batches;
};

const onlyEmptyBetween = (from: string, to: string, unit: Unit, hasRows: (key: string) => boolean): boolean => {
  let key = nextKey(from, unit);
  for (let steps = 0; steps < MOST_BETWEEN; steps++) {
    if (key === to) return true;
    if (key > to || hasRows(key)) return false;
    key = nextKey(key, unit);
  }
  return false;
};
