import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoom, type Room, TOKEN } from './sql/room.js';

const candidates = [join(tmpdir(), 'assay-venv', 'bin', 'python'), 'python3', 'python'];
const python = candidates.find(
  (name) =>
    (!name.includes('/') || existsSync(name)) &&
    spawnSync(name, ['-c', 'import psycopg'], { stdio: 'ignore' }).status === 0,
);
const WHY =
  'no Python with psycopg: python3 -m venv /tmp/assay-venv && /tmp/assay-venv/bin/pip install -r test/engines/requirements.txt';

const GROUPS = 'SELECT country, MEASURE(orders) AS orders FROM retail GROUP BY country ORDER BY country';
let room: Room;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => {
  await room?.close();
});

describe(`psycopg 3${python ? '' : ` (${WHY})`}`, () => {
  it.skipIf(!python)('reads the model in text, binary, prepared, pipeline, cursor and COPY alike', async () => {
    const text = (rows: unknown[][]) => rows.map((r) => r.map((v) => (v === null ? null : String(v))));
    const expected = text(
      await room.raw(
        `SELECT country, count(DISTINCT invoice) FILTER (WHERE quantity >= 0) FROM raw_sales GROUP BY country ORDER BY country`,
      ),
    );
    const of = async (country: string) =>
      text(
        await room.raw(
          `SELECT country, sum(amount) FROM raw_sales WHERE country = $1 AND sold_at >= '2010-12-01 00:00+00' GROUP BY 1`,
          [country],
        ),
      );
    const script = resolve(import.meta.dirname, 'sql/psycopg_client.py');
    const { stdout } = await promisify(execFile)(python ?? '', [script, String(room.port), TOKEN, GROUPS]);
    const got = JSON.parse(stdout) as Record<string, unknown>;
    for (const way of ['text', 'binary', 'cursor', 'copy_text', 'copy_binary', 'read_only'])
      expect(got[way], way).toEqual(expected);
    expect(got['types']).toEqual([25, 20]);
    expect(got['prepared']).toEqual([await of('France'), await of('Norway'), await of('France')]);
    expect(got['arrays']).toEqual(
      text(
        await room.raw(
          `SELECT country, count(*) FROM raw_sales WHERE country IN ('EIRE', 'France') GROUP BY 1 ORDER BY 1`,
        ),
      ),
    );
    expect(got['pipeline']).toEqual([expected.length, 1, expected.length]);
    expect(got['pipeline_error']).toBe('0A000');
    expect(got['after']).toBe(1);
    expect(room.bugs).toEqual([]);
  });
});
