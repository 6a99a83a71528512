import { error } from '../../../errors/index.js';
import type { DuckDb, DuckDbOptions } from './types.js';

/** Opens a DuckDB instance. Errors: `engine-failed`, `disk-full`. */
export const openDuckDb = async (_options: DuckDbOptions): Promise<DuckDb> => {
  throw error('internal', {});
};
