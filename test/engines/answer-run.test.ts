import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Ask, AskParts } from '../../src/answer/run/index.js';
import { makeAsk } from '../../src/answer/run/index.js';
import { AssayError, error } from '../../src/errors/index.js';
import { type Caller, type EventName, localCaller, type MetricQuery, noEmit } from '../../src/query/index.js';
import type { Engine } from '../../src/store/engine/index.js';
import { cellsOf, openWorld, type World } from '../star/world.js';

const boss = localCaller(['boss']);
const total: MetricQuery = { measures: ['shop.lines', 'shop.amount'], source: 'raw' };
const byBuyer: MetricQuery = { measures: ['shop.lines'], dimensions: ['shop.buyer'], source: 'raw' };
/** Half a million lines, each with a buyer of its own. */
const WIDE = `(SELECT i AS id, 0 AS shop_id, 'a' AS kind, 'buyer ' || i AS buyer, false AS returned, 1 AS qty, 1.00::DECIMAL(12,2) AS amount, TIMESTAMPTZ '2010-12-01' AS sold_at FROM range(500000) t(i))`;
/** Longer than any test waits. */
const ENDLESS = `(SELECT s.* FROM star.sales s, range(100000000000))`;

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof AssayError) return thrown.code;
    throw thrown;
  }
  return 'none';
};
const read = async (
  ask: Ask,
  query: MetricQuery,
  more: Partial<Parameters<Ask['query']>[2]> = {},
  caller: Caller = boss,
) => {
  const answer = await ask.query(query, caller, { surface: 'cli', requestId: 'r', ...more });
  let rows = 0;
  for await (const batch of answer.rows) rows += batch.length;
  return { rows, provenance: answer.provenance() };
};

