import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appendFiles,
  optimizeTable,
  overwritePartitions,
  relation,
  restoreTable,
  setProperties,
  tableAt,
  upsertRows,
  vacuumTable,
  writeParquet,
} from '../../src/store/delta/index.js';
import { DeltaRs, hasPeers, NO_PEERS, openIt, type PeerColumn, readOurs, Spark, type TextRows } from './delta-peers.js';
import { duckdb } from './parquet-engine.js';
import { CONDITIONS, TYPED, VALUES } from './spark-conditions.js';

const COLUMNS: readonly PeerColumn[] = [
  { name: 'id', kind: 'plain' },
  { name: 'day', kind: 'plain' },
  { name: 'name', kind: 'plain' },
  { name: 'amount', kind: 'plain' },
  { name: 'rate', kind: 'double' },
  { name: 'at', kind: 'timestamp' },
];
const DDL = 'id BIGINT, day DATE, name STRING, amount DECIMAL(38,6), rate DOUBLE, at TIMESTAMP';
/** Every test here asks a JVM that shares two cores with others. */
const PATIENCE = 900_000;

let engine: Awaited<ReturnType<typeof duckdb>>;
let deltaRs: DeltaRs;
let spark: Spark;
let root: string;
let path: string;
let steps = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-turns-'));
  if (!hasPeers) return;
  deltaRs = new DeltaRs();
  spark = await Spark.open();
});
afterAll(async () => {
  await engine.close();
  await deltaRs?.close();
  await spark?.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  path = join(root, `t${++steps}`);
});

const table = () => tableAt(path, engine);
const open = (version?: number) => openIt(engine, path, version);
const id = () => `step-${++steps}`;
const rows = (
  from: number,
  to: number,
  more = '',
) => `SELECT range AS id, DATE '2010-12-01' + (range // 10)::INTEGER AS day,
  'n/%é ' || range || '${more}' AS name, range::DECIMAL(38,6) / 8 AS amount, range / 3.0 AS rate,
  TIMESTAMPTZ '2010-12-01 00:00:00.000001+00' + range * INTERVAL 1 SECOND AS at FROM range(${from}, ${to})`;
const stage = async (select: string) => {
  const snapshot = await open();
  const stepId = id();
  return { snapshot, staged: await writeParquet({ snapshot, select, sortBy: ['id'], stepId }), txnId: stepId };
};
const foreignRow = (n: number, who: string) => [
  ...[String(n), '2010-12-01', who, `${n}.000001`, '0.5', '2010-12-01 08:26:00.000001'],
];

