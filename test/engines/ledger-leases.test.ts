import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  holdLeases,
  intervalsOf,
  leaseIntervals,
  publishIntervals,
  releaseLeases,
  renewLeases,
  reopenIntervals,
  stageIntervals,
} from '../../src/store/state/index.js';
import { audited, begin, gate, type LedgerPlace, lease, openLedger, staged, tables } from './ledger-place.js';

let place: LedgerPlace;
beforeAll(async () => {
  place = await openLedger();
});
afterAll(async () => {
  await place.close();
});

/** What a stopped process leaves: a lease that has run out. */
const runOut = (versionId: number) =>
  place.warehouse.query(
    "UPDATE assay.interval SET lease_until = '2000-01-01' WHERE version_id = $1 AND lease_until IS NOT NULL",
    [versionId],
  );
const fresh = async (name: string): Promise<number> => (await tables(place.warehouse, [name]))[0] ?? 0;
const statuses = async (versionId: number) =>
  (await intervalsOf(place.warehouse, [versionId])).map((interval) => [interval.partition, interval.status]);

describe('leases', () => {
  it('are granted exactly once among twenty takers, again and again, with growing fences', async () => {
    const id = await fresh('gold.rush');
    const partitions = Array.from({ length: 60 }, (_, day) => `2010-${String(day).padStart(3, '0')}`);
    for (let round = 1; round <= 4; round += 1) {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, taker) =>
          leaseIntervals(place.warehouse, {
            ...{ runId: `r${round}-${taker}`, owner: `taker ${taker}`, seconds: 600 },
            // Each in another order, each with some of the others'.
            wanted: partitions
              .map((_, at) => ({ versionId: id, partition: partitions[(at * 7 + taker * 3) % 60] ?? '' }))
              .slice(0, 30 + taker),
          }),
        ),
      );
      const granted = results.flatMap((result) => result.granted);
      expect(granted.map((one) => one.partition).sort()).toEqual(partitions);
      expect(new Set(granted.map((one) => one.fence))).toEqual(new Set([round]));
      for (const [taker, { granted: got, refused }] of results.entries()) {
        expect(got.length + refused.length).toBe(30 + taker);
        for (const { owner } of refused) expect(owner).toMatch(/^taker \d+$/);
      }
      // Every other round the leases are left to run out.
      if (round % 2 === 0) await releaseLeases(place.warehouse, granted);
      else await runOut(id);
    }
  });

  it('are taken over when they have run out, with what was staged, and the old holder can write nothing', async () => {
    const id = await fresh('gold.left');
    const old = await lease(place.warehouse, 'old', id, ['a', 'b']);
    await stageIntervals(place.warehouse, audited(old.slice(0, 1), 'step-old'));
    expect(await lease(place.warehouse, 'new', id, ['a', 'b'])).toEqual([]);
    await runOut(id);
    const taken = await lease(place.warehouse, 'new', id, ['a', 'b']);
    expect(taken.map(({ partition, fence }) => [partition, fence]).sort()).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    expect((await intervalsOf(place.warehouse, [id])).map((interval) => interval.staged)).toEqual([
      staged('step-old'),
      undefined,
    ]);
    const lost = { code: 'lease-lost', parameters: { model: 'gold.left', partition: 'a' } };
    await expect(stageIntervals(place.warehouse, audited(old, 'step-late'))).rejects.toMatchObject(lost);
    expect(await renewLeases(place.warehouse, { leases: old, seconds: 600 })).toEqual(old);
    await place.warehouse.transaction(async (tx) => {
      await expect(holdLeases(tx, old)).rejects.toMatchObject(lost);
      await expect(publishIntervals(tx, { revision: 1, leases: old })).rejects.toMatchObject(lost);
    });
    await releaseLeases(place.warehouse, old);
    expect(await statuses(id)).toEqual([
      ['a', 'leased'],
      ['b', 'leased'],
    ]);
  });

  it('that have run out and that nobody took go on when they are renewed', async () => {
    const id = await fresh('gold.slow');
    const mine = await lease(place.warehouse, 'slow', id, ['a']);
    await runOut(id);
    expect(await renewLeases(place.warehouse, { leases: mine, seconds: 600 })).toEqual([]);
    expect(await lease(place.warehouse, 'other', id, ['a'])).toEqual([]);
  });

  it('cannot be taken over, even when run out, while a publication holds them; a heartbeat does not wait for it', async () => {
    const id = await fresh('gold.held');
    const mine = await lease(place.warehouse, 'publisher', id, ['a']);
    await stageIntervals(place.warehouse, audited(mine, 'step-held'));
    await runOut(id);
    const held = gate();
    const go = gate();
    const publishing = place.warehouse.transaction(async (tx) => {
      await holdLeases(tx, mine);
      held.open();
      await go.opened;
      await publishIntervals(tx, { revision: 7, leases: mine });
    });
    await held.opened;
    expect(await renewLeases(place.warehouse, { leases: mine, seconds: 600 })).toEqual([]);
    const { granted, refused } = await leaseIntervals(place.warehouse, {
      ...{ runId: 'other', owner: 'other', seconds: 600, wanted: [{ versionId: id, partition: 'a' }] },
    });
    expect(granted).toEqual([]);
    expect(refused).toMatchObject([{ partition: 'a', owner: 'owner of publisher' }]);
    go.open();
    await publishing;
    expect(await statuses(id)).toEqual([['a', 'published']]);
  });

  it('given back leave an interval as it was, and staged rows to whoever goes on', async () => {
    const id = await fresh('gold.back');
    const first = await lease(place.warehouse, 'first', id, ['a', 'b', 'c']);
    await stageIntervals(place.warehouse, audited(first.slice(0, 2), 'step-back'));
    await place.warehouse.transaction((tx) => publishIntervals(tx, { revision: 3, leases: first.slice(0, 1) }));
    await releaseLeases(place.warehouse, [...first, ...(await lease(place.warehouse, 'second', id, ['a']))]);
    expect(await statuses(id)).toEqual([
      ['a', 'published'],
      ['b', 'audited'],
      ['c', 'pending'],
    ]);
  });
});

