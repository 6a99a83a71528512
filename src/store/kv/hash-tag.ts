import { error } from '../../errors/index.js';

/** The part of a key that chooses its slot in a Redis cluster: between the first braces, if there is something, else the whole key. */
export const hashTag = (key: string): string => {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open);
  return close > open + 1 ? key.slice(open + 1, close) : key;
};

/** One script works on one slot; both stores insist, so that what works on the embedded one works on a cluster. */
export const sameSlot = (key: string, other: string): void => {
  if (hashTag(key) !== hashTag(other))
    throw error('internal', {}, new RangeError(`${key} and ${other} do not share a hash tag`));
};
