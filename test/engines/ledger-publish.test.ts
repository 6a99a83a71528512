import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tx } from '../../src/store/engine/index.js';
import {
  closePlan,
  createEnvironment,
  currentEnvironment,
  describeVersions,
  dropEnvironment,
  type EnvironmentPublication,
  ensureVersions,
  forgetTables,
  garbage,
  holdEnvironment,
  listEnvironments,
  lockTables,
  type MovedTable,
  migrate,
  PUBLICATION_CHANNEL,
  type Published,
  physicalTables,
  publicationAt,
  publications,
  publishEnvironment,
  readPlan,
  savePlan,
  versionsById,
} from '../../src/store/state/index.js';
import { begin, gate, type LedgerPlace, lease, openLedger, stateSchema, tables, version } from './ledger-place.js';

let place: LedgerPlace;
beforeAll(async () => {
  place = await openLedger();
  await begin(place.warehouse, 'run');
});
afterAll(async () => {
  await place.close();
});

let named = 0;
/** Names of this test's own, so that tests do not meet in their environments. */
const some = async (count: number): Promise<{ names: string[]; ids: number[]; environment: string }> => {
  named += 1;
  const names = Array.from({ length: count }, (_, at) => `gold.t${named}_${at}`);
  const environment = `e${named}`;
  await createEnvironment(place.warehouse, environment);
  return { names, ids: await tables(place.warehouse, names), environment };
};
const move = (versionId: number, changedAt: number, rows: number): MovedTable => ({
  ...{ versionId, changedAt, rows, bytes: rows * 100, lakeVersion: rows, dataVersion: `data ${rows}` },
});
const publication = (environment: string, of: Partial<EnvironmentPublication>): EnvironmentPublication => ({
  ...{ environment, runId: 'run', lake: '/lake', base: 0, pointers: [], moved: [], reads: [] },
  ...of,
});
const publish = (environment: string, of: Partial<EnvironmentPublication>): Promise<Published> =>
  place.warehouse.transaction((tx) => publishEnvironment(tx, publication(environment, of)));
const pinned = (versionId: number, at: number) =>
  place.warehouse.query('SELECT 1 AS one WHERE (SELECT assay.pinned($1, $2))', [versionId, at]);

