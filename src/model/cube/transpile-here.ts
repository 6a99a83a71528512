import { createRequire } from 'node:module';
import { breath } from './breath.js';
import { type Builders, headsOf, plainTemplate } from './plain-template.js';

/**
 * Cube starts a pool of workers for each compilation and clones every symbol to them for each file and phase; nearly all of the time
 * goes there, into parsing every text as a Python expression, and into printing, parsing and walking JavaScript four times. The same
 * steps in this process, with texts that need no parser taken as they are. A test holds the result to be the same.
 */
interface Job {
  readonly fileName: string;
  readonly content: string;
  readonly cubeNames: unknown;
  readonly cubeSymbols: unknown;
  readonly transpilers: readonly string[];
}
interface Report {
  inFile(job: Job): void;
  exitFile(): void;
  getErrors(): unknown;
  getWarnings(): unknown;
}
interface Pool {
  exec(name: string, given: readonly [Job]): Promise<object>;
  terminate(): void;
}
type Made<T> = new (...given: unknown[]) => T;
interface Yaml {
  transpileYamlFile(job: Job, report: Report): { content: string } | undefined;
  parsePythonAndTranspileToJs(code: unknown, report: Report): unknown;
  astIntoArrowFunction(tree: unknown, code: string, cube: string, resolve?: unknown): unknown;
}
interface Transpiler {
  traverseObject(report: Report): unknown;
}

/** Whether a name may begin a path in a cube: the cube's own members, every cube and view. */
export type Known = (cube: string, name: string) => boolean;
const ALWAYS = new Set(['CUBE', 'TABLE', 'securityContext', 'security_context']);

/** A pool as Cube calls it, whose work is done at once. `native` is made anew for each. */
export const transpileHere = (require: NodeJS.Require, native: () => object, known: Known): Pool => {
  const inside = <T>(name: string) => require(`@cubejs-backend/schema-compiler/dist/src/compiler/${name}`) as T;
  // Babel is Cube's own, so it is found from where Cube is
  const near = createRequire(require.resolve('@cubejs-backend/schema-compiler'));
  const { parse } = near('@babel/parser') as { parse(text: string, options: object): unknown };
  const { default: generate } = near('@babel/generator') as {
    default: (tree: unknown, options: object, text: string) => { code: string };
  };
  const { default: traverse } = near('@babel/traverse') as { default: (tree: unknown, visitor: unknown) => void };
  const types = near('@babel/types') as Builders & { cloneNode(node: object, deep: boolean): object };

  const { YamlCompiler } = inside<{ YamlCompiler: Made<Yaml> }>('YamlCompiler.js');
  const { ErrorReporter } = inside<{ ErrorReporter: Made<Report> }>('ErrorReporter.js');
  const names = inside<{ LightweightNodeCubeDictionary: Made<{ setCubeNames(n: unknown): void }> }>(
    'transpilers/LightweightNodeCubeDictionary.js',
  );
  const resolver = inside<{ LightweightSymbolResolver: Made<{ setSymbols(s: unknown): void }> }>(
    'transpilers/LightweightSymbolResolver.js',
  );
  const all = inside<Record<string, Made<Transpiler>>>('transpilers/index.js');

  const dictionary = new names.LightweightNodeCubeDictionary();
  const symbols = new resolver.LightweightSymbolResolver();
  const yaml = new YamlCompiler(symbols, dictionary, native(), symbols);
  const parsed = yaml.parsePythonAndTranspileToJs.bind(yaml);
  const memo = new Map<unknown, object>();
  yaml.parsePythonAndTranspileToJs = (code, report) => {
    const plain = typeof code === 'string' ? plainTemplate(types, code) : undefined;
    if (plain) return plain;
    const before = memo.get(code);
    if (before) return types.cloneNode(before, true);
    const count = (report.getErrors() as readonly unknown[]).length;
    const tree = parsed(code, report) as object;
    // a text with a fault reports it each time
    if ((report.getErrors() as readonly unknown[]).length === count) memo.set(code, types.cloneNode(tree, true));
    return tree;
  };
  // Every file whose functions have their parameters already: later phases would only find the same ones.
  const settled = new Set<string>();
  let open = false;
  const arrow = yaml.astIntoArrowFunction.bind(yaml);
  yaml.astIntoArrowFunction = (tree, code, cube, resolve) => {
    const heads = headsOf(tree);
    if (heads?.every((name) => (ALWAYS.has(name) && !resolve) || known(cube, name))) {
      const [body] = (tree as { body: readonly { expression: object }[] }).body;
      if (body)
        return types.arrowFunctionExpression(
          heads.map((name) => types.identifier(name)),
          body.expression,
        );
    }
    open = true;
    return arrow(tree, code, cube, resolve);
  };
  const made = new Map<string, Transpiler>();
  const transpiler = (name: string): Transpiler => {
    const known = made.get(name);
    if (known) return known;
    const Class = all[name];
    if (!Class) throw new Error(`Cube has no transpiler ${name}`);
    const one = name === 'CubePropContextTranspiler' ? new Class(symbols, dictionary, symbols) : new Class();
    made.set(name, one);
    return one;
  };
  const script = (job: Job, report: Report): string => {
    const tree = parse(job.content, {
      sourceFilename: job.fileName,
      sourceType: 'module',
      plugins: ['objectRestSpread'],
    });
    for (const name of job.transpilers) traverse(tree, transpiler(name).traverseObject(report));
    return generate(tree, {}, job.content).code;
  };
  return {
    exec: async (name, [job]) => {
      await breath();
      const report = new ErrorReporter(null, []);
      dictionary.setCubeNames(job.cubeNames);
      symbols.setSymbols(job.cubeSymbols);
      report.inFile(job);
      let content = job.content;
      if (name === 'transpileYaml') {
        open = false;
        content = yaml.transpileYamlFile(job, report)?.content ?? '';
        if (!open) settled.add(job.fileName);
      } else if (!settled.has(job.fileName)) content = script(job, report);
      report.exitFile();
      return { content, errors: report.getErrors(), warnings: report.getWarnings() };
    },
    terminate: () => {},
  };
};
