import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  openPublications,
  type Publication,
  parquetSession,
  promote,
  rollback,
} from '../../src/build/transform/index.js';
import { noEmit } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { isDataMoved } from '../../src/store/state/index.js';
import { type Clone, type Clones, openBuilt } from './transform-clones.js';

let clones: Clones;
beforeAll(async () => {
  clones = await openBuilt();
});
afterAll(async () => {
  await clones.close();
});

/** How a reader gets its two totals in one question, so that both must be of one state. */
interface Reader {
  readonly name: string;
  read(): Promise<string>;
}

/** What readers saw, and when the last one that saw something else than the newest began. */
interface Seen {
  readonly values: Map<string, number>;
  readonly last: Map<string, number>;
}

/** Reads without a pause in all ways at once while the work is done, and until each has read `most` times. */
const whileRead = async (readers: readonly Reader[], most: number, work: () => Promise<void>) => {
  const seen = new Map(readers.map(({ name }) => [name, { values: new Map(), last: new Map() } as Seen]));
  let working = true;
  const loops = readers.map(async ({ name, read }) => {
    const { values, last } = seen.get(name) as Seen;
    for (let count = 0; working || count < most; count++) {
      const began = performance.now();
      const value = await read();
      values.set(value, (values.get(value) ?? 0) + 1);
      last.set(value, began);
    }
  });
  await Promise.all([
    ...loops,
    work().finally(() => {
      working = false;
    }),
  ]);
  return seen;
};

/** The ways in which the service and its clients read two tables: `sql` has `{x}` for a relation and gives one text. */
const readersOf = async (place: Clone, sql: string) => {
  const { warehouse } = place;
  const publications = await openPublications(warehouse, noEmit);
  let retries = 0;
  const over = (relationOf: (name: string) => string) =>
    sql.replaceAll(/\{([a-z_.]+)\}/g, (_all, name: string) => relationOf(name));
  const one = async (statement: string): Promise<string> =>
    (await warehouse.query<{ s: string }>(statement)).rows[0]?.s ?? '';
  const pinned = async (): Promise<string> => {
    for (;;) {
      const { tables } = publications.current();
      try {
        return await one(over((name) => tables.get(name)?.postgres ?? ''));
      } catch (thrown) {
        if (!isDataMoved(thrown)) throw thrown;
        retries += 1;
        await publications.refresh();
      }
    }
  };
  const lake = async (): Promise<string> => {
    const { tables }: Publication = publications.current();
    const relations = new Map<string, string>();
    for (const [, name = ''] of sql.matchAll(/\{([a-z_.]+)\}/g)) {
      const at = tables.get(name)?.lake;
      const snapshot = at && (await openTable(at.path, parquetSession(clones.duckdb), at.version));
      if (snapshot) relations.set(name, relation(snapshot));
    }
    const [row] = await clones.duckdb.query(over((name) => relations.get(name) ?? ''));
    return String(row?.['s']);
  };
  const readers: readonly Reader[] = [
    { name: 'views', read: () => one(over((name) => name)) },
    { name: 'pinned', read: pinned },
    { name: 'lake', read: lake },
  ];
  return { readers, retries: () => retries, close: () => publications.close() };
};

const told = (what: string, lines: readonly string[]): void => {
  process.stdout.write(`${[what, ...lines].join('\n  ')}\n`);
};

describe('promote and rollback', () => {
  it('move pointers only, and readers of two tables see both old or both new', async () => {
    const place = await clones.copy('built', 'promoted');
    const shipped = await place.contents();
    place.transforms = place.edited({
      'gold/dim_invoice.v1.sql': (sql) => sql.replace('  is_return,\n', '  NOT is_return AS is_return,\n'),
      'gold/dim_country.v1.sql': (sql) => sql.replace(/'Unknown'/g, "'Elsewhere'"),
    });
    const restate = new Map(['gold.dim_invoice', 'gold.dim_country'].map((id) => [id, undefined]));
    expect((await place.forward({ environment: 'pr_17', restate })).unmade).toEqual([]);
    const tried = await place.contents({ environment: 'pr_17' });
    expect(await place.contents()).toEqual(shipped);
    place.steps();

    const OLD = '156 2 0';
    const NEW = '994 1 1';
    const sql = `SELECT concat_ws(' ', (SELECT count(*) FILTER (WHERE is_return) FROM {gold.dim_invoice} a),
      (SELECT count(*) FILTER (WHERE region = 'Unknown') FROM {gold.dim_country} b),
      (SELECT count(*) FILTER (WHERE region = 'Elsewhere') FROM {gold.dim_country} c)) AS s`;
    const { readers, retries, close } = await readersOf(place, sql);
    const moves: string[] = [];
    const ends: number[] = [];
    const seen = await whileRead(readers, 500, async () => {
      for (let round = 0; round < 3; round++) {
        const there = await promote(place.parts(), 'pr_17', 'prod', new Set(restate.keys()));
        ends.push(performance.now());
        expect([...there.changed].sort()).toEqual(['gold.dim_country', 'gold.dim_invoice']);
        const back = await rollback(place.parts(), 'prod', undefined);
        ends.push(performance.now());
        expect([...back.changed].sort()).toEqual(['gold.dim_country', 'gold.dim_invoice']);
        moves.push(`${there.revision} ${back.revision}`);
      }
    });
    await close();
    for (const [name, { values }] of seen) {
      const reads = [...values.values()].reduce((sum, n) => sum + n, 0);
      expect([name, [...values.keys()].filter((value) => value !== OLD && value !== NEW)]).toEqual([name, []]);
      expect(reads).toBeGreaterThanOrEqual(500);
      // Which of the two they saw the longest after the last move.
      const late = (values.has(NEW) ? (seen.get(name)?.last.get(NEW) ?? 0) : 0) - (ends.at(-1) ?? 0);
      told(`readers of ${name}: ${reads} reads`, [
        `${values.get(OLD) ?? 0} old, ${values.get(NEW) ?? 0} new`,
        `the last read that saw the promoted state began ${late.toFixed(1)} ms after the last rollback had returned`,
      ]);
    }
    expect(retries()).toBe(0);
    // No table was made and no row was moved.
    expect(place.steps()).toEqual([]);
    expect(await place.contents()).toEqual(shipped);
    expect(await place.contents({ environment: 'pr_17' })).toEqual(tried);
    expect(moves).toHaveLength(3);
    await place.close();
  });
});

