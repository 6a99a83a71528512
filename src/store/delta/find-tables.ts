import type { DeltaFiles } from './files.js';
import { LOG } from './format/paths.js';

/** Folders below each other that are looked into: a lake has four (layer, table, version, fingerprint). */
const DEEPEST = 8;

/**
 * Paths of the tables below a folder, sorted; `''` where the folder itself is one. Folders that begin with `_` or `.` are somebody's
 * own, and what lies in a table belongs to it.
 */
export const findTables = async (files: DeltaFiles, folder: string, depth = 0): Promise<readonly string[]> => {
  const names = await files.list(folder === '' ? '.' : folder);
  if (names.includes(LOG)) return [folder];
  if (depth >= DEEPEST) return [];
  const found: string[] = [];
  for (const name of names)
    if (!/^[_.]/.test(name) && !/\.(parquet|json|csv|crc)$/i.test(name))
      found.push(...(await findTables(files, folder === '' ? name : `${folder}/${name}`, depth + 1)));
  return found;
};
