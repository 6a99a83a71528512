import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decimalText, timestampText } from '../../src/query/index.js';
import { BOSS, cells, type Event, type FeatureWorld, OPTIONS, openFeatureWorld } from '../features/world.js';

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
const loud: Made = (events) => {
  const text = sum(events);
  return text === null ? null : String(Number(text));
};
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

let world: FeatureWorld;
beforeAll(async () => {
  world = await openFeatureWorld();
});
afterAll(() => world?.close());

const pull = (spine: Parameters<typeof rowsOf>[0], features: readonly string[] = ALL) =>
  world.features.historical({ features, spine: rowsOf(spine) }, BOSS, OPTIONS).then(cells);

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
        const { names, rows } = await cells(history);
        expect(online.columns.map((c) => c.name).filter((n) => !n.endsWith('.status'))).toEqual(
          names.filter((n) => n !== 'event_time'),
        );
        for (const [i, row] of online.rows.entries()) {
          const expected = rows[i]?.filter((_, c) => names[c] !== 'event_time') ?? [];
          const width = expected.length;
          const text = row.slice(0, width).map((v, c) => {
            const type = online.columns[c]?.type;
            return v === null ? null : type?.kind === 'decimal' ? decimalText(v as bigint, type.scale) : String(v);
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
});
