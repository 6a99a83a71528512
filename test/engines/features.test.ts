import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssayError } from '../../src/errors/index.js';
import { checkModel } from '../../src/model/cube/index.js';
import { type Caller, decimalText, timestampText } from '../../src/query/index.js';
import {
  BOSS,
  CLERK,
  cells,
  type Event,
  type FeatureWorld,
  OPTIONS,
  openFeatureWorld,
  seer,
} from '../features/world.js';

const HOUR = 3_600;
const DAY = 24 * HOUR;
const T0 = 1_290_000_000;
/** Some seconds every day, more with CI=true; thousands by hand. */
const RUNS = Number(process.env['FEATURE_RUNS'] ?? (process.env['CI'] === 'true' ? 40 : 16));

/** What the model says of the views, as plain loops. */
interface View {
  readonly ttl: number | undefined;
  readonly guarded: boolean;
  /** Which of two events of one time is the newer one. */
  readonly newer: (a: Event, b: Event) => number;
}
const byId = (a: Event, b: Event) => a.id - b.id;
const VIEWS: Readonly<Record<string, View>> = {
  plain: { ttl: 2 * DAY, guarded: false, newer: byId },
  guarded: { ttl: DAY, guarded: true, newer: (a, b) => (a.known ?? -1) - (b.known ?? -1) || byId(a, b) },
  endless: { ttl: undefined, guarded: false, newer: (a, b) => (a.basket ?? -1) - (b.basket ?? -1) || byId(a, b) },
};
type Made = (events: readonly Event[]) => string | null;
const present = <T>(values: readonly (T | null)[]): T[] => values.flatMap((v) => (v === null ? [] : [v]));
const sum: Made = (events) => {
  const all = present(events.map((e) => e.amount));
  return all.length === 0
    ? null
    : decimalText(
        all.reduce((a, b) => a + b, 0n),
        2,
      );
};
const most: Made = (events) => {
  const all = present(events.map((e) => e.amount));
  return all.length === 0
    ? null
    : decimalText(
        all.reduce((a, b) => (a > b ? a : b)),
        2,
      );
};
const loud: Made = sum;
const count: Made = (events) => String(events.length);
const baskets: Made = (events) => String(new Set(present(events.map((e) => e.basket))).size);
const WINDOWS: Readonly<Record<string, readonly [view: string, hours: number, made: Made]>> = {
  'plain.amount_3h': ['plain', 3, sum],
  'plain.amount_1d': ['plain', 24, sum],
  'plain.count_3h': ['plain', 3, count],
  'plain.baskets_1d': ['plain', 24, baskets],
  'plain.most_3h': ['plain', 3, most],
  'plain.loud_3h': ['plain', 3, loud],
  'guarded.amount_1d': ['guarded', 24, sum],
  'guarded.baskets_3h': ['guarded', 3, baskets],
  'endless.amount_1d': ['endless', 24, sum],
};
const LASTS = ['plain.plan', 'guarded.plan', 'endless.plan'];
const ALL = ['plain.*', 'guarded.*', 'endless.*'];

/** One feature of one account at one time, from the list of all events. */
const oracle = (feature: string, events: readonly Event[], account: string | null, t: number): string | null => {
  const [viewName = ''] = feature.split('.');
  const view = VIEWS[viewName] as View;
  const mine = events.filter(
    (e) => e.account !== null && e.account === account && (!view.guarded || (e.known !== null && e.known < t)),
  );
  const window = WINDOWS[feature];
  if (!window) {
    const seen = mine.filter((e) => e.at <= t && (view.ttl === undefined || e.at >= t - view.ttl));
    return seen.sort((a, b) => a.at - b.at || view.newer(a, b)).at(-1)?.plan ?? null;
  }
  const before = mine.filter((e) => e.at < t);
  if (!before.some((e) => view.ttl === undefined || e.at >= t - view.ttl)) return null;
  return window[2](before.filter((e) => e.at >= t - window[1] * HOUR));
};

