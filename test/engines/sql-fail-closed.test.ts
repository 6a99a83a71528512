import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoom, type Room, rowsOf } from './sql/room.js';
import { EMPTY, TRICKS } from './sql/tricks.js';

let room: Room;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => {
  await room?.close();
});

interface Told {
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
}
const told = (thrown: unknown): Told => thrown as Told;

describe('the model is read through the planner only', () => {
  it.each(TRICKS)('$sql', async ({ sql, before }) => {
    for (const extended of [false, true]) {
      const client: pg.Client = await room.connect();
      if (before) await client.query(before);
      const asked = room.ask.asked.length;
      const outcome = await client.query(extended ? { text: sql, values: [], name: 'p1' } : sql).then(
        (r) => ({ rows: (Array.isArray(r) ? r : [r]).flatMap((x: pg.QueryResult) => x.rows) }),
        (e: unknown) => told(e),
      );
      expect(outcome, `${extended ? 'extended' : 'simple'}: ${JSON.stringify(outcome)}`).toHaveProperty('code');
      expect(told(outcome).code).toMatch(/^[0-9A-Z]{5}$/);
      expect(told(outcome).code).not.toBe('XX000');
      if (/^the model|semantic layer/.test(told(outcome).message ?? '')) expect(told(outcome).hint ?? '').not.toBe('');
      expect(room.ask.asked.length, 'nothing was asked of the model').toBe(asked);
      await client.end();
    }
    expect(room.bugs).toEqual([]);
  });
  it.each(EMPTY)('%s gives its columns and no rows', async (sql) => {
    const client = await room.connect();
    expect(await rowsOf(client, sql)).toEqual([]);
    expect((await client.query(sql)).fields.length).toBeGreaterThan(1);
  });
});

describe('members that a role does not see do not exist', () => {
  it('is the same error as for a wrong name, and no catalog holds a trace', async () => {
    const analyst = await room.connect('analyst');
    const admin = await room.connect('admin');
    const error = async (client: pg.Client, sql: string) => client.query(sql).then((): Told => ({}), told);
    const hidden = await error(analyst, 'SELECT invoice, COUNT(*) FROM retail GROUP BY 1');
    const wrong = await error(analyst, 'SELECT voiceov, COUNT(*) FROM retail GROUP BY 1');
    expect(hidden.code).toBe('42703');
    expect(hidden.message?.replace('invoice', 'X')).toBe(wrong.message?.replace('voiceov', 'X'));
    expect(hidden.hint).toBe(wrong.hint);
    const columns = `SELECT attname FROM pg_attribute WHERE attrelid = 'retail'::regclass AND attnum > 0 AND attname LIKE 'inv%'`;
    expect(await rowsOf(analyst, columns)).toEqual([]);
    expect(await rowsOf(admin, columns)).toEqual([['invoice']]);
    const everywhere = `SELECT table_name FROM information_schema.columns WHERE column_name = 'invoice'
      UNION ALL SELECT description FROM pg_description WHERE description LIKE '%invoice%'`;
    expect(await rowsOf(analyst, everywhere)).toEqual([]);
  });
  it('shows a session its own rows of the lists of sessions, roles and databases', async () => {
    const [one, two] = [await room.connect(), await room.connect('analyst')];
    await two.query('SELECT 1 AS secret_of_two');
    expect((await rowsOf(one, 'SELECT count(*)::int FROM pg_stat_activity'))[0]).toEqual([1]);
    expect((await rowsOf(one, 'SELECT count(*)::int FROM pg_roles'))[0]).toEqual([1]);
    expect(await rowsOf(one, 'SELECT datname = current_database() FROM pg_database')).toEqual([[true]]);
    expect(JSON.stringify(await rowsOf(one, 'SELECT query FROM pg_stat_get_activity(NULL)'))).not.toContain(
      'secret_of_two',
    );
    expect(await rowsOf(one, 'SELECT count(*)::int FROM pg_policies')).toEqual([[0]]);
  });
});
