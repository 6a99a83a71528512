import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTransformTests, type TransformTestResult } from '../../src/build/transform/unit/run-tests.js';
import { openPlace, type Place, root } from './warehouse-and-lake.js';

let place: Place;
let results: readonly TransformTestResult[] = [];
let milliseconds = 0;
beforeAll(async () => {
  place = await openPlace();
  const started = performance.now();
  results = await runTransformTests({
    transformsDir: join(root, 'transforms'),
    duckdb: place.duckdb,
    warehouse: place.warehouse,
  });
  milliseconds = performance.now() - started;
});
afterAll(async () => {
  await place.close();
});

describe('the tests of the shipped transforms', () => {
  it('pass on every engine that their files allow', () => {
    expect(
      results.filter(({ status }) => status === 'fail').map((r) => [r.model, r.test, r.engine, r.message]),
    ).toEqual([]);
  });
  it('stand for every transform', async () => {
    const { readTransforms } = await import('../../src/build/transform/files/read-transforms.js');
    const all = await readTransforms(join(root, 'transforms'));
    expect([...new Set(results.map(({ model }) => model))].sort()).toEqual(all.map(({ id }) => id).sort());
  });
  it('take less than 20 seconds together', () => {
    expect(milliseconds).toBeLessThan(20_000);
  });
});