describe('a rollback of rows', () => {
  const BAD = [
    '900001,22423,REGENCY CAKESTAND 3 TIER,2,12/14/10 9:00,9912.75,99001,United Kingdom',
    '900002,22423,REGENCY CAKESTAND 3 TIER,4,12/3/10 9:00,7000.00,17850,Atlantis',
  ];
  const HISTORY = `SELECT count(*) AS n, md5(string_agg(m::text, '~' ORDER BY metric_id COLLATE "C")) AS h FROM gold.data_quality_metrics m`;

  it('brings both copies back row for row, holds the environment, and a plan goes forward again', async () => {
    const place = await clones.copy('built', 'rolled_back');
    const before = await place.contents();
    const history = await place.rows(HISTORY);
    const sql = `SELECT concat_ws(' ', (SELECT sum(total_amount) FROM {gold.fact_sales} a), (SELECT count(*) FROM {gold.dim_invoice} b),
      (SELECT sum(amount) FROM {silver.order_lines} c)) AS s`;
    const OLD = '475412.72 1150 475412.72';
    const NEW = '523238.22 1152 523238.22';
    const { readers, retries, close } = await readersOf(place, sql);
    await place.ingest('bad.csv', BAD);
    const { revision } = await place.publication();
    let bad: Awaited<ReturnType<Clone['contents']>> = {};
    const seen = await whileRead(readers, 100, async () => {
      expect((await place.run()).status).toBe('published');
      bad = await place.contents();
      place.steps();
      const back = await rollback(place.parts(), 'prod', undefined);
      expect(back.revision).toBeGreaterThan(revision + 1);
    });
    await close();
    for (const [name, { values }] of seen) {
      expect([name, [...values.keys()].filter((value) => value !== OLD && value !== NEW)]).toEqual([name, []]);
      told(`readers of ${name}`, [`${values.get(OLD) ?? 0} old, ${values.get(NEW) ?? 0} new`]);
    }
    told('readers that were held to a publication', [`asked again ${retries()} times`]);
    // Nothing was computed.
    expect(place.steps()).toEqual([]);
    expect(await place.contents()).toEqual(before);
    expect(await place.rows(HISTORY)).toEqual(history);

    await expect(place.run()).rejects.toMatchObject({ code: 'environment-held' });
    expect(await place.contents()).toEqual(before);
    const made = await place.plan();
    expect(made.risks.join('\n')).toMatch(/prod was rolled back from revision \d+/);
    expect((await place.forward()).unmade).toEqual([]);
    expect(await place.contents()).toEqual(bad);
    expect((await place.run()).status).toBe('unchanged');
    await place.close();
  });

  it('goes back over several publications to the one that is named', async () => {
    const place = await clones.copy('built', 'far_back');
    const before = await place.contents();
    const { revision } = await place.publication();
    for (const [i, line] of BAD.entries()) {
      await place.ingest(`bad-${i}.csv`, [line]);
      await place.run();
    }
    const after = await place.contents();
    await rollback(place.parts(), 'prod', revision);
    expect(await place.contents()).toEqual(before);
    // The way back is a publication, too.
    await rollback(place.parts(), 'prod', undefined);
    expect(await place.contents()).toEqual(after);
    await expect(rollback(place.parts(), 'prod', 999)).rejects.toMatchObject({ code: 'rollback-impossible' });
    expect((await place.forward()).unmade).toEqual([]);
    expect(await place.contents()).toEqual(after);
    await place.close();
  });
});
