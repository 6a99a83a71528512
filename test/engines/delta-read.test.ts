import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTable, prunedFiles, relation, relationOf, tableAt, versionAt } from '../../src/store/delta/index.js';
import {
  add,
  field,
  lines,
  metaData,
  protocol,
  putCommits,
  putLog,
  remove,
  v,
  vectorBytes,
  vectorFile,
  z85,
} from './delta-log.js';
import { duckdb } from './parquet-engine.js';

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let path: string;
let tables = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-read-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  path = join(root, `t${++tables}`);
  await mkdir(path);
});
const open = async (version?: number) => {
  const snapshot = await openTable(path, engine, version);
  if (!snapshot) throw new Error(`no table at ${path}`);
  return snapshot;
};
const paths = async (version?: number) => (await openTable(path, engine, version))?.adds.map((a) => a.path);
const write = (name: string, select: string) =>
  engine.execute(`COPY (${select}) TO '${join(path, name).replaceAll("'", "''")}' (FORMAT parquet)`);
const rows = async (select: string) =>
  (await engine.query(`SELECT to_json(t)::VARCHAR AS j FROM (${select}) t`)).map((r) => String(r['j']));
const all = async (order = '1') => rows(`FROM ${relation(await open())} ORDER BY ${order}`);
const ID = [field('id', 'long')];