const suite = describe.skipIf(!hasPeers && process.env['CI'] !== 'true');
suite(`one table that three programs write (${hasPeers ? 'delta-rs, Spark' : NO_PEERS})`, () => {
  it('is one table for all of them after each commit', { timeout: PATIENCE }, async () => {
    const seen = new Map<number, TextRows>();
    const same = async () => {
      const snapshot = await open();
      const found = await readOurs(engine, snapshot, COLUMNS);
      expect(await deltaRs.read(path, COLUMNS), `delta-rs at version ${snapshot.version}`).toEqual(found);
      seen.set(snapshot.version, found);
      return found;
    };
    const at = `delta.\`${path}\``;
    await spark.execute(
      `CREATE TABLE ${at} (${DDL}) USING delta PARTITIONED BY (day) TBLPROPERTIES ('delta.checkpointInterval' = '3')`,
    );
    await appendFiles(await stage(rows(0, 30)));
    await same();
    await deltaRs.ask({ op: 'write', path, rows: [foreignRow(100, 'delta-rs'), foreignRow(101, 'delta-rs')] });
    await same();
    await spark.execute(
      `INSERT INTO ${at} VALUES (200, DATE'2010-12-01', 'Spark', 0.000001, double('NaN'), TIMESTAMP'1969-12-31 23:59:59.999999'), (201, NULL, '', NULL, NULL, NULL)`,
    );
    await same();
    const upsert = `SELECT * REPLACE (DATE '2010-12-01' AS day) FROM (${rows(5, 7, '!')} UNION ALL ${rows(100, 101, '!')} UNION ALL ${rows(200, 201, '!')} UNION ALL ${rows(300, 301)})`;
    const merged = await upsertRows({
      ...{ snapshot: await open(), select: upsert, key: ['id', 'day'], stepId: id(), txnId: id() },
    });
    expect(merged).toMatchObject({ inserted: 1, updated: 4, unchanged: 0, filesReplaced: 3 });
    await same();
    await spark.execute(`UPDATE ${at} SET name = concat(name, '?') WHERE id IN (6, 15, 101)`);
    await same();
    await deltaRs.ask({ op: 'delete', path, predicate: 'id = 16' });
    await same();
    await overwritePartitions({ ...(await stage(rows(20, 24, '#'))), partitions: [{ day: '2010-12-03' }] });
    await same();
    const before = (await open()).version;
    await optimizeTable(table(), { txnId: id() });
    expect(await same()).toEqual(seen.get(before));
    await deltaRs.ask({ op: 'checkpoint', path });
    await appendFiles(await stage(rows(25, 28)));
    await same();
    await spark.execute(`OPTIMIZE ${at}`);
    await same();
    const { predicate } = { predicate: "day = '2010-12-01'" };
    await deltaRs.ask({ op: 'write', path, rows: [foreignRow(400, 'again')], mode: 'overwrite', predicate });
    await same();
    await restoreTable(table(), { to: { version: before }, txnId: id() });
    expect(await same()).toEqual(seen.get(before));
    await spark.execute(`INSERT INTO ${at} SELECT id + 1000, day, name, amount, rate, at FROM ${at} WHERE id < 10`);
    await same();
    for (const [version, found] of await spark.readVersions(
      path,
      [...seen.keys()].map((v) => [v, COLUMNS]),
    ))
      expect(found, `Spark at version ${version}`).toEqual(seen.get(version));
    // What goes after a week goes for all alike.
    const newest = await same();
    await vacuumTable(table(), { now: Date.now() + 169 * 3_600_000 });
    expect(await same()).toEqual(newest);
    const { version } = await open();
    expect(await spark.read(path, COLUMNS, version)).toEqual(newest);
  });

  it('of rows that Spark deleted by a vector reads and keeps the rest', { timeout: PATIENCE }, async () => {
    const at = `delta.\`${path}\``;
    await spark.execute(
      `CREATE TABLE ${at} (${DDL}) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '2')`,
    );
    await appendFiles(await stage(rows(0, 20)));
    await spark.execute(`DELETE FROM ${at} WHERE id IN (3, 7)`);
    const deleted = await open();
    expect(deleted.adds.some(({ deletionVector }) => deletionVector !== undefined)).toBe(true);
    await appendFiles(await stage(rows(30, 33)));
    await vacuumTable(table(), { now: Date.now() + 169 * 3_600_000 });
    const kept = await readOurs(engine, await open(), COLUMNS);
    expect(kept).toHaveLength(21);
    const merged = await upsertRows({
      ...{ snapshot: await open(), select: rows(7, 9, '!'), key: ['id'], stepId: id(), txnId: id() },
    });
    expect(merged).toMatchObject({ inserted: 1, updated: 1 });
    const { version } = await open();
    const all = await readOurs(engine, await open(), COLUMNS);
    expect(await spark.read(path, COLUMNS, version)).toEqual(all);
    // Our checkpoint alone carries the vectors, too.
    const copy = `${path}-copy`;
    await cp(path, copy, { recursive: true });
    for (let v = 0; v < version; v++) await rm(join(copy, '_delta_log', `${String(v).padStart(20, '0')}.json`));
    expect(await spark.read(copy, COLUMNS, version)).toEqual(all);
    const { version: after } = await optimizeTable(table(), { txnId: id() });
    expect(await spark.read(path, COLUMNS, after ?? -1)).toEqual(all);
  });

  it('keeps commit times that Spark began, and refuses what it does not keep, by name', {
    timeout: PATIENCE,
  }, async () => {
    const make = async (properties: string, more = '') => {
      path = join(root, `t${++steps}`);
      await spark.execute(`CREATE TABLE delta.\`${path}\` (${DDL}) USING delta ${more} TBLPROPERTIES (${properties})`);
    };
    await make("'delta.enableInCommitTimestamps' = 'true'");
    const made = await open();
    await appendFiles({ ...(await stage(rows(0, 3))), now: 5 });
    const log = await readFile(join(path, '_delta_log', '00000000000000000001.json'), 'utf8');
    const info = (JSON.parse(log.split('\n')[0] ?? '') as { commitInfo: { inCommitTimestamp: number } }).commitInfo;
    expect(info.inCommitTimestamp).toBe((made.inCommitTimestamp ?? 0) + 1);
    const history = await spark.rows(`DESCRIBE HISTORY delta.\`${path}\``);
    expect(history.map(([version, micros]) => [version, Number(micros) / 1000]).sort()).toEqual([
      [0n, made.inCommitTimestamp],
      [1n, info.inCommitTimestamp],
    ]);
    await make("'delta.enableChangeDataFeed' = 'true'");
    await appendFiles(await stage(rows(0, 3)));
    const snapshot = await open();
    await expect(
      upsertRows({ snapshot, select: rows(1, 2, '!'), key: ['id'], stepId: id(), txnId: id() }),
    ).rejects.toMatchObject({
      code: 'delta-unsupported',
      parameters: { feature: expect.stringContaining('changeDataFeed') },
    });
    for (const [properties, feature, more] of [
      ["'delta.enableRowTracking' = 'true'", 'rowTracking', ''],
      ["'delta.columnMapping.mode' = 'name'", 'columnMapping', ''],
      ["'delta.checkpointPolicy' = 'v2'", 'v2Checkpoint', ''],
      ["'a' = 'b'", 'clustering', 'CLUSTER BY (id)'],
    ] as const) {
      await make(properties, more);
      await expect(setProperties(table(), { a: 'c' }, { txnId: id() }), feature).rejects.toMatchObject({
        ...{
          code: 'delta-unsupported',
          parameters: {
            feature: expect.stringMatching(/^(rowTracking|columnMapping|v2Checkpoint|clustering|domainMetadata)/),
          },
        },
      });
    }
  });
});

