import type { Catalogue, Member } from '../../../model/catalog/index.js';
import type { KnownValues } from '../known-values.js';
import type { Named } from './lexicon.js';

/** What a question is read with. */
export interface ParseParts {
  readonly catalogue: Catalogue;
  /** Members that exist for the caller. */
  readonly members: readonly Member[];
  readonly values: KnownValues;
  /** Measures and dimensions for words that name none exactly, best first, with a score of 0 to 1. */
  readonly like: (text: string) => Promise<readonly Named[]>;
  /** `YYYY-MM-DD`: what "last month" is counted from. */
  readonly today: string;
}
