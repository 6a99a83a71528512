import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, makeAsk } from '../../src/answer/run/index.js';
import { buildRollups, openRollups, type Rollups } from '../../src/build/rollup/index.js';
import { parquetSession } from '../../src/build/transform/index.js';
import { loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import { type Caller, localCaller, type MetricQuery, noEmit, type Value, valueText } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { openKv } from '../../src/store/kv/index.js';
import { openPlace, type Place, root, sample } from '../engines/warehouse-and-lake.js';

/** Requests over the real sample, with their plans and rows; values are the control totals of the sample. */
const december = ['2010-12-01', '2011-01-01'] as const;
const analyst = localCaller(['data_analyst']);
const manager: Caller = { ...localCaller(['country_manager']), attributes: { countries: ['Germany', 'France'] } };

interface Golden {
  readonly what: string;
  readonly query: MetricQuery;
  readonly caller?: Caller;
  /** The rollup that serves; undefined: the source. */
  readonly rollup: string | undefined;
  /** Verdicts on the others, where they tell something. */
  readonly verdicts?: Readonly<Record<string, string>>;
  readonly rows: readonly (readonly (string | null)[])[];
}
const cases: readonly Golden[] = [
  {
    what: 'totals without a range',
    query: {
      measures: [
        'net_revenue',
        'gross_revenue',
        'returns_value',
        'units_sold',
        'units_returned',
        'return_rate',
        'lines',
      ],
    },
    rollup: 'sales.by_category',
    rows: [['475412.72', '538729.28', '63316.56', '223270', '12787', '0.057271', '27896']],
  },
  {
    what: 'distinct counts over kept keys',
    query: {
      measures: ['orders', 'invoices', 'return_invoices', 'active_customers', 'customers', 'average_order_value'],
    },
    rollup: 'sales.by_invoice',
    verdicts: { 'sales.by_category': 'member-missing' },
    rows: [['994', '1150', '156', '666', '713', '541.981167']],
  },
  {
    what: 'the best countries',
    query: {
      measures: ['net_revenue'],
      dimensions: ['country'],
      order: [{ by: 'net_revenue', dir: 'desc' }],
      limit: 3,
    },
    rollup: 'sales.by_category',
    rows: [
      ['United Kingdom', '432570.00'],
      ['Germany', '7795.74'],
      ['Japan', '7705.07'],
    ],
  },
  {
    what: 'days of a range, oldest first',
    query: {
      measures: ['net_revenue', 'orders'],
      time: [{ dimension: 'sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-04'] }],
    },
    rollup: 'sales.by_invoice',
    rows: [
      ['2010-12-01', '58451.56', '127'],
      ['2010-12-02', '46088.32', '142'],
      ['2010-12-03', '45575.38', '68'],
    ],
  },
  {
    what: 'a range inside a day',
    query: {
      measures: ['lines'],
      time: [{ dimension: 'sold_at', range: ['2010-12-01T10:00', '2010-12-01T10:00:00.000001'] }],
    },
    rollup: undefined,
    verdicts: { 'sales.by_category': 'range-not-covered' },
    rows: [['0']],
  },
  {
    what: 'the best products',
    query: {
      measures: ['net_revenue'],
      dimensions: ['product_code'],
      where: { member: 'line_type', op: 'eq', values: ['product'] },
      time: [{ dimension: 'sold_at', range: december }],
      order: [{ by: 'net_revenue', dir: 'desc' }],
      limit: 2,
    },
    rollup: 'sales.by_product',
    verdicts: { 'sales.by_category': 'member-missing' },
    rows: [
      ['22423', '18709.45'],
      ['21623', '6800.63'],
    ],
  },
  {
    what: 'a ratio that decides, above what is divided',
    query: {
      measures: ['average_order_value'],
      dimensions: ['country'],
      having: {
        and: [
          { member: 'average_order_value', op: 'gt', values: ['2000'] },
          { member: 'orders', op: 'gte', values: [1] },
        ],
      },
      order: [{ by: 'average_order_value', dir: 'desc' }],
      limit: 1,
    },
    rollup: 'sales.by_invoice',
    rows: [['Japan', '2568.356667']],
  },
  {
    what: 'what a country manager may see',
    query: { measures: ['net_revenue', 'invoices'], dimensions: ['country'] },
    caller: manager,
    rollup: 'sales.by_invoice',
    rows: [
      ['France', '7335.17', '13'],
      ['Germany', '7795.74', '23'],
    ],
  },
  {
    what: 'a manager of no country',
    query: { measures: ['lines'], dimensions: ['country'] },
    caller: { ...manager, attributes: {} },
    rollup: 'sales.by_category',
    rows: [],
  },
];
/** Names of the view, written short above. */
const full = (query: MetricQuery): MetricQuery =>
  JSON.parse(
    JSON.stringify(query, (key, value) =>
      key === 'member' || key === 'by' || key === 'dimension'
        ? `retail.${value}`
        : key === 'measures' || key === 'dimensions'
          ? (value as string[]).map((name) => `retail.${name}`)
          : value,
    ),
  );