describe('a publication', () => {
  it('is the next revision over all environments, and is told', async () => {
    const heard: string[] = [];
    const unlisten = await place.warehouse.listen(PUBLICATION_CHANNEL, (message) => heard.push(message));
    const { names, ids, environment } = await some(2);
    const [a = 0, b = 0] = ids;
    const pointers = names.map((name, at) => ({ name, versionId: ids[at] ?? 0 }));
    const first = await publish(environment, { pointers, moved: [move(a, 0, 3), move(b, 0, 4)] });
    const second = await publish(environment, { base: first.revision, pointers, moved: [move(b, first.revision, 5)] });
    expect(second.revision).toBe(first.revision + 1);
    const state = await currentEnvironment(place.warehouse, environment);
    expect(state).toMatchObject({ name: environment, revision: second.revision, lake: '/lake', heldFrom: undefined });
    const of = { postgres: `"phys"."${names[0]}_one"`, lakePath: `${names[0]}/one` };
    expect(state.pointers).toEqual([
      {
        ...of,
        name: names[0],
        versionId: a,
        lakeVersion: 3,
        dataVersion: 'data 3',
        rows: 3,
        changedAt: first.revision,
      },
      {
        ...{ name: names[1], versionId: b, postgres: `"phys"."${names[1]}_one"`, lakePath: `${names[1]}/one` },
        ...{ lakeVersion: 5, dataVersion: 'data 5', rows: 5, changedAt: second.revision },
      },
    ]);
    expect((await physicalTables(place.warehouse, ids)).get(b)).toMatchObject({
      changedAt: second.revision,
      bytes: 500,
    });
    const history = await publications(place.warehouse, environment, 10);
    expect(history.map((record) => [record.revision, record.pointers.map((one) => one.rows)])).toEqual([
      [second.revision, [3, 5]],
      [first.revision, [3, 4]],
    ]);
    expect(await publicationAt(place.warehouse, environment, first.revision)).toEqual(history[1]);
    expect(await publicationAt(place.warehouse, 'prod', first.revision)).toBeUndefined();
    while (heard.length < 2) await place.warehouse.query('SELECT 1');
    expect(heard).toEqual([`${environment} ${first.revision}`, `${environment} ${second.revision}`]);
    await unlisten();
  });

  it('pins readers: they get the rows that their plan saw, or are told that data has moved', async () => {
    const { names, ids, environment } = await some(1);
    const [id = 0] = ids;
    const pointers = [{ name: names[0] ?? '', versionId: id }];
    const first = await publish(environment, { pointers, moved: [move(id, 0, 1)] });
    expect((await pinned(id, first.revision)).rowCount).toBe(1);
    await place.warehouse.transaction(
      async (reader) => {
        await reader.query('SELECT 1');
        const second = await publish(environment, {
          base: first.revision,
          pointers,
          moved: [move(id, first.revision, 2)],
        });
        // The reader's snapshot is of before: its rows are those of the first revision.
        expect((await reader.query(`SELECT assay.pinned(${id}, ${first.revision})`)).rowCount).toBe(1);
        expect((await pinned(id, second.revision)).rowCount).toBe(1);
      },
      { isolation: 'repeatable read' },
    );
    const moved = { code: 'engine-failed', parameters: { sqlstate: 'AS001' } };
    await expect(pinned(id, first.revision)).rejects.toMatchObject(moved);
    await expect(pinned(0, 0)).rejects.toMatchObject(moved);
  });

  it('moves other environments along that point at a changed table, and only those', async () => {
    const { names, ids, environment } = await some(2);
    const [a = 0, b = 0] = ids;
    const [nameA = '', nameB = ''] = names;
    await publish(environment, {
      pointers: [
        { name: nameA, versionId: a },
        { name: nameB, versionId: b },
      ],
      moved: [move(a, 0, 1), move(b, 0, 1)],
    });
    const base = (await currentEnvironment(place.warehouse, environment)).revision;
    const [also, apart] = [`${environment}_also`, `${environment}_apart`];
    for (const name of [also, apart]) await createEnvironment(place.warehouse, name);
    await publish(also, {
      pointers: [
        { name: `${nameA}_v1`, versionId: a },
        { name: nameB, versionId: b },
      ],
    });
    await publish(apart, { pointers: [{ name: nameB, versionId: b }] });
    const apartBefore = await currentEnvironment(place.warehouse, apart);
    const alsoBefore = await currentEnvironment(place.warehouse, also);
    const { revision, others } = await publish(environment, {
      base: new Map([[nameA, a]]),
      pointers: [{ name: nameA, versionId: a }],
      moved: [move(a, base, 9)],
    });
    expect(others).toEqual([{ environment: also, revision: revision + 1 }]);
    expect(await currentEnvironment(place.warehouse, apart)).toEqual(apartBefore);
    const alsoAfter = await currentEnvironment(place.warehouse, also);
    expect(alsoAfter.pointers).toEqual(
      alsoBefore.pointers.map((pointer) =>
        pointer.versionId === a
          ? { ...pointer, rows: 9, lakeVersion: 9, dataVersion: 'data 9', changedAt: revision }
          : pointer,
      ),
    );
    expect(alsoAfter.revision).toBe(revision + 1);
  });

  it('may set some names and leave the rest as others make it, but not over what another run set', async () => {
    const { names, ids, environment } = await some(3);
    const [a = 0, b = 0, c = 0] = ids;
    const [nameA = '', nameB = '', nameC = ''] = names;
    const one = (name: string, versionId: number) => ({ pointers: [{ name, versionId }] });
    await publish(environment, { base: new Map([[nameA, undefined]]), ...one(nameA, a) });
    await publish(environment, { base: new Map([[nameB, undefined]]), ...one(nameB, b) });
    const names1 = async () => (await currentEnvironment(place.warehouse, environment)).pointers.map((p) => p.name);
    expect(await names1()).toEqual([nameA, nameB]);
    await publish(environment, { base: new Map([[nameA, a]]) });
    expect(await names1()).toEqual([nameB]);
    const overtaken = { code: 'publish-overtaken', parameters: { table: nameB } };
    for (const base of [new Map([[nameB, undefined]]), new Map([[nameB, c]]), new Map()])
      await expect(publish(environment, { base, ...one(nameB, c) })).rejects.toMatchObject(overtaken);
    await expect(publish(environment, { base: 0, ...one(nameC, c) })).rejects.toMatchObject({
      code: 'publish-overtaken',
      parameters: { base: 0 },
    });
    expect(await names1()).toEqual([nameB]);
  });

  it('refuses an environment or a table that is not there', async () => {
    const { names, environment } = await some(1);
    await expect(publish('nowhere', {})).rejects.toMatchObject({ code: 'environment-unknown' });
    const [bare] = await ensureVersions(place.warehouse, [version('gold.bare', 'bare', 4)]);
    const pointers = [{ name: names[0] ?? '', versionId: bare?.id ?? 0 }];
    const gone = { code: 'version-gone', parameters: { model: 'gold.bare', version: 4 } };
    await expect(publish(environment, { pointers })).rejects.toMatchObject(gone);
    await expect(publish(environment, { moved: [move(bare?.id ?? 0, 0, 1)] })).rejects.toMatchObject(gone);
  });
});

