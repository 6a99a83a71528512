import { createRequire } from 'node:module';
import { settleCubeEnvironment } from '../../config/index.js';
import type { Compilers, CubePackages, ModelFile } from './parts.js';
import { type Known, transpileHere } from './transpile-here.js';

const require = createRequire(import.meta.url);

/** The two hooks that Cube's native add-on would serve. Jinja and Python models are refused before this, so plain text goes through. */
const withoutNative = () => {
  const texts = new Map<string, string>();
  return {
    newJinjaEngine: () => ({
      loadTemplate: (name: string, text: string) => void texts.set(name, text),
      // `}}` closes nested flow mappings in plain YAML; Cube takes any file that holds it for a template
      renderTemplate: (name: string) => texts.get(name) ?? '',
    }),
    loadPythonContext: () => ({ filters: {}, variables: {}, functions: {} }),
  };
};

interface CompilerApi {
  readonly repository: object;
  readonly nativeInstance: object;
  readonly compiledScriptCache: object;
  readonly compiledJinjaCache: object;
  readonly compiledYamlCache: object;
  compileSchema(version: string, requestId?: string): Promise<Compilers>;
  getCompilers(): Promise<Compilers>;
}
type CompilerApiClass = new (repository: object, dbType: () => Promise<string>, options: object) => CompilerApi;

/** Cube prints a warning about the planner that we choose on purpose, once per process; it is marked as printed. */
const hushPlannerWarning = () => {
  const cli = require('@cubejs-backend/shared/dist/src/cli.js') as {
    displayCLIWarning: (text: string) => void;
    displayCLIWarningOnce: (key: string, text: string) => void;
  };
  const print = cli.displayCLIWarning;
  cli.displayCLIWarning = () => {};
  cli.displayCLIWarningOnce('CUBEJS_TESSERACT_SQL_PLANNER', '');
  cli.displayCLIWarning = print;
};

let packages: CubePackages | undefined;

/** Loads Cube at its first use (0.5 s, 90 MB), after its environment is settled. Only what `CubePackages` names comes out. */
export const cube = (): CubePackages => {
  if (packages) return packages;
  settleCubeEnvironment();
  hushPlannerWarning();
  const compiler = require('@cubejs-backend/schema-compiler') as Omit<CubePackages, 'compile' | 'DuckDbQuery'> & {
    prepareCompiler(repository: object, options: object): Compilers & { compiler: { compile(): Promise<void> } };
  };
  const { CompilerApi } = require('@cubejs-backend/server-core/dist/src/core/CompilerApi') as {
    CompilerApi: CompilerApiClass;
  };
  const { DuckDBQuery } = require('@cubejs-backend/duckdb-driver/dist/src/DuckDBQuery.js') as {
    DuckDBQuery: CubePackages['DuckDbQuery'];
  };
  const { prepareCompiler } = compiler;
  class Api extends CompilerApi {
    known: Known = () => false;
    createNativeInstance() {
      return withoutNative();
    }
    /** As CompilerApi does it, with the work of its pool of workers done in this process. */
    override async compileSchema(): Promise<Compilers> {
      const compilers = prepareCompiler(this.repository, {
        allowNodeRequire: false,
        compileContext: {},
        standalone: false,
        nativeInstance: this.nativeInstance,
        compiledScriptCache: this.compiledScriptCache,
        compiledJinjaCache: this.compiledJinjaCache,
        compiledYamlCache: this.compiledYamlCache,
      });
      const pool = transpileHere(require, withoutNative, this.known);
      Object.defineProperty(compilers.compiler, 'workerPool', { get: () => pool, set: () => {} });
      await compilers.compiler.compile();
      return compilers;
    }
  }
  packages = {
    PostgresQuery: compiler.PostgresQuery,
    DuckDbQuery: DuckDBQuery,
    BaseFilter: compiler.BaseFilter,
    BaseTimeDimension: compiler.BaseTimeDimension,
    QueryCache: compiler.QueryCache,
    compile: async (files: readonly ModelFile[], known?: Known) => {
      const api = new Api({ localPath: () => 'model', dataSchemaFiles: async () => files }, async () => 'postgres', {
        allowNodeRequire: false,
        compileContext: {},
        standalone: false,
        devServer: false,
        logger: () => {},
      });
      if (known) api.known = known;
      return api.getCompilers();
    },
  };
  return packages;
};
