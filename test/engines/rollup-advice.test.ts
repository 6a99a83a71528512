import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, makeAsk, openQueryLog, type ShapeCount } from '../../src/answer/run/index.js';
import {
  type BuildRollupsOptions,
  buildRollups,
  canary,
  openRollups,
  type RollupSource,
  type Rollups,
} from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import { type RollupAdvice, rollupAdvice, specYaml } from '../../src/cli/rollup-advice.js';
import { type LoadedModel, loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import { type Caller, localCaller, type MetricQuery, MISS_REASONS, noEmit } from '../../src/query/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { MODEL } from '../star/model.js';
import { cellsOf } from '../star/world.js';

/** Rollups besides those of the star, each with one thing that it lacks. */
const MORE = `      - { name: kinds, type: rollup, measures: [lines, buyers], dimensions: [kind], time_dimension: sold_at, granularity: day }
      - { name: bare, type: rollup, measures: [lines], dimensions: [returned], time_dimension: sold_at, granularity: day }
      - { name: unbuilt, type: rollup, measures: [lines], dimensions: [kind, returned], time_dimension: sold_at, granularity: year }
      - { name: unproven, type: rollup, measures: [lines], dimensions: [kind, returned], time_dimension: sold_at, granularity: quarter }
`;
const modelText = (more: string) => ({
  ...MODEL,
  'cubes/sales.yml': MODEL['cubes/sales.yml'].replace('    access_policy:', `${more}    access_policy:`),
});

let dir: string;
let db: DuckDb;
let kv: Kv;
let shops = 1;
const publication = (): Publication => ({
  revision: shops,
  tables: new Map(
    (['sales', 'shops'] as const).map((name) => {
      const lake = { path: `star.${name}`, version: 1 };
      const dataVersion = name === 'shops' ? String(shops) : '1';
      return [`star.${name}`, { name: `star.${name}`, postgres: undefined, lake, dataVersion, rows: 3_000, since: 1 }];
    }),
  ),
});
const sourceOf = (relation = (table: string) => table): RollupSource => ({
  engine: db.engine,
  here: true,
  resolve: relation,
});
const lake = async (path: string) => path;

/** A node over a model of its own, with what it logs. */
interface World {
  readonly model: LoadedModel;
  readonly rollups: Rollups;
  readonly ask: Ask;
  readonly logged: Map<string, ShapeCount>;
  flush(): Promise<void>;
  build(more?: Partial<BuildRollupsOptions>): ReturnType<typeof buildRollups>;
  close(): Promise<void>;
}
const worldOf = async (name: string, more: string): Promise<World> => {
  for (const [file, text] of Object.entries(modelText(more))) {
    await mkdir(dirname(join(dir, name, file)), { recursive: true });
    await writeFile(join(dir, name, file), text);
  }
  const model = await loadModel(join(dir, name));
  const rollups = await openRollups({
    ...{ kv, duckdb: db, dir: join(dir, `node ${name}`), model: () => model, emit: noEmit, namespace: name },
    pollMilliseconds: 3_600_000,
  });
  const logged = new Map<string, ShapeCount>();
  const log = openQueryLog({
    write: async (counts) => {
      for (const c of counts) {
        const before = logged.get(c.hash) ?? { asked: 0, served: 0 };
        logged.set(c.hash, { ...c, asked: before.asked + c.asked, served: before.served + c.served });
      }
    },
    emit: noEmit,
    milliseconds: 3_600_000,
  });
  const ask = makeAsk({
    model: () => ({ ...model, accessOf: (caller: Caller) => accessOf(model.catalogue, caller) }),
    publications: { current: publication, refresh: async () => publication() },
    rollups,
    engines: { postgres: db.engine, lake: db.engine, rollup: db.engine },
    lakeRelation: lake,
    rawSource: 'lake',
    emit: noEmit,
    log,
  });
  return {
    ...{ model, rollups, ask, logged, flush: () => log.flush() },
    build: async (changed = {}) => {
      const done = await buildRollups({
        ...{ catalogue: model.catalogue, legs: model.legs, publication: publication(), source: sourceOf() },
        ...{ duckdb: db, kv, dir: join(dir, 'build'), emit: noEmit, namespace: name, ...changed },
      });
      await rollups.refresh();
      return done;
    },
    close: async () => {
      await log.close();
      await rollups.close();
    },
  };
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-advice-'));
  db = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(dir, 'tmp'), emit: noEmit });
  await db.execute(`CREATE SCHEMA star; CREATE TABLE star.shops AS SELECT i AS id, 'S' || i AS name, 'R' || (i % 2) AS region, 1 AS space FROM range(3) AS r(i);
    CREATE TABLE star.sales AS SELECT i AS id, i % 3 AS shop_id, ['a', 'b', NULL][1 + i % 3] AS kind, 'B' || (i % 7) AS buyer, i % 11 = 0 AS returned,
      CAST(i % 9 AS INTEGER) AS qty, CAST(i * 1.25 AS DECIMAL(12,2)) AS amount, TIMESTAMPTZ '2010-10-15 00:00:00+00' + to_minutes(CAST(i * 30 AS INTEGER)) AS sold_at FROM range(1, 3001) AS r(i)`);
  kv = await openKv({ redisUrl: undefined, dir: join(dir, 'kv'), emit: noEmit });
});
afterAll(async () => {
  await kv?.close();
  await db?.close();
  await rm(dir, { recursive: true, force: true });
});

