import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTable, prunedFiles, relation, relationOf, tableAt, versionAt } from '../../src/store/delta/index.js';
import {
  add,
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
import { deltaPlace, ID } from './delta-place.js';

const place = deltaPlace();
const { open, paths, rows, write } = place;

describe('the log', () => {
  it('is read through compacted files, and around one that is damaged', async () => {
    await putCommits(place.path, [
      [protocol(), metaData(ID), add('a')],
      [add('b')],
      [remove('a'), add('c')],
      [add('d')],
    ]);
    await putLog(place.path, `${v(1)}.${v(2)}.compacted.json`, lines([add('b'), remove('a'), add('c')]));
    expect(await paths()).toEqual(['b', 'c', 'd']);
    await putLog(place.path, `${v(1)}.${v(2)}.compacted.json`, '{"add":');
    await putLog(place.path, `${v(4)}.json`, lines([add('e')]));
    expect([await paths(1), await paths(2), await paths()]).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['b', 'c', 'd', 'e'],
    ]);
    // The commits are gone, and the compacted file stands for them.
    await putLog(place.path, `${v(1)}.${v(2)}.compacted.json`, lines([add('b'), remove('a'), add('c')]));
    for (const version of [1, 2]) await rm(join(place.path, '_delta_log', `${v(version)}.json`));
    expect(await paths(3)).toEqual(['b', 'c', 'd']);
  });

  const checkpoint = (name: string, actions: string) =>
    place.engine.execute(
      `COPY (SELECT * FROM (${actions})) TO '${join(place.path, '_delta_log', name)}' (FORMAT parquet)`,
    );
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
    await putCommits(place.path, [[protocol(), metaData(ID), add('a')], [add('b')], [add('c')], [add('d')]]);
    await checkpoint(`${v(1)}.checkpoint.parquet`, rowsOfCheckpoint('a', 'b'));
    await putLog(place.path, `${v(2)}.checkpoint.parquet`, 'PAR1 and no more');
    for (const hint of ['{"version":2,"size":1}', 'no JSON', '{"version":99999}', ''])
      await putLog(place.path, '_last_checkpoint', hint).then(async () =>
        expect(await paths(3)).toEqual(['a', 'b', 'c', 'd']),
      );
    await rm(join(place.path, '_delta_log', `${v(0)}.json`));
    expect(await paths(3)).toEqual(['a', 'b', 'c', 'd']);
    expect(await openTable(place.path, place.engine, 0)).toBeUndefined();
    // Nothing older is left: the damage is said, and of which file. A new commit 3 is another log.
    await rm(join(place.path, '_delta_log', `${v(3)}.json`));
    await putLog(place.path, `${v(3)}.json`, lines([add('d')]));
    await rm(join(place.path, '_delta_log', `${v(1)}.checkpoint.parquet`));
    await expect(open()).rejects.toMatchObject({
      code: 'delta-corrupt',
      message: expect.stringContaining(`${v(2)}.checkpoint.parquet is damaged`),
    });
  });
  it('reads checkpoints in parts where no part is missing, and V2 contents under a classic name', async () => {
    const part = (o: number) => `${v(1)}.checkpoint.${String(o).padStart(10, '0')}.${'2'.padStart(10, '0')}.parquet`;
    await putCommits(place.path, [[protocol(), metaData(ID), add('wrong')], [add('wrong too')], [add('c')]]);
    await checkpoint(part(1), rowsOfCheckpoint('a'));
    expect(await paths(1)).toEqual(['wrong', 'wrong too']);
    await checkpoint(
      part(2),
      `SELECT ${ROW} AS "add" WHERE false UNION ALL SELECT struct_update(${ROW}, path := 'b', partitionValues := MAP {}::MAP(VARCHAR, VARCHAR))`,
    );
    expect(await paths(1)).toEqual(['a', 'b']);
    await mkdir(join(place.path, '_delta_log', '_sidecars'));
    await checkpoint(
      '_sidecars/one.parquet',
      `SELECT struct_update(${ROW}, path := 's', partitionValues := MAP {}::MAP(VARCHAR, VARCHAR)) AS "add"`,
    );
    await checkpoint(
      `${v(2)}.checkpoint.parquet`,
      `SELECT *, NULL AS sidecar FROM (${rowsOfCheckpoint()}) UNION ALL SELECT NULL, NULL, NULL, {'path': 'one.parquet', 'sizeInBytes': 1, 'modificationTime': 1}`,
    );
    expect(await paths(2)).toEqual(['s']);
    await rm(join(place.path, '_delta_log', '_sidecars', 'one.parquet'));
    await rm(join(place.path, '_delta_log', `${v(2)}.json`));
    await putLog(place.path, `${v(2)}.json`, lines([add('c')]));
    expect(await paths(2)).toEqual(['a', 'b', 'c']);
  });
  it('takes statistics that a checkpoint keeps as columns only, digit by digit', async () => {
    await putCommits(place.path, [[protocol(), metaData(ID)], []]);
    const parsed = `{'numRecords': 1, 'minValues': {'id': 9007199254740993}, 'maxValues': {'id': 9007199254740993}, 'nullCount': {'id': 0}}`;
    await checkpoint(
      `${v(0)}.checkpoint.parquet`,
      `${rowsOfCheckpoint().replace('SELECT NULL AS "add"', `SELECT NULL::STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size INTEGER, modificationTime INTEGER, dataChange BOOLEAN, stats_parsed STRUCT(numRecords BIGINT, minValues STRUCT(id BIGINT), maxValues STRUCT(id BIGINT), nullCount STRUCT(id BIGINT))) AS "add"`)}
       UNION ALL SELECT {'path': 'a', 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': 1, 'modificationTime': 1, 'dataChange': false, 'stats_parsed': ${parsed}}, NULL, NULL`,
    );
    await rm(join(place.path, '_delta_log', `${v(1)}.json`));
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
    await putCommits(place.path, [
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
    await putCommits(place.path, [
      [protocol(), metaData(ID), add('file:/x/a%20b'), add('c%2Bd')],
      [remove('file:///x/a b'), remove('c+d')],
    ]);
    expect(await paths()).toEqual([]);
  });
});

