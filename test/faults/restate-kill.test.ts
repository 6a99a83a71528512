import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restate } from '../../src/build/transform/index.js';
import { type Clone, type Clones, type Contents, openBuilt } from '../engines/transform-clones.js';
import { child, endChildren, type Moment } from './transform-child.js';

const LINES = 'silver.order_lines';
const SPAN = { start: '2010-12-05', end: '2010-12-09' };
const DAYS = 4;
/** The lines of a file are numbered otherwise: another thing for readers, and all that follow their order are made again. */
const EDIT = {
  'silver/order_lines.v1.sql': (sql: string) =>
    sql.replace('_row_number::bigint AS source_row', '(_row_number + 1)::bigint AS source_row'),
};

/** Moments of a restatement's life, in order; \`published\` from the one on that readers see its rows. */
const MOMENTS: readonly (readonly [name: string, moment: Moment, published?: true])[] = [
  ['after its first leases', { sql: "SET status = 'leased'" }],
  ['after the first Parquet is written', { event: 'transform.step' }],
  ['before the first table is staged in the ledger', { sql: 'SET status = done\\.status', when: 'before' }],
  ['after that table is staged', { event: 'transform.progress', model: LINES }],
  ['after all is staged', { event: 'transform.step', model: 'gold.data_quality_metrics' }],
  ['after the first Delta commit', { event: 'transform.committed' }],
  ['in the publishing transaction, with everything done', { sql: '^COMMIT of a publication$', when: 'before' }],
  ['right after it has committed', { sql: '^COMMIT of a publication$' }, true],
];

let clones: Clones;
let whole: Contents;
/** Partitions that nobody disturbed makes, by table, and what comes of it. */
let breaking: { readonly steps: Readonly<Record<string, number>>; readonly contents: Contents };

/** Partitions made by table since this was asked last; without the history of checks, which each run makes anew. */
const made = (place: Clone): Readonly<Record<string, number>> => {
  const steps: Record<string, number> = {};
  for (const step of place.steps()) {
    const [model = '', partitions] = step.split(' ');
    if (model !== 'gold.data_quality_metrics') steps[model] = (steps[model] ?? 0) + Number(partitions);
  }
  return steps;
};
/** Partitions by table that wait in the ledger for a publication. */
const staged = async (place: Clone): Promise<Readonly<Record<string, number>>> =>
  Object.fromEntries(
    (
      await place.rows(`SELECT v.name, count(*) FROM assay.interval i JOIN assay.model_version v ON v.id = i.version_id
        WHERE i.staged ->> 'stepId' <> 'none' AND v.name <> 'gold.data_quality_metrics' GROUP BY v.name`)
    ).map(([name = '', n]) => [name, Number(n)]),
  );
/** What is left to make when some of it is staged. */
const without = (all: Readonly<Record<string, number>>, some: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(all).flatMap(([name, n]) => (n > (some[name] ?? 0) ? [[name, n - (some[name] ?? 0)]] : [])),
  );

beforeAll(async () => {
  clones = await openBuilt();
  const built = await clones.copy('built', 'one');
  whole = await built.contents();
  built.transforms = built.edited(EDIT);
  expect((await built.forward({ restate: new Map([[LINES, undefined]]) })).unmade).toEqual([]);
  breaking = { steps: made(built), contents: await built.contents() };
  expect(breaking.steps[LINES]).toBe(11);
  expect(Object.keys(breaking.steps).length).toBeGreaterThan(1);
  expect(breaking.contents[LINES]).not.toEqual(whole[LINES]);
  await built.close();
});
afterAll(async () => {
  endChildren();
  await clones.close();
});

/** Nobody's lease, nothing staged, no run at work. */
const settled = async (place: Clone): Promise<void> => {
  expect(
    await place.rows(`SELECT (SELECT count(*) FROM assay.interval WHERE lease_until > clock_timestamp()) AS a,
      (SELECT count(*) FROM assay.interval i JOIN assay.physical_table t USING (version_id) WHERE i.staged IS NOT NULL) AS b,
      (SELECT count(*) FROM assay.build WHERE status = 'running') AS c`),
  ).toEqual([['0', '0', '0']]);
};

