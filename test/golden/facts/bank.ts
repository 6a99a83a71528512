import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Ask, makeAsk } from '../../../src/answer/run/index.js';
import { loadModel } from '../../../src/model/cube/index.js';
import { accessOf } from '../../../src/model/policy/index.js';
import { type Caller, noEmit } from '../../../src/query/index.js';
import { openWarehouse, startCluster } from '../../../src/store/engine/index.js';
import { openWorld } from '../../star/world.js';

const key =
  '{ name: id, title: Id, description: Key., sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }';
const text = (name: string) =>
  `      - { name: ${name}, title: ${name}, description: ${name}., sql: "{CUBE}.${name}", type: string }`;
const cube = (name: string, joins: string, dimensions: string, measures: string) => `  - name: ${name}
    title: ${name}
    description: ${name}.
    public: false
    sql_table: bank.${name}
${joins === '' ? '' : `    joins:\n${joins}\n`}    dimensions:
      - ${key}
${dimensions}
    measures:
${measures}
`;
const join1 = (name: string, relationship: string, sql: string) =>
  `      - { name: ${name}, relationship: ${relationship}, sql: "${sql}" }`;
const sum = (name: string, column: string, meta = 'type: bigint') =>
  `      - { name: ${name}, title: ${name}, description: ${name}., sql: "{CUBE}.${column}", type: sum, meta: { ${meta} } }`;
const count = (name: string) => `      - { name: ${name}, title: ${name}, description: ${name}., type: count }`;

/**
 * Accounts with two tables of many rows each, their balances by day and their cards; and a store whose goods lead to suppliers by two
 * ways, through their product and through their depot.
 */
export const MODEL = {
  'cubes/bank.yml': `cubes:
${cube(
  'accounts',
  [
    join1('balances', 'one_to_many', '{CUBE}.id = {balances}.account_id'),
    join1('cards', 'one_to_many', '{CUBE}.id = {cards}.account_id'),
  ].join('\n'),
  text('region'),
  [count('accounts'), sum('opened', 'opening')].join('\n'),
)}
${cube(
  'balances',
  '',
  '      - { name: day, title: day, description: day., sql: "{CUBE}.day", type: time, meta: { type: date } }',
  [
    sum('balance', 'amount', 'type: bigint, non_additive: { over: day, take: last }'),
    sum('average_balance', 'amount', 'type: bigint, non_additive: { over: day, take: avg }'),
    sum('turnover', 'amount'),
  ].join('\n'),
)}
${cube(
  'payments',
  '',
  '      - { name: paid_at, title: paid at, description: paid at., sql: "{CUBE}.paid_at", type: time }',
  sum('paid', 'amount'),
)}
${cube('cards', '', text('kind'), [count('cards'), sum('credit', 'credit')].join('\n'))}
${cube(
  'goods',
  [
    join1('products', 'many_to_one', '{CUBE}.product_id = {products}.id'),
    join1('depots', 'many_to_one', '{CUBE}.depot_id = {depots}.id'),
  ].join('\n'),
  text('note'),
  sum('pieces', 'pieces'),
)}
${cube('orders', join1('suppliers', 'many_to_one', '{CUBE}.supplier_id = {suppliers}.id'), text('note'), sum('ordered', 'pieces'))}
${cube('products', join1('suppliers', 'many_to_one', '{CUBE}.supplier_id = {suppliers}.id'), text('name'), count('products'))}
${cube('depots', join1('suppliers', 'many_to_one', '{CUBE}.supplier_id = {suppliers}.id'), text('name'), count('depots'))}
${cube('suppliers', '', text('name'), count('suppliers'))}`,
  'views/bank.yml': `views:
  - name: bank
    title: Bank
    description: Accounts.
    cubes:
      - { join_path: accounts, includes: [accounts, opened, region] }
      - { join_path: accounts.balances, includes: [balance, average_balance, turnover, day] }
      - { join_path: accounts.cards, includes: [cards, credit, kind] }
  - name: supply
    title: Supply
    description: Orders and goods.
    cubes:
      - { join_path: orders, includes: [ordered] }
      - { join_path: orders.suppliers, includes: [{ name: name, alias: supplier }] }
      - { join_path: goods, includes: [pieces] }
  - name: money
    title: Money
    description: Balances by their day, payments by their time.
    cubes:
      - { join_path: balances, includes: [turnover, { name: day, meta: { type: date, conforms: [payments.paid_at] } }] }
      - { join_path: payments, includes: [paid] }
  - name: supply_by_product
    title: Supply by product
    description: Orders and goods, whose supplier is that of the product.
    cubes:
      - { join_path: orders, includes: [ordered] }
      - { join_path: orders.suppliers, includes: [{ name: name, alias: supplier }] }
      - { join_path: goods, includes: [pieces] }
      - { join_path: goods.products.suppliers, includes: [{ name: name, alias: goods_supplier }] }
`,
};

