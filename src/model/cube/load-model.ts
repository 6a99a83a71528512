import type { Emit } from '../../query/index.js';
import type { Catalogue } from '../catalog/index.js';
import { checkKeys } from './check-keys.js';
import { checkLegs } from './check-legs.js';
import { checkReferences } from './check-references.js';
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
 * Reads `cubes/` and `views/` below `dir`, checks their keys and references, compiles them, and compiles every member and join once
 * for each dialect. That columns and tables are there is not asked of any engine here; `probes` gives what to ask.
 * Errors: `model-invalid` with file and line, for the first fault found. Only where Cube reports several at once does the message
 * tell how many more there are.
 */
export const loadModel = async (dir: string, _options?: { readonly emit?: Emit }): Promise<LoadedModel> => {
  const files = await readModelFiles(dir);
  for (const file of files) {
    checkKeys(file);
    checkSql(file);
  }
  checkReferences(files);
  const places = new Places(files);
  const packages = cube();
  await loadSqlParser();
  const compilers = await packages.compile(files).catch((thrown: unknown) => {
    throw compileError(thrown, files, places);
  });
  const catalogue = readCatalogue(compilers, files, places);
  // a compiler of its own, so that the statements of the check are not kept
  checkLegs(catalogue, legCompiler(packages, compilers, catalogue));
  return { catalogue, legs: legCompiler(packages, compilers, catalogue) };
};
