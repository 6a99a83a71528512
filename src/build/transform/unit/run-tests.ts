import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { DuckDb, Warehouse } from '../../../store/engine/index.js';
import type { DialectName, Transform } from '../files/definition.js';
import { readTransforms } from '../files/read-transforms.js';
import { readSeeds, type Seed } from '../files/seeds.js';
import { idOfRef, referencesOf } from '../files/template.js';
import { readYaml } from '../files/yaml-reader.js';
import { parquetSession } from '../parquet-session.js';
import type { Spark } from '../step/spark-sessions.js';
import { CHECKS, type Outcome, runCase } from './run-case.js';
import { type TestCase, testsOf } from './test-case.js';

export interface TestOptions {
  readonly transformsDir: string;
  readonly duckdb: DuckDb;
  /** Without it tests on PostgreSQL are skipped. */
  readonly warehouse?: Warehouse;
  /** Without it nothing is asked of Spark; where it cannot be reached tests on Spark are skipped. */
  readonly spark?: Spark | undefined;
  /** Part of the names of tables or of tests; undefined: all. */
  readonly select?: string;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/** One test of one transform on one engine. */
export interface TransformTestResult {
  /** Id of the table. */
  readonly model: string;
  readonly test: string;
  readonly engine: DialectName;
  readonly status: 'pass' | 'fail' | 'skip';
  /** Why it was skipped, or how the table differs from what is expected: missing, unexpected and different rows by key. */
  readonly message?: string;
  /** Below the folder of the transforms. */
  readonly file: string;
  readonly line: number;
  readonly milliseconds: number;
}

/**
 * Runs the tests of `<transformsDir>/tests/*.yml`: each makes a whole table from given rows, on every engine that the transform allows,
 * and compares it with the expected one. Nothing is written that stays.
 * Errors: `transform-invalid` (a test file is wrong), `cancelled`, `postgres-unavailable`.
 */
export const runTransformTests = async (options: TestOptions): Promise<readonly TransformTestResult[]> => {
  const { transformsDir, duckdb, signal } = options;
  const [transforms, seeds, cases] = await readAll(transformsDir);
  const tmp = await mkdtemp(join(tmpdir(), 'assay-test-'));
  const results: TransformTestResult[] = [];
  try {
    const wanted = cases.filter((one) => selected(one, options.select));
    const onSpark = wanted.some(({ transform }) => transform.engine.allow.includes('spark'));
    const { spark } = options;
    const reach = onSpark ? await spark?.reach(tmp, signal) : undefined;
    const parts = { warehouse: options.warehouse, spark, tmp, signal };
    for (const test of wanted)
      for (const engine of test.transform.engine.allow) {
        if (engine === 'spark' && reach === undefined) continue;
        if (signal?.aborted) throw error('cancelled', {});
        const started = performance.now();
        const outcome: Outcome =
          engine === 'spark' && reach?.reachable === false
            ? { status: 'skip', message: reach.why }
            : await duckdb.session((session) =>
                runCase({ ...parts, engine: parquetSession(session, signal) }, { test, on: engine, transforms, seeds }),
              );
        const milliseconds = Math.round(performance.now() - started);
        const { name, file, line, transform } = test;
        results.push({ model: transform.id, test: name, engine, ...outcome, file, line, milliseconds });
        const { status } = outcome;
        options.emit?.('transform.tested', { model: transform.id, test: name, engine, status, milliseconds });
      }
    return results;
  } finally {
    await rm(tmp, { recursive: true, force: true });
  }
};

const selected = ({ transform, name }: TestCase, select: string | undefined): boolean =>
  select === undefined || transform.id.includes(select) || name.includes(select);

const readAll = async (
  dir: string,
): Promise<readonly [ReadonlyMap<string, Transform>, readonly Seed[], readonly TestCase[]]> => {
  const [list, seeds] = await Promise.all([readTransforms(dir), readSeeds(dir)]);
  const transforms = new Map(list.map((transform) => [transform.id, transform]));
  const folder = join(dir, 'tests');
  const files = await readdir(folder).catch((thrown: NodeJS.ErrnoException) =>
    thrown.code === 'ENOENT' ? [] : Promise.reject(thrown),
  );
  const cases: TestCase[] = [];
  for (const name of files.filter((file) => /\.ya?ml$/.test(file)).sort()) {
    const path = join(folder, name);
    const root = readYaml(relative(dir, path), await readFile(path, 'utf8'), 1);
    cases.push(
      ...testsOf(
        root,
        (id) => transforms.get(id),
        (transform) => inputsOf(transform, transforms),
      ),
    );
  }
  const twice = cases.find(
    (one, i) => cases.findIndex((c) => c.name === one.name && c.transform === one.transform) !== i,
  );
  if (twice)
    throw error('transform-invalid', {
      ...{ file: twice.file, line: twice.line },
      what: `the test "${twice.name}" of ${twice.transform.id} stands twice`,
    });
  return [transforms, seeds, cases];
};

/** Ids of the tables and names of the sources that a transform reads, in any of its bodies. */
const inputsOf = (transform: Transform, transforms: ReadonlyMap<string, Transform>): readonly string[] => {
  const bodies = [
    { file: transform.file, text: transform.body, line: transform.bodyLine },
    ...transform.overrides.values(),
  ];
  const names = bodies.flatMap(({ file, text, line }) =>
    referencesOf(file, text, line).flatMap(({ reference: of }) =>
      of.kind === 'ref'
        ? [idOfRef(of, (id) => transforms.has(id))]
        : of.kind === 'source'
          ? [of.name]
          : of.kind === 'checks'
            ? [CHECKS]
            : [],
    ),
  );
  return [...new Set([...names, ...(transform.pseudonyms ? [transform.pseudonyms.of] : [])])];
};