describe('SIGKILL of a restatement of four days', () => {
  it.each(MOMENTS.map(([name], at) => [name, at] as const))(
    '%s: asked again it makes only what was not staged',
    async (_name, at) => {
      const [, moment, published] = MOMENTS[at] as (typeof MOMENTS)[number];
      const place = await clones.copy('built', `days_${at}`);
      const killed = await child(place, ['restate', 'prod', LINES, SPAN.start, SPAN.end], moment).ended;
      expect(killed).toEqual({ signal: 'SIGKILL', told: undefined });
      expect(await place.contents()).toEqual(whole);
      const waiting = await staged(place);
      const again = () => restate(place.parts(), 'prod', LINES, SPAN);
      expect((await again()).unmade).toEqual([]);
      // After its publication it had ended: then it is another one.
      expect(made(place)).toEqual(without({ [LINES]: DAYS }, published ? {} : waiting));
      if (at > 2 && !published) expect(waiting).toEqual({ [LINES]: DAYS });
      expect(await place.contents()).toEqual(whole);
      await settled(place);
      // What has ended is asked for anew.
      expect((await again()).unmade).toEqual([]);
      expect(made(place)).toEqual({ [LINES]: DAYS });
      expect((await place.run()).status).toBe('unchanged');
      await place.close();
    },
  );

  it('is not taken for another one, and a run in between makes nothing of it', async () => {
    const place = await clones.copy('built', 'days_other');
    const moment = { event: 'transform.progress', model: LINES };
    expect((await child(place, ['restate', 'prod', LINES, SPAN.start, SPAN.end], moment).ended).signal).toBe('SIGKILL');
    expect((await place.run()).status).toBe('unchanged');
    expect(made(place)).toEqual({});
    expect((await restate(place.parts(), 'prod', LINES, { start: '2010-12-05', end: '2010-12-07' })).unmade).toEqual(
      [],
    );
    expect(made(place)).toEqual({ [LINES]: 2 });
    expect((await restate(place.parts(), 'prod', LINES, SPAN)).unmade).toEqual([]);
    // Two of the days have been published since; those that still wait are taken.
    expect(made(place)).toEqual({ [LINES]: 2 });
    expect(await place.contents()).toEqual(whole);
    await place.close();
  });
});

const BREAKING: typeof MOMENTS = [
  ...MOMENTS.filter(([, { model }]) => model !== LINES),
  ['after the lines are staged', { event: 'transform.progress', model: LINES }],
  ['after the customers are made', { event: 'transform.step', model: 'gold.dim_customers' }],
  ['after the facts are staged', { event: 'transform.progress', model: 'gold.fact_sales' }],
];

describe('SIGKILL of a breaking change that is restated', () => {
  it.each(BREAKING.map(([name], at) => [name, at] as const))(
    '%s: planned again it makes only what was not staged',
    async (_name, at) => {
      const [, moment, published] = BREAKING[at] as (typeof BREAKING)[number];
      const place = await clones.copy('built', `breaking_${at}`);
      place.transforms = place.edited(EDIT);
      const killed = await child(place, ['forward', 'prod', LINES], moment).ended;
      expect(killed).toEqual({ signal: 'SIGKILL', told: undefined });
      expect(await place.contents()).toEqual(published ? breaking.contents : whole);
      const waiting = await staged(place);
      if (!published) {
        expect((await place.forward({ restate: new Map([[LINES, undefined]]) })).unmade).toEqual([]);
        expect(made(place)).toEqual(without(breaking.steps, waiting));
      }
      expect(await place.contents()).toEqual(breaking.contents);
      expect((await place.run()).status).toBe('unchanged');
      expect(made(place)).toEqual({});
      await settled(place);
      await place.close();
    },
  );
});

describe('a restatement that is interrupted in order', () => {
  it('goes on where it was', async () => {
    const place = await clones.copy('built', 'cancelled');
    const stop = new AbortController();
    const parts = place.parts({
      signal: stop.signal,
      emit: (event, record) => {
        if (event === 'transform.progress' && 'model' in record && record.model === LINES) stop.abort();
      },
    });
    await expect(restate(parts, 'prod', LINES, SPAN)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await staged(place)).toEqual({ [LINES]: DAYS });
    expect((await restate(place.parts(), 'prod', LINES, SPAN)).unmade).toEqual([]);
    expect(made(place)).toEqual({});
    expect(await place.contents()).toEqual(whole);
    await settled(place);
    await place.close();
  });
});
