import { error } from '../../errors/index.js';

/** A commit's name in the log: 20 digits. */
export const commitName = (version: number): string => `${version.toString().padStart(20, '0')}.json`;
export const checkpointName = (version: number): string => `${version.toString().padStart(20, '0')}.checkpoint.parquet`;
export const LOG = '_delta_log';
export const LAST_CHECKPOINT = `${LOG}/_last_checkpoint`;

/** What the log's folder holds, by version, ascending. Names of other kinds are ignored, as the protocol asks. */
export interface LogListing {
  readonly commits: readonly number[];
  readonly checkpoints: readonly number[];
  /** Kinds of checkpoint that this version does not read (multi-part, V2). */
  readonly others: readonly number[];
}

export const readListing = (names: readonly string[]): LogListing => {
  const commits: number[] = [];
  const checkpoints: number[] = [];
  const others: number[] = [];
  for (const name of names) {
    const match = /^(\d{20})\.(json|checkpoint\.parquet|checkpoint\..+\.(?:parquet|json))$/.exec(name);
    const version = Number(match?.[1]);
    if (!match || !Number.isSafeInteger(version)) continue;
    (match[2] === 'json' ? commits : match[2] === 'checkpoint.parquet' ? checkpoints : others).push(version);
  }
  const ascending = (a: number, b: number) => a - b;
  return { commits: commits.sort(ascending), checkpoints: checkpoints.sort(ascending), others: others.sort(ascending) };
};

/** A file's path below the table as the log writes it: each part URI-encoded once. */
export const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

/**
 * The path below the table that a log entry names. Paths that leave the table's folder are refused: a log may come from anywhere.
 * `where` is the log file, for the error. Errors: `delta-corrupt`, `delta-unsupported` (absolute paths).
 */
export const decodePath = (encoded: string, where: string, table: string): string => {
  if (/^([a-zA-Z][a-zA-Z0-9+.-]*:|\/)/.test(encoded))
    throw error('delta-unsupported', { table, feature: 'absolute file paths' });
  let path: string;
  try {
    path = decodeURIComponent(encoded);
  } catch (thrown) {
    if (thrown instanceof URIError)
      throw error('delta-corrupt', { file: where, why: `the path ${JSON.stringify(encoded)} is not URI-encoded` });
    throw thrown;
  }
  if (path === '' || path.startsWith('/') || path.includes('\0') || path.split('/').includes('..'))
    throw error('delta-corrupt', { file: where, why: `the path ${JSON.stringify(encoded)} leaves the table` });
  return path;
};
