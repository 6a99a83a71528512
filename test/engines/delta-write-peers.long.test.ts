import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  addConstraint,
  appendFiles,
  createTable,
  evolveTable,
  keepCommitTimes,
  optimizeTable,
  overwritePartitions,
  overwriteTable,
  type PartitionValues,
  relation,
  restoreTable,
  setDomain,
  setProperties,
  tableAt,
  upsertRows,
  vacuumTable,
  writeParquet,
} from '../../src/store/delta/index.js';
import { DeltaRs, hasPeers, NO_PEERS, openIt, type PeerColumn, readOurs, Spark, type TextRows } from './delta-peers.js';
import { duckdb } from './parquet-engine.js';

const TYPES = [
  { name: 'id', type: { kind: 'bigint' }, nullable: false },
  { name: 'day', type: { kind: 'date' }, nullable: true },
  { name: 'name', type: { kind: 'string' }, nullable: true },
  { name: 'amount', type: { kind: 'decimal', precision: 38, scale: 6 }, nullable: true },
  { name: 'rate', type: { kind: 'double' }, nullable: true },
  { name: 'at', type: { kind: 'timestamp' }, nullable: true },
] as const;
const COLUMNS: readonly PeerColumn[] = [
  { name: 'id', kind: 'plain' },
  { name: 'day', kind: 'plain' },
  { name: 'name', kind: 'plain' },
  { name: 'amount', kind: 'plain' },
  { name: 'rate', kind: 'double' },
  { name: 'at', kind: 'timestamp' },
];
/** Rows from one number up to another, ten a day, all of them different in every column. */
const rows = (
  from: number,
  to: number,
  more = '',
) => `SELECT range AS id, DATE '2010-12-01' + (range // 10)::INTEGER AS day,
  CASE WHEN range % 7 = 0 THEN NULL ELSE 'n/%é ' || range || '${more}' END AS name, range::DECIMAL(38,6) / 8 AS amount,
  range / 3.0 AS rate, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00' + range * INTERVAL 1001 MILLISECOND AS at FROM range(${from}, ${to})`;

let engine: Awaited<ReturnType<typeof duckdb>>;
let deltaRs: DeltaRs;
let spark: Spark;
let root: string;
let path: string;
let steps = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-peers-'));
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
const stage = async (select: string) => {
  const snapshot = await open();
  const stepId = id();
  return { snapshot, staged: await writeParquet({ snapshot, select, sortBy: ['id'], stepId }), txnId: stepId };
};
/** What we and delta-rs read, which must be one. Spark is asked about all versions at once, at the end: a statement of it is dear. */
const seen = new Map<number, { readonly rows: TextRows; readonly columns: readonly PeerColumn[] }>();
const same = async (columns = COLUMNS) => {
  const snapshot = await open();
  const rows = await readOurs(engine, snapshot, columns);
  expect(await deltaRs.read(path, columns), 'delta-rs').toEqual(rows);
  seen.set(snapshot.version, { rows, columns });
  return rows;
};
const sameInSpark = async () => {
  for (const [version, found] of await spark.readVersions(
    path,
    [...seen].map(([at, { columns }]) => [at, columns]),
  ))
    expect(found, `Spark at version ${version}`).toEqual(seen.get(version)?.rows);
  seen.clear();
};
const wanted = async (select: string, columns = COLUMNS) => {
  const list = columns.map(({ name }) => `"${name}"`).join(', ');
  const found = await engine.query(`SELECT count(*)::VARCHAR AS n FROM (
    (SELECT ${list} FROM (${select}) EXCEPT ALL SELECT ${list} FROM ${relation(await open())})
    UNION ALL (SELECT ${list} FROM ${relation(await open())} EXCEPT ALL SELECT ${list} FROM (${select})))`);
  expect(found).toEqual([{ n: '0' }]);
};
const day = (n: number): PartitionValues => ({ day: `2010-12-0${n}` });

