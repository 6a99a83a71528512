import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appendFiles,
  type CreateTable,
  createTable,
  openTable,
  optimizeTable,
  overwritePartitions,
  overwriteTable,
  relation,
  type Snapshot,
  setProperties,
  tableAt,
  upsertRows,
  vacuumTable,
  writeParquet,
} from '../../src/store/delta/index.js';
import { DeltaRs } from './delta-peers.js';
import { NO_READER, python } from './delta-rs.js';
import { duckdb } from './parquet-engine.js';

const COLUMNS = [
  { name: '_p', type: { kind: 'string' }, nullable: true },
  { name: 'id', type: { kind: 'bigint' }, nullable: false },
  { name: 'at', type: { kind: 'timestamp' }, nullable: true },
] as const;
const DAY = 86_400_000;
/** The middle of a day, so that midnight is where it is wherever the test runs. */
const NOON = Date.UTC(2026, 0, 15, 12);

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let path: string;
let steps = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-log-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  path = join(root, `t${++steps}`);
});

const table = () => tableAt(path, engine);
const open = async (version?: number): Promise<Snapshot> => {
  const found = await openTable(path, engine, version);
  if (!found) throw new Error(`no version ${version} at ${path}`);
  return found;
};
const make = (more: Partial<CreateTable> = {}) =>
  createTable(path, engine, { columns: COLUMNS, partitionColumns: [], ...more });
const rows = (from: number, to: number) =>
  `SELECT 'a' AS _p, range AS id, TIMESTAMPTZ '2010-12-01 00:00:00.000500+00' + range * INTERVAL 1 HOUR AS at FROM range(${from}, ${to})`;
const stage = async (select: string) => {
  const snapshot = await open();
  const stepId = `step-${++steps}`;
  return { snapshot, staged: await writeParquet({ snapshot, select, sortBy: ['id'], stepId }), txnId: stepId };
};
const log = async () => (await readdir(join(path, '_delta_log'))).sort();
const logFile = (name: string) => join(path, '_delta_log', name);
const name = (version: number) => String(version).padStart(20, '0');
const age = (file: string, milliseconds: number) => utimes(file, milliseconds / 1000, milliseconds / 1000);
const ids = async (snapshot: Snapshot) =>
  (await engine.query(`SELECT id::VARCHAR AS id FROM ${relation(snapshot)} ORDER BY id::BIGINT`)).map((r) =>
    Number(r['id']),
  );

