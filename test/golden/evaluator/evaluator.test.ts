import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AssayError } from '../../../src/errors/index.js';
import { type Caller, localCaller, type MetricQuery } from '../../../src/query/index.js';
import {
  countsOf,
  everything,
  lines,
  oddEverything,
  oddLines,
  severalFacts,
  summableEverything,
} from '../../star/questions.js';
import { cellsOf } from '../../star/world.js';
import { evaluate } from './evaluate.js';
import type { Count, Line } from './lines.js';
import { shrunk } from './shrink.js';
import { openSources, type Sources } from './sources.js';

/** Everyday; more with CI=true; thousands by hand (ASSAY_TEST_QUERIES=5000, some ten minutes). Each query is asked of PostgreSQL, of the lake, and of whatever serves. */
const QUERIES = Number(process.env['ASSAY_TEST_QUERIES'] ?? (process.env['CI'] === 'true' ? 1_500 : 300));
const SEED = Number(process.env['ASSAY_TEST_SEED'] ?? 20_101_201);
const OF_EACH = 10;
/** Over how many stars the same queries are asked: most of a question's time is that of compiling what was never asked. */
const STARS = QUERIES > 1_000 ? 5 : 2;

const boss = localCaller(['boss']);
const clerk: Caller = { ...localCaller(['clerk']), attributes: { kinds: ['a', 'ä', ''] } };
const seenBy = (caller: Caller, all: readonly Line[]) =>
  caller === boss ? all : all.filter((l) => l.kind !== null && ['a', 'ä', ''].includes(l.kind));

const WAYS = ['postgres', 'lake', 'auto'] as const;
/** What was answered that the plain loops do not answer; undefined when all agree. `refused` counts what is no question. */
const disagreement = async (
  sources: Sources,
  query: MetricQuery,
  caller: Caller,
  all: readonly Line[],
  counts: readonly Count[],
  count: Record<string, number> = {},
): Promise<{ way: string; rows: unknown; expected: unknown } | undefined> => {
  let expected: unknown;
  for (const way of WAYS) {
    try {
      const answer =
        way === 'postgres'
          ? await cellsOf(sources.postgres, query, caller)
          : await cellsOf(sources.lake, way === 'lake' ? { ...query, source: 'raw' } : query, caller);
      expected ??= evaluate(query, seenBy(caller, all), counts);
      count[answer.source] = (count[answer.source] ?? 0) + 1;
      count['rows'] = (count['rows'] ?? 0) + answer.rows.length;
      if (JSON.stringify(answer.rows) !== JSON.stringify(expected)) return { way, rows: answer.rows, expected };
    } catch (thrown) {
      const refused = thrown instanceof AssayError && ['query-invalid', 'not-supported'].includes(thrown.code);
      if (!refused) return { way, rows: String(thrown), expected };
      count['refused'] = (count['refused'] ?? 0) + 1;
      return undefined;
    }
  }
  return undefined;
};

describe('answers', () => {
  let sources: Sources;
  beforeAll(async () => {
    sources = await openSources();
  });
  afterAll(() => sources.close());

  it('agree with plain loops over small random stars, from PostgreSQL, the lake and rollups', async () => {
    const count: Record<string, number> = {};
    const stars = Math.ceil(QUERIES / (3 * OF_EACH));
    for (let star = 0; star < stars; star++) {
      const seed = SEED + star;
      const asked = SEED + Math.floor(star / STARS);
      const odd = (asked - SEED) % 3 === 2;
      const [all = []] = fc.sample(odd ? oddLines : lines, { seed, numRuns: 1 });
      const counts = countsOf(all, seed);
      await sources.load(all, counts);
      const queries = [
        ...fc.sample(odd ? oddEverything : everything, { seed: asked, numRuns: 2 * OF_EACH - 6 }),
        ...fc.sample(severalFacts(odd), { seed: asked, numRuns: 6 }),
        ...fc.sample(odd ? oddEverything : summableEverything, { seed: asked + 1, numRuns: OF_EACH }),
      ];
      for (const [i, query] of queries.entries()) {
        const caller = i % 3 === 0 ? clerk : boss;
        const wrong = await disagreement(sources, query, caller, all, counts, count);
        if (wrong) throw await told(sources, query, caller, all, counts, seed);
      }
    }
    // every way was taken, over rows that are there, and most questions were ones
    expect(count['rollup']).toBeGreaterThan(QUERIES / 30);
    expect(count['lake']).toBeGreaterThan(QUERIES / 2);
    expect(count['postgres']).toBeGreaterThan(QUERIES / 2);
    expect(count['rows']).toBeGreaterThan(QUERIES);
    expect(count['refused'] ?? 0).toBeLessThan(QUERIES / 4);
  }, 900_000);
});

/** The smallest query and the fewest lines that still go wrong. */
const told = async (
  sources: Sources,
  query: MetricQuery,
  caller: Caller,
  all: readonly Line[],
  counts: readonly Count[],
  seed: number,
) => {
  const kindOf = (found: Awaited<ReturnType<typeof disagreement>>) =>
    typeof found?.rows === 'string' ? found.rows.slice(0, 30) : found && 'rows';
  const kind = kindOf(await disagreement(sources, query, caller, all, counts));
  const small = await shrunk(query, async (q) => kindOf(await disagreement(sources, q, caller, all, counts)) === kind);
  const few = await shrunk(
    [...all],
    async (some) => {
      if (some.some((l) => l.id === undefined || Object.keys(l).length < 9)) return false;
      await sources.load(some, counts);
      return kindOf(await disagreement(sources, small, caller, some, counts)) === kind;
    },
    100,
  );
  const fewCounts = await shrunk(
    [...counts],
    async (some) => {
      if (some.some((c) => Object.keys(c).length < 5)) return false;
      await sources.load(few, some);
      return kindOf(await disagreement(sources, small, caller, few, some)) === kind;
    },
    100,
  );
  await sources.load(few, fewCounts);
  const wrong = await disagreement(sources, small, caller, few, fewCounts);
  const shown = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
  return new Error(
    [
      `seed ${seed}, as ${caller.roles[0]}, by ${wrong?.way}`,
      shown(small),
      ...few.map(shown),
      ...fewCounts.map(shown),
      `answered ${shown(wrong?.rows)}`,
      `expected ${shown(wrong?.expected)}`,
    ].join('\n'),
  );
};