describe.skipIf(!hasPeers && process.env['CI'] !== 'true')(
  `what we write (${hasPeers ? 'delta-rs, Spark' : NO_PEERS})`,
  () => {
    it('is read equal after every kind of commit', async () => {
      await createTable(path, engine, { columns: TYPES, partitionColumns: ['day'] });
      await same();
      await setProperties(table(), { 'delta.checkpointInterval': '4' }, { txnId: id() });
      await appendFiles(await stage(rows(0, 30)));
      await same();
      await appendFiles(await stage(`SELECT * REPLACE (NULL AS day, 'nan'::DOUBLE AS rate) FROM (${rows(30, 33)})`));
      await same();
      await overwritePartitions({ ...(await stage(rows(10, 15))), partitions: [day(2)] });
      await same();
      const upserted = await upsertRows({
        ...{ snapshot: await open(), select: rows(12, 25, '!'), key: ['id', 'day'], stepId: id(), txnId: id() },
      });
      expect(upserted).toMatchObject({ inserted: 5, updated: 6, unchanged: 2, filesReplaced: 2 });
      await wanted(`${rows(0, 12)} UNION ALL ${rows(12, 25, '!')} UNION ALL ${rows(25, 30)} UNION ALL
      SELECT * REPLACE (NULL AS day, 'nan'::DOUBLE AS rate) FROM (${rows(30, 33)})`);
      await same();
      const before = (await open()).version;
      for (let n = 0; n < 4; n++) await appendFiles(await stage(rows(40 + n, 41 + n)));
      expect(
        (await readdir(join(path, '_delta_log'))).filter((name) => name.includes('checkpoint.parquet')),
      ).toHaveLength(2);
      const all = await same();
      const optimized = await optimizeTable(table(), { txnId: id() });
      expect(optimized).toMatchObject({ filesBefore: 4, filesAfter: 1, rows: 4 });
      expect(await same()).toEqual(all);
      expect((await optimizeTable(table(), { txnId: id() })).version).toBeUndefined();
      const ordered = await optimizeTable(table(), {
        txnId: id(),
        zorderBy: ['name', 'amount'],
        where: (p) => p['day'] !== null,
      });
      expect(ordered.partitions).toBe(4);
      expect(await same()).toEqual(all);
      const evolved = await evolveTable(
        table(),
        {
          type: 'struct',
          fields: [
            { name: 'extra', type: 'string', nullable: true, metadata: {} },
            {
              name: 'nested',
              nullable: true,
              metadata: {},
              type: { type: 'struct', fields: [{ name: 'x', type: 'integer', nullable: true, metadata: {} }] },
            },
          ],
        },
        { txnId: id() },
      );
      expect(evolved.schema.fields.map(({ name }) => name)).toEqual([
        ...TYPES.map(({ name }) => name),
        'extra',
        'nested',
      ]);
      const wider = [...COLUMNS, { name: 'extra', kind: 'plain' } as const];
      await same(wider);
      await appendFiles(
        await stage(`SELECT *, 'e' || id AS extra, {'x': id::INTEGER} AS nested FROM (${rows(60, 63)})`),
      );
      await evolveTable(
        table(),
        {
          type: 'struct',
          fields: [
            {
              name: 'nested',
              nullable: true,
              metadata: {},
              type: { type: 'struct', fields: [{ name: 'y', type: 'string', nullable: true, metadata: {} }] },
            },
          ],
        },
        { txnId: id() },
      );
      await appendFiles(
        await stage(`SELECT *, NULL AS extra, {'x': id::INTEGER, 'y': 'z'} AS nested FROM (${rows(70, 72)})`),
      );
      await same(wider);
      expect(
        await spark.rows(`SELECT id, nested.x, nested.y FROM delta.\`${path}\` WHERE nested.x >= 62 ORDER BY id`),
      ).toEqual([
        [62n, 62, null],
        [70n, 70, 'z'],
        [71n, 71, 'z'],
      ]);
      await setDomain(table(), 'app.x', 'kept', { txnId: id() });
      await addConstraint(table(), 'Positive', 'id >= 0 AND (name IS NULL OR length(name) > 2)', { txnId: id() });
      await expect(
        spark.execute(`INSERT INTO delta.\`${path}\` (id, day) VALUES (-1, DATE'2010-12-01')`),
      ).rejects.toThrow();
      await expect(
        stage(`SELECT * REPLACE (-1 AS id), NULL AS extra, NULL AS nested FROM (${rows(0, 1)})`),
      ).rejects.toMatchObject({ code: 'delta-constraint' });
      await spark.execute(`INSERT INTO delta.\`${path}\` (id, day) VALUES (1000, DATE'2010-12-01')`);
      await same(wider);
      await keepCommitTimes(table(), { txnId: id() });
      await appendFiles(await stage(`SELECT *, NULL AS extra, NULL AS nested FROM (${rows(80, 82)})`));
      await same(wider);
      const restored = await restoreTable(table(), { to: { version: before }, txnId: id() });
      expect(restored).toMatchObject({ restored: before, already: false });
      expect(await same()).toHaveLength(33);
      expect((await open()).domains.size).toBe(0);
      await sameInSpark();
      const later = Date.now() + 169 * 3_600_000;
      const cleaned = await vacuumTable(table(), { now: later });
      expect(cleaned.files.length).toBeGreaterThan(3);
      expect(await same()).toHaveLength(33);
      await overwriteTable(await stage(rows(0, 3)));
      expect(await same()).toHaveLength(3);
      await sameInSpark();
      await expect(restoreTable(table(), { to: { version: 2 }, txnId: id() })).rejects.toMatchObject({
        code: 'delta-corrupt',
      });
    }, 900_000);
  },
);
