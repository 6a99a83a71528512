import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, type AskParts, makeAsk } from '../../src/answer/run/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import { localCaller, noEmit } from '../../src/query/index.js';
import { openWarehouse, startCluster } from '../../src/store/engine/index.js';
import { lines } from '../star/questions.js';
import { cellsOf, openWorld, tablesOf, type World } from '../star/world.js';

const SEED = 20_101_201;

describe('answers from tables of PostgreSQL that nobody published', () => {
  const end: (() => unknown)[] = [];
  let world: World;
  let execute: (sql: string) => Promise<unknown>;
  let warehouse: Awaited<ReturnType<typeof openWarehouse>>;
  let parts: AskParts;
  let ask: Ask;
  beforeAll(async () => {
    const home = mkdtempSync(join(tmpdir(), 'assay-answers-'));
    chmodSync(home, 0o755);
    end.push(() => rmSync(home, { recursive: true, force: true }));
    const cluster = await startCluster({ kind: 'scratch', home, emit: noEmit });
    end.push(() => cluster.stop());
    warehouse = await openWarehouse({ url: cluster.url, emit: noEmit });
    end.push(() => warehouse.close());
    execute = (sql) => warehouse.query(sql);
    await execute('CREATE SCHEMA star');
    const [some = []] = fc.sample(lines, { seed: SEED, numRuns: 1 });
    for (const statement of tablesOf(some)) await execute(statement);
    world = await openWorld();
    end.push(() => world.close());
    const publication = { revision: 0, tables: new Map() };
    parts = {
      ...world.parts,
      engines: { ...world.parts.engines, postgres: warehouse.engine },
      publications: { current: () => publication, refresh: async () => publication },
      rollups: { ...world.parts.rollups, inventory: () => ({ states: new Map() }) },
      rawSource: 'postgres',
    };
    ask = makeAsk(parts);
  });
  afterAll(async () => {
    for (const work of end.reverse()) await work();
  });

  it('are found again when a publication replaced them', async () => {
    let revision = 1;
    const current = (): Publication => ({
      revision,
      tables: new Map([
        [
          'star.sales',
          {
            name: 'star.sales',
            postgres: revision === 1 ? '"star"."sales_gone"' : '"star"."sales"',
            lake: undefined,
            dataVersion: `v${revision}`,
            rows: 0,
            since: revision,
          },
        ],
      ]),
    });
    const moved = makeAsk({
      ...parts,
      publications: {
        current,
        refresh: async () => {
          revision += 1;
          return current();
        },
      },
    });
    const expected = await cellsOf(ask, { measures: ['shop.lines'] });
    expect((await cellsOf(moved, { measures: ['shop.lines'] })).rows).toEqual(expected.rows);
    expect(revision).toBe(2);
  });
  it('have no cache key, because nobody says when they change', async () => {
    const answer = await ask.query(
      { measures: ['shop.lines'] },
      { subject: 's', tenant: 't', roles: ['boss'], attributes: {}, via: 'local' },
      { surface: 'cli', requestId: 'r' },
    );
    expect(answer.cacheKey).toBeUndefined();
    await answer.rows.cancel();
  });

  it('are told in an estimate as the server’s catalogue has them, to those who may see statements', async () => {
    await execute('CREATE TABLE star.sales_kept AS SELECT * FROM star.sales');
    await execute('INSERT INTO star.sales SELECT k.* FROM star.sales_kept k, generate_series(1, 500)');
    await execute('ANALYZE star.sales');
    const query = { measures: ['shop.lines'], source: 'raw' } as const;
    const told = (roles: string[]) => ask.explain(query, localCaller(roles), { surface: 'cli', requestId: 'r' });
    const { rows } = await warehouse.query<{ n: number; b: number }>(
      `SELECT reltuples::int AS n, pg_table_size('star.sales')::int AS b FROM pg_class WHERE oid = 'star.sales'::regclass`,
    );
    const [{ n, b } = { n: 0, b: 0 }] = rows;
    expect(n).toBeGreaterThan(500);
    const read = { name: 'star.sales', rows: n, bytes: b };
    expect((await told(['boss', 'admin'])).estimate).toEqual({ rows: n, bytes: b, reads: [read] });
    expect((await told(['boss'])).estimate).toBeUndefined();
    const [some = []] = fc.sample(lines, { seed: SEED, numRuns: 1 });
    await world.load(some);
    const lake = makeAsk({ ...world.parts, rawSource: 'lake' });
    const { estimate } = await lake.explain(query, localCaller(['boss', 'admin']), { surface: 'cli', requestId: 'r' });
    expect(estimate).toMatchObject({ rows: some.length, reads: [{ rows: some.length }] });
    await execute('DELETE FROM star.sales');
    await execute('INSERT INTO star.sales SELECT * FROM star.sales_kept');
  });
});