describe('the log', () => {
  it('is read through compacted files, and around one that is damaged', async () => {
    await putCommits(path, [[protocol(), metaData(ID), add('a')], [add('b')], [remove('a'), add('c')], [add('d')]]);
    await putLog(path, `${v(1)}.${v(2)}.compacted.json`, lines([add('b'), remove('a'), add('c')]));
    expect(await paths()).toEqual(['b', 'c', 'd']);
    await putLog(path, `${v(1)}.${v(2)}.compacted.json`, '{"add":');
    await putLog(path, `${v(4)}.json`, lines([add('e')]));
    expect([await paths(1), await paths(2), await paths()]).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['b', 'c', 'd', 'e'],
    ]);
    // The commits are gone, and the compacted file stands for them.
    await putLog(path, `${v(1)}.${v(2)}.compacted.json`, lines([add('b'), remove('a'), add('c')]));
    for (const version of [1, 2]) await rm(join(path, '_delta_log', `${v(version)}.json`));
    expect(await paths(3)).toEqual(['b', 'c', 'd']);
  });

  const checkpoint = (name: string, actions: string) =>
    engine.execute(`COPY (SELECT * FROM (${actions})) TO '${join(path, '_delta_log', name)}' (FORMAT parquet)`);
  const ROW = `{'path': 'p', 'partitionValues': MAP {'': ''}, 'size': 1, 'modificationTime': 1, 'dataChange': false}`;
  const rowsOfCheckpoint = (...names: string[]) =>
    [
      `SELECT NULL AS "add", {'minReaderVersion': 1, 'minWriterVersion': 2} AS protocol, NULL AS metaData`,
      `SELECT NULL, NULL, {'id': 'x', 'format': {'provider': 'parquet'}, 'schemaString': '${metaData(ID).metaData.schemaString}', 'partitionColumns': []::VARCHAR[]}`,
      ...names.map(
        (name) =>
          `SELECT struct_update(${ROW}, path := '${name}', partitionValues := MAP {}::MAP(VARCHAR, VARCHAR)), NULL, NULL`,
      ),
    ].join(' UNION ALL ');
  it('begins at the newest checkpoint that can be read, whatever the hint says', async () => {
    await putCommits(path, [[protocol(), metaData(ID), add('a')], [add('b')], [add('c')], [add('d')]]);
    await checkpoint(`${v(1)}.checkpoint.parquet`, rowsOfCheckpoint('a', 'b'));
    await putLog(path, `${v(2)}.checkpoint.parquet`, 'PAR1 and no more');
    for (const hint of ['{"version":2,"size":1}', 'no JSON', '{"version":99999}', ''])
      await putLog(path, '_last_checkpoint', hint).then(async () =>
        expect(await paths(3)).toEqual(['a', 'b', 'c', 'd']),
      );
    await rm(join(path, '_delta_log', `${v(0)}.json`));
    expect(await paths(3)).toEqual(['a', 'b', 'c', 'd']);
    expect(await openTable(path, engine, 0)).toBeUndefined();
    // Nothing older is left: the damage is said, and of which file. A new commit 3 is another log.
    await rm(join(path, '_delta_log', `${v(3)}.json`));
    await putLog(path, `${v(3)}.json`, lines([add('d')]));
    await rm(join(path, '_delta_log', `${v(1)}.checkpoint.parquet`));
    await expect(open()).rejects.toMatchObject({
      code: 'delta-corrupt',
      message: expect.stringContaining(`${v(2)}.checkpoint.parquet is damaged`),
    });
  });
  it('reads checkpoints in parts where no part is missing, and V2 contents under a classic name', async () => {
    const part = (o: number) => `${v(1)}.checkpoint.${String(o).padStart(10, '0')}.${'2'.padStart(10, '0')}.parquet`;
    await putCommits(path, [[protocol(), metaData(ID), add('wrong')], [add('wrong too')], [add('c')]]);
    await checkpoint(part(1), rowsOfCheckpoint('a'));
    expect(await paths(1)).toEqual(['wrong', 'wrong too']);
    await checkpoint(
      part(2),
      `SELECT ${ROW} AS "add" WHERE false UNION ALL SELECT struct_update(${ROW}, path := 'b', partitionValues := MAP {}::MAP(VARCHAR, VARCHAR))`,
    );
    expect(await paths(1)).toEqual(['a', 'b']);
    await mkdir(join(path, '_delta_log', '_sidecars'));
    await checkpoint(
      '_sidecars/one.parquet',
      `SELECT struct_update(${ROW}, path := 's', partitionValues := MAP {}::MAP(VARCHAR, VARCHAR)) AS "add"`,
    );
    await checkpoint(
      `${v(2)}.checkpoint.parquet`,
      `SELECT *, NULL AS sidecar FROM (${rowsOfCheckpoint()}) UNION ALL SELECT NULL, NULL, NULL, {'path': 'one.parquet', 'sizeInBytes': 1, 'modificationTime': 1}`,
    );
    expect(await paths(2)).toEqual(['s']);
    await rm(join(path, '_delta_log', '_sidecars', 'one.parquet'));
    await rm(join(path, '_delta_log', `${v(2)}.json`));
    await putLog(path, `${v(2)}.json`, lines([add('c')]));
    expect(await paths(2)).toEqual(['a', 'b', 'c']);
  });
  it('takes statistics that a checkpoint keeps as columns only, digit by digit', async () => {
    await putCommits(path, [[protocol(), metaData(ID)], []]);
    const parsed = `{'numRecords': 1, 'minValues': {'id': 9007199254740993}, 'maxValues': {'id': 9007199254740993}, 'nullCount': {'id': 0}}`;
    await checkpoint(
      `${v(0)}.checkpoint.parquet`,
      `${rowsOfCheckpoint().replace('SELECT NULL AS "add"', `SELECT NULL::STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size INTEGER, modificationTime INTEGER, dataChange BOOLEAN, stats_parsed STRUCT(numRecords BIGINT, minValues STRUCT(id BIGINT), maxValues STRUCT(id BIGINT), nullCount STRUCT(id BIGINT))) AS "add"`)}
       UNION ALL SELECT {'path': 'a', 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': 1, 'modificationTime': 1, 'dataChange': false, 'stats_parsed': ${parsed}}, NULL, NULL`,
    );
    await rm(join(path, '_delta_log', `${v(1)}.json`));
    const snapshot = await open();
    expect(JSON.parse(snapshot.adds[0]?.stats ?? '{}')).toMatchObject({ numRecords: 1, nullCount: { id: 0 } });
    const is = (value: string) => prunedFiles(snapshot, [{ column: 'id', is: 'in', values: [value] }]).length;
    expect([is('9007199254740992'), is('9007199254740993')]).toEqual([0, 1]);
  });
  it('keeps transactions and domains, and takes one file with another vector for another file', async () => {
    const vector = {
      storageType: 'i',
      pathOrInlineDv: z85(vectorBytes([0])),
      sizeInBytes: vectorBytes([0]).length,
      cardinality: 1,
    };
    const domain = (name: string, removed: boolean) => ({
      domainMetadata: { domain: name, configuration: name, removed },
    });
    await putCommits(path, [
      [
        protocol('deletionVectors'),
        metaData(ID),
        add('a'),
        add('b'),
        domain('x', false),
        domain('y', false),
        { txn: { appId: 'app', version: 7 } },
      ],
      [remove('a'), add('a', { deletionVector: vector }), domain('x', true), { txn: { appId: 'app', version: 3 } }],
      [remove('a')],
    ]);
    const snapshot = await open(1);
    expect(snapshot.adds.map((a) => [a.path, a.deletionVector?.cardinality])).toEqual([
      ['a', 1],
      ['b', undefined],
    ]);
    expect([...snapshot.domains.keys(), snapshot.txns.get('app')?.version]).toEqual(['y', 3]);
    expect(await paths(2)).toEqual(['a', 'b']);
  });
  it('tells one path written in two ways for one file', async () => {
    await putCommits(path, [
      [protocol(), metaData(ID), add('file:/x/a%20b'), add('c%2Bd')],
      [remove('file:///x/a b'), remove('c+d')],
    ]);
    expect(await paths()).toEqual([]);
  });
});

