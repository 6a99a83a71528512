import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clone, type Clones, type Contents, openBuilt } from '../engines/transform-clones.js';
import { child, endChildren, type Moment } from './transform-child.js';
import { NEXT } from './transform-increment.js';

const LEASED = "SET status = 'leased'";
const STAGED = 'SET status = done\\.status';
const COMMIT = '^COMMIT of a publication$';
/** Every step of a run's life, in order; `published` from the one on that readers see its rows. */
const MOMENTS: readonly (readonly [name: string, moment: Moment, published?: true])[] = [
  ['after the run is in the ledger', { sql: '^insert into "assay"."build"' }],
  ['after its first leases', { sql: LEASED }],
  ['after the first Parquet is written', { event: 'transform.step' }],
  ['after the audit of the first table', { sql: '^insert into "assay"."check_result"' }],
  ['before the first table is staged in the ledger', { sql: STAGED, when: 'before' }],
  ['after the first table is staged in the ledger', { event: 'transform.progress' }],
  ['after leases of a later table', { sql: LEASED, nth: 7 }],
  ['after the facts are written', { event: 'transform.step', model: 'gold.fact_sales' }],
  ['after all is staged', { event: 'transform.step', model: 'gold.data_quality_metrics' }],
  ['after the first Delta commit', { event: 'transform.committed' }],
  ['after the last Delta commit', { event: 'transform.committed', model: 'gold.data_quality_metrics' }],
  ['in the publishing transaction before the copies', { sql: 'FROM assay\\.physical_table\\s+WHERE version_id = ANY' }],
  ['in it after the first copy', { event: 'transform.copied' }],
  ['in it after all copies', { event: 'transform.copied', model: 'gold.data_quality_metrics' }],
  ['in it with everything done, before it commits', { sql: COMMIT, when: 'before' }],
  ['right after it has committed', { sql: COMMIT }, true],
  ['when keys are declared', { event: 'transform.published' }, true],
  ['during the clean-up', { removed: '_staging/[0-9a-f-]{36}$' }, true],
  ['before its leases are given back', { sql: 'SET status = CASE', when: 'before' }, true],
];

let clones: Clones;
let whole: Contents;
let next: Contents;
const undisturbed = { first: 0, next: 0 };
beforeAll(async () => {
  clones = await openBuilt();
  const built = await clones.copy('built', 'one');
  whole = await built.contents();
  await built.ingest('next.csv', NEXT);
  await built.close();
  // An increment of which every clone takes in the same batch.
  const increment = await clones.copy('one', 'increment');
  await increment.close();
  const place = await clones.copy('increment', 'undisturbed');
  await place.run();
  undisturbed.next = place.steps().length;
  next = await place.contents();
  await place.close();
  const first = await clones.copy('bronze', 'undisturbed_first');
  await first.run();
  undisturbed.first = first.steps().length;
  await first.close();
});
afterAll(async () => {
  endChildren();
  await clones.close();
});

/** What the ledger must say when all is published: nobody's lease, nothing staged, every version with its lineage, no run at work. */
const settled = async (place: Clone): Promise<void> => {
  const left = await place.rows(`
    SELECT (SELECT count(*) FROM assay.interval WHERE lease_until > clock_timestamp()) AS leased,
      (SELECT count(*) FROM assay.interval WHERE status <> 'published' OR staged IS NOT NULL) AS unpublished,
      (SELECT count(*) FROM assay.build WHERE status = 'running') AS running,
      (SELECT count(*) FROM assay.publication_table t JOIN assay.environment e ON e.revision = t.revision
       WHERE t.name <> 'gold.data_quality_metrics'
         AND NOT EXISTS (SELECT FROM assay.lineage_edge l WHERE l.version_id = t.version_id)) AS unexplained`);
  expect(left).toEqual([['0', '0', '0', '0']]);
};

describe.each([
  ['the first build', 'bronze', 0],
  ['an increment', 'increment', 1],
] as const)('SIGKILL during %s', (_name, from, increment) => {
  it.each(MOMENTS.map(([name], at) => [name, at] as const))(
    '%s: the next run ends in the rows of one that nobody disturbed',
    async (_name, at) => {
      const [, moment, published] = MOMENTS[at] as (typeof MOMENTS)[number];
      const place = await clones.copy(from, `${from}_${at}`);
      const wanted = increment ? next : whole;
      const before = increment ? whole : {};
      const killed = await child(place, ['run', 'prod'], moment).ended;
      expect(killed).toEqual({ signal: 'SIGKILL', told: undefined });
      // Readers see all of the old state or all of the new one.
      expect(await place.contents()).toEqual(published ? wanted : before);
      const stagedBefore = Number(
        (await place.rows('SELECT count(DISTINCT version_id) FROM assay.interval WHERE staged IS NOT NULL'))[0]?.[0],
      );

      const result = await place.run();
      const steps = place.steps().length;
      expect(result.unmade).toEqual([]);
      expect(await place.contents()).toEqual(wanted);
      await settled(place);
      // What was staged is taken from where it is.
      const all = increment ? undisturbed.next : undisturbed.first;
      if (published) expect(steps).toBe(0);
      else if (stagedBefore > 0) expect(steps).toBeLessThan(all);
      else expect(steps).toBe(all);
      const runs = await place.rows('SELECT status FROM assay.build ORDER BY started_at DESC, build_id LIMIT 2');
      expect(runs.map(([status]) => status)).toEqual(
        published ? ['unchanged', 'published'] : ['published', 'abandoned'],
      );
      expect((await place.run()).status).toBe('unchanged');
      await place.close();
    },
  );
});