describe('the log', () => {
  it('loses what stands before the newest checkpoint that is past the retention, and nothing else', async ({
    skip,
  }) => {
    await make({ configuration: { 'delta.checkpointInterval': '2', 'delta.logRetentionDuration': 'interval 3 days' } });
    for (let n = 0; n < 8; n++) await appendFiles({ ...(await stage(rows(n, n + 1))), now: NOON });
    // Versions 0 to 5 are four days old and older, 6 and 7 are of today, 8 of now; 5 claims to be older than 4.
    for (let v = 0; v <= 5; v++) await age(logFile(`${name(v)}.json`), NOON - (v === 5 ? 40 : 10 - v) * DAY);
    for (const v of [6, 7, 8]) await age(logFile(`${name(v)}.json`), NOON);
    await writeFile(logFile(`${name(1)}.crc`), '{}');
    await writeFile(logFile(`.${name(1)}.json.crc`), '');
    await writeFile(logFile('unknown.file'), '');
    await appendFiles({ ...(await stage(rows(8, 9))), now: NOON });
    expect((await log()).filter((n) => n.endsWith('.json')).length).toBe(10);
    await appendFiles({ ...(await stage(rows(9, 10))), now: NOON });
    expect(await log()).toEqual([
      ...[4, 5].flatMap((v) => (v === 4 ? [`${name(4)}.checkpoint.parquet`, `${name(4)}.json`] : [`${name(5)}.json`])),
      ...[`${name(6)}.checkpoint.parquet`, `${name(6)}.json`, `${name(7)}.json`],
      ...[`${name(8)}.checkpoint.parquet`, `${name(8)}.json`, `${name(9)}.json`],
      ...[`${name(10)}.checkpoint.parquet`, `${name(10)}.json`, '_last_checkpoint', 'unknown.file'],
    ]);
    expect(await ids(await open(4))).toEqual([0, 1, 2, 3]);
    expect(await ids(await open())).toEqual([...Array(10).keys()]);
    expect(await openTable(path, engine, 3)).toBeUndefined();
    if (!python) skip(NO_READER);
    const deltaRs = new DeltaRs();
    expect(await deltaRs.read(path, [{ name: 'id', kind: 'plain' }])).toHaveLength(10);
    await deltaRs.close();
  });
  it.each([
    ['forbidden', { 'delta.enableExpiredLogCleanup': 'false' }],
    ['of a length that is none', { 'delta.logRetentionDuration': 'interval 1 month' }],
  ])('is kept where cleaning is %s', async (_, configuration) => {
    await make({ configuration: { 'delta.checkpointInterval': '1', ...configuration } });
    await appendFiles(await stage(rows(0, 1)));
    for (const v of [0, 1]) await age(logFile(`${name(v)}.json`), NOON - 400 * DAY);
    await appendFiles(await stage(rows(1, 2)));
    expect((await log()).filter((n) => n.endsWith('.json'))).toHaveLength(3);
  });
  it('goes by the times that it keeps itself where it does', async () => {
    await make({
      commitTimes: true,
      configuration: { 'delta.checkpointInterval': '1', 'delta.logRetentionDuration': 'interval 2 days' },
    });
    const began = (await open()).inCommitTimestamp ?? 0;
    for (let n = 1; n <= 3; n++) await appendFiles({ ...(await stage(rows(n, n + 1))), now: began + n * DAY });
    // Files that look new, as after a copy.
    await appendFiles({ ...(await stage(rows(4, 5))), now: began + 6 * DAY });
    expect((await log()).filter((n) => n.endsWith('.json'))).toEqual([`${name(3)}.json`, `${name(4)}.json`]);
  });
  it('has a hint that never goes back, and no checksum of another', async () => {
    await make({ configuration: { 'delta.checkpointInterval': '2' } });
    await writeFile(logFile('._last_checkpoint.crc'), 'of another');
    for (let n = 0; n < 2; n++) await appendFiles(await stage(rows(n, n + 1)));
    const {
      size: _,
      sizeInBytes,
      ...hint
    } = JSON.parse(await readFile(logFile('_last_checkpoint'), 'utf8')) as Record<string, number>;
    expect(hint).toEqual({ version: 2, numOfAddFiles: 2 });
    expect(sizeInBytes).toBe((await readFile(logFile(`${name(2)}.checkpoint.parquet`))).length);
    expect(await log()).not.toContain('._last_checkpoint.crc');
    await writeFile(logFile('_last_checkpoint'), '{"version":9,"size":1}');
    for (let n = 0; n < 2; n++) await appendFiles(await stage(rows(n, n + 1)));
    expect(await readFile(logFile('_last_checkpoint'), 'utf8')).toBe('{"version":9,"size":1}');
  });
});

describe('vacuum', () => {
  it('takes what nobody needs, of whatever program, and nothing that is hidden, young or held', async () => {
    await make({ partitionColumns: ['_p'] });
    await appendFiles(await stage(rows(0, 3)));
    const old = (await open()).adds[0]?.path ?? '';
    await overwriteTable(await stage(rows(5, 7)));
    const files = [
      'orphan.parquet',
      '_p=a/orphan.parquet',
      '_change_data/c.parquet',
      'deep/er/x.parquet',
      'd/leased/part.parquet',
    ];
    const hidden = ['_mine/x.parquet', '.hidden', 'deep/_x/y.parquet', 'd/at-work/part.parquet'];
    const week = Date.now() - 8 * DAY;
    for (const file of [...files, ...hidden, '_delta_log/.0a1b2c3d-0000-4000-8000-000000000000.tmp']) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), 'old');
      await age(join(path, file), week);
    }
    await writeFile(join(path, 'young.parquet'), 'new');
    const options = { keepSteps: ['at-work'], keep: async (file: string) => file.startsWith('d/leased/') };
    const dry = await vacuumTable(table(), { ...options, dryRun: true });
    expect(dry.files.map((file) => file.path).sort()).toEqual(
      [
        '_delta_log/.0a1b2c3d-0000-4000-8000-000000000000.tmp',
        ...files.filter((file) => !file.startsWith('d/')),
      ].sort(),
    );
    expect([dry.bytes, dry.retention]).toEqual([15, 7 * DAY]);
    expect(await vacuumTable(table(), options)).toEqual(dry);
    const left = await table().files.walk('.');
    for (const file of [...hidden, 'd/leased/part.parquet', 'young.parquet', old]) expect(left).toContain(file);
    expect(await ids(await open(1))).toEqual([0, 1, 2]);
    const later = { now: Date.now() + 8 * DAY };
    expect((await vacuumTable(table(), { ...later, keepVersions: [1] })).files.map((file) => file.path)).not.toContain(
      old,
    );
    expect((await vacuumTable(table(), later)).files.map((file) => file.path)).toContain(old);
    expect(await ids(await open())).toEqual([5, 6]);
  });
  it('keeps what the table says, and less only by force', async () => {
    await make({ configuration: { 'delta.deletedFileRetentionDuration': 'interval 30 days' } });
    await appendFiles(await stage(rows(0, 1)));
    await overwriteTable(await stage(rows(1, 2)));
    const daysOn = (days: number) => ({ now: Date.now() + days * DAY });
    expect((await vacuumTable(table(), daysOn(20))).files).toEqual([]);
    for (const retention of [20 * DAY, 0])
      await expect(vacuumTable(table(), { ...daysOn(25), retention })).rejects.toMatchObject({ code: 'usage' });
    expect((await vacuumTable(table(), { ...daysOn(25), retention: 20 * DAY, force: true })).files).toHaveLength(1);
    await setProperties(table(), { 'delta.deletedFileRetentionDuration': 'interval 1 hour' }, { txnId: 'short' });
    await expect(vacuumTable(table())).rejects.toMatchObject({ code: 'usage' });
    await setProperties(table(), { 'delta.deletedFileRetentionDuration': 'interval 1 year' }, { txnId: 'none' });
    await expect(vacuumTable(table())).rejects.toMatchObject({ code: 'delta-unsupported' });
  });
});

