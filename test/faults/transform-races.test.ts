import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, rollback } from '../../src/build/transform/index.js';
import { type Clone, type Clones, type Contents, openBuilt } from '../engines/transform-clones.js';
import { child, endChildren, type Moment } from './transform-child.js';
import { NEXT } from './transform-increment.js';

let clones: Clones;
let old: Contents;
let next: Contents;
beforeAll(async () => {
  clones = await openBuilt();
  const increment = await clones.copy('built', 'increment');
  old = await increment.contents();
  await increment.ingest('next.csv', NEXT);
  await increment.close();
  const place = await clones.copy('increment', 'undisturbed');
  await place.run();
  next = await place.contents();
  await place.close();
});
afterAll(async () => {
  endChildren();
  await clones.close();
});

const STOP = 'SIGSTOP';
/** The other one's leases are over, as they are when it has stood still for longer than they last. */
const expireLeases = (place: Clone) =>
  place.warehouse.query('UPDATE assay.interval SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL');
/** Whatever happened: every row is there once, and a run finds nothing to do and nobody at work. */
const whole = async (place: Clone): Promise<void> => {
  expect(await place.contents()).toEqual(next);
  expect((await place.run()).status).toBe('unchanged');
  expect(await place.contents()).toEqual(next);
  expect(
    await place.rows(`SELECT (SELECT count(*) FROM assay.interval WHERE lease_until > clock_timestamp()) AS a,
      (SELECT count(*) FROM assay.build WHERE status = 'running') AS b`),
  ).toEqual([['0', '0']]);
};

/** Moments at which a run holds what another one wants. */
const HOLDING: readonly (readonly [name: string, moment: Moment])[] = [
  ['after its first leases', { sql: "SET status = 'leased'" }],
  ['after its first step', { event: 'transform.step' }],
  ['after its first table is staged', { event: 'transform.progress' }],
  ['after a Delta commit', { event: 'transform.committed' }],
  ['in its publishing transaction before the copies', { sql: 'FROM assay\\.physical_table\\s+WHERE version_id = ANY' }],
  ['in it with everything done', { sql: '^COMMIT of a publication$', when: 'before' }],
];

describe('a second run while the first stands still', () => {
  it.each(HOLDING.map(([name], at) => [name, at] as const))(
    '%s: is told who is at work, and the first ends well',
    async (_name, at) => {
      const place = await clones.copy('increment', `held_${at}`);
      const first = child(place, ['run', 'prod'], HOLDING[at]?.[1], STOP);
      await first.stopped();
      expect(await place.contents()).toEqual(old);
      await expect(place.run()).rejects.toMatchObject({
        code: 'interval-leased',
        message: expect.stringMatching(new RegExp(`is being made by .* process ${first.pid} `)),
      });
      expect(await place.contents()).toEqual(old);
      first.resume();
      expect(await first.ended).toMatchObject({ signal: null, told: { result: { status: 'published' } } });
      await whole(place);
      await place.close();
    },
  );

  it.each(HOLDING.slice(0, 4).map(([name], at) => [name, at] as const))(
    '%s, for longer than its leases last: takes over, and the first is told that it lost',
    async (_name, at) => {
      const place = await clones.copy('increment', `lost_${at}`);
      const first = child(place, ['run', 'prod'], HOLDING[at]?.[1], STOP);
      await first.stopped();
      await expireLeases(place);
      expect((await place.run()).status).toBe('published');
      expect(await place.contents()).toEqual(next);
      first.resume();
      const { told } = await first.ended;
      expect(told?.error?.code).toMatch(/^(lease-lost|publish-overtaken)$/);
      await whole(place);
      await place.close();
    },
  );

  it('in its publishing transaction, for longer than its leases last: cannot take over', async () => {
    const place = await clones.copy('increment', 'publishing');
    const first = child(place, ['run', 'prod'], HOLDING[4]?.[1], STOP);
    await first.stopped();
    await place.warehouse.query(
      `UPDATE assay.interval SET lease_until = clock_timestamp() WHERE (version_id, partition) IN (
         SELECT version_id, partition FROM assay.interval WHERE lease_until IS NOT NULL FOR UPDATE SKIP LOCKED)`,
    );
    await expect(place.run()).rejects.toMatchObject({ code: 'interval-leased' });
    first.resume();
    expect(await first.ended).toMatchObject({ told: { result: { status: 'published' } } });
    await whole(place);
    await place.close();
  });
});

