import { error } from '../../errors/index.js';

/** Ends planning: the statement cannot be answered exactly by this version. `instead` says what to write. */
export const refuse = (what: string, instead?: string): never => {
  throw error('not-supported', {
    what: `the model cannot be asked with ${what}`,
    instead: instead ?? 'group by dimensions, take measures with MEASURE(m), and do the rest in a query around that',
  });
};