describe('names that paths do not hold', () => {
  it('are written once, read once, and cleared away, whoever wrote them', async ({ skip }) => {
    if (!python) skip(NO_READER);
    const strange = 'a/b c=%é+#?';
    await make({ partitionColumns: ['_p'] });
    const deltaRs = new DeltaRs();
    const columns = [
      { name: '_p', kind: 'plain' },
      { name: 'id', kind: 'plain' },
    ] as const;
    const seen = async () => {
      const found = await engine.query(`SELECT _p, id::VARCHAR AS id FROM ${relation(await open())} ORDER BY _p, id`);
      const ours = found.map((row) => [String(row['_p']), String(row['id'])]);
      expect(await deltaRs.read(path, columns)).toEqual(ours);
      return ours;
    };
    const own = (n: number) => `SELECT '${strange}' AS _p, ${n}::BIGINT AS id, NULL::TIMESTAMPTZ AS at`;
    const write = async (select: string) => {
      const snapshot = await open();
      const stepId = `a b%c ${++steps}`;
      return { snapshot, staged: await writeParquet({ snapshot, select, sortBy: ['id'], stepId }), txnId: stepId };
    };
    await appendFiles(await write(own(1)));
    await deltaRs.ask({
      op: 'write',
      path,
      rows: [
        [strange, '2', null],
        ['b', '3', null],
      ],
    });
    expect(await seen()).toEqual([
      [strange, '1'],
      [strange, '2'],
      ['b', '3'],
    ]);
    await overwritePartitions(await write(own(4)));
    expect(await seen()).toEqual([
      [strange, '4'],
      ['b', '3'],
    ]);
    expect((await vacuumTable(table(), { now: Date.now() + 8 * DAY })).files).toHaveLength(2);
    expect(await seen()).toEqual([
      [strange, '4'],
      ['b', '3'],
    ]);
    expect((await table().files.walk('.')).filter((file) => file.endsWith('.parquet'))).toHaveLength(2);
    await deltaRs.close();
  });
});

