import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoom, type Room, rowsOf } from './sql/room.js';

/**
 * Statements as tools for charts and reports send them. The oracle is PostgreSQL itself over a plain table of the raw rows, in which
 * a measure is a column whose SUM is the measure; only additive measures are asked, so both must agree to the last digit.
 */
const SHAPES = JSON.parse(readFileSync(resolve(import.meta.dirname, 'sql/shapes.json'), 'utf8')) as readonly {
  readonly id: number;
  readonly tool: string;
  readonly sql: string;
}[];
/** Refused, with their code: rows of the model, joins with its rows, correlated subqueries, groups of constants; a measure as a group. */
const REFUSED = new Map<number, string>([
  ...[3, 8, 18, 19, 29, 30, 36, 37, 42, 51, 64].map((id) => [id, '0A000'] as const),
  [38, '42803'],
]);
/** A count of a count is 1 or 0 in plain SQL; here it is the measure. A count over no rows is 0, a sum null. */
const OTHER_MEANING = new Set([15, 16, 26, 28, 39, 47]);
const VALUES = new Map<number, readonly unknown[]>([[57, ['2010-12-01', ['France', 'EIRE'], 5]]]);

let room: Room;
let client: pg.Client;
beforeAll(async () => {
  room = await openRoom();
  client = await room.connect();
  await room.admin.query(`
    CREATE TABLE retail AS SELECT country, line_type, is_return, quantity, unit_price, sold_at, day, amount AS net_revenue, 1::bigint AS lines FROM raw_sales;
    CREATE AGGREGATE measure(bigint) (SFUNC = int8pl, STYPE = bigint);
    CREATE AGGREGATE measure(numeric) (SFUNC = numeric_add, STYPE = numeric)`);
});
afterAll(async () => {
  await room?.close();
});
const sorted = (rows: readonly unknown[]) => rows.map((r) => JSON.stringify(r)).sort();

describe('statements of tools', () => {
  it.each(SHAPES.filter((s) => !REFUSED.has(s.id)))('$id $tool equals PostgreSQL on raw rows', async ({ id, sql }) => {
    const values = VALUES.get(id) ?? [];
    const rows = await rowsOf(client, sql, values);
    expect(room.bugs).toEqual([]);
    if (OTHER_MEANING.has(id)) return expect(rows.length).toBeGreaterThan(0);
    const plain = await room.raw(sql.replaceAll('"assay".', ''), values);
    expect(rows.length).toBe(plain.length);
    if (!/LIMIT|TOP/i.test(sql)) expect(sorted(rows)).toEqual(sorted(plain));
  });
  it.each(SHAPES.filter((s) => REFUSED.has(s.id)))('$id $tool is refused', async ({ id, sql }) => {
    const failed = await client.query(sql).then(
      () => undefined,
      (e: pg.DatabaseError) => e,
    );
    expect(failed?.code).toBe(REFUSED.get(id));
    expect(failed?.hint ?? '').not.toBe('');
  });
});