const accounts = ['a', 'b', 'Ålborg'];
// few distinct moments, on the edges of windows and TTLs: ties and boundaries are the rule
const moment = fc.oneof(
  fc.constantFrom(0, 1, 3 * HOUR, 3 * HOUR + 1, DAY, DAY - 1, 2 * DAY, 2 * DAY + 1),
  fc.integer({ min: 0, max: 3 * DAY }),
);
const event = fc.record({
  account: fc.option(fc.constantFrom(...accounts), { freq: 12 }),
  at: moment.map((s) => T0 + s),
  late: fc.option(fc.oneof(fc.constantFrom(-1, 0, 1, HOUR), fc.integer({ min: 0, max: DAY })), { freq: 8 }),
  amount: fc.option(fc.bigInt({ min: -10_000n, max: 10_000_000n }), { freq: 6 }),
  basket: fc.option(fc.integer({ min: 1, max: 4 }), { freq: 6 }),
  plan: fc.option(fc.constantFrom('free', 'gold', 'lead'), { freq: 6 }),
  land: fc.constantFrom('n', 's'),
});
const eventsOf = fc
  .array(event, { maxLength: 40 })
  .map((list) =>
    list.map(({ late, ...e }, i): Event => ({ ...e, id: i + 1, known: late === null ? null : e.at + late })),
  );
const spineOf = fc.array(
  fc.record({
    account: fc.option(fc.constantFrom(...accounts, 'nobody'), { freq: 10 }),
    at: moment.map((s) => T0 + s),
  }),
  { minLength: 1, maxLength: 25 },
);
const iso = (seconds: number) => timestampText(BigInt(seconds) * 1_000_000n);
const rowsOf = (spine: readonly { account: string | null; at: number }[]) =>
  spine.map((s, i) => ({ account: s.account, event_time: iso(s.at), label: i }));

/** Sums of doubles depend on their order, in the last digits. */
const tidy = ({ names, rows }: Awaited<ReturnType<typeof cells>>) => ({
  names,
  rows: rows.map((row) => row.map((v, c) => (v !== null && names[c] === 'plain.loud_3h' ? Number(v).toFixed(2) : v))),
});

let world: FeatureWorld;
beforeAll(async () => {
  world = await openFeatureWorld();
});
afterAll(() => world?.close());

const pull = (spine: Parameters<typeof rowsOf>[0], features: readonly string[] = ALL) =>
  world.features
    .historical({ features, spine: rowsOf(spine) }, BOSS, OPTIONS)
    .then(cells)
    .then(tidy);