describe('upsert', () => {
  const upsert = async (select: string, key: readonly string[]) =>
    upsertRows({ snapshot: await open(), select, key, stepId: `step-${++steps}`, txnId: `step-${steps}` });
  it('looks into the files alone whose keys are near, and writes those anew that change', async () => {
    await make();
    for (let n = 0; n < 10; n++) await appendFiles(await stage(rows(n * 100, n * 100 + 100)));
    const changed = `SELECT * REPLACE ('b' AS _p) FROM (${rows(150, 151)})`;
    expect(await upsert(`${rows(50, 52)} UNION ALL ${changed} UNION ALL ${rows(2000, 2003)}`, ['id'])).toMatchObject({
      ...{ inserted: 3, updated: 1, unchanged: 2, filesRead: 2, filesReplaced: 1, version: 11 },
    });
    expect(await ids(await open())).toEqual([...Array(1000).keys(), 2000, 2001, 2002]);
    // By times, whose bounds in the log are cut down to the millisecond.
    expect(await upsert(`SELECT * REPLACE ('c' AS _p) FROM (${rows(299, 300)})`, ['at'])).toMatchObject({
      ...{ inserted: 0, updated: 1, filesRead: 2, filesReplaced: 1 },
    });
    expect(await upsert(rows(10, 20), ['id'])).toMatchObject({
      version: 12,
      already: true,
      unchanged: 10,
      filesReplaced: 0,
    });
  });
  it('makes one row of a key that is there more than once, and refuses keys that come twice or are null', async () => {
    await make();
    await appendFiles(await stage(`${rows(0, 3)} UNION ALL ${rows(1, 2)}`));
    await appendFiles(await stage(rows(1, 2)));
    expect(await upsert(rows(1, 2), ['id'])).toMatchObject({ inserted: 0, updated: 1, filesReplaced: 2 });
    expect(await ids(await open())).toEqual([0, 1, 2]);
    await expect(upsert(`${rows(1, 2)} UNION ALL ${rows(1, 2)}`, ['id'])).rejects.toMatchObject({
      code: 'delta-constraint',
    });
    await expect(upsert(`SELECT * REPLACE (NULL AS "at") FROM (${rows(1, 2)})`, ['at'])).rejects.toMatchObject({
      ...{ code: 'delta-constraint', parameters: { constraint: 'NOT NULL of the key (at)' } },
    });
    await expect(upsert(rows(1, 2), ['none'])).rejects.toMatchObject({ code: 'delta-schema' });
  });
  it('conflicts with who touched what it looked into, and only with that', async () => {
    await make();
    await appendFiles(await stage(rows(0, 10)));
    await appendFiles(await stage(rows(10, 20)));
    const before = await open();
    const late = (select: string) =>
      upsertRows({ snapshot: before, select, key: ['id'], stepId: `step-${++steps}`, txnId: `step-${steps}` });
    await optimizeTable(table(), { txnId: 'o' });
    await expect(late(rows(5, 6).replace("'a'", "'x'"))).rejects.toMatchObject({
      code: 'delta-conflict',
      parameters: { kind: 'ConcurrentDeleteDelete' },
    });
    expect(await late(rows(30, 31))).toMatchObject({ inserted: 1, version: 4 });
    await expect(late(rows(40, 41))).rejects.toMatchObject({
      code: 'delta-conflict',
      parameters: { kind: 'ConcurrentAppend' },
    });
    expect((await readdir(join(path, 'd'))).length).toBe(4);
  });
});

describe('optimize', () => {
  it('brings near values together, leaves what is large, and gives way to nobody who changed a file', async () => {
    await make();
    for (let n = 0; n < 4; n++)
      await appendFiles(await stage(`SELECT * FROM (${rows(0, 400_000)}) WHERE hash(id + ${n}) % 4 = 0`));
    const all = (await ids(await open())).length;
    const ordered = await optimizeTable(table(), { txnId: 'z', zorderBy: ['id', 'at'], targetBytes: 50_000 });
    expect(ordered).toMatchObject({ version: 5, rows: all, filesBefore: 4, partitions: 1 });
    const bounds = (await open()).adds.map(
      ({ stats }) => JSON.parse(stats ?? '') as { minValues: { id: number }; maxValues: { id: number } },
    );
    expect(bounds.length).toBeGreaterThan(1);
    const spread = bounds.map(({ minValues, maxValues }) => maxValues.id - minValues.id);
    // A thread that had to wait may hold early and late rows in one file; the files as a whole are narrow.
    expect(spread.reduce((sum, each) => sum + each, 0) / spread.length).toBeLessThan(400_000 * 0.8);
    expect(await optimizeTable(table(), { txnId: 'again', zorderBy: ['id', 'at'] })).toMatchObject({
      version: undefined,
    });
    expect(await optimizeTable(table(), { txnId: 'large', targetBytes: 1000 })).toMatchObject({ version: undefined });
    await expect(optimizeTable(table(), { txnId: 'x', zorderBy: ['none'] })).rejects.toMatchObject({
      code: 'delta-schema',
    });
    await setProperties(table(), { 'delta.targetFileSize': '1kb', 'delta.appendOnly': 'true' }, { txnId: 'small' });
    expect(await optimizeTable(table(), { txnId: 'small-files' })).toMatchObject({ version: undefined });
    expect((await optimizeTable(table(), { txnId: 'anyway', targetBytes: 1e9 })).filesAfter).toBe(1);
    expect((await ids(await open())).length).toBe(all);
    await expect(overwriteTable(await stage(rows(0, 1)))).rejects.toMatchObject({ code: 'delta-unsupported' });
  });
});