const boss = localCaller(['boss']);
const clerk: Caller = { ...localCaller(['clerk']), attributes: { kinds: ['a'] } };
const of = (query: Partial<MetricQuery>): MetricQuery => ({ measures: ['shop.lines'], ...query });
const at = (granularity: string, range?: readonly [string, string]): Pick<MetricQuery, 'time'> => ({
  time: [{ dimension: 'shop.sold_at', granularity, ...(range ? { range } : {}) }],
});
const ranged = (from: string, to: string): Pick<MetricQuery, 'time'> => ({
  time: [{ dimension: 'shop.sold_at', range: [from, to] }],
});
const where = (member: string, op: 'eq' | 'gt' | 'lt', value: string | number) => ({
  where: { member: `shop.${member}`, op, values: [value] },
});

describe('a query that a rollup nearly serves', () => {
  let world: World;
  const told = new Set<string>();
  beforeAll(async () => {
    world = await worldOf('near', MORE);
    const all = world.model.catalogue.rollups.filter((r) => r.cube === 'sales').map((r) => r.id);
    const good = all.filter((id) => id !== 'sales.unbuilt' && id !== 'sales.unproven');
    expect((await world.build({ only: good })).map((r) => [r.outcome, r.reason])).toEqual(
      good.map(() => ['built', undefined]),
    );
    const others = [
      sourceOf((table) => (table === 'star.sales' ? '(SELECT * FROM star.sales WHERE id <> 1234)' : table)),
    ];
    expect(await world.build({ only: ['sales.unproven'], others })).toMatchObject([{ outcome: 'refused' }]);
  });
  afterAll(async () => {
    expect([...told].sort(), 'every reason there is').toEqual([...MISS_REASONS].sort());
    await world.close();
  });

  it.each([
    ['a dimension that it does not keep', of({ dimensions: ['shop.qty'] }), 'by_day', 'member-missing', ['shop.qty']],
    [
      'another dimension of the same table',
      of({ dimensions: ['shop.region'] }),
      'by_day',
      'member-missing',
      ['shop.region'],
    ],
    ['a table that it does not join', of({ dimensions: ['shop.shop'] }), 'by_buyer', 'member-missing', ['shop.shop']],
    ['a measure', of({ measures: ['shop.most'] }), 'by_buyer', 'member-missing', ['shop.most']],
    [
      'a distinct count whose key is gone',
      of({ measures: ['shop.buyers'] }),
      'by_day',
      'member-missing',
      ['shop.buyers'],
    ],
    [
      'a measure of a condition',
      of({ dimensions: ['shop.kind'], having: { member: 'shop.most', op: 'gt', values: [3] } }),
      'by_buyer',
      'member-missing',
      ['shop.most'],
    ],
    ['hours of days', of(at('hour')), 'by_day', 'granularity-too-coarse', ['shop.sold_at']],
    ['minutes of hours', of(at('minute')), 'by_buyer', 'granularity-too-coarse', ['shop.sold_at']],
    [
      'rows one by one',
      of({ rows: true, dimensions: ['shop.kind'] }),
      'by_day',
      'granularity-too-coarse',
      ['shop.kind'],
    ],
    [
      'days of Berlin',
      of({ ...at('day'), timezone: 'Europe/Berlin' }),
      'by_buyer',
      'time-zone-differs',
      ['shop.sold_at'],
    ],
    [
      'a range cut in Berlin',
      of({ ...ranged('2010-11-01', '2010-11-03'), timezone: 'Europe/Berlin' }),
      'by_day',
      'time-zone-differs',
      ['sales.sold_at'],
    ],
    ['a condition', of(where('qty', 'gt', 3)), 'by_day', 'filter-not-covered', ['shop.qty']],
    [
      'a condition on another table',
      of({
        where: {
          not: {
            or: [
              { member: 'shop.region', op: 'isNull' },
              { member: 'shop.kind', op: 'isNull' },
            ],
          },
        },
      }),
      'by_day',
      'filter-not-covered',
      ['shop.region'],
    ],
    [
      'a moment in a tree',
      of({
        where: {
          or: [
            { member: 'shop.sold_at', op: 'gte', values: ['2010-11-05T10:00'] },
            { member: 'shop.kind', op: 'isNull' },
          ],
        },
      }),
      'by_day',
      'filter-not-covered',
      ['shop.sold_at'],
    ],
    ['a row rule', of({}), 'bare', 'policy-filter-not-covered', ['sales.kind'], clerk],
    ['a row rule, on whatever is asked', of(at('month')), 'bare', 'policy-filter-not-covered', ['sales.kind'], clerk],
    [
      'a distinct count above its grain',
      of({ measures: ['shop.buyers'], ...at('month') }),
      'kinds',
      'not-additive-at-this-grain',
      ['shop.buyers'],
    ],
    ['half a day', of(ranged('2010-11-01T12:00', '2010-11-03')), 'by_day', 'range-not-covered', ['sales.sold_at']],
    [
      'a microsecond',
      of(ranged('2010-11-01', '2010-11-03T00:00:00.000001')),
      'by_buyer',
      'range-not-covered',
      ['sales.sold_at'],
    ],
    [
      'what is after a moment',
      of(where('sold_at', 'gt', '2010-11-05')),
      'by_day',
      'range-not-covered',
      ['sales.sold_at'],
    ],
    ['nothing, but nobody built it', of({}), 'unbuilt', 'partition-not-built', []],
    ['nothing, but its proof failed', of({}), 'unproven', 'proof-failed', []],
  ] as [string, MetricQuery, string, string, string[], Caller?][])(
    '%s: %o',
    async (_, query, rollup, reason, members, caller = boss) => {
      const options = { surface: 'cli' as const, requestId: 'x' };
      const { candidates } = await world.ask.explain(query, caller, options);
      const mine = candidates.filter((c) => c.rollup === `sales.${rollup}`);
      expect(mine.map((c) => [c.verdict, c.members])).toEqual([[reason, members]]);
      told.add(reason);
      const serves = candidates.some((c) => c.verdict === 'used');
      const insisted = await cellsOf(world.ask, { ...query, source: 'rollup' }, caller).then(
        ({ source }) => source,
        (thrown: { code?: string; message: string }) => thrown,
      );
      if (serves) expect(insisted).toBe('rollup');
      else
        expect(insisted).toMatchObject({
          code: 'no-rollup',
          message: expect.stringContaining(`sales.${rollup} ${reason}`),
        });
      const auto = await cellsOf(world.ask, query, caller);
      expect(auto.rows).toEqual((await cellsOf(world.ask, { ...query, source: 'raw' }, caller)).rows);
    },
  );

  it('moved tables, where only current ones will do', async () => {
    shops = 2; // a dimension moved: no edge of the fact tells what of it
    try {
      const options = { surface: 'cli' as const, requestId: 'x' };
      const query = of({ dimensions: ['shop.shop'], ...at('month'), fresh: 'current' });
      const { candidates } = await world.ask.explain(query, boss, options);
      expect(candidates.find((c) => c.rollup === 'sales.by_day')).toMatchObject({
        verdict: 'stale-not-allowed',
        members: [],
      });
      told.add('stale-not-allowed');
      expect((await cellsOf(world.ask, query)).source).toBe('lake');
    } finally {
      shops = 1;
    }
  });

  it('a definition that is not in the model is tried, part by part', async () => {
    const explain = (query: MetricQuery, hypothetical: object) =>
      world.ask.explain(query, localCaller(['boss', 'admin']), {
        ...{ surface: 'cli', requestId: 'x' },
        hypothetical: hypothetical as never,
      });
    const spec = {
      cube: 'sales',
      measures: ['lines'],
      dimensions: ['qty', 'shops.name'],
      time_dimension: 'sold_at',
      granularity: 'month',
    };
    const query = of({ dimensions: ['shop.qty'], totals: 'grand', ...at('month') });
    expect((await explain(query, spec)).hypothetical).toMatchObject({ serves: true });
    const fine = await explain(of({ dimensions: ['shop.qty'], ...at('day') }), spec);
    expect(fine.hypothetical).toMatchObject({
      ...{ rollup: 'sales.hypothetical', serves: false },
      candidates: [{ verdict: 'granularity-too-coarse', members: ['shop.sold_at'] }],
    });
    await expect(explain(query, { ...spec, dimensions: ['nope'] })).rejects.toThrow(
      'hypothetical.dimensions[0]: there is no member nope',
    );
    await expect(
      world.ask.explain(query, boss, { surface: 'cli', requestId: 'x', hypothetical: spec }),
    ).rejects.toMatchObject({ code: 'role-needed' });
  });

  it('tells the difference of a failed proof to operators only: it holds values of rows', async () => {
    const detail = async (caller: Caller) =>
      (await world.ask.explain(of({}), caller, { surface: 'cli', requestId: 'x' })).candidates.find(
        (c) => c.rollup === 'sales.unproven',
      )?.detail;
    expect(await detail(boss)).toBe('partition all is not equal to raw');
    expect(await detail(localCaller(['boss', 'admin']))).toMatch(
      /^all: sales\.lines: the other copy of the tables 2999, rollup 3000/,
    );
  });
});

