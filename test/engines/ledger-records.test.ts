import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  beginRun,
  type CheckResultRow,
  checkHistory,
  driftHistory,
  endRun,
  expireFailingKeys,
  failingKeysOf,
  heartbeat,
  lineageOf,
  listRuns,
  publishIntervals,
  putFailingKeys,
  putLineage,
  putPartitionStats,
  putSourceMap,
  recordChecks,
  sourceMap,
  stageIntervals,
} from '../../src/store/state/index.js';
import { audited, begin, type LedgerPlace, lease, openLedger, tables } from './ledger-place.js';

let place: LedgerPlace;
beforeAll(async () => {
  place = await openLedger();
});
afterAll(async () => {
  await place.close();
});

describe('runs', () => {
  it('tell that they live until they end, and an end is final', async () => {
    const at = 1_291_190_400_123_457n;
    for (const runId of ['alive', 'done']) await begin(place.warehouse, runId, 'dev');
    await endRun(place.warehouse, {
      runId: 'done',
      status: 'partial',
      at,
      revision: 8,
      error: { code: 'c', message: 'm' },
    });
    await endRun(place.warehouse, { runId: 'done', status: 'failed', at });
    expect(await heartbeat(place.warehouse, 'done')).toBe(false);
    expect(await heartbeat(place.warehouse, 'alive')).toBe(true);
    const dev = await listRuns(place.warehouse, 10, 'dev');
    expect(dev.map((run) => [run.runId, run.status])).toEqual([
      ['alive', 'running'],
      ['done', 'partial'],
    ]);
    expect(dev[1]).toEqual({
      ...{
        runId: 'done',
        kind: 'run',
        environment: 'dev',
        planId: undefined,
        owner: 'owner of done',
        status: 'partial',
      },
      ...{ baseRevision: 0, revision: 8, errorCode: 'c', errorMessage: 'm', startedAt: at, finishedAt: at },
    });
    expect(await listRuns(place.warehouse, 10)).toHaveLength(2);
    const again = { runId: 'alive', kind: 'plan', environment: 'dev', owner: 'o' } as const;
    const twice = beginRun(place.warehouse, { ...again, planId: undefined, baseRevision: 0, startedAt: at });
    await expect(twice).rejects.toMatchObject({ code: 'engine-failed' });
  });
});

describe('the map of a source', () => {
  it('says which partitions each file has rows of, by expression', async () => {
    const files = new Map([
      ['d/a.parquet', ['2010-12-01', '2010-12-02']],
      ["d/o'brien,{}.parquet", []],
    ]);
    await putSourceMap(place.warehouse, 'bronze.orders', 'x1', files);
    await putSourceMap(place.warehouse, 'bronze.orders', 'x2', new Map([['d/a.parquet', ['2010-12']]]));
    await putSourceMap(place.warehouse, 'bronze.orders', 'x1', new Map([['d/b.parquet', ['2010-12-03']]]));
    expect(await sourceMap(place.warehouse, 'bronze.orders', 'x1')).toEqual(
      new Map([...files, ['d/b.parquet', ['2010-12-03']]]),
    );
    expect(await sourceMap(place.warehouse, 'bronze.orders', 'x3')).toEqual(new Map());
  });
});

describe('lineage', () => {
  it('of a version is replaced as a whole', async () => {
    const [a = 0, b = 0] = await tables(place.warehouse, ['gold.la', 'gold.lb']);
    const edge = (column: string, inputColumn: string) =>
      ({ column, inputTable: 'silver.x', inputColumn, type: 'DIRECT', subtype: 'IDENTITY' }) as const;
    await putLineage(place.warehouse, a, [edge('k', 'k'), edge('*', 'z')]);
    await putLineage(place.warehouse, a, [edge('v', 'w'), edge('k', 'k'), edge('k', 'k')]);
    await putLineage(place.warehouse, b, []);
    expect(await lineageOf(place.warehouse, [a, b])).toEqual(
      new Map([
        [a, [edge('k', 'k'), edge('v', 'w')]],
        [b, []],
      ]),
    );
  });
});

