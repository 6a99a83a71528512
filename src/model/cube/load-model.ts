import type { Emit } from '../../query/index.js';
import type { Catalogue } from '../catalog/index.js';
import { checkKeys } from './check-keys.js';
import { checkSql } from './check-sql.js';
import { compileError } from './compile-error.js';
import type { LegCompiler } from './compiler.js';
import { cube } from './door.js';
import { legCompiler } from './leg-compiler.js';
import { loadSqlParser } from './measure-over.js';
import { Places, readModelFiles } from './model-files.js';
import { readCatalogue } from './read-catalogue.js';

/** A model as it was read: its catalogue, and the compiler of legs over it. */
export interface LoadedModel {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
}

/**
 * Reads `cubes/` and `views/` below `dir`, checks them, compiles them. Errors: `model-invalid` with file and line (the first of
 * all found; the message tells how many more there are).
 */
export const loadModel = async (dir: string, _options?: { readonly emit?: Emit }): Promise<LoadedModel> => {
  const files = await readModelFiles(dir);
  for (const file of files) {
    checkKeys(file);
    checkSql(file);
  }
  const places = new Places(files);
  const packages = cube();
  await loadSqlParser();
  const compilers = await packages.compile(files).catch((thrown: unknown) => {
    throw compileError(thrown, files, places);
  });
  const catalogue = readCatalogue(compilers, files, places);
  return { catalogue, legs: legCompiler(packages, compilers, catalogue) };
};
