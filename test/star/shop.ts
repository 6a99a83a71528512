import type { RollupLayout, RollupPartition, RollupState } from '../../src/build/rollup/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import type { Catalogue, Member, Owner, RollupDefinition } from '../../src/model/catalog/index.js';
import type { LegCompiler } from '../../src/model/cube/index.js';
import type { Access } from '../../src/model/policy/index.js';
import { type DataType, type LegFilter, type LegQuery, parseType, tableToken } from '../../src/query/index.js';

/** A small shop, written by hand: one view over sales, customers and countries. Planner tests read plans of it. */
const place = { file: 'shop.yml', line: 1 };
const type = (text: string): DataType => parseType(text) ?? { kind: 'string' };

const member = (name: string, kind: Member['kind'], of: string, more: Partial<Member> = {}): Member => ({
  name,
  owner: name.split('.')[0] ?? '',
  kind,
  aliasOf: undefined,
  title: name,
  description: '',
  type: type(of),
  cubeType: kind === 'measure' ? 'sum' : of === 'timestamp' ? 'time' : 'string',
  unit: undefined,
  format: undefined,
  synonyms: [],
  pii: 'none',
  additivity: 'none',
  ratio: undefined,
  granularities: of === 'timestamp' || of === 'date' ? ['hour', 'day', 'week', 'month', 'quarter', 'year'] : [],
  primaryKey: false,
  searchable: false,
  drillMembers: [],
  public: true,
  pseudonym: undefined,
  place,
  ...more,
});

const cubeMembers: Member[] = [
  member('sales.revenue', 'measure', 'decimal(18,2)', { additivity: 'sum', unit: 'GBP' }),
  member('sales.lines', 'measure', 'bigint', { additivity: 'sum', cubeType: 'count' }),
  member('sales.biggest', 'measure', 'integer', { additivity: 'max', cubeType: 'max' }),
  member('sales.buyers', 'measure', 'bigint', { additivity: 'count_distinct', cubeType: 'count_distinct' }),
  member('sales.spread', 'measure', 'bigint', { additivity: 'none', cubeType: 'number' }),
  member('sales.average', 'measure', 'decimal(18,6)', {
    additivity: 'ratio',
    cubeType: 'number',
    ratio: { numerator: 'sales.revenue', denominator: 'sales.lines' },
  }),
  member('sales.kind', 'dimension', 'string'),
  member('sales.returned', 'dimension', 'boolean'),
  member('sales.quantity', 'dimension', 'integer'),
  member('sales.price', 'dimension', 'decimal(10,3)'),
  member('sales.sold_at', 'dimension', 'timestamp'),
  member('sales.large', 'segment', 'boolean'),
  member('sales.secret', 'dimension', 'string'),
  member('sales.note', 'dimension', 'string'),
  member('customers.id', 'dimension', 'string', { pseudonym: 'customers.pseudonym' }),
  member('customers.pseudonym', 'dimension', 'string'),
  member('customers.heads', 'measure', 'bigint', { additivity: 'sum', cubeType: 'count' }),
  member('countries.name', 'dimension', 'string'),
];
const inView = (name: string, aliasOf: string): Member => {
  const base = cubeMembers.find((m) => m.name === aliasOf);
  if (!base) throw new Error(aliasOf);
  const part = (p: string) => `shop.${p.split('.')[1]}`;
  return {
    ...base,
    name,
    owner: 'shop',
    aliasOf,
    ratio: base.ratio && { numerator: part(base.ratio.numerator), denominator: part(base.ratio.denominator) },
  };
};
const VIEW: Record<string, string> = {
  'shop.customer': 'customers.id',
  'shop.customer_pseudonym': 'customers.pseudonym',
  'shop.heads': 'customers.heads',
  'shop.country': 'countries.name',
};
for (const m of cubeMembers) if (m.owner === 'sales') VIEW[`shop.${m.name.split('.')[1]}`] = m.name;
const members = [
  ...cubeMembers,
  ...Object.entries(VIEW).map(([name, alias]) => inView(name, alias)),
  member('other.thing', 'dimension', 'string'),
];
const owner = (name: string, kind: Owner['kind'], root: string): Owner => ({
  name,
  kind,
  title: name,
  description: '',
  public: kind === 'view',
  members: members.filter((m) => m.owner === name).map((m) => m.name),
  root,
  meta: {},
  place,
});

export const rollup = (id: string, more: Partial<RollupDefinition>): RollupDefinition => ({
  id,
  cube: 'sales',
  measures: ['sales.revenue', 'sales.lines'],
  dimensions: ['countries.name'],
  timeDimension: 'sales.sold_at',
  granularity: 'day',
  partitionGranularity: 'month',
  timezone: 'UTC',
  hash: `hash of ${id}`,
  place,
  ...more,
});

