import { AssayError, error } from '../../errors/index.js';
import type { Catalogue } from '../catalog/index.js';
import { breath } from './breath.js';
import { checkKeys } from './check-keys.js';
import { checkLegs } from './check-legs.js';
import { checkReferences } from './check-references.js';
import { checkSql } from './check-sql.js';
import { reportCompileError } from './compile-error.js';
import type { LegCompiler } from './compiler.js';
import { DeclaredNames } from './declared-names.js';
import { cube } from './door.js';
import { type Fault, Faults } from './faults.js';
import { checkFeatures } from './features/check-features.js';
import { FEATURE_FILES } from './features/feature-keys.js';
import { readFeatures } from './features/read-features.js';
import { legCompiler } from './leg-compiler.js';
import { loadSqlParser } from './measure-over.js';
import { Places, readFeatureFiles, readModelFiles, versionOf } from './model-files.js';
import { readCatalogue } from './read-catalogue.js';

/** A model as it was read: its catalogue, and the compiler of legs over it. */
export interface LoadedModel {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
}

/** A model that was looked at whole: all its faults, or itself. */
export type CheckedModel =
  | { readonly faults: readonly []; readonly model: LoadedModel }
  | { readonly faults: readonly [Fault, ...Fault[]]; readonly model?: never };

const load = async (dir: string, faults: Faults): Promise<LoadedModel> => {
  const { report } = faults;
  const files = await readModelFiles(dir, report);
  const featureFiles = await readFeatureFiles(dir, report);
  for (const file of files) {
    await breath();
    checkKeys(file, report);
    checkSql(file, report);
  }
  for (const file of featureFiles) checkKeys(file, report, FEATURE_FILES);
  const names = new DeclaredNames(files);
  checkReferences(files, names, report);
  faults.throwIfAny();
  const places = new Places(files);
  const packages = cube();
  await loadSqlParser();
  const compilers = await packages
    .compile(files, (owner, name) => names.begins(owner, name))
    .catch((thrown: unknown) => reportCompileError(thrown, files, places, report));
  faults.throwIfAny();
  if (!compilers) throw error('internal', {});
  const cubes = readCatalogue(compilers, files, places, faults);
  // a compiler of its own, so that the statements of the check are not kept
  await checkLegs(cubes, legCompiler(packages, compilers, cubes), report);
  faults.throwIfAny();
  const features = readFeatures(featureFiles, cubes, report);
  faults.throwIfAny();
  const catalogue = Object.freeze({ ...cubes, features, version: versionOf([...files, ...featureFiles]) });
  checkFeatures(catalogue, legCompiler(packages, compilers, catalogue), report);
  faults.throwIfAny();
  return { catalogue, legs: legCompiler(packages, compilers, catalogue) };
};

/**
 * Reads `cubes/`, `views/` and `features/` below `dir`, checks their keys and references, compiles them, and compiles every member and join. That
 * columns and tables are there is not asked of any engine here; `probes` gives what to ask.
 * Errors: `model-invalid` with file and line, for the first fault found, with the others beside it.
 */
export const loadModel = (dir: string): Promise<LoadedModel> => load(dir, new Faults());

/** As `loadModel`, for who wants every fault. A stage that needs what an earlier one found broken is not reached. */
export const checkModel = async (dir: string): Promise<CheckedModel> => {
  const faults = new Faults();
  try {
    return { faults: [], model: await load(dir, faults) };
  } catch (thrown) {
    if (!(thrown instanceof AssayError) || thrown.code !== 'model-invalid') throw thrown;
    if (!faults.any) faults.report(thrown);
    const [first, ...others] = faults.all;
    if (!first) throw thrown;
    return { faults: [first, ...others] };
  }
};