describe('of two publications', () => {
  type Side = { readonly tx: (tx: Tx) => Promise<unknown>; readonly name: string };
  /** Runs the first up to its end but the commit, starts the second, lets the first commit as soon as the second waits for it. */
  const interleave = async (first: Side, second: Side): Promise<Record<string, string>> => {
    const done = gate();
    const go = gate();
    const ends: Record<string, string> = {};
    const run = (side: Side, after: () => Promise<void>) =>
      place.warehouse
        .transaction(async (tx) => {
          await side.tx(tx);
          await after();
        })
        .then(
          () => {
            ends[side.name] = 'published';
          },
          (thrown: { code: string }) => {
            ends[side.name] = thrown.code;
          },
        );
    const one = run(first, async () => {
      done.open();
      await go.opened;
    });
    await done.opened;
    const two = run(second, async () => {});
    await place.waiting(1);
    go.open();
    await Promise.all([one, two]);
    return ends;
  };
  const both = async (a: Side, b: Side, expectEnds: (ends: Record<string, string>, first: string) => void) => {
    expectEnds(await interleave(a, b), a.name);
  };

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('that change the same table, %s first, the other is told', async (...order) => {
    const { names, ids, environment } = await some(1);
    const [id = 0] = ids;
    const pointers = [{ name: names[0] ?? '', versionId: id }];
    const side = (name: string): Side => ({
      name,
      tx: (tx) =>
        publishEnvironment(
          tx,
          publication(environment, {
            base: new Map([[names[0] ?? '', undefined]]),
            pointers,
            moved: [move(id, 0, name === 'a' ? 1 : 2)],
          }),
        ),
    });
    const [first = '', second = ''] = order;
    await both(side(first), side(second), (ends) => {
      expect(ends).toEqual({ [first]: 'published', [second]: 'publish-overtaken' });
    });
    expect((await currentEnvironment(place.warehouse, environment)).pointers[0]?.rows).toBe(first === 'a' ? 1 : 2);
  });

  it.each([
    ['writer', 'reader'],
    ['reader', 'writer'],
  ])('where one has read what the other changes, %s first, the later one is told if it must be', async (...order) => {
    const { names, ids, environment } = await some(2);
    const [parent = 0, child = 0] = ids;
    const [parentName = '', childName = ''] = names;
    const sides: Record<string, Side> = {
      writer: {
        name: 'writer',
        tx: (tx) =>
          publishEnvironment(
            tx,
            publication(environment, {
              base: new Map([[parentName, undefined]]),
              pointers: [{ name: parentName, versionId: parent }],
              moved: [move(parent, 0, 1)],
            }),
          ),
      },
      reader: {
        name: 'reader',
        tx: (tx) =>
          publishEnvironment(
            tx,
            publication(environment, {
              base: new Map([[childName, undefined]]),
              pointers: [{ name: childName, versionId: child }],
              moved: [move(child, 0, 1)],
              reads: [{ versionId: parent, changedAt: 0 }],
            }),
          ),
      },
    };
    const [first, second] = order.map((name) => sides[name]);
    if (!first || !second) throw new TypeError('no such side');
    await both(first, second, (ends) => {
      // What was read before it changed was right when it was published; its next run sees that it is old.
      expect(ends).toEqual(
        first.name === 'writer'
          ? { writer: 'published', reader: 'publish-overtaken' }
          : { writer: 'published', reader: 'published' },
      );
    });
  });

  it.each([
    ['rename', 'change'],
    ['change', 'rename'],
  ])('where one points at what the other changes, %s first, readers of both end at the new state', async (...order) => {
    const { names, ids, environment } = await some(1);
    const [id = 0] = ids;
    const [name = ''] = names;
    await publish(environment, { pointers: [{ name, versionId: id }], moved: [move(id, 0, 1)] });
    const base = (await currentEnvironment(place.warehouse, environment)).revision;
    const other = `${environment}_other`;
    await createEnvironment(place.warehouse, other);
    const sides: Record<string, Side> = {
      rename: {
        name: 'rename',
        tx: (tx) => publishEnvironment(tx, publication(other, { pointers: [{ name, versionId: id }] })),
      },
      change: {
        name: 'change',
        tx: (tx) =>
          publishEnvironment(
            tx,
            publication(environment, { base, pointers: [{ name, versionId: id }], moved: [move(id, base, 2)] }),
          ),
      },
    };
    const [first, second] = order.map((side) => sides[side]);
    if (!first || !second) throw new TypeError('no such side');
    await both(first, second, (ends) => {
      expect(ends).toEqual({ rename: 'published', change: 'published' });
    });
    for (const one of [environment, other]) {
      const [pointer] = (await currentEnvironment(place.warehouse, one)).pointers;
      expect(pointer).toMatchObject({ rows: 2, dataVersion: 'data 2' });
      expect((await pinned(id, pointer?.changedAt ?? 0)).rowCount).toBe(1);
    }
  });

  it('neither waits for the other when they take tables beforehand, whatever their order', async () => {
    const { ids } = await some(6);
    const seen = ids.map((versionId) => ({ versionId, changedAt: 0 }));
    const take = (moved: typeof seen, reads: typeof seen) =>
      place.warehouse.transaction((tx) => lockTables(tx, { moved, reads }));
    await Promise.all(
      Array.from({ length: 40 }, (_, at) => {
        const turned = [...seen.slice(at % 6), ...seen.slice(0, at % 6)];
        return at % 2 === 0
          ? take(turned.slice(0, 3), turned.slice(3))
          : take(turned.slice(3).reverse(), turned.slice(0, 3));
      }),
    );
  });
});