describe('running', () => {
  let world: World;
  let runs = 0;
  let pins = 0;
  const events: [EventName, Record<string, unknown>][] = [];
  const counted = (engine: Engine): Engine => ({
    ...engine,
    run: (statement, options) => {
      runs += 1;
      return engine.run(statement, options);
    },
  });
  const parts = (change: Partial<AskParts> = {}): AskParts => ({
    ...world.parts,
    engines: {
      postgres: counted(world.parts.engines.postgres),
      lake: counted(world.parts.engines.lake),
      rollup: counted(world.parts.engines.rollup),
    },
    emit: (name, event) => events.push([name, event as Record<string, unknown>]),
    ...change,
  });
  const relation = (sql: string): Partial<AskParts> => ({
    lakeRelation: async (path) => (path === 'star.sales' ? sql : path),
  });
  const ask = (change: Partial<AskParts> = {}) => makeAsk(parts(change));

  beforeAll(async () => {
    world = await openWorld();
    await world.load(
      ['ann', 'bob', 'cid', 'dot', null].map((buyer, id) => ({
        id,
        kind: id % 2 === 0 ? 'a' : 'b',
        buyer,
        returned: false,
        qty: 1,
        amount: 100n,
        sold_at: BigInt(Date.UTC(2010, 10, 1 + id)) * 1000n,
        shop: 'north',
        region: null,
      })),
    );
  });
  afterAll(() => world.close());
  afterEach(() => {
    runs = 0;
    events.length = 0;
  });

  it('asks the engine once for equal requests at once, and then not at all', async () => {
    const a = ask();
    const answers = await Promise.all(Array.from({ length: 20 }, () => cellsOf(a, byBuyer)));
    expect(runs).toBe(1);
    expect(new Set(answers.map((x) => JSON.stringify(x.rows))).size).toBe(1);
    expect(answers[0]?.rows).toEqual([
      ['ann', '1'],
      ['bob', '1'],
      ['cid', '1'],
      ['dot', '1'],
      [null, '1'],
    ]);
    expect((await read(a, byBuyer)).provenance).toMatchObject({ cached: true, rows: 5 });
    expect(runs).toBe(1);
  });
  it('shares nothing between callers of other rows', async () => {
    const a = ask();
    const clerk = (kinds: string[]): Caller => ({ ...localCaller(['clerk']), attributes: { kinds } });
    const lines = async (caller: Caller) => (await cellsOf(a, total, caller)).rows[0]?.[0];
    expect(await Promise.all([lines(boss), lines(clerk(['a'])), lines(clerk(['b'])), lines(clerk([]))])).toEqual([
      '5',
      '3',
      '2',
      '0',
    ]);
    expect(runs).toBe(4);
    expect(await lines({ ...clerk(['a']), subject: 'another' })).toBe('3');
    expect(runs).toBe(4);
  });
  it('ends the engine’s work when its caller goes', async () => {
    const a = ask(relation(ENDLESS));
    const gone = new AbortController();
    const waiting = codeOf(read(a, total, { signal: gone.signal }));
    setTimeout(() => gone.abort(), 50);
    expect(await waiting).toBe('cancelled');
    expect((await cellsOf(ask(), total)).rows[0]?.[0]).toBe('5');
  });
  it('goes on for those who still wait', async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const a = ask({
      lakeRelation: async (path, _version, signal) => {
        await gate;
        if (signal?.aborted) throw error('cancelled', {});
        return path;
      },
    });
    const gone = new AbortController();
    const first = codeOf(read(a, total, { signal: gone.signal }));
    const second = read(a, total);
    gone.abort();
    expect(await first).toBe('cancelled');
    open();
    expect((await second).rows).toBe(1);
    expect(runs).toBe(1);
  });
  it('stops at the time limit', async () => {
    expect(await codeOf(read(ask(relation(ENDLESS)), total, { limits: { milliseconds: 100 } }))).toBe('time-limit');
  });
  it('fails by its budgets instead of giving less', async () => {
    const a = ask();
    expect(await codeOf(read(a, byBuyer, { limits: { rows: 4 } }))).toBe('budget-exceeded');
    expect((await read(a, byBuyer, { limits: { rows: 5 } })).rows).toBe(5);
    // also from memory
    expect(await codeOf(read(a, byBuyer, { limits: { rows: 4 } }))).toBe('budget-exceeded');
    expect(await codeOf(read(a, byBuyer, { limits: { bytes: 100 } }))).toBe('budget-exceeded');
    const wide = ask(relation(WIDE));
    expect(await codeOf(read(wide, byBuyer, { limits: { rows: 499_999 } }))).toBe('budget-exceeded');
    const sorted: MetricQuery = { ...byBuyer, order: [{ by: 'shop.average' }] };
    expect(await codeOf(read(wide, sorted, { limits: { memoryBytes: 1 << 20 } }))).toBe('budget-exceeded');
  });
  it('streams what is too long to hold, to each of its callers, and can be stopped', async () => {
    const a = ask(relation(WIDE));
    const both = await Promise.all([read(a, byBuyer), read(a, byBuyer)]);
    expect(both.map((b) => b.rows)).toEqual([500_000, 500_000]);
    expect(runs).toBe(2);
    const answer = await a.query(byBuyer, boss, { surface: 'cli', requestId: 'r' });
    let rows = 0;
    for await (const batch of answer.rows) {
      rows += batch.length;
      break;
    }
    expect(rows).toBeLessThan(500_000);
    const stopped = await a.query(byBuyer, boss, { surface: 'cli', requestId: 'r' });
    await stopped.rows.cancel();
    expect(
      await codeOf(
        (async () => {
          for await (const _ of stopped.rows);
        })(),
      ),
    ).toBe('cancelled');
    expect(events.filter(([name]) => name === 'query.answered')).toHaveLength(4);
  });

  describe('from rollups', () => {
    const daily: MetricQuery = { measures: ['shop.lines'], dimensions: ['shop.kind'] };
    const held = (fail: () => AssayError | undefined): Partial<AskParts> => ({
      rollups: {
        ...world.parts.rollups,
        pin: async (partitions, signal) => {
          const failed = fail();
          if (failed) throw failed;
          const pinned = await world.parts.rollups.pin(partitions, signal);
          pins += 1;
          return {
            tables: pinned.tables,
            release: () => {
              pins -= 1;
            },
          };
        },
      },
    });
    const away = () => error('rollup-unavailable', { rollup: 'sales.by_day', partition: '2010-11', why: 'away' });
    it('lets partitions go when the rows are read', async () => {
      expect((await cellsOf(ask(held(() => undefined)), daily)).source).toBe('rollup');
      expect(pins).toBe(0);
    });
    it('goes to the source when nothing can be loaded', async () => {
      const answer = await cellsOf(ask(held(away)), daily);
      expect(answer).toMatchObject({
        source: 'lake',
        rows: [
          ['a', '3'],
          ['b', '2'],
        ],
      });
    });
    it('says so when only a rollup will do', async () => {
      expect(await codeOf(cellsOf(ask(held(away)), { ...daily, source: 'rollup' }))).toBe('rollup-unavailable');
    });
    it('takes another rollup before the source', async () => {
      let first = true;
      const once = () => {
        const failed = first ? away() : undefined;
        first = false;
        return failed;
      };
      expect((await cellsOf(ask(held(once)), { ...daily, dimensions: ['shop.kind', 'shop.returned'] })).source).toBe(
        'rollup',
      );
    });
    it('is told apart from the source by explain, which shows statements to engineers only', async () => {
      const plain = await ask().explain(daily, boss, { surface: 'cli', requestId: 'r' });
      expect(plain).toMatchObject({ plan: 'rollup', source: 'rollup' });
      expect(plain.statements).toBeUndefined();
      expect(plain.candidates.map((c) => c.verdict).sort()).toEqual(['not-needed', 'used']);
      const seen = await ask().explain(daily, localCaller(['boss', 'admin']), { surface: 'cli', requestId: 'r' });
      expect(seen.statements?.[0]?.sql).toMatch(/"sales\.by_\w+\/2010-11@/);
      const raw = await ask().explain({ ...daily, source: 'raw' }, localCaller(['boss', 'admin']), {
        surface: 'cli',
        requestId: 'r',
      });
      expect(raw).toMatchObject({ source: 'lake', candidates: [] });
      expect(raw.statements?.[0]?.sql).toContain('star.sales');
    });
  });

  describe('over tables that move', () => {
    const moving = (revisions: number): Partial<AskParts> => {
      let revision = 1;
      const current = () => ({ ...world.parts.publications.current(), revision });
      return {
        publications: {
          current,
          refresh: async () => {
            revision += 1;
            return current();
          },
        },
        lakeRelation: async (path) => (revision <= revisions ? 'star.gone' : path),
      };
    };
    it('plans again when a table was replaced', async () => {
      expect((await cellsOf(ask(moving(2)), total)).rows[0]?.[0]).toBe('5');
    });
    it('gives up when they never stand still', async () => {
      expect(await codeOf(cellsOf(ask(moving(100)), total))).toBe('versions-moved');
    });
    it('never lets the engine’s words through', async () => {
      const failing = ask(relation('star.no_such_table'));
      const refused = await read(failing, total).catch((thrown: AssayError) => thrown);
      expect(refused).toBeInstanceOf(AssayError);
      expect(JSON.stringify([(refused as AssayError).message, (refused as AssayError).parameters])).not.toContain(
        'no_such_table',
      );
      expect(events).toContainEqual([
        'query.refused',
        { surface: 'cli', subject: 'local', code: 'engine-failed', requestId: 'r' },
      ]);
    });
  });

  it('says what was answered, with members and policies', async () => {
    await read(ask(), { ...total, where: { member: 'shop.kind', op: 'eq', values: ['a'] } });
    expect(events).toMatchObject([
      [
        'query.answered',
        { plan: 'source', source: 'lake', cached: false, rows: 1, members: ['shop.lines', 'shop.amount', 'shop.kind'] },
      ],
    ]);
  });
  it('listens to nobody by default', () => expect(noEmit('notice', { message: '' })).toBeUndefined());
});