export const catalogue = (rollups: readonly RollupDefinition[] = []): Catalogue => ({
  version: 'shop-1',
  owners: new Map([
    ['shop', owner('shop', 'view', 'sales')],
    ['other', owner('other', 'view', 'other')],
    ...['sales', 'customers', 'countries'].map((n) => [n, owner(n, 'cube', n)] as const),
  ]),
  members: new Map(members.map((m) => [m.name, m])),
  joins: [
    { from: 'sales', to: 'customers', kind: 'belongsTo' },
    { from: 'sales', to: 'countries', kind: 'belongsTo' },
  ],
  rollups,
  policies: new Map(),
  calendars: new Map(),
  tables: new Map([['sales', 'gold.fact_sales']]),
});

/** Sees the view but `secret`; the customer is a pseudonym, the note a blank. */
export const access = (more: Partial<Access> = {}): Access => ({
  visibilityKey: 'v',
  attributesKey: 'a',
  owners: () => ['shop', 'other'],
  members: () => [],
  visible: (name) => (name.startsWith('shop.') && name !== 'shop.secret') || name === 'other.thing',
  masked: (name) => name === 'shop.customer' || name === 'shop.note',
  seesOfCube: () => 'full',
  replacement: (name) => (name === 'shop.customer' ? 'shop.customer_pseudonym' : undefined),
  rules: () => ({ denied: false, filters: [], policies: ['shop#0'] }),
  suggest: (name) => (name.startsWith('shop.rev') ? 'shop.revenue' : undefined),
  ...more,
});

const leaves = (f: LegFilter): string[] =>
  'member' in f ? [f.member] : 'not' in f ? leaves(f.not) : ('and' in f ? f.and : f.or).flatMap(leaves);

/** A compiler that writes down what it was asked; joins follow from the members, as Cube's do. */
export const legs = (): LegCompiler & { readonly asked: LegQuery[] } => {
  const asked: LegQuery[] = [];
  return {
    asked,
    compile: (query) => {
      asked.push(query);
      const names = [...query.measures, ...query.dimensions, ...query.time.map((t) => t.dimension)]
        .concat(query.where.flatMap(leaves))
        .map((n) => VIEW[n] ?? n);
      const cubes = [...new Set(['sales', ...names.map((n) => n.split('.')[0] ?? '')])];
      const sql = `SELECT FROM ${tableToken('gold.fact_sales')} ${JSON.stringify({ ...query, limit: query.limit && '?' })}`;
      return {
        sql,
        pieces: [sql],
        parameters: [],
        tables: ['gold.fact_sales'],
        cubes,
        members: names,
        multiplied: cubes.includes('customers') ? ['customers'] : [],
      };
    },
    measureOver: (measure, columns) => {
      const id = columns.get('customers.id');
      return measure === 'sales.buyers' && id !== undefined ? `count(distinct ${id})` : undefined;
    },
  };
};

export const publication = (version = 'v1'): Publication => ({
  revision: 1,
  tables: new Map([
    [
      'gold.fact_sales',
      {
        name: 'gold.fact_sales',
        postgres: '"gold"."fact_sales_1"',
        lake: { path: '/lake/fact_sales', version: 3 },
        dataVersion: version,
        rows: 10,
        since: 1,
      },
    ],
  ]),
});

const micros = (text: string) => BigInt(Date.parse(text)) * 1000n;
export const partition = (id: string, key: string, from: string, to: string, rows = 10): RollupPartition => ({
  rollup: id,
  key,
  version: `${key}-1`,
  span: { from: micros(from), to: micros(to) },
  rows,
  bytes: 100,
  builtFrom: new Map([['gold.fact_sales', 'v1']]),
});

/** December 2010 and January 2011, all rows there. */
export const built = (definition: RollupDefinition, more: Partial<RollupState> = {}): RollupState => ({
  rollup: definition.id,
  hash: definition.hash,
  partitions: [
    partition(definition.id, '2010-12', '2010-12-01', '2011-01-01'),
    partition(definition.id, '2011-01', '2011-01-01', '2011-02-01'),
  ],
  covers: { from: micros('2010-12-01'), to: micros('2011-02-01') },
  complete: true,
  builtFrom: new Map([['gold.fact_sales', 'v1']]),
  refused: undefined,
  ...more,
});

export const layoutOf = (definition: RollupDefinition): RollupLayout => ({
  columns: new Map(
    [
      ...definition.dimensions,
      ...(definition.timeDimension ? [`${definition.timeDimension}.${definition.granularity}`] : []),
      ...definition.measures,
    ].map((name, i) => [name, `r${i}`]),
  ),
});