describe('failing keys', () => {
  it('are kept until they expire', async () => {
    const run = await begin(place.warehouse, 'keys');
    const record = (partition: string, check: string, keys: string[]) => ({ table: 'gold.f', partition, check, keys });
    await putFailingKeys(place.warehouse, run, [record('a', 'c1', ['1\u001f2', '\\N'])]);
    await putFailingKeys(place.warehouse, run, [record('b', 'c1', ['x']), record('a', 'c2', [])]);
    const found = await failingKeysOf(place.warehouse, { table: 'gold.f', limit: 10 });
    expect(found).toMatchObject([
      record('a', 'c2', []),
      record('b', 'c1', ['x']),
      record('a', 'c1', ['1\u001f2', '\\N']),
    ]);
    expect(await failingKeysOf(place.warehouse, { table: 'gold.f', partition: 'a', check: 'c1', limit: 9 })).toEqual([
      found[2],
    ]);
    await place.warehouse.query("UPDATE assay.failing_key SET recorded_at = '2000-01-01' WHERE partition = 'b'");
    expect(await expireFailingKeys(place.warehouse, 86_400_000_000n)).toBe(1);
    expect(await failingKeysOf(place.warehouse, { table: 'gold.f', limit: 10 })).toHaveLength(2);
  });
});

describe('figures of partitions', () => {
  it('count as history when their run has published them', async () => {
    const [id = 0] = await tables(place.warehouse, ['gold.drift']);
    const [next = 0] = await tables(place.warehouse, ['gold.drift'], 'two');
    const make = async (runId: string, versionId: number, partitions: string[], rows: string, ends: boolean) => {
      await begin(place.warehouse, runId);
      const leases = await lease(place.warehouse, runId, versionId, partitions);
      await stageIntervals(place.warehouse, audited(leases, runId));
      await putPartitionStats(
        place.warehouse,
        runId,
        partitions.map((partition) => ({ versionId, partition, stats: { rows, sum: '12345678901234567.89' } })),
      );
      if (!ends) return;
      await place.warehouse.transaction((tx) => publishIntervals(tx, { revision: 1, leases }));
      await endRun(place.warehouse, { runId, status: 'published', at: 0n, revision: 1 });
    };
    await make('d1', id, ['p1', 'p2', 'p3', '*'], '1', true);
    await make('d2', id, ['p2', '*'], '2', true);
    await make('d3', id, ['p3', '*'], '3', false);
    await make('d4', next, ['p1'], '4', true);
    const of = async (versionIds: number[], before: string, limit = 14) =>
      (await driftHistory(place.warehouse, { versionIds, before, limit })).map((one) => [
        one.partition,
        one.stats['rows'],
      ]);
    expect(await of([id], 'p9')).toEqual([
      ['p3', '1'],
      ['p2', '2'],
      ['p1', '1'],
    ]);
    expect(await of([id, next], 'p2')).toEqual([['p1', '4']]);
    expect(await of([id], 'p9', 1)).toEqual([['p3', '1']]);
    expect(await of([id], '*')).toEqual([
      ['*', '2'],
      ['*', '1'],
    ]);
  });
});

describe('results of checks', () => {
  it('name their partition, and their history reads as before', async () => {
    const run = await begin(place.warehouse, 'checks');
    const [id = 0] = await tables(place.warehouse, ['gold.checked']);
    const row = (metric: string): CheckResultRow => ({
      ...{ metric_id: metric, table_name: 'gold.checked', column_name: null, metric_type: 'validity', weight: 4 },
      ...{ metric_value: '1.000000', threshold_value: null, status: 'PASS', check_details: 'd', severity: 'error' },
      check_timestamp: '2010-12-01 00:00:00+00',
    });
    await recordChecks(place.warehouse, run, [row('m1')]);
    await recordChecks(place.warehouse, run, [{ ...row('m2'), versionId: id, partition: '2010-12-01' }]);
    const history: CheckResultRow[] = [];
    for await (const rows of checkHistory(place.warehouse)) history.push(...rows);
    expect(history).toEqual([row('m1'), row('m2')]);
    expect(await place.rows('SELECT version_id, partition FROM assay.check_result ORDER BY id')).toEqual([
      ['null', 'null'],
      [String(id), '2010-12-01'],
    ]);
  });
});
