import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { relation } from '../../src/store/delta/index.js';
import { add, field, lines, metaData, protocol, putCommits, putLog, v } from './delta-log.js';
import { deltaPlace, ID } from './delta-place.js';

const place = deltaPlace();
const { all, open, rows, write } = place;

describe('rows', () => {
  it('of files with other columns, types and orders have the types of the schema, nested too', async () => {
    await write(
      '1.parquet',
      `SELECT 1::INTEGER AS id, {'u': 1, 'gone': 9} AS s, [{'k': 1}] AS l, MAP {'a': {'x': 1}} AS m, 12.5::DECIMAL(4,1) AS d`,
    );
    await write(
      '2.parquet',
      `SELECT 7.25::DECIMAL(18,2) AS D, 9 AS extra, [{'n': 2, 'k': 3}] AS l, NULL::STRUCT(u INTEGER) AS s, 2::BIGINT AS ID`,
    );
    await write('3.parquet', `SELECT 3 AS id`);
    const struct = (...fields: object[]) => ({ type: 'struct', fields });
    const fields = [
      ...ID,
      field('s', struct(field('v', 'string'), field('u', 'long'))),
      field('l', { type: 'array', elementType: struct(field('k', 'long'), field('n', 'integer')), containsNull: true }),
      field('m', {
        type: 'map',
        keyType: 'string',
        valueType: struct(field('x', 'integer'), field('y', 'date')),
        valueContainsNull: true,
      }),
      field('d', 'decimal(20,2)'),
      field('file_index', 'timestamp'),
    ];
    await putCommits(place.path, [
      [protocol(), metaData(fields), add('1.parquet'), add('2.parquet'), add('3.parquet')],
    ]);
    expect(await all('id')).toEqual([
      '{"id":1,"s":{"v":null,"u":1},"l":[{"k":1,"n":null}],"m":{"a":{"x":1,"y":null}},"d":12.50,"file_index":null}',
      '{"id":2,"s":null,"l":[{"k":3,"n":2}],"m":null,"d":7.25,"file_index":null}',
      '{"id":3,"s":null,"l":null,"m":null,"d":null,"file_index":null}',
    ]);
    const types = await place.engine.query(`SELECT column_type AS t FROM (DESCRIBE FROM ${relation(await open())})`);
    expect(types.map(({ t }) => t)).toEqual([
      'BIGINT',
      'STRUCT(v VARCHAR, u BIGINT)',
      'STRUCT(k BIGINT, n INTEGER)[]',
      'MAP(VARCHAR, STRUCT(x INTEGER, y DATE))',
      'DECIMAL(20,2)',
      'TIMESTAMP WITH TIME ZONE',
    ]);
  });
  it('come from the files that the log names, whatever characters the names hold, here and elsewhere', async () => {
    const names = [
      'a[1].parquet',
      'a1.parquet',
      'b*.parquet',
      'b?.parquet',
      "q'uote.parquet",
      'per%41cent.parquet',
      'é ü.parquet',
    ];
    for (const [i, name] of names.entries()) await write(name, `SELECT ${i} AS id`);
    await mkdir(join(place.root, 'other'), { recursive: true });
    await place.engine.execute(
      `COPY (SELECT 99 AS id) TO '${join(place.root, 'other', 'x y.parquet')}' (FORMAT parquet)`,
    );
    await putCommits(place.path, [
      [
        protocol(),
        metaData(ID),
        add(encodeURIComponent('a[1].parquet')),
        add(encodeURIComponent('b?.parquet')),
        add('b*.parquet'),
        add("q'uote.parquet"),
      ],
      [
        add('per%2541cent.parquet'),
        add(encodeURIComponent('é ü.parquet')),
        add(`file://${join(place.root, 'other')}/x%20y.parquet`),
      ],
    ]);
    expect(await all()).toEqual([0, 2, 3, 4, 5, 6, 99].map((id) => `{"id":${id}}`));
    await putLog(place.path, `${v(2)}.json`, lines([add('s3://elsewhere/x.parquet')]));
    const snapshot = await open();
    expect(() => relation(snapshot)).toThrow(expect.objectContaining({ code: 'delta-unsupported' }));
  });
  it('have the partition values of the log, of every type and form', async () => {
    const types = [
      'string',
      'integer',
      'decimal(10,2)',
      'double',
      'boolean',
      'date',
      'timestamp',
      'timestamp_ntz',
      'binary',
    ];
    const fields = [...ID, ...types.map((type, i) => field(`p${i}`, type))];
    const values = (...texts: (string | null)[]) => Object.fromEntries(texts.map((text, i) => [`p${i}`, text]));
    const forms = [
      values(
        'it\'s, [a] "b"\n\u0001',
        '-7',
        '-1.50',
        'NaN',
        'true',
        '2020-02-29',
        '2020-01-01T00:00:00.123456Z',
        '2020-01-01 00:00:00.5',
        'é',
      ),
      values(
        '',
        null,
        '1E+3',
        '-Infinity',
        'false',
        '0001-01-01',
        '2020-01-01 01:02:03',
        '2020-01-01 00:00:00',
        '\u0001',
      ),
      values('x', '2147483647', '0', '1e10', null, null, '2020-01-01 00:00:00+02:00', null, null),
    ];
    const names = types.map((_, i) => `p${i}`);
    const seen: string[] = [];
    for (const [i, partitionValues] of forms.entries()) {
      await place.next();
      await write('a.parquet', 'SELECT 1 AS id');
      await putCommits(place.path, [
        [protocol('timestampNtz'), metaData(fields, names), add('a.parquet', { partitionValues })],
      ]);
      const text = names
        .map((n, k) => (types[k] === 'binary' ? `hex(${n})` : `${n}::VARCHAR`))
        .map((c, k) => `${c} AS c${k}`);
      seen.push(...(await rows(`SELECT ${text.join(', ')} FROM ${relation(await open())}`)));
      expect(seen.length).toBe(i + 1);
    }
    expect(seen.map((s) => Object.values(JSON.parse(s) as object))).toEqual([
      [
        'it\'s, [a] "b"\n\u0001',
        '-7',
        '-1.50',
        'nan',
        'true',
        '2020-02-29',
        '2020-01-01 00:00:00.123456+00',
        '2020-01-01 00:00:00.5',
        'C3A9',
      ],
      [null, null, '1000.00', '-inf', 'false', '0001-01-01', '2020-01-01 01:02:03+00', '2020-01-01 00:00:00', '01'],
      ['x', '2147483647', '0.00', '10000000000.0', null, null, '2019-12-31 22:00:00+00', null, null],
    ]);
    for (const [name, text] of [
      ['p1', '2147483648'],
      ['p1', 'x'],
      ['p5', '2021-02-29'],
      ['p6', 'noon'],
      ['p2', '123456789.00'],
      ['p4', '1'],
    ]) {
      await putLog(place.path, `${v(1)}.json`, lines([add('b.parquet', { partitionValues: { [name ?? '']: text } })]));
      const snapshot = await open(1);
      expect(() => relation(snapshot)).toThrow(
        expect.objectContaining({ code: 'delta-corrupt', message: expect.stringContaining(name ?? '') }),
      );
      await rm(join(place.path, '_delta_log', `${v(1)}.json`));
    }
  });
  it('of hundreds of files find their own partition', async () => {
    for (let k = 0; k < 300; k++) {
      await mkdir(join(place.path, `k=${k}`));
      await write(`k=${k}/f.parquet`, `SELECT ${2 * k} + range AS id FROM range(2)`);
    }
    const adds = Array.from({ length: 300 }, (_, k) => add(`k=${k}/f.parquet`, { partitionValues: { k: String(k) } }));
    await putCommits(place.path, [[protocol(), metaData([...ID, field('k', 'integer')], ['k']), ...adds]]);
    expect(
      await rows(
        `SELECT count(*) AS n, sum(id) AS s, count(DISTINCT k) AS k FROM ${relation(await open())} WHERE id // 2 = k`,
      ),
    ).toEqual(['{"n":600,"s":179700,"k":300}']);
    expect(await rows(`SELECT sum(id) AS s FROM ${relation(await open())} WHERE k = 17`)).toEqual(['{"s":69}']);
  });
  it('of mapped columns are found by physical names and by numbers, renamed, nested, and partitioned', async () => {
    const named = (name: string, id: number, type: unknown) =>
      field(name, type, { 'delta.columnMapping.id': id, 'delta.columnMapping.physicalName': `c-${id}` });
    const inner = { type: 'struct', fields: [named('x', 3, 'long'), named('y', 4, 'string')] };
    const fields = [named('id', 1, 'long'), named('s', 2, inner), named('part', 5, 'date'), named('new', 6, 'string')];
    await write('a.parquet', `SELECT 1 AS "c-1", {'c-4': 'b', 'c-3': 2} AS "c-2", 8 AS id UNION ALL SELECT 2, NULL, 9`);
    const file = add('a.parquet', { partitionValues: { 'c-5': '2020-01-02' } });
    await putCommits(place.path, [
      [protocol('columnMapping'), metaData(fields, ['part'], { 'delta.columnMapping.mode': 'name' }), file],
    ]);
    const expected = [
      '{"id":1,"s":{"x":2,"y":"b"},"part":"2020-01-02","new":null}',
      '{"id":2,"s":null,"part":"2020-01-02","new":null}',
    ];
    expect(await all()).toEqual(expected);
    await place.engine.execute(
      `COPY (SELECT 1 AS other, {'c-4': 'b', 'c-3': 2} AS t, 8 AS id UNION ALL SELECT 2, NULL, 9) TO '${join(place.path, 'a.parquet')}' (FORMAT parquet, FIELD_IDS {other: 1, t: 2, id: 77})`,
    );
    await putLog(place.path, `${v(1)}.json`, lines([metaData(fields, ['part'], { 'delta.columnMapping.mode': 'id' })]));
    expect(await all()).toEqual(expected);
  });
});
