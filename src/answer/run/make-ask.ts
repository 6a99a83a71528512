import { error } from '../../errors/index.js';
import type { Ask } from './ask.js';
import type { AskParts } from './parts.js';

/** The one entrance of every surface, made from its parts. */
export const makeAsk = (_parts: AskParts): Ask => ({
  query: async () => {
    throw error('internal', {});
  },
  explain: async () => {
    throw error('internal', {});
  },
});
