import { WHOLE } from '../step/step.js';

/** Partitions in few words, in order: `2010-12-01..2010-12-14`, or one of them. */
export const spanText = (partitions: readonly string[]): string => {
  const [first = '', last = ''] = [partitions[0], partitions.at(-1)];
  return first === WHOLE ? 'the table' : first === last ? first : `${first}..${last}`;
};