suite(`conditions of Spark SQL (${hasPeers ? 'Spark' : NO_PEERS})`, () => {
  it('that are taken give what Spark gives, for every row', { timeout: PATIENCE }, async () => {
    const { conditionSql } = await import('../../src/store/delta/rules/expression.js');
    const field = (name: string, type: string) => ({ name, type, nullable: true, metadata: {} });
    const schema = {
      type: 'struct',
      fields: [
        ['n', 'long'],
        ['d', 'date'],
        ['s', 'string'],
        ['a', 'decimal(12,2)'],
        ['r', 'double'],
        ['f', 'boolean'],
      ].map(([name = '', type = '']) => field(name, type)),
    } as const;
    const taken = CONDITIONS.flatMap((text) => {
      const sql = conditionSql(text, schema);
      return sql === undefined ? [] : [{ text, sql }];
    });
    expect(CONDITIONS.filter((text) => !taken.some((t) => t.text === text))).toEqual(['a <=> NULL_IS_NO_COLUMN']);
    const theirs = await spark.rows(
      `SELECT ${taken.map(({ text }) => `(${text})`).join(', ')} FROM VALUES ${VALUES.join(', ')} AS t(n, d, s, a, r, f) ORDER BY n`,
    );
    const ours = await engine.query(
      `SELECT ${taken.map(({ sql }, i) => `${sql} AS c${i}`).join(', ')} FROM (SELECT n::BIGINT AS n, d::DATE AS d, s, a::DECIMAL(12,2) AS a, r::DOUBLE AS r, f
        FROM (VALUES ${TYPED.join(', ')}) t(n, d, s, a, r, f)) ORDER BY n`,
    );
    for (const [i, { text }] of taken.entries())
      expect(
        ours.map((row) => row[`c${i}`]),
        text,
      ).toEqual(theirs.map((row) => row[i]));
  });
});

suite(`rules that another writer gave a table (${hasPeers ? 'Spark' : NO_PEERS})`, () => {
  it('hold for our rows too: CHECK, NOT NULL and what is generated', { timeout: PATIENCE }, async () => {
    await spark.execute(
      `CREATE TABLE delta.\`${path}\` (id BIGINT NOT NULL, day DATE, year INT, s STRUCT<x: INT NOT NULL>) USING delta`,
    );
    await spark.execute(`ALTER TABLE delta.\`${path}\` ADD CONSTRAINT positive CHECK (id > 0)`);
    // Generated columns need the API of Scala or Python: written into the log as it writes them.
    const file = join(path, '_delta_log', '00000000000000000002.json');
    const lines = (await readFile(join(path, '_delta_log', '00000000000000000001.json'), 'utf8')).trim().split('\n');
    const metadata = lines
      .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>)
      .find((line) => line['metaData'])?.['metaData'];
    const text = String(metadata?.['schemaString']).replace(
      '"name":"year","type":"integer","nullable":true,"metadata":{}',
      '"name":"year","type":"integer","nullable":true,"metadata":{"delta.generationExpression":"year(day)"}',
    );
    const protocol = { minReaderVersion: 1, minWriterVersion: 4 };
    await writeFile(
      file,
      `${[{ commitInfo: { timestamp: Date.now(), operation: 'Manual' } }, { protocol }, { metaData: { ...metadata, schemaString: text } }].map((line) => JSON.stringify(line)).join('\n')}\n`,
    );
    const good = "SELECT 1 AS id, DATE '2010-12-01' AS day, 2010 AS year, {'x': 1} AS s";
    const append = async (change: string) => appendFiles(await stage(`SELECT * REPLACE (${change}) FROM (${good})`));
    for (const [change, constraint] of [
      ['0 AS id', 'CHECK positive (id > 0)'],
      ['NULL AS id', 'NOT NULL of id'],
      ['2011 AS year', 'year, which is generated as year(day)'],
      ["{'x': NULL::INTEGER} AS s", 'NOT NULL within s'],
      ['NULL AS s', 'NOT NULL within s'],
      ["DATE 'infinity' AS day", 'the rule that day is not infinite'],
    ] as const)
      await expect(append(change), constraint).rejects.toMatchObject({
        ...{ code: 'delta-constraint', parameters: { constraint, rows: '1' } },
      });
    await append('3 AS id');
    await append('NULL::DATE AS day, NULL AS year');
    await spark.execute(
      `INSERT INTO delta.\`${path}\` (id, day, s) VALUES (5, DATE'2012-02-29', named_struct('x', 1))`,
    );
    expect(await spark.rows(`SELECT id, year FROM delta.\`${path}\` ORDER BY id, year`)).toEqual([
      [1n, null],
      [3n, 2010],
      [5n, 2012],
    ]);
    await spark.execute(`ALTER TABLE delta.\`${path}\` ADD CONSTRAINT odd CHECK (upper(cast(id as string)) <> 'x')`);
    await expect(append('2 AS id')).rejects.toMatchObject({
      code: 'delta-unsupported',
      parameters: { feature: expect.stringContaining('checkConstraints') },
    });
    expect((await engine.query(`SELECT count(*)::VARCHAR AS n FROM ${relation(await open())}`))[0]).toEqual({ n: '3' });
  });
});

