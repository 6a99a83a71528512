import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AssayError } from '../../src/errors/index.js';
import {
  createEnvironment,
  currentEnvironment,
  holdLeases,
  intervalsOf,
  leaseIntervals,
  lockTables,
  physicalTables,
  publishEnvironment,
  publishIntervals,
  releaseLeases,
  stageIntervals,
} from '../../src/store/state/index.js';
import { audited, begin, type LedgerPlace, openLedger, tables } from './ledger-place.js';

/**
 * Six runs at once, each over and over: lease what can be had of some partitions, read their numbers as they are published, stage
 * each plus one, publish. Two environments share the tables; readers follow both all the while; now and then a run's connection is
 * cut in the middle of its publication.
 */
const NAMES = ['gold.a', 'gold.b', 'gold.c'];
const PARTITIONS = Array.from({ length: 8 }, (_, at) => `p${at}`);
const RUNS = 6;
const ROUNDS = 25;

let place: LedgerPlace;
let ids: number[];
beforeAll(async () => {
  place = await openLedger();
  ids = await tables(place.warehouse, NAMES);
  await createEnvironment(place.warehouse, 'dev');
  for (const id of ids)
    await place.warehouse.query(
      `CREATE TABLE t${id} (partition text PRIMARY KEY, n bigint NOT NULL);
       INSERT INTO t${id} SELECT 'p' || g, 0 FROM generate_series(0, 7) g`,
    );
  await begin(place.warehouse, 'first');
  const pointers = NAMES.map((name, at) => ({ name, versionId: ids[at] ?? 0 }));
  for (const environment of ['prod', 'dev'])
    await place.warehouse.transaction((tx) =>
      publishEnvironment(tx, {
        ...{ environment, runId: 'first', lake: '/l', base: 0, pointers },
        moved: [],
        reads: [],
      }),
    );
});
afterAll(async () => {
  await place.close();
});

/** The same numbers every time, one row for each run. */
const numbers = (seed: number) => {
  let state = seed + 1;
  return (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
};

const done = new Map<string, number>();
const ends: Record<string, number> = {};
const end = (what: string) => {
  ends[what] = (ends[what] ?? 0) + 1;
};

const round = async (runId: string, next: (below: number) => number): Promise<void> => {
  const { warehouse } = place;
  const id = ids[next(ids.length)] ?? 0;
  const parent = ids[next(ids.length)] ?? 0;
  const from = next(PARTITIONS.length);
  const wanted = PARTITIONS.slice(from, from + 1 + next(4)).map((partition) => ({ versionId: id, partition }));
  const { granted } = await leaseIntervals(warehouse, { runId, owner: runId, seconds: 600, wanted });
  if (granted.length === 0) return end('refused');
  const seen = await physicalTables(warehouse, [id, parent]);
  const at = (versionId: number) => ({ versionId, changedAt: seen.get(versionId)?.changedAt ?? 0 });
  const keys = granted.map((one) => one.partition);
  const { rows } = await warehouse.query<{ partition: string; n: string }>(
    `SELECT partition, n FROM t${id} WHERE partition = ANY($1)`,
    [keys],
  );
  await stageIntervals(warehouse, audited(granted, `${runId}-${next(1_000_000)}`));
  const cut = next(8) === 0;
  try {
    await warehouse.transaction(async (tx) => {
      await lockTables(tx, { moved: [at(id)], reads: parent === id ? [] : [at(parent)] });
      await holdLeases(tx, granted);
      await tx.query(`DELETE FROM t${id} WHERE partition = ANY($1)`, [keys]);
      for (const row of rows)
        await tx.query(`INSERT INTO t${id} VALUES ($1, $2)`, [row.partition, String(BigInt(row.n) + 1n)]);
      const total = await tx.query<{ n: string }>(`SELECT sum(n)::bigint AS n FROM t${id}`);
      const rowsNow = Number(total.rows[0]?.n);
      const { revision } = await publishEnvironment(tx, {
        ...{ environment: next(2) === 0 ? 'prod' : 'dev', runId, lake: '/l', base: new Map(), pointers: [] },
        moved: [{ ...at(id), lakeVersion: rowsNow, dataVersion: String(rowsNow), rows: rowsNow, bytes: 0 }],
        reads: parent === id ? [] : [at(parent)],
      });
      if (cut) await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
      await publishIntervals(tx, { revision, leases: granted });
    });
    for (const key of keys) done.set(`${id} ${key}`, (done.get(`${id} ${key}`) ?? 0) + 1);
    end('published');
  } catch (thrown) {
    end((thrown as AssayError).code);
    await releaseLeases(warehouse, granted);
  }
};

/** One look at an environment: every table's numbers under the guard of its pointer must add up to what the pointer says. */
const look = async (environment: string): Promise<void> => {
  const { pointers } = await currentEnvironment(place.warehouse, environment);
  const parts = pointers.map(
    ({ versionId, changedAt }) =>
      `(SELECT sum(n)::bigint FROM t${versionId} WHERE (SELECT assay.pinned(${versionId}, ${changedAt}))) AS t${versionId}`,
  );
  try {
    const { rows } = await place.warehouse.query<Record<string, string>>(`SELECT ${parts.join(', ')}`);
    expect(Object.values(rows[0] ?? {}).map(Number)).toEqual(pointers.map((pointer) => pointer.rows));
    end('read');
  } catch (thrown) {
    const { parameters } = thrown as AssayError;
    if (parameters?.['sqlstate'] !== 'AS001') throw thrown;
    end('data has moved');
  }
};

it('loses nothing, makes nothing twice, and shows no reader a mix', async () => {
  let working = true;
  const readers = ['prod', 'dev'].map(async (environment) => {
    while (working) await look(environment);
  });
  const runs = Array.from({ length: RUNS }, async (_, run) => {
    const runId = await begin(place.warehouse, `run-${run}`);
    const next = numbers(run * 7919);
    for (let at = 0; at < ROUNDS; at += 1) await round(runId, next);
  });
  await Promise.all(runs).finally(() => {
    working = false;
  });
  await Promise.all(readers);
  for (const environment of ['prod', 'dev']) await look(environment);

  const wanted = ids.flatMap((id) =>
    PARTITIONS.map((partition) => [id, partition, done.get(`${id} ${partition}`) ?? 0]),
  );
  const found = await Promise.all(
    ids.map((id) => place.rows(`SELECT ${id}, partition, n FROM t${id} ORDER BY partition`)),
  );
  expect(found.flat().map(([id, partition, n]) => [Number(id), partition, Number(n)])).toEqual(wanted);
  // Both environments end at the same state of every table, and no lease is left.
  const [prod, dev] = await Promise.all(['prod', 'dev'].map((name) => currentEnvironment(place.warehouse, name)));
  expect(dev?.pointers).toEqual(prod?.pointers);
  for (const interval of await intervalsOf(place.warehouse, ids)) expect(interval.leaseOwner).toBeUndefined();
  const revisions = await place.rows('SELECT count(*), max(revision) FROM assay.publication');
  expect(revisions).toEqual([[String(2 + 2 * (ends['published'] ?? 0)), String(2 + 2 * (ends['published'] ?? 0))]]);
  process.stdout.write(`runs and readers: ${JSON.stringify(ends)}\n`);
  expect(ends).toMatchObject({ published: expect.any(Number), read: expect.any(Number) });
});
