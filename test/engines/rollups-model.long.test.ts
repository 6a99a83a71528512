import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRollups, openRollups, type Rollups } from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import { parquetSession } from '../../src/build/transform/index.js';
import { rollupSources } from '../../src/cli/rollup-sources.js';
import { type LoadedModel, loadModel } from '../../src/model/cube/index.js';
import { type Events, noEmit } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { openPlace, type Place, root, sample } from './warehouse-and-lake.js';

/** The shipped model over the real sample, with the control totals that were computed apart from this project. */
describe('the rollups of the shipped model', () => {
  let place: Place;
  let model: LoadedModel;
  let publication: Publication;
  let kv: Kv;
  const refusals: Events['rollup.refused'][] = [];

  beforeAll(async () => {
    place = await openPlace();
    await place.ingest(sample);
    ({ publication } = await place.build());
    model = await loadModel(join(root, 'model'));
    kv = await openKv({ redisUrl: undefined, dir: join(place.home, 'kv'), emit: noEmit });
  });
  afterAll(async () => {
    await kv?.close();
    await place?.close();
  });

  /** As the service reads them: the lake in DuckDB, compared with PostgreSQL. */
  const sourcesAt = (of: Publication) =>
    rollupSources(place.warehouse, place.duckdb, of, async (path, version) => {
      const snapshot = await openTable(path, parquetSession(place.duckdb), version);
      return snapshot ? relation(snapshot) : path;
    });
  const build = (namespace: string, raw: 'postgres' | 'lake') =>
    buildRollups({
      catalogue: model.catalogue,
      legs: model.legs,
      publication,
      ...(raw === 'lake'
        ? sourcesAt(publication)
        : {
            source: {
              engine: place.warehouse.engine,
              resolve: (table: string) => publication.tables.get(table)?.postgres ?? table,
            },
          }),
      duckdb: place.duckdb,
      kv,
      dir: join(place.home, 'tmp'),
      emit: (name, event) => {
        if (name === 'rollup.refused') refusals.push(event as Events['rollup.refused']);
      },
      namespace,
    });
  const node = (namespace: string): Promise<Rollups> =>
    openRollups({
      kv,
      duckdb: place.duckdb,
      dir: join(place.home, namespace),
      model: () => model,
      emit: noEmit,
      namespace,
    });
  const versions = (rollups: Rollups): string[] =>
    [...rollups.inventory().states.values()]
      .flatMap((s) => s.partitions.map((p) => `${p.rollup} ${p.key} ${p.version}`))
      .sort();
  const rowsOf = async (
    rollups: Rollups,
    id: string,
    sql: (column: (member: string) => string) => string,
  ): Promise<string[][]> => {
    const pinned = await rollups.pin(rollups.inventory().states.get(id)?.partitions ?? []);
    const columns = rollups.layout(id)?.columns;
    const from = pinned.tables.map((t) => `SELECT * FROM ${t}`).join(' UNION ALL ');
    const rows = await place.duckdb.query(`WITH whole AS (${from}) ${sql((m) => `"${columns?.get(m)}"`)}`);
    pinned.release();
    return rows.map((row) => Object.values(row).map(String));
  };

  it('are proven equal to raw, read from the warehouse and read from the lake, and are the same bytes', async () => {
    for (const raw of ['postgres', 'lake'] as const) {
      const results = await build(raw, raw);
      expect(results.length).toBeGreaterThan(0);

      expect(results.map((r) => [r.rollup, r.outcome, r.reason ?? r.error?.message])).toEqual(
        model.catalogue.rollups.map((r) => [r.id, 'built', undefined]),
      );
    }
    expect(refusals).toEqual([]);
    const fromPostgres = await node('postgres');
    const fromLake = await node('lake');
    expect(versions(fromLake)).toEqual(versions(fromPostgres));
    await fromPostgres.close();
    await fromLake.close();
  });

  it('give the control totals of the sample', async () => {
    await build('postgres', 'postgres');
    const rollups = await node('postgres');
    const all = model.catalogue.rollups.filter((r) => r.measures.includes('sales.net_revenue'));
    const byDay = all.filter((r) => r.granularity === 'day' && r.timeDimension === 'sales.sold_at');
    expect(byDay.length).toBeGreaterThan(0);
    for (const { id } of byDay) {
      const days = await rowsOf(
        rollups,
        id,
        (c) =>
          `SELECT CAST(sum(${c('sales.net_revenue')}) AS DECIMAL(18,2)) AS n FROM whole GROUP BY ${c('sales.sold_at.day')} ORDER BY ${c('sales.sold_at.day')}`,
      );
      expect(days.flat(), id).toEqual([
        '58451.56',
        '46088.32',
        '45575.38',
        '30973.63',
        '53653.87',
        '44994.70',
        '44035.22',
        '52494.14',
        '57303.01',
        '17037.50',
        '24805.39',
      ]);
    }
    for (const { id } of all) {
      const whole = await rowsOf(
        rollups,
        id,
        (c) =>
          `SELECT sum(${c('sales.net_revenue')}) AS a, sum(${c('sales.gross_revenue')}) AS b, sum(${c('sales.returns_value')}) AS c, sum(${c('sales.units_sold')}) AS d, sum(${c('sales.units_returned')}) AS e, sum(${c('sales.lines')}) AS f FROM whole`,
      );
      expect(whole, id).toEqual([['475412.72', '538729.28', '63316.56', '223270', '12787', '27896']]);
    }
    const orders = model.legs.measureOver(
      'sales.orders',
      new Map([...(rollups.layout('sales.by_invoice')?.columns ?? [])].map(([m, c]) => [m, `"${c}"`])),
      'duckdb',
    );
    const ordersByDay = await rowsOf(
      rollups,
      'sales.by_invoice',
      (c) => `SELECT ${orders} AS n FROM whole GROUP BY ${c('sales.sold_at.day')} ORDER BY ${c('sales.sold_at.day')}`,
    );
    expect(ordersByDay.flat().map(Number)).toEqual([127, 142, 68, 88, 102, 84, 116, 107, 77, 44, 39]);
    expect(await rowsOf(rollups, 'sales.by_invoice', () => `SELECT ${orders} AS n FROM whole`)).toEqual([['994']]);
    await rollups.close();
  });

  it('are made again from the rows of the lake that moved: those of the late day, and no others', async () => {
    const before = publication.tables.get('gold.fact_sales')?.lake;
    const file = join(place.home, 'late.csv');
    await writeFile(
      file,
      'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n600001,22423,REGENCY CAKESTAND 3 TIER,10,12/14/10 9:00,10,17850,United Kingdom\n',
    );
    await place.ingest(file);
    ({ publication } = await place.build());
    const { source } = sourcesAt(publication);
    const moved = await source.moved?.('gold.fact_sales', `${before?.path}@${before?.version}`);
    const days = await place.duckdb.query(`SELECT DISTINCT date_key FROM ${moved}`);
    expect(days).toEqual([{ date_key: 20101214 }]);
    const results = await build('lake', 'lake');
    expect(results.map((r) => [r.rollup, r.outcome, r.changed, r.reason])).toEqual(
      model.catalogue.rollups.map((r) => [r.id, 'built', ['2010-12'], undefined]),
    );
  });
});