describe('environments', () => {
  it('are made, held, let go and dropped', async () => {
    const { names, ids, environment } = await some(1);
    const pointers = [{ name: names[0] ?? '', versionId: ids[0] ?? 0 }];
    const { revision } = await publish(environment, { pointers });
    expect(await createEnvironment(place.warehouse, environment)).toMatchObject({ revision });
    await holdEnvironment(place.warehouse, environment, revision);
    expect(await listEnvironments(place.warehouse)).toContainEqual(
      expect.objectContaining({ name: environment, heldFrom: revision }),
    );
    await holdEnvironment(place.warehouse, environment, undefined);
    expect((await currentEnvironment(place.warehouse, environment)).heldFrom).toBeUndefined();
    await place.warehouse.transaction((tx) => dropEnvironment(tx, environment));
    const unknown = { code: 'environment-unknown' };
    await expect(currentEnvironment(place.warehouse, environment)).rejects.toMatchObject(unknown);
    await expect(holdEnvironment(place.warehouse, environment, 1)).rejects.toMatchObject(unknown);
    // One of the same name begins anew, and revisions are never given twice.
    await createEnvironment(place.warehouse, environment);
    expect(await publications(place.warehouse, environment, 10)).toEqual([]);
    expect((await publish(environment, { pointers })).revision).toBe(revision + 1);
  });

  it('keep tables that a kept revision points at, that are new, or that somebody makes', async () => {
    const { names, ids, environment } = await some(4);
    const [a = 0, b = 0, c = 0, d = 0] = ids;
    const [name = ''] = names;
    let base = 0;
    for (const versionId of [a, b, c])
      base = (await publish(environment, { base, pointers: [{ name, versionId }] })).revision;
    const leases = await lease(place.warehouse, 'run', d, ['a']);
    const mine = async (keepRevisions: number, keepMicros = 0n) =>
      (await garbage(place.warehouse, { keepMicros, keepRevisions })).filter((id) => ids.includes(id));
    expect(await mine(1)).toEqual([a, b]);
    expect(await mine(2)).toEqual([a]);
    expect(await mine(1, 3_600_000_000n)).toEqual([]);
    await place.warehouse.query(
      "UPDATE assay.publication SET published_at = published_at - interval '2 hours' WHERE revision < $1",
      [base],
    );
    await place.warehouse.query("UPDATE assay.environment SET created_at = '2000-01-01' WHERE name = $1", [
      environment,
    ]);
    await place.warehouse.query("UPDATE assay.physical_table SET created_at = '2000-01-01'");
    // b was seen until the last publication, which is new.
    expect(await mine(1, 3_600_000_000n)).toEqual([a]);
    const held = gate();
    const go = gate();
    const keep = { keepMicros: 0n, keepRevisions: 1 };
    const busy = place.warehouse.transaction(async (tx) => {
      await lockTables(tx, { moved: [{ versionId: b, changedAt: 0 }], reads: [] });
      held.open();
      await go.opened;
    });
    await held.opened;
    expect(await place.warehouse.transaction((tx) => forgetTables(tx, [a, b, c, d], keep))).toEqual([a]);
    go.open();
    await busy;
    expect([...(await physicalTables(place.warehouse, ids)).keys()].sort()).toEqual([b, c, d]);
    expect(leases).toHaveLength(1);
  });
});

