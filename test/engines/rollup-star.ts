import type { Publication, PublishedTable } from '../../src/build/transform/index.js';
import type { Additivity, Catalogue, Member, RollupDefinition } from '../../src/model/catalog/index.js';
import type { LegCompiler } from '../../src/model/cube/index.js';
import {
  type ColumnBatch,
  type DataType,
  type LegQuery,
  parseType,
  type RowStream,
  tableToken,
} from '../../src/query/index.js';
import type { DuckDb, Engine } from '../../src/store/engine/index.js';

/** A small star in DuckDB, and just enough of a leg compiler to ask it: what rollups need of a model, without Cube. */
const TABLE = 'gold.fact_sales';
const type = (text: string): DataType => parseType(text) ?? { kind: 'string' };
const place = { file: 'cubes/sales.yml', line: 3 };

const member = (
  name: string,
  kind: 'measure' | 'dimension',
  t: string,
  additivity: Additivity,
  cubeType: string,
): Member => ({
  name,
  owner: 'sales',
  kind,
  aliasOf: undefined,
  title: name,
  description: name,
  type: type(t),
  cubeType,
  unit: undefined,
  format: undefined,
  synonyms: [],
  pii: 'none',
  additivity,
  ratio: undefined,
  granularities: cubeType === 'time' ? ['hour', 'day', 'week', 'month', 'quarter', 'year'] : [],
  primaryKey: false,
  searchable: false,
  drillMembers: [],
  public: false,
  pseudonym: undefined,
  place,
});

const members: readonly Member[] = [
  member('sales.country', 'dimension', 'string', 'none', 'string'),
  member('sales.product', 'dimension', 'string', 'none', 'string'),
  member('sales.invoice', 'dimension', 'bigint', 'none', 'number'),
  member('sales.is_return', 'dimension', 'boolean', 'none', 'boolean'),
  member('sales.sold_at', 'dimension', 'timestamp', 'none', 'time'),
  member('sales.revenue', 'measure', 'decimal(18,2)', 'sum', 'sum'),
  member('sales.units', 'measure', 'bigint', 'sum', 'sum'),
  member('sales.lines', 'measure', 'bigint', 'sum', 'count'),
  member('sales.largest', 'measure', 'decimal(12,2)', 'max', 'max'),
  member('sales.weight', 'measure', 'double', 'sum', 'sum'),
  member('sales.orders', 'measure', 'bigint', 'count_distinct', 'count_distinct'),
  member('sales.products', 'measure', 'bigint', 'count_distinct', 'count_distinct'),
];

const SQL: Readonly<Record<string, string>> = {
  'sales.country': 'country',
  'sales.product': 'product',
  'sales.invoice': 'invoice',
  'sales.is_return': 'is_return',
  'sales.sold_at': 'sold_at',
  'sales.revenue': 'sum(amount)',
  'sales.units': 'sum(quantity)',
  'sales.lines': 'count(*)',
  'sales.largest': 'max(amount)',
  'sales.weight': 'sum(weight)',
  'sales.orders': 'count(DISTINCT CASE WHEN is_return THEN NULL ELSE invoice END)',
  'sales.products': 'count(DISTINCT product)',
};

const definition = (id: string, parts: Partial<RollupDefinition>): RollupDefinition => ({
  id,
  cube: 'sales',
  measures: ['sales.revenue', 'sales.units', 'sales.lines', 'sales.largest'],
  dimensions: [],
  timeDimension: 'sales.sold_at',
  granularity: 'day',
  partitionGranularity: 'month',
  timezone: 'UTC',
  hash: `hash of ${id}`,
  place,
  ...parts,
});

/** By day with all keys; by nothing but place; and one whose distinct count is right at its own grain only. */
export const BY_DAY = definition('sales.by_day', {
  measures: ['sales.revenue', 'sales.units', 'sales.lines', 'sales.largest', 'sales.weight', 'sales.orders'],
  dimensions: ['sales.country', 'sales.product', 'sales.invoice', 'sales.is_return'],
});
export const BY_COUNTRY = definition('sales.by_country', {
  dimensions: ['sales.country'],
  timeDimension: undefined,
  granularity: undefined,
  partitionGranularity: undefined,
});
export const AT_GRAIN = definition('sales.at_grain', {
  measures: ['sales.lines', 'sales.products'],
  dimensions: ['sales.country'],
  partitionGranularity: undefined,
});

export const catalogueOf = (rollups: readonly RollupDefinition[]): Catalogue => ({
  version: '0',
  owners: new Map(),
  members: new Map(members.map((m) => [m.name, m])),
  joins: [],
  rollups,
  policies: new Map(),
  calendars: new Map(),
  tables: new Map([['sales', TABLE]]),
});

