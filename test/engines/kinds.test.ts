import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scd2, Transform } from '../../src/build/transform/files/definition.js';
import { parquetSession } from '../../src/build/transform/index.js';
import { auditTable } from '../../src/build/transform/step/audit-table.js';
import { compute } from '../../src/build/transform/step/compute.js';
import { makeStep } from '../../src/build/transform/step/make-step.js';
import type { Readable, StepOrder } from '../../src/build/transform/step/step.js';
import { type ParquetEngine, relationOf } from '../../src/store/delta/index.js';
import { AT, emptyOf, orderOf, readable, textsOf, transformOf, withParts } from './step-parts.js';
import { openPlace, type Place } from './warehouse-and-lake.js';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place.close();
});

/** Makes a table from nothing, through files and the audit. */
const table = (transform: Transform, over: Partial<StepOrder>): Promise<{ rows: string[][]; refused: unknown }> =>
  withParts(place, transform, async (parts) => {
    const order = orderOf(transform, over);
    const step = await makeStep(parts, order);
    const staged = relationOf(parts.snapshot, step.adds);
    const audit = await auditTable(parts, order, { duckdb: staged, postgres: undefined }, step.partitions);
    const refused = [...audit.partitions.values()].find((p) => p.refused)?.refused ?? audit.refused;
    return { rows: await textsOf(parts.engine, staged), refused };
  });

const PLAIN = `keys: {natural: [id]}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: name, type: string, nullable: true}`;
const input = (sql: string) => new Map([['bronze.x', readable(sql)]]);
const names = (...rows: (readonly [number, string | null])[]) =>
  `SELECT * FROM (VALUES ${rows.map(([id, name]) => `(${id}::bigint, ${name === null ? 'NULL' : `'${name}'`}::varchar)`).join(', ')}) v(id, name)`;
const BODY = `SELECT id, name FROM {{source('bronze.x')}}`;

describe('kinds', () => {
  it('full: everything anew', async () => {
    const { rows, refused } = await table(transformOf(PLAIN, BODY), {
      inputs: input(names([1, 'a'], [2, null])),
      existing: readable(names([9, 'old'])),
    });
    expect(rows).toEqual([
      ['1', 'a'],
      ['2', '∅'],
    ]);
    expect(refused).toBeUndefined();
  });
  it('incremental_by_key: new rows take the place of those of the same key, the others stay', async () => {
    const transform = transformOf(PLAIN, BODY, { kind: 'incremental_by_key' });
    const over = { inputs: input(names([1, 'new'], [3, 'c'])), existing: readable(names([1, 'old'], [2, 'b'])) };
    expect((await table(transform, over)).rows).toEqual([
      ['1', 'new'],
      ['2', 'b'],
      ['3', 'c'],
    ]);
    expect((await table(transform, { inputs: over.inputs })).rows).toEqual([
      ['1', 'new'],
      ['3', 'c'],
    ]);
  });
  it('incremental_by_key: a null in the key is a value like any other', async () => {
    const head = PLAIN.replace('[id]', '[id, name]').replace(
      'name: id, type: bigint, nullable: false',
      'name: id, type: bigint, nullable: true',
    );
    const transform = transformOf(head, BODY, { kind: 'incremental_by_key' });
    const { rows } = await table(transform, {
      inputs: input(names([1, null], [2, 'b'])),
      existing: readable(names([1, null], [1, 'a'])),
    });
    expect(rows).toEqual([
      ['1', '∅'],
      ['1', 'a'],
      ['2', 'b'],
    ]);
  });
  it('incremental_by_key: a key that occurs twice in the new rows is refused', async () => {
    const transform = transformOf(PLAIN, BODY, { kind: 'incremental_by_key' });
    await expect(table(transform, { inputs: input(names([1, 'a'], [1, 'b'])) })).rejects.toMatchObject({
      code: 'contract-broken',
      message: expect.stringContaining('1 key (id) occur more than once'),
    });
  });
  it('incremental_by_key: {{this}} is what is there, nothing at first', async () => {
    const body = `SELECT id, name FROM {{source('bronze.x')}} WHERE id > (SELECT coalesce(max(id), 0) FROM {{this}})`;
    const transform = transformOf(PLAIN, body, { kind: 'incremental_by_key' });
    const inputs = input(names([1, 'a'], [2, 'b']));
    expect((await table(transform, { inputs })).rows).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
    const existing = readable(names([1, 'kept']));
    expect((await table(transform, { inputs, existing })).rows).toEqual([
      ['1', 'kept'],
      ['2', 'b'],
    ]);
  });
  it('history: the rows of all checks', async () => {
    const head = `keys: {natural: [metric_id]}
columns: [{name: metric_id, type: string, nullable: false}, {name: metric_value, type: "decimal(18,6)", nullable: false}]`;
    const body = 'SELECT metric_id, metric_value::decimal(18, 6) AS metric_value FROM {{checks}}';
    const one = (id: string) => ({
      ...{ metric_id: id, table_name: 't', column_name: null, metric_type: 'validity', metric_value: '0.500000' },
      ...{ threshold_value: '1.000000', status: 'PASS', check_timestamp: '2010-12-01T00:00:00Z', check_details: '' },
      ...{ severity: 'warn', weight: 2 },
    });
    const { rows } = await table(transformOf(head, body, { kind: 'history' }), {
      checks: (async function* () {
        yield [one('a'), one('b')];
        yield [one('c')];
      })(),
    });
    expect(rows).toEqual([
      ['a', '0.500000'],
      ['b', '0.500000'],
      ['c', '0.500000'],
    ]);
  });
  it('view: nothing is stored', async () => {
    await expect(
      table(transformOf(PLAIN, BODY, { kind: 'view' }), { inputs: input(names([1, 'a'])) }),
    ).rejects.toMatchObject({
      code: 'internal',
    });
  });
});

