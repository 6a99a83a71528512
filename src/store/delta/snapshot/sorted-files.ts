import { fileKey } from '../format/file-key.js';
import type { DeletionVector } from '../types.js';

interface Keyed {
  readonly path: string;
  readonly deletionVector?: DeletionVector;
}

/** The values of a map by `fileKey`, in the order of their keys. */
export const sortedFiles = <T extends Keyed>(files: ReadonlyMap<string, T>): readonly T[] =>
  [...files.keys()].sort().flatMap((key) => files.get(key) ?? []);

/** Files of a checkpoint by their keys, ascending and each once; the last one of a key counts. */
export const inOrder = <T extends Keyed>(files: readonly T[]): readonly T[] => {
  let before = '';
  for (const file of files) {
    const key = fileKey(file);
    if (before !== '' && key <= before) return sortedFiles(new Map(files.map((one) => [fileKey(one), one])));
    before = key;
  }
  return files;
};

/** Place of the first file whose key is not below this one. */
const placeOf = (files: readonly Keyed[], key: string): number => {
  let low = 0;
  let high = files.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const file = files[middle];
    if (file && fileKey(file) < key) low = middle + 1;
    else high = middle;
  }
  return low;
};

/**
 * A sorted list without the files of some keys and with those of others: what a few commits change of many files costs little more
 * than copying the list.
 */
export const changedFiles = <T extends Keyed>(
  files: readonly T[],
  gone: Iterable<string>,
  added: ReadonlyMap<string, T>,
): readonly T[] => {
  const keys = [...new Set([...gone, ...added.keys()])].sort();
  if (keys.length === 0) return files;
  if (files.length === 0) return keys.flatMap((key) => added.get(key) ?? []);
  const changed: T[] = [];
  let from = 0;
  for (const key of keys) {
    const place = placeOf(files, key);
    for (; from < place; from++) changed.push(files[from] as T);
    const file = files[place];
    if (file && fileKey(file) === key) from = place + 1;
    const next = added.get(key);
    if (next) changed.push(next);
  }
  for (; from < files.length; from++) changed.push(files[from] as T);
  return changed;
};