const tableOf = (name: string) => ({
  name,
  postgres: name,
  lake: { path: name, version: 1 },
  dataVersion: 'v1',
  rows: 0,
  since: 1,
});

/** The same rows in PostgreSQL and in DuckDB, and what answers over each. */
export interface Bank {
  readonly asks: readonly (readonly [string, Ask])[];
  run(statement: string): Promise<void>;
  /** Rows of a statement in PostgreSQL as texts. */
  sql(statement: string, width: number): Promise<(string | null)[][]>;
  /** Rows that the busiest step of a statement gives in PostgreSQL, as its plan tells after the run. */
  busiest(statement: string): Promise<number>;
  /** The same of the joins alone. */
  joined(statement: string): Promise<number>;
  close(): Promise<void>;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly PlanNode[];
}
const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

export const openBank = async (): Promise<Bank> => {
  const end: (() => unknown)[] = [];
  const dir = await mkdtemp(join(tmpdir(), 'assay-bank-'));
  end.push(() => rm(dir, { recursive: true, force: true }));
  const close = async () => {
    for (const work of end.reverse()) await work();
  };
  try {
    for (const [name, content] of Object.entries(MODEL)) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await writeFile(join(dir, name), content);
    }
    const model = await loadModel(dir);
    const home = await mkdtemp(join(tmpdir(), 'assay-bank-home-'));
    await chmod(home, 0o755);
    end.push(() => rm(home, { recursive: true, force: true }));
    const cluster = await startCluster({ kind: 'scratch', home, emit: noEmit });
    end.push(() => cluster.stop());
    const warehouse = await openWarehouse({ url: cluster.url, emit: noEmit });
    end.push(() => warehouse.close());
    const tables = new Map([...model.catalogue.tables.values()].map((name) => [name, tableOf(name)]));
    const publication = { revision: 1, tables };
    const mostRows = async (statement: string, kind: RegExp): Promise<number> => {
      const { rows } = await warehouse.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
        `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${statement}`,
      );
      const nodes = (rows[0]?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => nodesOf(Plan));
      const some = nodes.filter((node) => kind.test(node['Node Type']));
      return Math.max(...some.map((node) => node['Actual Rows'] * node['Actual Loops']));
    };
    const world = await openWorld((parts) => ({
      ...parts,
      model: () => ({ ...model, accessOf: (caller: Caller) => accessOf(model.catalogue, caller) }),
      publications: { current: () => publication, refresh: async () => publication },
      rollups: { ...parts.rollups, inventory: () => ({ states: new Map() }) },
    }));
    end.push(() => world.close());
    const postgres = makeAsk({
      ...world.parts,
      engines: { ...world.parts.engines, postgres: warehouse.engine },
      rawSource: 'postgres',
      cacheBytes: 0,
    });
    return {
      asks: [
        ['postgres', postgres],
        ['lake', world.ask],
      ],
      run: async (statement) => {
        await warehouse.query(statement);
        await world.duckdb.execute(statement);
      },
      sql: async (statement, width) => {
        const names = Array.from({ length: width }, (_, i) => `c${i}`).join(', ');
        const { rows } = await warehouse.query(`SELECT * FROM (${statement}) AS r(${names})`);
        return rows.map((row) => Object.values(row).map((v) => (v === null ? null : String(v))));
      },
      busiest: (statement) => mostRows(statement, /./),
      joined: (statement) => mostRows(statement, /Join|Nested Loop/),
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
};
