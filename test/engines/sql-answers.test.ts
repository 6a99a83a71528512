import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoom, type Room, rowsOf } from './sql/room.js';

/** Statements over the model against the same question written by hand on the raw rows. */
const MODEL = {
  net: 'sum(amount)',
  orders: 'count(DISTINCT invoice) FILTER (WHERE quantity >= 0)',
  rate: `round(-(sum(quantity) FILTER (WHERE quantity < 0))::numeric / sum(quantity) FILTER (WHERE quantity >= 0), 6)`,
};
let room: Room;
let client: pg.Client;
beforeAll(async () => {
  room = await openRoom();
  client = await room.connect();
});
afterAll(async () => {
  await room?.close();
});

const CASES: readonly (readonly [name: string, sql: string, raw: string, values?: readonly unknown[]])[] = [
  [
    'groups',
    'SELECT country, MEASURE(net_revenue), SUM(orders) FROM retail GROUP BY 1 ORDER BY 1',
    `SELECT country, ${MODEL.net}, (${MODEL.orders})::numeric FROM raw_sales GROUP BY 1 ORDER BY 1 COLLATE "C"`,
  ],
];
describe('statements over the model', () => {
  it.each(CASES)('%s', async (_name, sql, raw, values = []) => {
    expect(await rowsOf(client, sql, values)).toEqual(await room.raw(raw, values));
  });
});