describe('time travel', () => {
  it('goes by the times of files, made to ascend, and by the log where it keeps times', async () => {
    await putCommits(place.path, [[protocol(), metaData(ID)], [add('a')], [add('b')]]);
    const at = (version: number, seconds: number) =>
      utimes(join(place.path, '_delta_log', `${v(version)}.json`), seconds, seconds);
    await at(0, 1000);
    await at(1, 2000);
    await at(2, 1500);
    const table = tableAt(place.path, place.engine);
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
      putLog(place.path, `${v(number)}.json`, lines([{ commitInfo: { inCommitTimestamp: time } }, ...actions]));
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
  it('hide their rows: inline, in a file with others, by an absolute place.path, few and many', async () => {
    await write('a.parquet', 'SELECT range AS id FROM range(200000)');
    for (const name of ['b', 'c', 'd'])
      await write(`${name}.parquet`, 'SELECT 1000000 + range AS id FROM range(100000)');
    // Every third row, and a whole stretch: more than text should hold one by one.
    const many = Array.from({ length: 200_000 }, (_, i) => i).filter((i) => i % 3 === 0 || (i > 60_000 && i < 90_000));
    const [few, one, edges] = [[5, 70_000], [99_999], [0, 65_535, 65_536, 99_999]];
    const { bytes, offsets } = vectorFile([vectorBytes(many), vectorBytes(few)]);
    await mkdir(join(place.path, 'ab'));
    const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    await writeFile(join(place.path, 'ab', 'deletion_vector_00112233-4455-6677-8899-aabbccddeeff.bin'), bytes);
    await writeFile(join(place.root, 'elsewhere v.bin'), vectorFile([vectorBytes(edges)]).bytes);
    const dv = (rows: readonly number[], more: object) => ({
      deletionVector: { sizeInBytes: vectorBytes(rows).length, cardinality: rows.length, ...more },
    });
    const packed = { storageType: 'u', pathOrInlineDv: `ab${z85(uuid)}` };
    await putCommits(place.path, [
      [
        ...[protocol('deletionVectors'), metaData(ID)],
        add('a.parquet', dv(many, { ...packed, offset: offsets[0] })),
        add('b.parquet', dv(few, { ...packed, offset: offsets[1] })),
        add('c.parquet', dv(one, { storageType: 'i', pathOrInlineDv: z85(vectorBytes(one)) })),
        add(
          'd.parquet',
          dv(edges, { storageType: 'p', pathOrInlineDv: `file://${join(place.root, 'elsewhere%20v.bin')}`, offset: 1 }),
        ),
      ],
    ]);
    const list = (name: string) =>
      `SELECT * FROM read_parquet('${join(place.path, name)}.parquet', file_row_number = true)`;
    const wanted = `SELECT id FROM (${list('a')}) WHERE NOT (file_row_number % 3 = 0 OR (file_row_number > 60000 AND file_row_number < 90000))
      UNION ALL SELECT id FROM (${list('b')}) WHERE file_row_number NOT IN (5, 70000)
      UNION ALL SELECT id FROM (${list('c')}) WHERE file_row_number <> 99999
      UNION ALL SELECT id FROM (${list('d')}) WHERE file_row_number NOT IN (0, 65535, 65536, 99999)`;
    const snapshot = await open();
    const difference = `SELECT count(*)::INTEGER AS n FROM ((FROM ${relation(snapshot)} EXCEPT ALL FROM (${wanted})) UNION ALL (FROM (${wanted}) EXCEPT ALL FROM ${relation(snapshot)}))`;
    expect(await place.engine.query(difference)).toEqual([{ n: 0 }]);
    expect(await rows(`SELECT count(*) AS n FROM ${relation(snapshot)} WHERE id BETWEEN 60001 AND 89999`)).toEqual([
      '{"n":0}',
    ]);
    expect(relation(snapshot).length).toBeLessThan(80_000);
    expect(await rows(`SELECT count(*) AS n FROM ${relationOf(snapshot, snapshot.adds.slice(1, 2))}`)).toEqual([
      '{"n":99998}',
    ]);
  });
});
