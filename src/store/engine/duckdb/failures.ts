import { AssayError, error } from '../../../errors/index.js';

/** DuckDB names the kind of an error in its first words; the SQLSTATE that PostgreSQL would give for it. */
const STATES: readonly (readonly [RegExp, string])[] = [
  [/^Conversion Error/, '22P02'],
  [/^Out of Range Error/, '22003'],
  [/^Parser Error/, '42601'],
  [/^Catalog Error/, '42P01'],
  [/^Binder Error/, '42703'],
  [/^Constraint Error/, '23000'],
  [/^TransactionContext Error|^Transaction conflict/, '40001'],
  [/^Out of Memory Error/, '53200'],
  [/^IO Error/, '58030'],
];

/** DuckDB's error as one of the catalogue; its own message goes to `cause` only. `ended` is why we interrupted it ourselves. */
export const duckDbFailure = (e: unknown, ended?: AssayError): AssayError => {
  if (e instanceof AssayError) return e;
  if (ended) return ended;
  const message = e instanceof Error ? e.message : String(e);
  if (/^INTERRUPT Error/.test(message)) return error('cancelled', {}, e);
  if (/No space left on device|max_temp_directory_size|Disk quota exceeded/i.test(message))
    return error('disk-full', { path: 'the files of the DuckDB engine' }, e);
  const state = STATES.find(([pattern]) => pattern.test(message));
  return error('engine-failed', { engine: 'duckdb', ...(state ? { sqlstate: state[1] } : {}) }, e);
};
