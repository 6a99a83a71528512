import { readFile } from 'node:fs/promises';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import { error } from '../../errors/index.js';
import type { MetricQuery } from '../../query/index.js';

/** A value as it is written: numbers keep every digit. */
export type Written = string | boolean | null;
export type GivenRow = Readonly<Record<string, Written>>;
/** Rows by table; a table that is not named is empty. */
export type GivenTables = Readonly<Record<string, readonly GivenRow[]>>;

/** One question and what it has to give. */
export interface ModelTest {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Undefined: asked of what the home has published. */
  readonly given: GivenTables | undefined;
  readonly query: MetricQuery;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Rows in their order, or the code of the error that is wanted. */
  readonly expect: { readonly rows: readonly (readonly Written[])[] } | { readonly error: string };
}

/** A file of tests. `tables` has the columns of tables that no transform makes, as types of ours. */
export interface ModelTests {
  readonly tables: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly tests: readonly ModelTest[];
}

const KEYS = ['name', 'published', 'given', 'as', 'query', 'rows', 'error'];

/** Reads one file. Errors: `model-invalid` with file and line. */
export const readModelTests = async (path: string, name: string): Promise<ModelTests> => {
  const lines = new LineCounter();
  const document = parseDocument(await readFile(path, 'utf8'), {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
  });
  const lineOf = (node: unknown) => {
    const range = (node as Node | null | undefined)?.range;
    return range ? lines.linePos(range[0]).line : 1;
  };
  const refuse = (node: unknown, what: string) => error('model-invalid', { file: name, line: lineOf(node), what });
  const [problem] = document.errors;
  if (problem)
    throw error('model-invalid', { file: name, line: lines.linePos(problem.pos[0]).line, what: problem.message });

  const written = (node: unknown): Written => {
    if (!isScalar(node)) throw refuse(node, 'a plain value is wanted');
    if (node.value === null || typeof node.value === 'boolean') return node.value;
    return typeof node.value === 'number' ? (node.source ?? String(node.value)) : String(node.value);
  };
  const list = (node: unknown, what: string): readonly unknown[] => {
    if (!isSeq(node)) throw refuse(node, `${what}: a list is wanted`);
    return node.items;
  };
  const map = (node: unknown, what: string): YAMLMap => {
    if (!isMap(node)) throw refuse(node, `${what}: names with values are wanted`);
    return node;
  };
  const keyOf = (key: unknown) => String(isScalar(key) ? key.value : key);
  const row = (node: unknown): GivenRow =>
    Object.fromEntries(map(node, 'a row').items.map(({ key, value }) => [keyOf(key), written(value)]));
  const rowsOf = (node: unknown): readonly GivenRow[] => {
    if (isSeq(node)) return node.items.map(row);
    const both = map(node, 'rows of a table');
    const defaults = both.has('defaults') ? row(both.get('defaults', true)) : {};
    return list(both.get('rows', true), 'rows').map((one) => ({ ...defaults, ...row(one) }));
  };
  const givenOf = (node: unknown): GivenTables =>
    node === undefined || node === null
      ? {}
      : Object.fromEntries(map(node, 'given').items.map(({ key, value }) => [keyOf(key), rowsOf(value)]));

  const root = map(document.contents, name);
  const shared = givenOf(root.get('given', true));
  const test = (node: unknown): ModelTest => {
    const of = map(node, 'a test');
    const title = String(of.get('name') ?? '');
    if (title === '') throw refuse(node, 'a test needs a name');
    const wrong = of.items.find(({ key }) => !KEYS.includes(keyOf(key)));
    if (wrong) throw refuse(wrong.key, `${title}: there is no key ${keyOf(wrong.key)}; keys are ${KEYS.join(', ')}`);
    const query = map(of.get('query', true), `${title}: query`).toJS(document) as MetricQuery;
    const as = (of.has('as') ? map(of.get('as', true), `${title}: as`).toJS(document) : {}) as {
      roles?: readonly string[];
      attributes?: Readonly<Record<string, unknown>>;
    };
    const code = of.get('error');
    if (of.has('rows') === (code !== undefined)) throw refuse(node, `${title}: rows or error is wanted, and not both`);
    const published = (of.get('published') ?? root.get('published')) === true;
    return {
      name: title,
      file: name,
      line: lineOf(node),
      given: published ? undefined : { ...shared, ...givenOf(of.get('given', true)) },
      query,
      roles: as.roles ?? ['admin'],
      attributes: as.attributes ?? {},
      expect:
        code === undefined
          ? { rows: list(of.get('rows', true), 'rows').map((one) => list(one, 'a row').map(written)) }
          : { error: String(code) },
    };
  };
  return {
    tables: (root.has('tables') ? map(root.get('tables', true), 'tables').toJS(document) : {}) as ModelTests['tables'],
    tests: list(root.get('tests', true), 'tests').map(test),
  };
};