describe('golden answers over the real sample', () => {
  let place: Place;
  let rollups: Rollups;
  const asks: Record<string, Ask> = {};
  const end: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    place = await openPlace();
    await place.ingest(sample);
    const { publication } = await place.build();
    const model = await loadModel(join(root, 'model'));
    const kv = await openKv({ redisUrl: undefined, dir: join(place.home, 'kv'), emit: noEmit });
    end.push(() => kv.close());
    const { duckdb, warehouse } = place;
    await buildRollups({
      ...model,
      publication,
      source: { engine: warehouse.engine, resolve: (table) => publication.tables.get(table)?.postgres ?? table },
      duckdb,
      kv,
      dir: join(place.home, 'spill'),
      emit: noEmit,
      namespace: 'golden',
    });
    rollups = await openRollups({
      kv,
      duckdb,
      dir: join(place.home, 'rollups'),
      model: () => model,
      emit: noEmit,
      namespace: 'golden',
    });
    end.push(() => rollups.close());
    for (const rawSource of ['postgres', 'lake'] as const)
      asks[rawSource] = makeAsk({
        model: () => ({ ...model, accessOf: (caller) => accessOf(model.catalogue, caller) }),
        publications: { current: () => publication, refresh: async () => publication },
        rollups,
        engines: { postgres: warehouse.engine, lake: duckdb.engine, rollup: duckdb.engine },
        lakeRelation: async (path, version) => {
          const snapshot = await openTable(path, parquetSession(duckdb), version);
          if (!snapshot) throw new Error(`${path} has no version ${version}`);
          return relation(snapshot);
        },
        rawSource,
        emit: noEmit,
      });
  });
  afterAll(async () => {
    for (const work of end.reverse()) await work();
    await place?.close();
  });
  const options = { surface: 'cli', requestId: 'golden' } as const;
  const rowsOf = async (ask: Ask | undefined, query: MetricQuery, caller: Caller) => {
    if (!ask) throw new Error('not opened');
    const answer = await ask.query(query, caller, options);
    const rows: (string | null)[][] = [];
    for await (const batch of answer.rows)
      for (let row = 0; row < batch.length; row++)
        rows.push(answer.columns.map((c, i) => valueText(c.type, (batch.columns[i]?.[row] ?? null) as Value)));
    return { rows, provenance: answer.provenance() };
  };

  it.each(cases)('$what', async ({ query, caller = analyst, rollup, verdicts = {}, rows }) => {
    const asked = full(query);
    const plan = await asks['postgres']?.explain(asked, caller, options);
    const said = Object.fromEntries((plan?.candidates ?? []).map((c) => [c.rollup, c.verdict]));
    expect(Object.keys(said).filter((id) => said[id] === 'used')).toEqual(rollup === undefined ? [] : [rollup]);
    expect(said).toMatchObject(verdicts);
    for (const raw of ['postgres', 'lake']) {
      const source = await rowsOf(asks[raw], { ...asked, source: 'raw' }, caller);
      expect(source).toMatchObject({ rows, provenance: { plan: 'source', source: raw, stale: [] } });
    }
    const auto = await rowsOf(asks['postgres'], asked, caller);
    expect(auto.rows).toEqual(rows);
    expect(auto.provenance.source).toBe(rollup === undefined ? 'postgres' : 'rollup');
  });

  it('gives analysts a pseudonym under the name that they asked for, alike from everywhere', async () => {
    const query = full({
      measures: ['lines'],
      dimensions: ['customer_id'],
      order: [{ by: 'lines', dir: 'desc' }],
      limit: 5,
    });
    const answers = await Promise.all([
      rowsOf(asks['postgres'], query, analyst),
      rowsOf(asks['postgres'], { ...query, source: 'raw' }, analyst),
      rowsOf(asks['lake'], { ...query, source: 'raw' }, analyst),
    ]);
    expect(answers.map((a) => a.provenance.source)).toEqual(['rollup', 'postgres', 'lake']);
    expect(answers[1]?.rows).toEqual(answers[0]?.rows);
    expect(answers[2]?.rows).toEqual(answers[0]?.rows);
    // the 9,819 lines without a customer come first; the others are known by 26 letters from g to z
    expect(answers[0]?.rows[0]).toEqual([null, '9819']);
    for (const [id] of answers[0]?.rows.slice(1) ?? []) expect(id).toMatch(/^[g-z]{26}$/);
  });
});
