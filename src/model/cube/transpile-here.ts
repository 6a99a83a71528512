import { createRequire } from 'node:module';

/**
 * Cube starts a pool of workers for each compilation and clones every symbol to them for each file and phase; nearly all of the time
 * goes there, and into parsing every description as a Python expression. The same steps in this process, with plain text taken as it
 * is, compile the shipped model in a third of the time (1.1 s against 3.0 s). A test holds the result to be the same.
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
}
interface Transpiler {
  traverseObject(report: Report): unknown;
}

/** `f"text"` that holds nothing which Python or JavaScript would read otherwise. */
const PLAIN = /^f"([^{}\\"'$`\r\n]+)"$/;

/** A pool as Cube calls it, whose work is done at once. `native` is made anew for each. */
export const transpileHere = (require: NodeJS.Require, native: () => object): Pool => {
  const inside = <T>(name: string) => require(`@cubejs-backend/schema-compiler/dist/src/compiler/${name}`) as T;
  // Babel is Cube's own, so it is found from where Cube is
  const near = createRequire(require.resolve('@cubejs-backend/schema-compiler'));
  const { parse } = near('@babel/parser') as { parse(text: string, options: object): unknown };
  const { default: generate } = near('@babel/generator') as {
    default: (tree: unknown, options: object, text: string) => { code: string };
  };
  const { default: traverse } = near('@babel/traverse') as { default: (tree: unknown, visitor: unknown) => void };
  const types = near('@babel/types') as Record<string, (...given: unknown[]) => unknown>;

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
  yaml.parsePythonAndTranspileToJs = (code, report) => {
    const text = typeof code === 'string' ? PLAIN.exec(code)?.[1] : undefined;
    if (text === undefined) return parsed(code, report);
    const element = types['templateElement']?.({ raw: text, cooked: text }, true);
    return types['program']?.([types['expressionStatement']?.(types['templateLiteral']?.([element], []))]);
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
      const report = new ErrorReporter(null, []);
      dictionary.setCubeNames(job.cubeNames);
      symbols.setSymbols(job.cubeSymbols);
      report.inFile(job);
      const content =
        name === 'transpileYaml' ? (yaml.transpileYamlFile(job, report)?.content ?? '') : script(job, report);
      report.exitFile();
      return { content, errors: report.getErrors(), warnings: report.getWarnings() };
    },
    terminate: () => {},
  };
};