/** Legs over the star, as `model/cube` gives them: c0, c1, ...; measures over kept columns where they are derivable. */
export const starLegs: LegCompiler = {
  compile: (query: LegQuery) => {
    const groups = [
      ...query.dimensions.map((d) => SQL[d] ?? '?'),
      ...query.time.map((t) => `date_trunc('${t.granularity}', ${SQL[t.dimension]})`),
    ];
    const all = [...groups, ...query.measures.map((m) => SQL[m] ?? '?')];
    const sql = `SELECT ${all.map((e, i) => `${e} AS "c${i}"`).join(', ')} FROM ${tableToken(TABLE)}${groups.length === 0 ? '' : ` GROUP BY ${groups.map((_, i) => i + 1).join(', ')}`}`;
    return {
      sql,
      pieces: [sql],
      parameters: [],
      tables: [TABLE],
      cubes: ['sales'],
      members: [],
      multiplied: [],
    };
  },
  measureOver: (measure, columns) => {
    const invoice = columns.get('sales.invoice');
    const isReturn = columns.get('sales.is_return');
    const product = columns.get('sales.product');
    if (measure === 'sales.orders' && invoice && isReturn)
      return `count(DISTINCT CASE WHEN ${isReturn} THEN NULL ELSE ${invoice} END)`;
    if (measure === 'sales.products' && product) return `count(DISTINCT ${product})`;
    return undefined;
  },
};

/**
 * Version 1 of the facts: 3,000 lines in November 2010, December 2010 and February 2011 (none in January), some without a time, a
 * country or an invoice; decimals and integers that no double could sum exactly. Later versions are made from it.
 */
export const makeFacts = async (db: DuckDb): Promise<void> => {
  await db.execute(`CREATE TABLE fact_1 AS SELECT
    CASE WHEN i % 97 = 0 THEN NULL
      WHEN i % 3 = 0 THEN TIMESTAMP '2010-11-10' + to_minutes(i * 7 % 28000)
      WHEN i % 3 = 1 THEN TIMESTAMP '2010-12-01' + to_minutes(i * 11 % 40000)
      ELSE TIMESTAMP '2011-02-01' + to_seconds(i * 13) END AS sold_at,
    CASE WHEN i % 50 = 0 THEN NULL ELSE ['Germany', 'France', 'EIRE', 'Österreich', ''][1 + (i * 31 % 5)] END AS country,
    'P' || (i * 17 % 40) AS product,
    CASE WHEN i % 41 = 0 THEN NULL ELSE 9007199254740993 + i // 4 END AS invoice,
    i % 20 = 0 AS is_return,
    CAST(CASE WHEN i % 20 = 0 THEN -1 ELSE 1 END * (1 + i % 9) AS INTEGER) AS quantity,
    CAST(CASE WHEN i % 20 = 0 THEN -1 ELSE 1 END * (0.01 + i * 3.37) AS DECIMAL(12,2)) AS amount,
    CAST(i AS DOUBLE) / 3 AS weight
  FROM range(1, 3001) AS r(i)`);
  // one day of December is other
  await db.execute(`CREATE TABLE fact_2 AS SELECT * FROM fact_1`);
  await db.execute(
    `UPDATE fact_2 SET amount = amount + 1 WHERE sold_at >= TIMESTAMP '2010-12-05' AND sold_at < TIMESTAMP '2010-12-06'`,
  );
  await db.execute('CREATE TABLE fact_0 AS SELECT * FROM fact_1 LIMIT 0');
};

/** The publication whose physical table is `fact_<n>`. */
export const publicationOf = (n: number, rows = 3_000): Publication => {
  const table: PublishedTable = {
    name: TABLE,
    postgres: `fact_${n}`,
    lake: undefined,
    dataVersion: String(n),
    rows,
    since: n,
  };
  return { revision: n, tables: new Map([[TABLE, table]]) };
};

/** What a faulty builder does to the rows of the rollup on their way into it. Statements of the proof are left alone. */
export type Fault = (rows: readonly (readonly unknown[])[]) => readonly (readonly unknown[])[];

/** An engine that counts its statements, may break the rows of builds, and may read another table for them. */
export const watched = (
  engine: Engine,
  options: {
    readonly fault?: Fault;
    readonly readInstead?: readonly [string, string];
    readonly before?: () => Promise<void>;
  } = {},
): { readonly engine: Engine; count(): number } => {
  let count = 0;
  return {
    count: () => count,
    engine: {
      ...engine,
      name: engine.name,
      dialect: engine.dialect,
      close: async () => {},
      run: async (statement, run) => {
        count += 1;
        const builds = statement.columns[0]?.name === 'r0';
        if (!builds) return engine.run(statement, run);
        await options.before?.();
        const [from, to] = options.readInstead ?? ['', ''];
        const stream = await engine.run({ ...statement, sql: statement.sql.replaceAll(from, to) }, run);
        return options.fault ? broken(stream, options.fault) : stream;
      },
    },
  };
};

const broken = (stream: RowStream, fault: Fault): RowStream => ({
  columns: stream.columns,
  cancel: () => stream.cancel(),
  async *[Symbol.asyncIterator]() {
    const rows: unknown[][] = [];
    for await (const batch of stream) for (let i = 0; i < batch.length; i++) rows.push(batch.columns.map((c) => c[i]));
    const out = fault(rows);
    const columns = stream.columns.map((_, c) => out.map((row) => row[c]));
    yield { length: out.length, columns } as ColumnBatch;
  },
});