/** What people ask, by the weight that it has; `n` makes values differ. */
const WORK: readonly [number, (n: number) => MetricQuery][] = [
  [
    30,
    (n) => ({
      ...of({ measures: ['shop.amount'], dimensions: ['shop.kind'] }),
      ...ranged(`2010-1${n % 3}-01`, '2011-01-01'),
    }),
  ],
  [
    20,
    (n) => ({
      measures: ['shop.amount', 'shop.lines'],
      dimensions: ['shop.qty'],
      ...at('month', [`2010-1${n % 2}-01`, '2011-01-01']),
    }),
  ],
  [15, () => ({ measures: ['shop.buyers'], dimensions: ['shop.region'], ...at('week') })],
  [14, (n) => of({ dimensions: ['shop.qty', 'shop.kind'], ...where('qty', 'lt', n % 9) })],
  [9, () => ({ measures: ['shop.most'], dimensions: ['shop.region'], ...at('day') })],
  [7, () => of({ ...at('hour'), timezone: 'Europe/Berlin' })],
  [5, (n) => ({ ...of({ rows: true, dimensions: ['shop.kind'] }), limit: 1 + (n % 5) })],
];
const asked = (count: number, seed: number): MetricQuery[] => {
  let state = seed;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const total = WORK.reduce((sum, [weight]) => sum + weight, 0);
  return Array.from({ length: count }, () => {
    let left = random(total);
    const [, make] = WORK.find(([weight]) => {
      left -= weight;
      return left < 0;
    }) ?? [0, () => of({})];
    return make(random(1_000));
  });
};
const rateOf = async (world: World, queries: readonly MetricQuery[]): Promise<number> => {
  let served = 0;
  for (const query of queries) if ((await cellsOf(world.ask, query)).source === 'rollup') served += 1;
  return served / queries.length;
};