const HISTORY: Scd2 = {
  ...{ key: ['id'], track: ['color'], history: true, updatedAt: undefined, deletes: 'ignore', deleted: undefined },
  ...{ validFrom: 'since', validTo: 'until', current: 'is_current', version: 'version' },
};
const versioned = (scd2: Partial<Scd2>, columns: string, body: string): Transform =>
  transformOf(
    `keys: {natural: [id, since], surrogate: row_key}
columns:
  - {name: row_key, type: bigint, nullable: false}
  - {name: id, type: string, nullable: true}
  - {name: color, type: string, nullable: true}
  - {name: city, type: string, nullable: true}
  - {name: since, type: timestamp, nullable: false}
  - {name: until, type: timestamp, nullable: true}
  - {name: is_current, type: boolean, nullable: false}
  - {name: version, type: integer, nullable: false}
${columns}`,
    body,
    { kind: 'scd2', role: 'dimension', scd2: { ...HISTORY, ...scd2 } },
  );
const allTime = versioned({}, '', `SELECT id, color, city, since FROM {{source('bronze.x')}}`);
const text = (value: string | null) => (value === null ? 'NULL::varchar' : `'${value}'`);
type Known = readonly [id: string | null, color: string | null, city: string | null, since: string];
const known = (rows: readonly Known[]) =>
  rows.length === 0
    ? 'SELECT NULL::varchar AS id, NULL::varchar AS color, NULL::varchar AS city, NULL::timestamptz AS since WHERE false'
    : `SELECT id::varchar AS id, color::varchar AS color, city::varchar AS city, since::timestamptz AS since FROM (VALUES ${rows
        .map(([id, color, city, since]) => `(${text(id)}, ${text(color)}, ${text(city)}, '${since}+00')`)
        .join(', ')}) v(id, color, city, since)`;

