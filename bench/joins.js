// A parent of 1,000 rows and two tables of 30 rows for each, on PostgreSQL: the whole question, planned, asked and read, another limit each time.
// Limit: SQL by hand that sums each table up before it is joined, by a prepared connection of the same pool. Both answers are compared first.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAsk } from '../dist/answer/run/index.js';
import { loadModel } from '../dist/model/cube/index.js';
import { accessOf } from '../dist/model/policy/index.js';
import { localCaller } from '../dist/query/index.js';
import { report, timed } from './measure.js';
import { openPlace } from './place.js';

const PARENTS = 1000;
const CHILDREN = 30;
const cube = (name, measure, joins, dimension) => `  - name: ${name}
    public: false
    sql_table: bank.${name}
    joins: [${joins.map((j) => `{name: ${j}, relationship: one_to_many, sql: "{CUBE}.id = {${j}}.account_id"}`).join(', ')}]
    dimensions:
      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: {type: bigint} }
      - {name: ${dimension}, sql: "{CUBE}.${dimension}", type: string}
    measures:
      - {name: n_${name}, type: count, meta: {type: bigint} }
      - {name: ${measure}, sql: "{CUBE}.${measure}", type: sum, meta: {type: bigint} }
`;
const MODEL = {
  'cubes/bank.yml': `cubes:\n${cube('accounts', 'opening', ['balances', 'cards'], 'region')}${cube('balances', 'amount', [], 'note')}${cube('cards', 'credit', [], 'kind')}`,
  'views/bank.yml': `views:
  - name: bank
    cubes:
      - {join_path: accounts, includes: [id, n_accounts, opening, region]}
      - {join_path: accounts.balances, includes: [amount]}
      - {join_path: accounts.cards, includes: [credit]}
`,
};
const ROWS = [
  'CREATE SCHEMA bank',
  'CREATE TABLE bank.accounts (id bigint PRIMARY KEY, region text NOT NULL, opening bigint)',
  'CREATE TABLE bank.balances (id bigint PRIMARY KEY, account_id bigint, note text, amount bigint)',
  'CREATE TABLE bank.cards (id bigint PRIMARY KEY, account_id bigint, kind text, credit bigint)',
  `INSERT INTO bank.accounts SELECT i, 'region ' || i % 7, i FROM generate_series(1, ${PARENTS}) AS s(i)`,
  `INSERT INTO bank.balances SELECT i, 1 + i % ${PARENTS}, 'note ' || i % 11, i % 100 FROM generate_series(1, ${PARENTS * CHILDREN}) AS s(i)`,
  `INSERT INTO bank.cards SELECT i, 1 + i % ${PARENTS}, 'kind ' || i % 3, i % 50 FROM generate_series(1, ${PARENTS * CHILDREN}) AS s(i)`,
  'ANALYZE bank.accounts',
  'ANALYZE bank.balances',
  'ANALYZE bank.cards',
];
/** What each question groups by, its SQL by hand, and how many rows it gives. The limit differs each time and is above it. */
const QUESTIONS = {
  'by a column of the parent': {
    dimension: 'region',
    rows: 7,
    sql: `SELECT region, count(*) AS accounts, sum(opening) AS opening, sum(b.amount) AS amount, sum(c.credit) AS credit FROM bank.accounts AS a
      LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM bank.balances GROUP BY 1) AS b ON b.account_id = a.id
      LEFT JOIN (SELECT account_id, sum(credit) AS credit FROM bank.cards GROUP BY 1) AS c ON c.account_id = a.id
      GROUP BY 1 ORDER BY region COLLATE "C" LIMIT $1`,
  },
  'by the parent itself': {
    dimension: 'id',
    rows: PARENTS,
    sql: `SELECT a.id, 1::bigint AS accounts, opening, b.amount, c.credit FROM bank.accounts AS a
      LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM bank.balances GROUP BY 1) AS b ON b.account_id = a.id
      LEFT JOIN (SELECT account_id, sum(credit) AS credit FROM bank.cards GROUP BY 1) AS c ON c.account_id = a.id
      ORDER BY a.id LIMIT $1`,
  },
};

const place = await openPlace({ transformsDir: undefined });
try {
  for (const [name, content] of Object.entries(MODEL)) {
    const file = join(place.home, 'model', name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
  }
  for (const statement of ROWS) await place.warehouse.query(statement);
  const model = await loadModel(join(place.home, 'model'));
  const tables = new Map(
    [...model.catalogue.tables.values()].map((name) => [
      name,
      { name, postgres: name, lake: undefined, dataVersion: 'v1', rows: 0, since: 1 },
    ]),
  );
  const publication = { revision: 1, tables };
  const ask = makeAsk({
    model: () => ({ ...model, accessOf: (caller) => accessOf(model.catalogue, caller) }),
    publications: { current: () => publication, refresh: async () => publication },
    rollups: { inventory: () => ({ states: new Map() }) },
    engines: { postgres: place.warehouse.engine, lake: place.duckdb.engine, rollup: place.duckdb.engine },
    lakeRelation: async (path) => path,
    rawSource: 'postgres',
    cacheBytes: 0,
    emit: () => {},
  });
  const caller = localCaller(['anyone']);
  const answered = async ({ dimension }, i) => {
    const query = {
      measures: ['bank.n_accounts', 'bank.opening', 'bank.amount', 'bank.credit'],
      dimensions: [`bank.${dimension}`],
      order: [{ by: `bank.${dimension}` }],
      limit: 2000 + i,
    };
    const answer = await ask.query(query, caller, { surface: 'cli', requestId: String(i) });
    const rows = [];
    for await (const { columns, length } of answer.rows)
      for (let row = 0; row < length; row++) rows.push(columns.map((column) => column[row]));
    return rows;
  };
  const byHand = async ({ sql }, i) => (await place.warehouse.query(sql, [2000 + i])).rows;
  const rows = [];
  for (const [name, question] of Object.entries(QUESTIONS)) {
    const [hand, ours] = [await byHand(question, -1), await answered(question, -1)];
    const texts = (list) => JSON.stringify(list.map((row) => Object.values(row).map(String)));
    if (hand.length !== question.rows || texts(hand) !== texts(ours))
      throw new Error(`${name}: ${texts(ours).slice(0, 300)} is not ${texts(hand).slice(0, 300)}`);
    let i = 0;
    const limit = await timed(40, () => byHand(question, i++));
    const own = await timed(40, () => answered(question, i++));
    rows.push({
      ...{
        id: 'joins',
        name: `1,000 parents, twice 30 rows for each, ${name} (p50)`,
        unit: 'ms',
        limit: limit.p50,
        peer: null,
      },
      ...{ ours: own.p50, ratio: own.p50 / limit.p50, aim: '<= 1.5 of SQL by hand', met: own.p50 <= 1.5 * limit.p50 },
    });
  }
  report(rows);
} finally {
  await place.close();
}
process.exit(0);