describe('time travel', () => {
  it('goes by the times of files, made to ascend, and by the log where it keeps times', async () => {
    await putCommits(path, [[protocol(), metaData(ID)], [add('a')], [add('b')]]);
    const at = (version: number, seconds: number) =>
      utimes(join(path, '_delta_log', `${v(version)}.json`), seconds, seconds);
    await at(0, 1000);
    await at(1, 2000);
    await at(2, 1500);
    const table = tableAt(path, engine);
    const version = (timestamp: number) => versionAt(table, { timestamp });
    expect(await Promise.all([1_000_000, 1_999_999, 2_000_000, 2_000_001, 9e12].map(version))).toEqual([0, 0, 1, 2, 2]);
    await expect(version(999_999)).rejects.toMatchObject({ code: 'delta-version-unknown' });
    expect(await versionAt(table, { version: 1 })).toBe(1);
    for (const none of [3, -1, 0.5])
      await expect(versionAt(table, { version: none })).rejects.toMatchObject({ code: 'delta-version-unknown' });
    const since = {
      'delta.enableInCommitTimestamps': 'true',
      'delta.inCommitTimestampEnablementVersion': '3',
      'delta.inCommitTimestampEnablementTimestamp': '5000000',
    };
    const commit = (number: number, time: number, ...actions: object[]) =>
      putLog(path, `${v(number)}.json`, lines([{ commitInfo: { inCommitTimestamp: time } }, ...actions]));
    await commit(3, 5_000_000, metaData(ID, [], since));
    await commit(4, 6_000_000, add('d'));
    for (const number of [3, 4]) await at(number, 1);
    expect(await Promise.all([2_000_001, 4_999_999, 5_000_000, 5_999_999, 6_000_000].map(version))).toEqual([
      2, 2, 3, 3, 4,
    ]);
    expect([(await open(4)).inCommitTimestamp, (await open(1)).inCommitTimestamp]).toEqual([6_000_000, undefined]);
  });
});

