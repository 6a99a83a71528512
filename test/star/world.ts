import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Ask, type AskParts, makeAsk, type RollupNode } from '../../src/answer/run/index.js';
import type { RollupLayout, RollupPartition, RollupState } from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import type { RollupDefinition } from '../../src/model/catalog/index.js';
import { loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import {
  type Caller,
  decimalText,
  localCaller,
  noEmit,
  timestampText,
  type Value,
  valueText,
} from '../../src/query/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';
import { type Count, type Line, SPACE } from '../golden/evaluator/lines.js';
import { MODEL } from './model.js';

const quote = (value: string | null) => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);
const micros = (date: string) => BigInt(Date.parse(date)) * 1000n;

/** What each measure of the two rollups is, in SQL written by hand over `star.flat`. */
const SQL: Record<string, string> = {
  'sales.amount': 'CAST(sum(amount) AS DECIMAL(18,2))',
  'sales.units': 'CAST(sum(qty) AS BIGINT)',
  'sales.lines': 'count(*)',
  'sales.most': 'max(qty)',
  'sales.least': 'min(qty)',
  'sales.returns': 'CAST(sum(amount) FILTER (returned) AS DECIMAL(18,2))',
  'counts.counted': 'count(*)',
  'counts.stock': 'CAST(sum(on_hand) AS BIGINT)',
  'shops.name': 'shop',
  'shops.region': 'region',
};
const columnSql = (member: string, granularity: string) =>
  member === 'sales.sold_at'
    ? `date_trunc('${granularity}', make_timestamp(epoch_us(sold_at)))`
    : member === 'counts.day'
      ? 'CAST(day AS TIMESTAMP)'
      : (SQL[member] ?? member.replace('sales.', ''));

/** Months of the lines, in UTC: each is a partition. At least one, so that there are columns. */
const spansOf = (lines: readonly Line[], counts: readonly Count[]): readonly [string, string, string][] => {
  const months = new Set([
    ...lines.flatMap((l) => (l.sold_at === null ? [] : [timestampText(l.sold_at).slice(0, 7)])),
    ...counts.flatMap((c) => (c.day === null ? [] : [c.day.slice(0, 7)])),
  ]);
  return [...(months.size === 0 ? ['2010-10'] : months)].sort().map((month) => {
    const next = new Date(`${month}-01T00:00:00Z`);
    next.setUTCMonth(next.getUTCMonth() + 1);
    return [month, `${month}-01`, next.toISOString().slice(0, 10)];
  });
};
const keys = (definition: RollupDefinition) => [
  ...definition.dimensions,
  definition.timeDimension ?? '',
  ...definition.measures,
];
const layoutOf = (definition: RollupDefinition): RollupLayout => ({
  columns: new Map(
    keys(definition).map((k, i) => [k === definition.timeDimension ? `${k}.${definition.granularity}` : k, `r${i}`]),
  ),
});

/** The star's tables in SQL that DuckDB and PostgreSQL read alike. */
export const tablesOf = (lines: readonly Line[], counts: readonly Count[] = []): string[] => {
  const shops = [
    ...new Map([...lines, ...counts].flatMap((l) => (l.shop === null ? [] : [[l.shop, l.region] as const]))),
  ];
  const idOf = (shop: string | null) => (shop === null ? -1 : shops.findIndex(([name]) => name === shop));
  const rows = lines.map((l) => {
    const amount = l.amount === null ? 'NULL' : `CAST('${decimalText(l.amount, 2)}' AS DECIMAL(12,2))`;
    const at = l.sold_at === null ? 'NULL' : `CAST('${timestampText(l.sold_at)}' AS TIMESTAMPTZ)`;
    return `(${l.id}, ${idOf(l.shop)}, ${quote(l.kind)}, ${quote(l.buyer)}, ${l.returned ?? 'NULL'}, ${l.qty ?? 'NULL'}, ${amount}, ${at})`;
  });
  return [
    'DROP TABLE IF EXISTS star.shops CASCADE',
    'DROP TABLE IF EXISTS star.sales CASCADE',
    'DROP TABLE IF EXISTS star.counts CASCADE',
    'CREATE TABLE star.shops (id BIGINT, name VARCHAR, region VARCHAR, space INTEGER)',
    'CREATE TABLE star.counts (id BIGINT, shop_id BIGINT, day DATE, on_hand INTEGER)',
    ...(counts.length === 0
      ? []
      : [
          `INSERT INTO star.counts VALUES ${counts.map((c) => `(${c.id}, ${idOf(c.shop)}, CAST(${quote(c.day)} AS DATE), ${c.on_hand ?? 'NULL'})`).join(', ')}`,
        ]),
    'CREATE TABLE star.sales (id BIGINT, shop_id BIGINT, kind VARCHAR, buyer VARCHAR, returned BOOLEAN, qty INTEGER, amount DECIMAL(12,2), sold_at TIMESTAMPTZ)',
    ...(shops.length === 0
      ? []
      : [
          `INSERT INTO star.shops VALUES ${shops.map(([name, region], i) => `(${i}, ${quote(name)}, ${quote(region)}, ${SPACE[name] ?? 'NULL'})`).join(', ')}`,
        ]),
    ...(rows.length === 0 ? [] : [`INSERT INTO star.sales VALUES ${rows.join(', ')}`]),
  ];
};