describe('scd2 from rows of all time', () => {
  it('merges equal neighbours null-safe, ends each version where the next begins, and makes the keys', async () => {
    const { rows, refused } = await table(allTime, {
      inputs: input(
        known([
          ['a', 'red', 'Rome', '2010-12-01 08:00:00'],
          ['a', 'red', 'Oslo', '2010-12-02 00:00:00'],
          ['a', null, 'Oslo', '2010-12-03 00:00:00'],
          ['a', null, 'Kyiv', '2010-12-04 00:00:00'],
          ['a', 'red', 'Lima', '2010-12-05 00:00:00'],
          [null, 'unknown', '(unknown)', '1900-01-01 00:00:00'],
        ]),
      ),
    });
    expect(refused).toBeUndefined();
    // Key of ('a', 2010-12-03): printf 'a\x1f2010-12-03T00:00:00.000000Z' | md5sum | cut -c1-15
    expect(rows.map(([, ...rest]) => rest).sort()).toEqual([
      ['a', 'red', 'Lima', '2010-12-01 08:00:00+00', '2010-12-03 00:00:00+00', 'false', '1'],
      ['a', 'red', 'Lima', '2010-12-05 00:00:00+00', '∅', 'true', '3'],
      ['a', '∅', 'Lima', '2010-12-03 00:00:00+00', '2010-12-05 00:00:00+00', 'false', '2'],
      ['∅', 'unknown', '(unknown)', '1900-01-01 00:00:00+00', '∅', 'true', '1'],
    ]);
    const keyOf = (since: string) => rows.find((row) => row[4] === since)?.[0];
    expect(keyOf('1900-01-01 00:00:00+00')).toBe('-1');
    const md5 = (await import('node:crypto'))
      .createHash('md5')
      .update('a\u001f2010-12-03T00:00:00.000000Z')
      .digest('hex');
    expect(keyOf('2010-12-03 00:00:00+00')).toBe(BigInt(`0x${md5.slice(0, 15)}`).toString());
  });
  it('refuses two rows of one key and time, and rows without a time', async () => {
    const twice = known([
      ['a', 'x', null, '2010-12-01 00:00:00'],
      ['a', 'y', null, '2010-12-01 00:00:00'],
    ]);
    await expect(table(allTime, { inputs: input(twice) })).rejects.toMatchObject({ code: 'contract-broken' });
    const never = `SELECT 'a' AS id, 'x' AS color, 'c' AS city, NULL::timestamptz AS since`;
    await expect(table(allTime, { inputs: input(never) })).rejects.toMatchObject({
      message: expect.stringContaining('since is null in 1 rows'),
    });
  });
});

const present = (scd2: Partial<Scd2>) =>
  scd2.deletes === 'tombstone'
    ? versioned(
        { ...scd2, history: false, deleted: 'gone' },
        '  - {name: gone, type: boolean, nullable: false}',
        `SELECT id, color, city FROM {{source('bronze.x')}}`,
      )
    : versioned({ ...scd2, history: false }, '', `SELECT id, color, city FROM {{source('bronze.x')}}`);

const DAY = 86_400_000_000n;
const timeOf = (day: number) => AT + BigInt(day) * DAY;
const dayText = (day: number) => new Date(Number(timeOf(day) / 1000n)).toISOString().slice(0, 19).replace('T', ' ');

/** Runs a step on what a temporary table holds, and puts the result in its place. */
const advance = async (engine: ParquetEngine, transform: Transform, sql: string, at: bigint): Promise<void> => {
  const existing: Readable = { duckdb: '"versions"', postgres: undefined };
  const order = orderOf(transform, { inputs: input(sql), existing, at });
  const computed = await compute({ engine, warehouse: place.warehouse, tmp: place.home }, order);
  await engine.execute(`CREATE OR REPLACE TEMP TABLE "after" AS ${computed.select}`);
  await computed.drop();
  await engine.execute('CREATE OR REPLACE TEMP TABLE "versions" AS FROM "after"');
};
const begin = (engine: ParquetEngine, transform: Transform) =>
  engine.execute(`CREATE OR REPLACE TEMP TABLE "versions" AS FROM ${emptyOf(transform).duckdb}`);