describe('deletion vectors', () => {
  it('hide their rows: inline, in a file with others, by an absolute path, few and many', async () => {
    await write('a.parquet', 'SELECT range AS id FROM range(200000)');
    for (const name of ['b', 'c', 'd'])
      await write(`${name}.parquet`, 'SELECT 1000000 + range AS id FROM range(100000)');
    // Every third row, and a whole stretch: more than text should hold one by one.
    const many = Array.from({ length: 200_000 }, (_, i) => i).filter((i) => i % 3 === 0 || (i > 60_000 && i < 90_000));
    const [few, one, edges] = [[5, 70_000], [99_999], [0, 65_535, 65_536, 99_999]];
    const { bytes, offsets } = vectorFile([vectorBytes(many), vectorBytes(few)]);
    await mkdir(join(path, 'ab'));
    const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    await writeFile(join(path, 'ab', 'deletion_vector_00112233-4455-6677-8899-aabbccddeeff.bin'), bytes);
    await writeFile(join(root, 'elsewhere v.bin'), vectorFile([vectorBytes(edges)]).bytes);
    const dv = (rows: readonly number[], more: object) => ({
      deletionVector: { sizeInBytes: vectorBytes(rows).length, cardinality: rows.length, ...more },
    });
    const packed = { storageType: 'u', pathOrInlineDv: `ab${z85(uuid)}` };
    await putCommits(path, [
      [
        ...[protocol('deletionVectors'), metaData(ID)],
        add('a.parquet', dv(many, { ...packed, offset: offsets[0] })),
        add('b.parquet', dv(few, { ...packed, offset: offsets[1] })),
        add('c.parquet', dv(one, { storageType: 'i', pathOrInlineDv: z85(vectorBytes(one)) })),
        add(
          'd.parquet',
          dv(edges, { storageType: 'p', pathOrInlineDv: `file://${join(root, 'elsewhere%20v.bin')}`, offset: 1 }),
        ),
      ],
    ]);
    const list = (name: string) => `SELECT * FROM read_parquet('${join(path, name)}.parquet', file_row_number = true)`;
    const wanted = `SELECT id FROM (${list('a')}) WHERE NOT (file_row_number % 3 = 0 OR (file_row_number > 60000 AND file_row_number < 90000))
      UNION ALL SELECT id FROM (${list('b')}) WHERE file_row_number NOT IN (5, 70000)
      UNION ALL SELECT id FROM (${list('c')}) WHERE file_row_number <> 99999
      UNION ALL SELECT id FROM (${list('d')}) WHERE file_row_number NOT IN (0, 65535, 65536, 99999)`;
    const snapshot = await open();
    const difference = `SELECT count(*)::INTEGER AS n FROM ((FROM ${relation(snapshot)} EXCEPT ALL FROM (${wanted})) UNION ALL (FROM (${wanted}) EXCEPT ALL FROM ${relation(snapshot)}))`;
    expect(await engine.query(difference)).toEqual([{ n: 0 }]);
    expect(await rows(`SELECT count(*) AS n FROM ${relation(snapshot)} WHERE id BETWEEN 60001 AND 89999`)).toEqual([
      '{"n":0}',
    ]);
    expect(relation(snapshot).length).toBeLessThan(80_000);
    expect(await rows(`SELECT count(*) AS n FROM ${relationOf(snapshot, snapshot.adds.slice(1, 2))}`)).toEqual([
      '{"n":99998}',
    ]);
  });
});

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
    await putCommits(path, [[protocol(), metaData(fields), add('1.parquet'), add('2.parquet'), add('3.parquet')]]);
    expect(await all('id')).toEqual([
      '{"id":1,"s":{"v":null,"u":1},"l":[{"k":1,"n":null}],"m":{"a":{"x":1,"y":null}},"d":12.50,"file_index":null}',
      '{"id":2,"s":null,"l":[{"k":3,"n":2}],"m":null,"d":7.25,"file_index":null}',
      '{"id":3,"s":null,"l":null,"m":null,"d":null,"file_index":null}',
    ]);
    const types = await engine.query(`SELECT column_type AS t FROM (DESCRIBE FROM ${relation(await open())})`);
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
    await mkdir(join(root, 'other'), { recursive: true });
    await engine.execute(`COPY (SELECT 99 AS id) TO '${join(root, 'other', 'x y.parquet')}' (FORMAT parquet)`);
    await putCommits(path, [
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
        add(`file://${join(root, 'other')}/x%20y.parquet`),
      ],
    ]);
    expect(await all()).toEqual([0, 2, 3, 4, 5, 6, 99].map((id) => `{"id":${id}}`));
    await putLog(path, `${v(2)}.json`, lines([add('s3://elsewhere/x.parquet')]));
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
      path = join(root, `t${++tables}`);
      await mkdir(path);
      await write('a.parquet', 'SELECT 1 AS id');
      await putCommits(path, [
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
      await putLog(path, `${v(1)}.json`, lines([add('b.parquet', { partitionValues: { [name ?? '']: text } })]));
      const snapshot = await open(1);
      expect(() => relation(snapshot)).toThrow(
        expect.objectContaining({ code: 'delta-corrupt', message: expect.stringContaining(name ?? '') }),
      );
      await rm(join(path, '_delta_log', `${v(1)}.json`));
    }
  });
  it('of hundreds of files find their own partition', async () => {
    for (let k = 0; k < 300; k++) {
      await mkdir(join(path, `k=${k}`));
      await write(`k=${k}/f.parquet`, `SELECT ${2 * k} + range AS id FROM range(2)`);
    }
    const adds = Array.from({ length: 300 }, (_, k) => add(`k=${k}/f.parquet`, { partitionValues: { k: String(k) } }));
    await putCommits(path, [[protocol(), metaData([...ID, field('k', 'integer')], ['k']), ...adds]]);
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
    await putCommits(path, [
      [protocol('columnMapping'), metaData(fields, ['part'], { 'delta.columnMapping.mode': 'name' }), file],
    ]);
    const expected = [
      '{"id":1,"s":{"x":2,"y":"b"},"part":"2020-01-02","new":null}',
      '{"id":2,"s":null,"part":"2020-01-02","new":null}',
    ];
    expect(await all()).toEqual(expected);
    await engine.execute(
      `COPY (SELECT 1 AS other, {'c-4': 'b', 'c-3': 2} AS t, 8 AS id UNION ALL SELECT 2, NULL, 9) TO '${join(path, 'a.parquet')}' (FORMAT parquet, FIELD_IDS {other: 1, t: 2, id: 77})`,
    );
    await putLog(path, `${v(1)}.json`, lines([metaData(fields, ['part'], { 'delta.columnMapping.mode': 'id' })]));
    expect(await all()).toEqual(expected);
  });
});
