import { error } from '../../../errors/index.js';

/** A commit's name in the log: 20 digits. */
export const commitName = (version: number): string => `${version.toString().padStart(20, '0')}.json`;
export const checkpointName = (version: number): string => `${version.toString().padStart(20, '0')}.checkpoint.parquet`;
export const LOG = '_delta_log';
export const LAST_CHECKPOINT = `${LOG}/_last_checkpoint`;
export const SIDECARS = `${LOG}/_sidecars`;

/** A checkpoint that is whole by its names. */
export interface CheckpointFiles {
  readonly version: number;
  /** `classic` may hold V2 contents too; `v2` has a UUID in its name. */
  readonly kind: 'classic' | 'parts' | 'v2';
  /** Names in the log's folder. */
  readonly names: readonly string[];
}

/** The commits of some versions in one file, both ends included. */
export interface Compaction {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** What the log's folder holds, by version, ascending. Names of other kinds are ignored, as the protocol asks. */
export interface LogListing {
  readonly commits: readonly number[];
  /** Versions of single-file checkpoints with the classic name. */
  readonly checkpoints: readonly number[];
  /** Every complete checkpoint; of one version the classic ones last, for they are the cheapest to read. */
  readonly starts: readonly CheckpointFiles[];
  readonly compactions: readonly Compaction[];
}

const COMMIT = /^(\d{20})\.json$/;
const CLASSIC = /^(\d{20})\.checkpoint\.parquet$/;
const PART = /^(\d{20})\.checkpoint\.(\d{10})\.(\d{10})\.parquet$/;
const V2 = /^(\d{20})\.checkpoint\.[0-9a-fA-F-]{36}\.(?:json|parquet)$/;
const COMPACTED = /^(\d{20})\.(\d{20})\.compacted\.json$/;

const ORDER: Readonly<Record<CheckpointFiles['kind'], number>> = { parts: 0, v2: 1, classic: 2 };
/** More parts than any writer makes: a name that claims them is no reason to keep a list of as many. */
const MOST_PARTS = 100_000;

/** Parts by version and count, until each number from 1 on was seen. */
const completeParts = (parts: ReadonlyMap<string, ReadonlyMap<number, string>>): CheckpointFiles[] =>
  [...parts].flatMap(([key, found]) => {
    const [version, count] = key.split(' ').map(Number);
    if (version === undefined || count === undefined || found.size !== count) return [];
    const names = [...found].sort(([a], [b]) => a - b).map(([, name]) => name);
    return [{ version, kind: 'parts' as const, names }];
  });

export const readListing = (names: readonly string[]): LogListing => {
  const commits: number[] = [];
  const checkpoints: number[] = [];
  const starts: CheckpointFiles[] = [];
  const compactions: Compaction[] = [];
  const parts = new Map<string, Map<number, string>>();
  for (const name of names) {
    const version = Number(name.slice(0, 20));
    if (!Number.isSafeInteger(version)) continue;
    if (COMMIT.test(name)) commits.push(version);
    else if (CLASSIC.test(name)) {
      checkpoints.push(version);
      starts.push({ version, kind: 'classic', names: [name] });
    } else if (V2.test(name)) starts.push({ version, kind: 'v2', names: [name] });
    else if (COMPACTED.test(name)) {
      const to = Number(name.slice(21, 41));
      if (Number.isSafeInteger(to) && to > version) compactions.push({ from: version, to, name });
    } else {
      const [part, count] = (PART.exec(name)?.slice(2) ?? []).map(Number);
      if (part === undefined || count === undefined || part < 1 || part > count || count > MOST_PARTS) continue;
      const key = `${version} ${count}`;
      parts.set(key, (parts.get(key) ?? new Map<number, string>()).set(part, name));
    }
  }
  const ascending = (a: number, b: number) => a - b;
  starts.push(...completeParts(parts));
  return {
    commits: commits.sort(ascending),
    checkpoints: checkpoints.sort(ascending),
    starts: starts.sort((a, b) => a.version - b.version || ORDER[a.kind] - ORDER[b.kind]),
    compactions: compactions.sort((a, b) => a.from - b.from || a.to - b.to),
  };
};

/** A file's path below the table as the log writes it: each part URI-encoded once. */
export const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):/;

/** True for a path that names its place by itself, and not by the table's. */
export const isAbsolutePath = (encoded: string): boolean => encoded.startsWith('/') || SCHEME.test(encoded);

/** A path of the log in plain characters. `where` is the log file, for the error. Errors: `delta-corrupt`. */
const decoded = (encoded: string, where: string): string => {
  if (!encoded.includes('%')) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch (thrown) {
    if (thrown instanceof URIError)
      throw error('delta-corrupt', { file: where, why: `the path ${JSON.stringify(encoded)} is not URI-encoded` });
    throw thrown;
  }
};

const leaves = (path: string): boolean =>
  path === '' || path.startsWith('/') || path.includes('\0') || (path.includes('..') && path.split('/').includes('..'));

/** Refuses a path that nobody could have written: no URI, or one that leaves the table's folder. Errors: `delta-corrupt`. */
export const checkPath = (encoded: string, where: string): void => {
  const path = decoded(encoded, where);
  const below = isAbsolutePath(encoded) ? path.replace(SCHEME, '').replace(/^\/+/, '') : path;
  if (leaves(below))
    throw error('delta-corrupt', { file: where, why: `the path ${JSON.stringify(encoded)} leaves the table` });
};

/**
 * The path below the table that a log entry names; an absolute path that lies in the table's folder counts. Paths that leave it
 * are refused: a log may come from anywhere. `where` is the log file, for the error. Errors: `delta-corrupt`, `delta-unsupported`
 * (absolute paths elsewhere).
 */
export const decodePath = (encoded: string, where: string, table: string): string => {
  checkPath(encoded, where);
  const path = decoded(encoded, where);
  if (!isAbsolutePath(encoded)) return path;
  const plain = path.startsWith('file:') ? path.replace(/^file:\/*/, '/') : path;
  const root = table.endsWith('/') ? table : `${table}/`;
  if (!plain.startsWith(root) || plain.length === root.length)
    throw error('delta-unsupported', { table, feature: 'absolute file paths' });
  return plain.slice(root.length);
};

/** A path of the log in one form for comparing: percent-codes decoded, `file:` left out. */
export const canonicalPath = (encoded: string): string => {
  const path = decoded(encoded, encoded);
  return path.startsWith('file:') ? path.replace(/^file:\/*/, '/') : path;
};
