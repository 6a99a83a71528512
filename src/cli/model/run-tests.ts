import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type Ask, makeAsk } from '../../answer/run/index.js';
import { type Publication, readTransforms } from '../../build/transform/index.js';
import { AssayError, error } from '../../errors/index.js';
import type { LoadedModel } from '../../model/cube/index.js';
import { accessOf } from '../../model/policy/index.js';
import { type Caller, type DataType, type Emit, localCaller } from '../../query/index.js';
import { openDuckDb } from '../../store/engine/index.js';
import { plainAnswer } from '../plain-answer.js';
import type { PlainAnswer } from '../print.js';
import { openFixtures, typeOf } from './fixture.js';
import { type ModelTest, type ModelTests, readModelTests, type Written } from './test-file.js';

/** What became of one test. */
export interface ModelTestResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly status: 'pass' | 'fail';
  /** How the answer differs. */
  readonly message?: string;
  readonly milliseconds: number;
}

const zerosOff = (text: string) => (/^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text);

/** Equal as values: a decimal's trailing zeros are its type's, not its value's. */
const same = (wanted: Written, given: PlainAnswer['rows'][number][number] | undefined, type: string): boolean => {
  if (given === undefined) return false;
  if (wanted === null || given === null) return wanted === given;
  return type.startsWith('decimal')
    ? zerosOff(String(wanted)) === zerosOff(String(given))
    : String(wanted) === String(given);
};

/** How an answer differs from the rows that a test wants; undefined when it does not. */
export const difference = (wanted: readonly (readonly Written[])[], answer: PlainAnswer): string | undefined => {
  const types = answer.columns.map((c) => c.type);
  const width = wanted.find((row) => row.length !== types.length);
  if (width)
    return `a row of ${width.length} values is wanted, the answer has ${types.length}: ${answer.columns.map((c) => c.name).join(', ')}`;
  const at = wanted.findIndex((row, r) => !row.every((value, i) => same(value, answer.rows[r]?.[i], types[i] ?? '')));
  if (at >= 0)
    return answer.rows[at]
      ? `row ${at + 1}: wanted ${JSON.stringify(wanted[at])}, answered ${JSON.stringify(answer.rows[at])}`
      : `row ${at + 1}: wanted ${JSON.stringify(wanted[at])}, and the answer ends before it`;
  return answer.rows.length > wanted.length
    ? `row ${wanted.length + 1}: not wanted, answered ${JSON.stringify(answer.rows[wanted.length])}`
    : undefined;
};

const runOne = async (test: ModelTest, ask: Ask): Promise<string | undefined> => {
  const caller: Caller = { ...localCaller(test.roles), attributes: test.attributes };
  try {
    const answer = await plainAnswer(
      await ask.query(test.query, caller, { surface: 'cli', requestId: `${test.file}:${test.line}` }),
    );
    return 'error' in test.expect
      ? `the error ${test.expect.error} is wanted, and ${answer.rows.length} rows were answered`
      : difference(test.expect.rows, answer);
  } catch (thrown) {
    if (!(thrown instanceof AssayError)) throw thrown;
    if ('error' in test.expect && test.expect.error === thrown.code) return undefined;
    return `${thrown.code}: ${thrown.message}${thrown.hint ? ` (${thrown.hint})` : ''}`;
  }
};

/** Files of tests below some paths, each with the name by which it is told. Errors: `usage` when there are none. */
export const testFiles = async (paths: readonly string[]): Promise<readonly (readonly [string, string])[]> => {
  const found: (readonly [string, string])[] = [];
  for (const path of paths) {
    const of = await stat(path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') throw error('usage', { text: `there is no ${path}` });
      throw thrown;
    });
    if (of.isFile()) found.push([path, path]);
    else
      for (const name of (await readdir(path, { recursive: true })).sort())
        if (/\.ya?ml$/.test(name)) found.push([join(path, name), relative(process.cwd(), join(path, name))]);
  }
  if (found.length === 0) throw error('usage', { text: `there is no test in ${paths.join(', ')}` });
  return found;
};

/** Columns of every table that a transform or a file of tests declares. */
const columnsOf = async (transforms: string, files: readonly ModelTests[]) => {
  const columns = new Map<string, ReadonlyMap<string, DataType>>();
  for (const { id, columns: of } of await readTransforms(transforms))
    columns.set(id, new Map(of.map((c) => [c.name, c.type])));
  for (const { tables } of files)
    for (const [table, of] of Object.entries(tables))
      columns.set(table, new Map(Object.entries(of).map(([name, type]) => [name, typeOf(table, name, type)])));
  return columns;
};

/**
 * Runs tests of a model in this process, on a DuckDB in memory that holds the rows that each gives; those without rows are asked by
 * `published`. Errors: `model-invalid` for a file of tests, `usage` for a table or column that nothing declares.
 */
export const runModelTests = async (options: {
  readonly model: LoadedModel;
  readonly files: readonly (readonly [path: string, name: string])[];
  readonly transforms: string;
  /** Asks the home's published tables; called at most once. */
  readonly published: <T>(work: (ask: Ask) => Promise<T>) => Promise<T>;
  readonly select: string | undefined;
  readonly emit: Emit;
}): Promise<readonly ModelTestResult[]> => {
  const { model, emit, select } = options;
  const files = await Promise.all(options.files.map(([path, name]) => readModelTests(path, name)));
  const tests = files
    .flatMap((f) => f.tests)
    .filter((t) => select === undefined || `${t.file} ${t.name}`.includes(select));
  const results: ModelTestResult[] = [];
  const record = async (test: ModelTest, ask: Ask) => {
    const began = performance.now();
    const message = await runOne(test, ask);
    const { name, file, line } = test;
    const milliseconds = Math.round(performance.now() - began);
    results.push({ name, file, line, status: message ? 'fail' : 'pass', ...(message && { message }), milliseconds });
  };

  const dir = await mkdtemp(join(tmpdir(), 'assay-model-test-'));
  const duckdb = await openDuckDb({ memory: '1GB', threads: 1, tempDir: dir, emit });
  try {
    const fixtures = openFixtures(duckdb, model.catalogue, await columnsOf(options.transforms, files));
    let publication: Publication = { revision: 1, tables: new Map() };
    const ask = makeAsk({
      model: () => ({ ...model, accessOf: (caller) => accessOf(model.catalogue, caller) }),
      publications: { current: () => publication, refresh: async () => publication },
      rollups: {
        inventory: () => ({ states: new Map() }),
        layout: () => undefined,
        pin: () => Promise.reject(error('internal', {}, new Error('there is no rollup to pin'))),
      },
      engines: { postgres: duckdb.engine, lake: duckdb.engine, rollup: duckdb.engine },
      lakeRelation: async (path) => path,
      rawSource: 'lake',
      cacheBytes: 0,
      emit,
    });
    for (const test of tests) {
      if (!test.given) continue;
      const relations = await fixtures.relations(test.given);
      publication = {
        revision: publication.revision + 1,
        tables: new Map(
          [...relations].map(([name, path]) => [
            name,
            { name, postgres: undefined, lake: { path, version: 1 }, dataVersion: path, rows: 0, since: 1 },
          ]),
        ),
      };
      await record(test, ask);
    }
  } finally {
    await duckdb.close();
    await rm(dir, { recursive: true, force: true });
  }
  const rest = tests.filter((t) => !t.given);
  if (rest.length > 0)
    await options.published(async (published) => {
      for (const test of rest) await record(test, published);
    });
  return results;
};
