import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRoom, type Room, rowsOf, SHORT_TOKEN } from './sql/room.js';

let room: Room;
/** Connects once a place is free: a session's place is free when its backend has gone, which no client sees. */
const whenFree = async (password?: string): Promise<pg.Client> => {
  for (;;)
    try {
      return await room.connect('admin', password === undefined ? {} : { password });
    } catch (thrown) {
      expect((thrown as pg.DatabaseError).code).toBe('53300');
    }
};
beforeAll(async () => {
  room = await openRoom(2);
});
afterAll(async () => {
  await room?.close();
});
const made = async () =>
  (
    await room.admin.query(
      `SELECT datname FROM pg_database WHERE datname LIKE 'assay\\_%' UNION ALL SELECT rolname FROM pg_roles WHERE rolname ~ '^assay_[0-9a-f]{8}_'`,
    )
  ).rows;

it('refuses one session more than allowed, and takes one again when one has ended', async () => {
  const [one, two] = [await room.connect(), await room.connect('analyst')];
  await expect(room.connect()).rejects.toMatchObject({ code: '53300' });
  await one.end();
  const next = await whenFree();
  expect(await rowsOf(next, 'SELECT 1')).toEqual([[1]]);
  await next.end();
  await two.end();
});

it('serves a token for as long as clocks may be off, then ends its session', async () => {
  const client = await whenFree(SHORT_TOKEN);
  expect(await rowsOf(client, 'SELECT 1')).toEqual([[1]]);
  const { code, message } = await new Promise<pg.DatabaseError>((resolve) =>
    client.once('error', (e) => resolve(e as pg.DatabaseError)),
  );
  expect({ code, message }).toEqual({ code: '57P01', message: 'terminating connection: the token has expired' });
});

it('leaves nothing behind in the cluster', async () => {
  expect((await made()).length).toBeGreaterThan(0);
  await room.server.close();
  expect(await made()).toEqual([]);
});