describe('intervals', () => {
  it('keep what was published exactly, and what was refused beside it', async () => {
    const id = await fresh('gold.kept');
    const run = await begin(place.warehouse, 'run-kept');
    const leases = await lease(place.warehouse, run, id, ['2010-12-01']);
    await stageIntervals(place.warehouse, audited(leases, 'step-1'));
    await place.warehouse.transaction((tx) => publishIntervals(tx, { revision: 5, leases }));
    const [before] = await intervalsOf(place.warehouse, [id]);
    const { adds: _adds, stepId: _step, ...of } = staged('step-1');
    expect(before).toMatchObject({ ...of, status: 'published', publishedRevision: 5, staged: undefined, fence: 1 });
    expect(before).toMatchObject({ leaseOwner: undefined, leaseUntil: undefined, attempt: 0 });

    const again = await lease(place.warehouse, run, id, ['2010-12-01']);
    await stageIntervals(
      place.warehouse,
      again.map((one) => ({ ...one, status: 'quarantined', code: 'check-failed', message: '3 of 9 rows' })),
    );
    const [after] = await intervalsOf(place.warehouse, [id]);
    expect(after).toEqual({
      ...before,
      ...{ status: 'quarantined', errorCode: 'check-failed', errorMessage: '3 of 9 rows', fence: 2, attempt: 1 },
    });
  });

  it('must be made again when they were reopened, whatever a run does that gives up', async () => {
    const id = await fresh('gold.again');
    const leases = await lease(place.warehouse, 'run', id, ['a', 'b']);
    await stageIntervals(place.warehouse, audited(leases, 'step'));
    await place.warehouse.transaction((tx) => publishIntervals(tx, { revision: 2, leases }));
    const [b] = await lease(place.warehouse, 'busy', id, ['b']);
    const both = [
      { versionId: id, partition: 'a' },
      { versionId: id, partition: 'b' },
    ];
    expect(await reopenIntervals(place.warehouse, both)).toMatchObject([{ partition: 'b', owner: 'owner of busy' }]);
    await releaseLeases(place.warehouse, [
      ...(await lease(place.warehouse, 'gives up', id, ['a'])),
      ...(b === undefined ? [] : [b]),
    ]);
    expect(await statuses(id)).toEqual([
      ['a', 'pending'],
      ['b', 'published'],
    ]);
  });

  it('are never published without an audit', async () => {
    const id = await fresh('gold.rash');
    const leases = await lease(place.warehouse, 'run', id, ['a']);
    const publishing = place.warehouse.transaction((tx) => publishIntervals(tx, { revision: 2, leases }));
    await expect(publishing).rejects.toMatchObject({ code: 'internal' });
    expect(await statuses(id)).toEqual([['a', 'leased']]);
  });

  it('of twelve tables, a thousand each, go through the whole ledger', async () => {
    const ids = await tables(
      place.warehouse,
      Array.from({ length: 12 }, (_, at) => `gold.wide_${at}`),
    );
    const figures: Record<string, number> = {};
    const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await work();
      figures[what] = Math.round(performance.now() - start);
      return result;
    };
    const wanted = ids.flatMap((versionId) =>
      Array.from({ length: 1000 }, (_, at) => ({ versionId, partition: `p${String(at).padStart(4, '0')}` })),
    );
    const { granted } = await timed('lease', () =>
      leaseIntervals(place.warehouse, { runId: 'wide', owner: 'wide', seconds: 600, wanted }),
    );
    expect(granted).toHaveLength(12_000);
    await timed('stage', () =>
      stageIntervals(
        place.warehouse,
        granted.map((one) => ({ ...one, status: 'audited', staged: staged(`step-${one.versionId}`) })),
      ),
    );
    await timed('renew', () => renewLeases(place.warehouse, { leases: granted, seconds: 600 }));
    await timed('publish', () =>
      place.warehouse.transaction((tx) => publishIntervals(tx, { revision: 9, leases: granted })),
    );
    for (let pass = 0; pass < 3; pass += 1) {
      const read = await timed('read', () => intervalsOf(place.warehouse, ids, { light: true }));
      expect(read).toHaveLength(12_000);
      expect(read.every((interval) => interval.status === 'published' && interval.rows === 3)).toBe(true);
    }
    process.stdout.write(`12,000 intervals, milliseconds: ${JSON.stringify(figures)}\n`);
  });
});
