import { error } from '../../../errors/index.js';
import { canonicalPath, checkPath, decodePath, isAbsolutePath } from '../format/paths.js';
import type { AddFile, DeltaTable } from '../types.js';

const LOCAL = /^(?:file:|\/)/;

/**
 * Where a path of the log leads, as `DeltaFiles` takes it: below the table, or absolute where the log says so (a shallow clone names
 * files of another table). Errors: `delta-corrupt`; `delta-unsupported` for a file in another kind of store than the table's.
 */
export const locate = (table: DeltaTable, encoded: string): string => {
  const where = table.path;
  if (!isAbsolutePath(encoded)) return decodePath(encoded, where, table.path);
  checkPath(encoded, where);
  if (LOCAL.test(encoded) !== LOCAL.test(table.path))
    throw error('delta-unsupported', { table: table.path, feature: 'files in another store than the log' });
  const path = canonicalPath(encoded).replace(/^s3a:/, 's3:');
  const root = table.path.endsWith('/') ? table.path : `${table.path}/`;
  if (path.startsWith(root) && path.length > root.length) return path.slice(root.length);
  if (LOCAL.test(path)) return path;
  throw error('delta-unsupported', { table: table.path, feature: 'files outside of its folder in a bucket' });
};

/** How the engine names a data file. */
export const locationOf = (table: DeltaTable, add: AddFile): string =>
  table.files.location(locate(table, add.path), add.size);
