import { error } from '../../../errors/index.js';
import type { ModelChange } from './compare.js';
import type { Meaning } from './meaning.js';

export interface Impact {
  /** Id to why it must be made again: `the file changed`, `reads column revenue of gold.fact_sales`. In the order of `meanings`. */
  readonly rebuild: ReadonlyMap<string, readonly string[]>;
  /** Ids whose tables stay as they are. */
  readonly reuse: readonly string[];
}

/** Which tables must be made again after the changes of a plan. `meanings` holds every table of the files, in graph order. */
export const impactOf = (_changes: readonly ModelChange[], _meanings: ReadonlyMap<string, Meaning>): Impact => {
  throw error('internal', {});
};