describe('a run that looked before another published', () => {
  it.each([
    ['before it is in the ledger', { sql: '^insert into "assay"."build"', when: 'before' }],
    ['before its first leases', { sql: '^\\s*INSERT INTO assay\\.interval', when: 'before' }],
  ] as const)('%s: is told that it was overtaken', async (_name, moment) => {
    const place = await clones.copy('increment', `overtaken_${moment.sql.length}`);
    const first = child(place, ['run', 'prod'], moment, STOP);
    await first.stopped();
    expect((await place.run()).status).toBe('published');
    first.resume();
    const { told } = await first.ended;
    expect(told?.error).toMatchObject({
      ...{ code: 'publish-overtaken', message: expect.stringMatching(/another (build|run) published/) },
    });
    await whole(place);
    await place.close();
  });
});

describe('a rollback while a run publishes', () => {
  it('waits for it and is told that it was overtaken', async () => {
    const place = await clones.copy('increment', 'rolled');
    await place.run();
    await place.ingest('more.csv', ['800099,22423,REGENCY CAKESTAND 3 TIER,1,12/5/10 10:00,1.00,17850,France']);
    const { revision } = await place.publication();
    const first = child(place, ['run', 'prod'], { sql: '^COMMIT of a publication$', when: 'before' }, STOP);
    await first.stopped();
    const back = rollback(place.parts(), 'prod', revision - 1);
    const refused = expect(back).rejects.toMatchObject({ code: 'publish-overtaken' });
    // it has seen the old state and waits for the publication
    const waiting = () => place.rows('SELECT count(*) FROM pg_locks WHERE NOT granted');
    while ((await waiting())[0]?.[0] === '0') await new Promise((r) => setTimeout(r, 5));
    first.resume();
    expect(await first.ended).toMatchObject({ told: { result: { status: 'published' } } });
    await refused;
    const [[revenue = ''] = []] = await place.rows('SELECT sum(total_amount) FROM gold.fact_sales');
    expect(await place.lakeRows('SELECT sum(total_amount)::varchar AS s FROM {gold.fact_sales}')).toEqual([[revenue]]);
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });
});

describe('one plan that two apply', () => {
  it('is applied once', async () => {
    const place = await clones.copy('increment', 'applied');
    const { id } = await place.plan();
    const first = child(place, ['apply', id], { event: 'transform.step' }, STOP);
    await first.stopped();
    await expect(apply(place.parts(), id)).rejects.toMatchObject({ code: 'interval-leased' });
    first.resume();
    expect(await first.ended).toMatchObject({ told: { result: { status: 'published' } } });
    await expect(apply(place.parts(), id)).rejects.toMatchObject({ code: 'plan-stale' });
    await whole(place);
    await place.close();
  });
});

describe('runs that begin at the same moment', () => {
  it('publish once, and whoever did not publish says why', async () => {
    const place = await clones.copy('increment', 'together');
    const ended = await Promise.all([1, 2, 3].map(() => child(place, ['run', 'prod']).ended));
    const outcomes = ended.map(({ told }) => told?.error?.code ?? told?.result?.status ?? 'nothing');
    expect(outcomes.filter((outcome) => outcome === 'published')).toHaveLength(1);
    for (const outcome of outcomes)
      expect(['published', 'unchanged', 'interval-leased', 'publish-overtaken']).toContain(outcome);
    await whole(place);
    await place.close();
  });
});

describe('SIGKILL of a plan that ends a rollback', () => {
  it('right after it has committed: the environment is held no more', async () => {
    const place = await clones.copy('increment', 'held');
    await place.run();
    await rollback(place.parts(), 'prod', undefined);
    await expect(place.run()).rejects.toMatchObject({ code: 'environment-held' });
    const killed = await child(place, ['forward', 'prod'], { sql: '^COMMIT of a publication$' }).ended;
    expect(killed.signal).toBe('SIGKILL');
    await whole(place);
    await place.close();
  });
});