suite(`statistics (${hasPeers ? 'Spark' : NO_PEERS})`, () => {
  it('hide no row from Spark or delta-rs', { timeout: PATIENCE }, async () => {
    await spark.execute(
      `CREATE TABLE delta.\`${path}\` (id BIGINT, s STRING, at TIMESTAMP, r DOUBLE, q FLOAT, a DECIMAL(38,6), d DATE, st STRUCT<x: BIGINT, y: STRING>) USING delta`,
    );
    const row = (n: number, s: string, at: string, r: string) =>
      `SELECT ${n}::BIGINT AS id, ${s} AS s, TIMESTAMPTZ '${at}' AS at, ${r}::DOUBLE AS r, 0.1::FLOAT AS q, -0.000001::DECIMAL(38,6) AS a, DATE '0001-01-01' AS d, {'x': 9223372036854775807, 'y': repeat('z', 40)} AS st`;
    for (const select of [
      row(1, "repeat('𝄞', 40)", '1969-12-31 23:59:59.999999+00', "'nan'"),
      row(2, "repeat('a', 32) || chr(65535)", '2010-12-01 08:26:00.123999+00', "'inf'"),
      row(3, 'NULL', '9999-12-31 23:59:59.999999+00', '-0.0'),
    ])
      await appendFiles(await stage(select));
    const filters = [
      "s = repeat('𝄞', 40)",
      "s > repeat('a', 32)",
      "at = TIMESTAMP'2010-12-01 08:26:00.123999'",
      "at >= TIMESTAMP'9999-12-31 23:59:59.999999'",
      "at < TIMESTAMP'1970-01-01 00:00:00'",
      "r = double('NaN')",
      'r > 1e308D',
      'r = 0',
      'q = float(0.1)',
      'a < 0',
      "d = DATE'0001-01-01'",
      'st.x = 9223372036854775807',
      "st.y = repeat('z', 40)",
      's IS NULL',
    ];
    const found = await spark.rows(
      filters
        .map((f, i) => `SELECT ${i} AS i, sort_array(collect_list(id)) FROM delta.\`${path}\` WHERE ${f}`)
        .join(' UNION ALL '),
    );
    expect(Object.fromEntries(found.map(([i, ids]) => [filters[Number(i)] ?? '', String(ids)]))).toEqual({
      [filters[0] ?? '']: '1',
      [filters[1] ?? '']: '1,2',
      [filters[2] ?? '']: '2',
      [filters[3] ?? '']: '3',
      [filters[4] ?? '']: '1',
      [filters[5] ?? '']: '1',
      [filters[6] ?? '']: '1,2',
      [filters[7] ?? '']: '3',
      [filters[8] ?? '']: '1,2,3',
      [filters[9] ?? '']: '1,2,3',
      [filters[10] ?? '']: '1,2,3',
      [filters[11] ?? '']: '1,2,3',
      [filters[12] ?? '']: '1,2,3',
      [filters[13] ?? '']: '3',
    });
    for (const [filter, ids] of [
      [['s', '=', '𝄞'.repeat(40)], ['1']],
      [['id', '>=', 3], ['3']],
      [['s', '>=', 'b'], ['1']],
    ] as const) {
      const { columns, rows: list } = (await deltaRs.ask({ op: 'read', path, filters: [filter] })) as {
        columns: string[];
        rows: string[][];
      };
      expect(list.map((r) => r[columns.indexOf('id')])).toEqual(ids);
    }
  });
});