describe('suggestions from a log of queries', () => {
  const worlds: World[] = [];
  afterAll(async () => {
    for (const world of worlds) await world.close();
  });
  const advise = (world: World): Promise<RollupAdvice> =>
    rollupAdvice(
      {
        ...{ catalogue: world.model.catalogue, legs: world.model.legs, publication: publication(), source: sourceOf() },
        ...{ duckdb: db, dir: join(dir, 'trial'), log: [...world.logged.values()] },
      },
      3,
    );

  it('predict within 10 points what the first of them, added and built, does for other queries of the same kind', async () => {
    const before = await worldOf('before', '');
    worlds.push(before);
    await before.build();
    const first = await rateOf(before, asked(300, 1));
    await before.flush();
    expect(JSON.stringify([...before.logged.values()]), 'no value of a query').not.toMatch(/2010|2011/);
    const advice = await advise(before);
    expect(advice.asked).toBe(300);
    expect(advice.hitRate).toBeCloseTo(first, 10);
    expect(advice.hitRateBuilt).toBeCloseTo(first, 10);
    const [top] = advice.suggestions;
    if (!top) throw new TypeError('nothing was suggested');
    expect(top.hitRate).toBeGreaterThan(first + 0.15);
    expect(advice.unservable.map((u) => u.reason).sort()).toEqual(['granularity-too-coarse', 'time-zone-differs']);

    const after = await worldOf('after', specYaml(top.definition));
    worlds.push(after);
    const built = await after.build();
    expect(built.find((r) => r.rollup === top.rollup)).toMatchObject({
      outcome: 'built',
      rows: top.rows,
      bytes: top.bytes,
    });
    const measured = await rateOf(after, asked(300, 2));
    expect(Math.abs(measured - top.hitRate)).toBeLessThanOrEqual(0.1);
    expect(measured).toBeGreaterThan((await rateOf(before, asked(300, 2))) + 0.1);
    await after.flush();
    expect((await advise(after)).hitRate).toBeCloseTo(measured, 10);
    const raw = asked(20, 3);
    for (const query of raw)
      expect((await cellsOf(after.ask, query)).rows).toEqual(
        (await cellsOf(after.ask, { ...query, source: 'raw' })).rows,
      );
  });

  it('are none where nothing was asked', async () => {
    const world = await worldOf('idle', '');
    worlds.push(world);
    expect(await advise(world)).toMatchObject({ asked: 0, hitRate: 0, suggestions: [], unservable: [] });
  });
});

