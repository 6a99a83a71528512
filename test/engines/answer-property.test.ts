import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localCaller } from '../../src/query/index.js';
import { bruteForce } from '../star/brute-force.js';
import { anything, lines, summable } from '../star/questions.js';
import { cellsOf, openWorld, type World } from '../star/world.js';

const RUNS = 20;

describe('answers', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  it('agree with plain loops, from the source and from rollups', async () => {
    const from: Record<string, number> = { lake: 0, rollup: 0 };
    let cells = 0;
    const clerk = { ...localCaller(['clerk']), attributes: { kinds: ['a', 'ä', ''] } };
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.array(anything, { minLength: 6, maxLength: 6 }),
        fc.array(summable, { minLength: 6, maxLength: 6 }),
        async (all, some, others) => {
          await world.load(all);
          const allowed = all.filter((l) => l.kind !== null && clerk.attributes.kinds.includes(l.kind));
          for (const [i, q] of [...some, ...others].entries()) {
            const [caller, rows] = i % 3 === 0 ? [clerk, allowed] : [localCaller(['boss']), all];
            const expected = bruteForce(q, rows);
            const raw = await cellsOf(world.ask, { ...q, source: 'raw' }, caller);
            expect({ q, rows: raw.rows }).toEqual({ q, rows: expected });
            const auto = await cellsOf(world.ask, q, caller);
            expect({ q, rows: auto.rows }).toEqual({ q, rows: expected });
            from[auto.source] = (from[auto.source] ?? 0) + 1;
            cells += expected.length;
          }
        },
      ),
      { numRuns: RUNS, seed: 20101201, endOnFailure: true },
    );
    // both ways were taken often, and not over nothing
    expect(from['rollup']).toBeGreaterThan(RUNS);
    expect(from['lake']).toBeGreaterThan(RUNS);
    expect(cells).toBeGreaterThan(24 * RUNS);
  });
});
