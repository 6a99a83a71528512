import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BOSS, cells, type Event, type FeatureWorld, OPTIONS, openFeatureWorld } from '../features/world.js';

const folder = resolve(import.meta.dirname, '../features/feast');
const read = <T>(name: string): T => JSON.parse(readFileSync(resolve(folder, name), 'utf8')) as T;
interface Stat {
  readonly driver_id: string;
  readonly event_timestamp: string;
  readonly created: string;
  readonly trips_today: number;
  readonly state: string;
}
type Row = Pick<Stat, 'driver_id' | 'event_timestamp'> & { readonly row: number };
type Answer = readonly [row: number, trips: string | null, state: string | null];
const { stats, rows } = read<{ readonly stats: readonly Stat[]; readonly rows: readonly Row[] }>('drivers.json');

/** As Feast reads its source: the later created of two events of one time, and no word of when an event was known. */
const DRIVERS = {
  'features/drivers.yml': `feature_views:
  - name: driver_stats
    entity: account
    cube: events
    event_time: events.at
    ingest_order: events.known
    ttl: 2h
    features:
      - { name: trips_today, dimension: events.basket, take: last }
      - { name: state, dimension: events.plan, take: last }
`,
};
const seconds = (text: string) => Date.parse(text) / 1000;

let world: FeatureWorld;
beforeAll(async () => {
  world = await openFeatureWorld({ files: DRIVERS });
  const events = stats.map((s, i): Event => {
    const times = { at: seconds(s.event_timestamp), known: seconds(s.created) };
    return { id: i, account: s.driver_id, ...times, amount: null, basket: s.trips_today, plan: s.state, land: 'n' };
  });
  await world.load(events);
});
afterAll(() => world?.close());

it('gives the rows of Feast’s own point-in-time join, and null where Feast leaves a row out', async () => {
  const spine = rows.map((r) => ({ row: r.row, account: r.driver_id, event_time: r.event_timestamp }));
  const told = await cells(await world.features.historical({ features: ['driver_stats.*'], spine }, BOSS, OPTIONS));
  const ours = told.rows.map(([row, , , trips, state]): Answer => [Number(row), trips ?? null, state ?? null]);
  const theirs = read<readonly Answer[]>('answers.json');
  expect(ours.filter(([row]) => theirs.some(([other]) => other === row))).toEqual(theirs);
  // rows whose newest event is older than the time to live: Feast's file store drops them, a training set must not lose labels
  const left = ours.filter(([row]) => !theirs.some(([other]) => other === row));
  expect(left).toEqual([3, 5, 7].map((row) => [row, null, null]));
});

it('the stored answers are what Feast says (asked again where FEAST_PYTHON names a Python that has it)', () => {
  const python = process.env['FEAST_PYTHON'];
  const stored = read<readonly Answer[]>('answers.json');
  expect(stored.length).toBe(8);
  if (python === undefined) return;
  const run = spawnSync(python, [resolve(folder, 'answers.py')], { encoding: 'utf8' });
  expect(JSON.parse(run.stdout)).toEqual(stored);
});