/** Everything that `makeAsk` takes, over one DuckDB with a star in it. The rollups are made by hand-written SQL. */
export interface World {
  readonly ask: Ask;
  readonly parts: AskParts;
  readonly duckdb: DuckDb;
  load(lines: readonly Line[], counts?: readonly Count[]): Promise<void>;
  close(): Promise<void>;
}

export const openWorld = async (change: (parts: AskParts) => AskParts = (p) => p): Promise<World> => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-star-'));
  for (const [name, text] of Object.entries(MODEL)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  const model = await loadModel(dir);
  const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(dir, 'tmp'), emit: noEmit });
  await duckdb.execute('CREATE SCHEMA star');
  let load = 0;
  let spans = spansOf([], []);
  const publication = (): Publication => ({
    revision: load,
    tables: new Map(
      ['sales', 'shops', 'counts'].map((name) => [
        `star.${name}`,
        {
          name: `star.${name}`,
          postgres: undefined,
          lake: { path: `star.${name}`, version: load },
          dataVersion: `v${load}`,
          rows: 0,
          since: load,
        },
      ]),
    ),
  });
  const definitions = new Map(model.catalogue.rollups.map((r) => [r.id, r]));
  const builtFrom = () => new Map([...publication().tables.values()].map((t) => [t.name, t.dataVersion]));
  const stateOf = (definition: RollupDefinition): RollupState => {
    const part = (key: string, span: RollupPartition['span']): RollupPartition => ({
      rollup: definition.id,
      key,
      version: `${key}.${load}`,
      span,
      rows: 10,
      bytes: 100,
      builtFrom: builtFrom(),
    });
    return {
      rollup: definition.id,
      hash: definition.hash,
      partitions: [
        ...spans.map(([key, from, to]) => part(key, { from: micros(from), to: micros(to) })),
        part('null', null),
      ],
      covers: { from: micros(spans[0]?.[1] ?? ''), to: micros(spans.at(-1)?.[2] ?? '') },
      complete: true,
      builtFrom: builtFrom(),
      refused: undefined,
    };
  };
  const table = (rollup: string, key: string) => `"${rollup}/${key}"`;
  const rollups: RollupNode = {
    inventory: () => ({ states: new Map([...definitions].map(([id, d]) => [id, stateOf(d)])) }),
    layout: (id) => {
      const definition = definitions.get(id);
      return definition && layoutOf(definition);
    },
    pin: async (partitions) => ({ tables: partitions.map((p) => table(p.rollup, p.key)), release: () => {} }),
  };
  const build = async (definition: RollupDefinition): Promise<void> => {
    const all = keys(definition);
    const groups = definition.dimensions.length + 1;
    const select = all.map((m, i) => `${columnSql(m, definition.granularity ?? '')} AS r${i}`).join(', ');
    const [flat, at] = definition.cube === 'counts' ? ['flat_counts', 'day'] : ['flat', 'sold_at'];
    const parts = [
      ...spans.map(([key, from, to]) =>
        at === 'day'
          ? [key, `day >= '${from}' AND day < '${to}'`]
          : [key, `sold_at >= '${from}T00:00:00Z' AND sold_at < '${to}T00:00:00Z'`],
      ),
      ['null', `${at} IS NULL`],
    ];
    for (const [key, where] of parts)
      await duckdb.execute(
        `CREATE OR REPLACE TABLE ${table(definition.id, key ?? '')} AS SELECT ${select} FROM star.${flat} WHERE ${where} GROUP BY ${Array.from({ length: groups }, (_, i) => i + 1).join(', ')}`,
      );
  };
  const parts = change({
    model: () => ({ ...model, accessOf: (caller: Caller) => accessOf(model.catalogue, caller) }),
    publications: { current: publication, refresh: async () => publication() },
    rollups,
    engines: { postgres: duckdb.engine, lake: duckdb.engine, rollup: duckdb.engine },
    lakeRelation: async (path) => path,
    rawSource: 'lake',
    emit: noEmit,
  });
  return {
    ask: makeAsk(parts),
    parts,
    duckdb,
    load: async (lines, counts = []) => {
      load += 1;
      spans = spansOf(lines, counts);
      for (const statement of tablesOf(lines, counts)) await duckdb.execute(statement);
      await duckdb.execute(
        'CREATE OR REPLACE VIEW star.flat_counts AS SELECT c.*, h.name AS shop FROM star.counts c LEFT JOIN star.shops h ON c.shop_id = h.id',
      );
      await duckdb.execute(
        'CREATE OR REPLACE VIEW star.flat AS SELECT s.*, h.name AS shop, h.region FROM star.sales s LEFT JOIN star.shops h ON s.shop_id = h.id',
      );
      for (const definition of definitions.values()) await build(definition);
    },
    close: async () => {
      await duckdb.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** An answer's rows as texts in exact form, instants in UTC. */
export const cellsOf = async (
  ask: Ask,
  query: Parameters<Ask['query']>[0],
  caller: Caller = localCaller(['boss']),
): Promise<{ rows: (string | null)[][]; source: string; names: string[] }> => {
  const answer = await ask.query(query, caller, { surface: 'cli', requestId: 'test' });
  const rows: (string | null)[][] = [];
  for await (const batch of answer.rows)
    for (let row = 0; row < batch.length; row++)
      rows.push(answer.columns.map((c, i) => valueText(c.type, (batch.columns[i]?.[row] ?? null) as Value)));
  return { rows, source: answer.provenance().source, names: answer.columns.map((c) => c.name) };
};