describe('features', () => {
  it('are those of plain loops at every row’s time, over random events with ties, late ones and gaps', async () => {
    await fc.assert(
      fc.asyncProperty(eventsOf, spineOf, async (events, spine) => {
        await world.load(events);
        const { names, rows } = await pull(spine);
        expect(names.slice(0, 3)).toEqual(['account', 'event_time', 'label']);
        expect(names.slice(3).sort()).toEqual([...Object.keys(WINDOWS), ...LASTS].sort());
        rows.forEach((row, i) => {
          const { account, at } = spine[i] as { account: string | null; at: number };
          expect(row.slice(0, 3)).toEqual([account, iso(at), String(i)]);
          names.slice(3).forEach((name, c) => {
            expect([name, account, at - T0, row[c + 3]]).toEqual([
              name,
              account,
              at - T0,
              oracle(name, events, account, at),
            ]);
          });
        });
        expect(rows.length).toBe(spine.length);
      }),
      { numRuns: RUNS, seed: 9 },
    );
  });

  it('of a row never change by what happened, was deleted or was loaded later', async () => {
    await fc.assert(
      fc.asyncProperty(eventsOf, spineOf, eventsOf, async (events, spine, later) => {
        const t = Math.max(...spine.map((s) => s.at));
        await world.load(events);
        const first = await pull(spine);
        // all that lies after the rows goes, other events come, and some that happened before are loaded only now
        const kept = events.filter((e) => e.at <= t);
        const more = later.map((e, i): Event => ({ ...e, id: 1_000 + i, at: t + 1 + (e.at - T0), known: t + 1 }));
        await world.load([...kept, ...more]);
        expect((await pull(spine)).rows).toEqual(first.rows);
        const loadedLate = later.map((e, i): Event => ({ ...e, id: 2_000 + i, known: t }));
        await world.load([...events, ...loadedLate]);
        const guarded = (of: { names: string[]; rows: (string | null)[][] }) =>
          of.rows.map((row) => row.filter((_, c) => of.names[c]?.startsWith('guarded.')));
        expect(guarded(await pull(spine))).toEqual(guarded(first));
      }),
      { numRuns: RUNS / 2, seed: 10 },
    );
  });

  it('online are those of history at the instant of materialization, after every change of data', async () => {
    await fc.assert(
      fc.asyncProperty(eventsOf, fc.option(moment), async (events, at) => {
        await world.load(events);
        const asOf = at === null ? undefined : BigInt(T0 + at) * 1_000_000n;
        const [made] = await world.features.materialize(asOf === undefined ? {} : { asOf });
        const instant = made?.asOf ?? 0n;
        const asked = [...accounts, 'nobody'];
        if (made?.outcome === 'empty') return;
        const request = { service: 'both', entities: asked.map((account) => ({ account })) };
        const online = await world.features.online({ ...request, include: ['status'] }, BOSS, OPTIONS);
        const history = await world.features.historical(
          { service: 'both', spine: asked.map((account) => ({ account, event_time: timestampText(instant) })) },
          BOSS,
          OPTIONS,
        );
        const { names, rows } = tidy(await cells(history));
        expect(online.columns.map((c) => c.name).filter((n) => !n.endsWith('.status'))).toEqual(
          names.filter((n) => n !== 'event_time'),
        );
        for (const [i, row] of online.rows.entries()) {
          const expected = rows[i]?.filter((_, c) => names[c] !== 'event_time') ?? [];
          const width = expected.length;
          const text = row.slice(0, width).map((v, c) => {
            const type = online.columns[c]?.type;
            if (v === null) return null;
            if (type?.kind === 'double') return (v as number).toFixed(2);
            return type?.kind === 'decimal' ? decimalText(v as bigint, type.scale) : String(v);
          });
          expect(text).toEqual(expected);
          row.slice(width).forEach((state, c) => {
            expect(state).toBe(
              text[c + 1] !== null ? 'present' : text.slice(1).some((v) => v !== null) ? 'null' : state,
            );
            if (expected.slice(1).every((v) => v === null)) expect(['null', 'missing']).toContain(state);
          });
        }
      }),
      { numRuns: RUNS / 2, seed: 11 },
    );
  });

  it('of many rows over many events stream whole, again and again', async () => {
    await world.load([]);
    await world.duckdb.execute(
      `INSERT INTO f.events SELECT i, 'k' || (hash(i) % 3000), to_timestamp(${T0} + (hash(i * 7) % ${20 * DAY})::BIGINT), NULL, 1, hash(i * 3) % 9, 'p' || (hash(i * 5) % 4), 'n' FROM range(300000) t(i)`,
    );
    const spine = Array.from({ length: 20_000 }, (_, i) => ({
      account: `k${i % 3000}`,
      event_time: iso(T0 + ((i * 7919) % (20 * DAY))),
    }));
    const given = JSON.stringify(spine.map((s, i) => ({ ...s, i })));
    const [expected] = await world.duckdb.query<Record<string, bigint>>(
      `SELECT count(x.plan)::BIGINT AS plans, sum(coalesce(x.amounts, 0))::BIGINT AS amounts FROM (SELECT s.i, max_by(e.plan, (e.moment, e.id)) FILTER (WHERE e.moment <= s.t) AS plan, count(*) FILTER (WHERE e.moment < s.t AND e.moment >= s.t - INTERVAL 1 DAY) AS amounts FROM (SELECT unnest(from_json($1, '[{"account":"VARCHAR","event_time":"VARCHAR","i":"BIGINT"}]'), recursive := true)) AS r(account, t0, i), LATERAL (SELECT r.t0::TIMESTAMPTZ AS t, r.account, r.i) s JOIN f.events e ON e.account = s.account GROUP BY s.i) x`,
      [given],
    );
    for (let round = 0; round < 3; round++) {
      const features = ['endless.plan', 'endless.amount_1d'];
      const { rows } = await world.features.historical({ features, spine }, BOSS, OPTIONS).then(cells);
      expect(rows.length).toBe(spine.length);
      expect(BigInt(rows.filter((r) => r[2] !== null).length)).toBe(expected?.['plans']);
      expect(rows.reduce((sum, r) => sum + BigInt(Math.round(Number(r[3] ?? 0))), 0n)).toBe(expected?.['amounts']);
    }
  });

  it('are cut by row rules, refused where they are masked, and unknown where they are hidden', async () => {
    const some = fc.sample(eventsOf, { seed: 12, numRuns: 20 }).flat();
    const events = some.map((e, i): Event => ({ ...e, id: i + 1 }));
    await world.load(events);
    const spine = accounts.flatMap((account) => [0, 5 * HOUR, DAY, 2 * DAY].map((s) => ({ account, at: T0 + s })));
    const { names, rows } = await world.features
      .historical({ features: ALL, spine: rowsOf(spine) }, seer('n'), OPTIONS)
      .then(cells)
      .then(tidy);
    const mine = events.filter((e) => e.land === 'n');
    rows.forEach((row, i) => {
      const { account, at } = spine[i] as { account: string; at: number };
      names.slice(3).forEach((name, c) => {
        expect([name, row[c + 3]]).toEqual([name, oracle(name, mine, account, at)]);
      });
    });
    const nothing = await world.features
      .historical({ features: ALL, spine: rowsOf(spine) }, seer(), OPTIONS)
      .then(cells)
      .then(tidy);
    expect(nothing.rows.flatMap((row) => row.slice(3)).every((v) => v === null)).toBe(true);
    // a masked key may be given as it is or as its pseudonym, and comes back as its pseudonym
    const named = [...spine, ...spine.map((s) => ({ ...s, account: `al-${s.account}` }))];
    const masked = await world.features
      .historical({ features: ALL, spine: rowsOf(named) }, CLERK, OPTIONS)
      .then(cells)
      .then(tidy);
    const full = await pull(spine);
    const shown = full.rows.map(([account, t, , ...values]) => [`al-${account}`, t, ...values]);
    const there = accounts.filter((a) => events.some((e) => e.account === a));
    expect(there).toEqual(accounts);
    expect(masked.rows.map(([key, t, , ...values]) => [key, t, ...values])).toEqual([...shown, ...shown]);
    const code = (features: string[], caller: Caller) =>
      world.features.historical({ features, spine: rowsOf(spine) }, caller, OPTIONS).then(
        () => 'answered',
        (thrown: AssayError) => thrown.code,
      );
    expect(await code(['hidden.secret'], CLERK)).toBe('feature-masked');
    expect(await code(['hidden.plans_1d'], CLERK)).toBe('feature-masked');
    expect(await code(['hidden.secret'], seer('n'))).toBe('unknown-feature');
    expect(await code(['hidden.nothing'], seer('n'))).toBe('unknown-feature');
    expect(await code(['hidden.secret'], BOSS)).toBe('answered');
    expect(world.features.list(seer('n')).features.some((name) => name.startsWith('hidden.'))).toBe(false);
    // values that are shared were made of all rows
    await world.features.materialize({ only: ['both'] });
    const own = await world.features.online({ service: 'both', entities: [{ account: 'a' }] }, seer('n'), OPTIONS);
    const all = await world.features.online({ service: 'both', entities: [{ account: 'a' }] }, BOSS, OPTIONS);
    expect([own.provenance.source, all.provenance.source]).toEqual(['source', 'online']);
    await expect(world.features.statistics('both', seer('n'))).rejects.toMatchObject({ code: 'not-supported' });
  });

  it('tell the faults of their files with file and line', async () => {
    const bad = `entities:
  - { name: account, key: events.acount }
feature_views:
  - name: plain
    entity: nobody
    cube: events
    event_time: events.plan
    features:
      - { name: a, measure: events.mean, window: 1d }
      - { name: b, measure: events.amount, window: 3 months }
      - { name: c, measure: events.amount }
      - { name: d, dimension: shop.plan, take: last }
      - { name: e, measure: events.amount, window: 9d, takes: last }
    ttl: 2d
feature_services:
  - { name: s, features: [plain.z] }
`;
    const dir = join(world.dir, 'faulty');
    await cp(join(world.dir, 'model'), dir, { recursive: true });
    await writeFile(join(dir, 'features/all.yml'), bad);
    const keys = (await checkModel(dir)).faults.map((f) => `${f.file}:${f.line} ${f.what}`);
    expect(keys).toEqual(['features/all.yml:13 e: there is no key takes in a feature; did you mean take?']);
    await writeFile(join(dir, 'features/all.yml'), bad.replace(', takes: last', ''));
    const { faults } = await checkModel(dir);
    expect(faults.map((f) => `${f.line} ${f.what}`)).toEqual([
      '2 account: key: there is no member events.acount; did you mean events.amount?',
      '5 plain: there is no entity nobody',
      '9 plain.a: measure: events.mean is a ratio; make features of its parts events.amount and events.count',
      '10 window: 3 months is no length of time; write a number and s, m, h, d or w, such as 7d',
      '11 plain.c: window is missing, such as window: 7d',
      "12 plain.d: dimension: shop.plan is of a view; name the cube's own member, events.plan",
      "13 plain.e: a window longer than the view's ttl would count events that are too old",
      '7 plain: event_time: events.plan is string; a time is wanted',
      '16 s: there is no feature plain.z',
    ]);
  });
});