describe('a published partition that is not what raw is', () => {
  it('is found by a look, withdrawn, told to the row, and mended by a build', async () => {
    const world = await worldOf('canary', '');
    try {
      // a builder that was lied to in everything that it read, its proof included
      const wrong =
        '(SELECT * REPLACE (CASE WHEN id = 1000 THEN amount + 1 ELSE amount END AS amount) FROM star.sales)';
      const lied = { source: sourceOf((table) => (table === 'star.sales' ? wrong : table)), only: ['sales.by_day'] };
      expect(await world.build(lied)).toMatchObject([{ outcome: 'built' }]);
      const month = { ...of({ measures: ['shop.amount'] }), ...at('month') };
      const truth = (await cellsOf(world.ask, { ...month, source: 'raw' })).rows;
      expect((await cellsOf(world.ask, { ...month, source: 'rollup' })).rows).not.toEqual(truth);
      const events: { name: string; event: unknown }[] = [];
      const look = (seed: string) =>
        canary({
          ...{
            catalogue: world.model.catalogue,
            legs: world.model.legs,
            publication: publication(),
            source: sourceOf(),
          },
          ...{ duckdb: db, kv, dir: join(dir, 'look'), namespace: 'canary', seed },
          emit: (name, event) => void events.push({ name, event }),
        });
      const seen = new Set<string>();
      for (let i = 0; !seen.has('unequal'); i++) seen.add((await look(`seed ${i}`))?.outcome ?? '');
      // line 1000 is of 2010-11-04 20:00, kind a or b or none, shop 1000 % 3
      const refused = events.find((e) => e.name === 'rollup.refused')?.event;
      expect(refused).toMatchObject({ rollup: 'sales.by_day', partition: '2010-11' });
      expect((refused as { reason: string }).reason).toMatch(
        /^sales\.amount where sales\.kind = b and sales\.returned = false and shops\.name = S1 and 2010-11-04.*: raw \d+\.\d\d, rollup \d+\.\d\d$/,
      );
      await world.rollups.refresh();
      expect((await cellsOf(world.ask, month)).rows).toEqual(truth);
      const { candidates } = await world.ask.explain(month, boss, { surface: 'cli', requestId: 'x' });
      expect(candidates.find((c) => c.rollup === 'sales.by_day')).toMatchObject({ verdict: 'proof-failed' });
      const early = { ...month, ...at('month', ['2010-12-01', '2011-01-01']) };
      expect((await cellsOf(world.ask, early)).source).toBe('rollup'); // the others go on serving
      expect(await world.build({ only: ['sales.by_day'] })).toMatchObject([{ outcome: 'built', changed: ['2010-11'] }]);
      expect((await cellsOf(world.ask, { ...month, source: 'rollup' })).rows).toEqual(truth);
      expect(await look('again')).toMatchObject({ rollup: 'sales.by_day', outcome: 'proven' });
    } finally {
      await world.close();
    }
  });
});
