import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { DuckDb, Warehouse } from '../../../store/engine/index.js';
import type { DialectName } from '../files/definition.js';

export interface TestOptions {
  readonly transformsDir: string;
  readonly duckdb: DuckDb;
  /** Without it tests on PostgreSQL are skipped. */
  readonly warehouse?: Warehouse;
  /** Names of tables or of tests, or parts of them; undefined: all. */
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
  readonly file: string;
  readonly line: number;
  readonly milliseconds: number;
}

/**
 * Runs the tests of `<transformsDir>/tests/*.yml`: each makes a whole table from given rows, on every engine that the transform allows,
 * and compares it with the expected one. Nothing is written that stays. Errors: `transform-invalid` (a test file is wrong), `cancelled`.
 */
export const runTransformTests = async (_options: TestOptions): Promise<readonly TransformTestResult[]> => {
  throw error('internal', {});
};