const versionsOf = async (engine: ParquetEngine, transform: Transform): Promise<string[][]> => {
  const columns = [
    'id',
    'color',
    'since',
    'until',
    'is_current',
    'version',
    ...(transform.scd2?.deleted ? ['gone'] : []),
  ];
  return textsOf(engine, `(SELECT ${columns.join(', ')} FROM "versions")`);
};

/** The state of every key on each day: a color, or undefined when the key is not there. */
type Day = Readonly<Record<string, string | null | undefined>>;
const rowsOf = (day: Day): readonly Known[] =>
  Object.entries(day).flatMap(([id, color]) =>
    color === undefined ? [] : [[id, color, 'c', '2000-01-01 00:00:00'] as Known],
  );
const stateSql = (day: Day) => `SELECT id, color, city FROM (${known(rowsOf(day))})`;

interface Version {
  readonly color: string | null;
  readonly from: number;
  to: number | undefined;
  readonly gone: boolean;
}
/** What the versions must be, told by a program that knows nothing of SQL. */
const expected = (days: readonly Day[], deletes: Scd2['deletes']): string[][] => {
  const rows: string[][] = [];
  for (const id of ['a', 'b', 'c']) {
    const versions: Version[] = [];
    days.forEach((day, at) => {
      const last = versions.at(-1);
      const open = last?.to === undefined ? last : undefined;
      const color = day[id];
      if (color === undefined) {
        if (!open || deletes === 'ignore' || open.gone) return;
        open.to = at;
        if (deletes === 'tombstone') versions.push({ color: open.color, from: at, to: undefined, gone: true });
        return;
      }
      if (open && open.color === color && !open.gone) return;
      if (open) open.to = at;
      versions.push({ color, from: at, to: undefined, gone: false });
    });
    versions.forEach(({ color, from, to, gone }, i) => {
      const row = [
        id,
        color ?? '∅',
        `${dayText(from)}+00`,
        to === undefined ? '∅' : `${dayText(to)}+00`,
        String(to === undefined),
        String(i + 1),
      ];
      rows.push(deletes === 'tombstone' ? [...row, String(gone)] : row);
    });
  }
  return rows;
};
const color = fc.constantFrom<(string | null | undefined)[]>('red', 'blue', null, undefined);
const someDays = fc.array(fc.record({ a: color, b: color, c: color }), { minLength: 1, maxLength: 6 });
const ordered = (rows: string[][]) => rows.map((row) => row.join('|')).sort();