describe('versions and plans', () => {
  it('a version is its name, number and data hash; what is said about it can change', async () => {
    const list = [
      version('gold.v', 'h2'),
      version('gold.v', 'h1'),
      version('gold.v', 'h1', 2),
      version('gold.w', 'h1'),
    ];
    const made = await Promise.all(Array.from({ length: 5 }, () => ensureVersions(place.warehouse, list)));
    expect(new Set(made.map((versions) => JSON.stringify(versions.map(({ id }) => id)))).size).toBe(1);
    const [first] = made[0] ?? [];
    if (!first) throw new TypeError('no version');
    expect(made[0]).toMatchObject(list);
    await ensureVersions(place.warehouse, [{ ...version('gold.v', 'h2'), metaHash: 'other' }]);
    expect((await versionsById(place.warehouse, [first.id])).get(first.id)).toEqual(first);
    await describeVersions(place.warehouse, [{ id: first.id, metaHash: 'other', definition: { owner: 'sales' } }]);
    expect((await versionsById(place.warehouse, [first.id])).get(first.id)).toEqual({
      ...{ ...first, metaHash: 'other', definition: { owner: 'sales' } },
    });
  });

  it('a plan is applied once', async () => {
    const plan = { id: '7f3c', environment: 'prod', baseRevision: 4, body: { steps: [1, 2], text: 'ü' } };
    await savePlan(place.warehouse, plan);
    await savePlan(place.warehouse, { ...plan, body: {} });
    expect(await readPlan(place.warehouse, '7f3c')).toMatchObject({ ...plan, status: 'open' });
    const ends = await Promise.allSettled(
      Array.from({ length: 8 }, () => closePlan(place.warehouse, '7f3c', 'applied')),
    );
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(1);
    await expect(closePlan(place.warehouse, '7f3c', 'superseded')).rejects.toMatchObject({ code: 'plan-stale' });
    await expect(readPlan(place.warehouse, 'none')).rejects.toMatchObject({ code: 'plan-unknown' });
  });
});

describe('a ledger of the time before versions', () => {
  it('is brought along with its data, and its tables can be pointed at', async () => {
    const warehouse = await place.database('before');
    const then = join(place.home, 'then');
    mkdirSync(then);
    cpSync(join(stateSchema, '0001_state.sql'), join(then, '0001_state.sql'));
    await migrate(warehouse, then);
    await warehouse.query(`
      INSERT INTO assay.build (build_id, status, base_revision, revision, started_at)
        VALUES ('b1', 'published', 0, 1, '2010-12-01'), ('b2', 'running', 1, NULL, '2010-12-02');
      INSERT INTO assay.publication (revision, build_id, published_at) VALUES (1, 'b1', '2010-12-01');
      INSERT INTO assay.publication_table VALUES
        (1, 'gold.old', '"gold__physical"."old"', 'gold/old', 3, 'd1', 'i1', 'c1', 42, 1),
        (1, 'gold.lake_only', NULL, 'gold/lake_only', 0, 'd2', 'i2', 'c2', 7, 1);
      UPDATE assay.environment SET revision = 1, lake = '/old/lake' WHERE name = 'prod'`);
    expect(await migrate(warehouse, stateSchema)).toEqual({
      applied: ['0002_transforms.sql', '0003_routes.sql', '0004_query_shapes.sql'],
    });
    const old = { name: 'gold.old', versionId: 0, lakePath: 'gold/old', lakeVersion: 3, rows: 42, changedAt: 0 };
    const state = await currentEnvironment(warehouse, 'prod');
    expect(state).toMatchObject({ revision: 1, lake: '/old/lake' });
    expect(state.pointers).toMatchObject([{ name: 'gold.lake_only', postgres: undefined }, old]);
    expect((await publications(warehouse, 'prod', 5)).map((record) => record.revision)).toEqual([1]);

    await begin(warehouse, 'run');
    const [id = 0] = await tables(warehouse, ['gold.new']);
    const { revision } = await warehouse.transaction((tx) =>
      publishEnvironment(
        tx,
        publication('prod', {
          base: 1,
          pointers: [
            { name: 'gold.new', versionId: id },
            { name: 'gold.old', versionId: 0 },
          ],
          moved: [move(id, 0, 5)],
        }),
      ),
    );
    expect(revision).toBe(2);
    expect((await currentEnvironment(warehouse, 'prod')).pointers).toMatchObject([{ name: 'gold.new', rows: 5 }, old]);
  });
});