describe('scd2 from the present state', () => {
  it.each(['ignore', 'close', 'tombstone'] as const)(
    'is the same after a restatement as a replay from nothing (deletes: %s)',
    async (deletes) => {
      const transform = present({ deletes });
      await place.duckdb.session(async (session) => {
        const engine = parquetSession(session);
        await fc.assert(
          fc.asyncProperty(someDays, someDays, fc.nat(5), async (first, restated, cut) => {
            const at = Math.min(cut, first.length);
            const truth = [...first.slice(0, at), ...restated];
            await begin(engine, transform);
            for (const [day, state] of first.entries()) await advance(engine, transform, stateSql(state), timeOf(day));
            for (const [i, state] of restated.entries())
              await advance(engine, transform, stateSql(state), timeOf(at + i));
            // Later days of the first replay are still there when the restatement ends before them, so it goes back once more.
            const last = truth.length - 1;
            await advance(engine, transform, stateSql(truth[last] ?? {}), timeOf(last));
            expect(ordered(await versionsOf(engine, transform))).toEqual(ordered(expected(truth, deletes)));
          }),
          { numRuns: 8, seed: 7 },
        );
      });
    },
  );
  it('makes the versions that rows of all time make', async () => {
    const transform = present({ deletes: 'ignore' });
    await place.duckdb.session(async (session) => {
      const engine = parquetSession(session);
      await fc.assert(
        fc.asyncProperty(someDays, async (days) => {
          await begin(engine, transform);
          for (const [day, state] of days.entries()) await advance(engine, transform, stateSql(state), timeOf(day));
          const replayed = await textsOf(engine, '"versions"');
          const rows = days.flatMap((day, at) =>
            rowsOf(day).map(([id, of, city]) => [id, of, city, dayText(at)] as Known),
          );
          await advance(engine, allTime, known(rows), AT);
          expect(await textsOf(engine, '"versions"')).toEqual(replayed);
        }),
        { numRuns: 8, seed: 11 },
      );
    });
  });
  it('takes each key’s own time of change, late and restated ones too', async () => {
    const transform = versioned(
      { history: false, updatedAt: 'since' },
      '',
      `SELECT id, color, city, since FROM {{source('bronze.x')}}`,
    );
    const log = fc.array(fc.tuple(fc.constantFrom('red', 'blue', null), fc.integer({ min: 1, max: 3 })), {
      minLength: 1,
      maxLength: 4,
    });
    await place.duckdb.session(async (session) => {
      const engine = parquetSession(session);
      await fc.assert(
        fc.asyncProperty(
          log,
          log,
          fc.array(fc.tuple(fc.boolean(), fc.nat(2)), { maxLength: 8 }),
          async (a, b, steps) => {
            const changes = [a, b].map((of, i) => {
              let day = 0;
              return of.map(([hue, later]) => {
                day += later;
                return [i === 0 ? 'a' : 'b', hue, 'c', dayText(day)] as Known;
              });
            });
            const at = [0, 0];
            const run = () => {
              const state = changes.flatMap((of, i) => of.slice(at[i], (at[i] ?? 0) + 1));
              return advance(engine, transform, known(state), timeOf(99));
            };
            await begin(engine, transform);
            await run();
            // One key moves on by one change, or goes back some (a restored source), in any order.
            for (const [first, back] of steps) {
              const i = first ? 0 : 1;
              const next = back === 0 ? (at[i] ?? 0) + 1 : (at[i] ?? 0) - back;
              at[i] = Math.max(0, Math.min((changes[i]?.length ?? 1) - 1, next));
              await run();
            }
            for (const i of [0, 1])
              while ((at[i] ?? 0) < (changes[i]?.length ?? 1) - 1) {
                at[i] = (at[i] ?? 0) + 1;
                await run();
              }
            const replayed = await textsOf(engine, '"versions"');
            await advance(engine, allTime, known(changes.flat()), AT);
            expect(await textsOf(engine, '"versions"')).toEqual(replayed);
          },
        ),
        { numRuns: 12, seed: 3 },
      );
    });
  });
  it('overwrites columns of type 1 on every version, and passes its own audit in files', async () => {
    const transform = present({ deletes: 'close' });
    const existing = readable(
      `SELECT 1::bigint AS row_key, 'a' AS id, 'red' AS color, 'Rome' AS city, TIMESTAMPTZ '2010-11-01 00:00:00+00' AS since,
        NULL::timestamptz AS until, true AS is_current, 1::integer AS version`,
    );
    const sql = `SELECT id, color, city FROM (${known([['a', 'blue', 'Oslo', '2000-01-01 00:00:00']])})`;
    const { rows, refused } = await table(transform, { inputs: input(sql), existing });
    expect(refused).toBeUndefined();
    expect(rows.map(([, ...rest]) => rest).sort()).toEqual([
      ['a', 'blue', 'Oslo', '2010-12-02 00:00:00+00', '∅', 'true', '2'],
      ['a', 'red', 'Oslo', '2010-11-01 00:00:00+00', '2010-12-02 00:00:00+00', 'false', '1'],
    ]);
  });
});
