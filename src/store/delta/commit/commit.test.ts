import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../parquet-engine.js';
import { keepCommitTimes, setDomain, setProperties } from '../schema/alter.js';
import { createTable, openTable, tableAt } from '../table.js';
import type { DeltaTable } from '../types.js';
import { type Change, commit } from './commit.js';

const noEngine: ParquetEngine = {
  execute: async () => Promise.reject(error('engine-failed', { engine: 'none' })),
  query: async () => Promise.reject(error('engine-failed', { engine: 'none' })),
};
let root: string;
let tables = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-commit-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const columns = [{ name: 'a', type: { kind: 'bigint' }, nullable: true }] as const;
const file = (path: string, p: string) => ({
  ...{ path, partitionValues: { p }, size: 1, modificationTime: 1, dataChange: true },
});
const base = { adds: [], removes: [], reads: 'nothing', operation: 'WRITE' } as const;
const fresh = async (more: object = {}): Promise<DeltaTable> => {
  const path = join(root, `t${++tables}`);
  await createTable(path, noEngine, { columns, partitionColumns: [], ...more });
  return tableAt(path, noEngine);
};
const logFile = (table: DeltaTable, version: number) =>
  join(table.path, '_delta_log', `${String(version).padStart(20, '0')}.json`);
const linesOf = async (table: DeltaTable, version: number) =>
  (await readFile(logFile(table, version), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>);

/** What a commit may be, for a case: everything but where it stands. */
type Part = Partial<Omit<Change, 'readVersion' | 'base' | 'txnId'>>;

describe('conflicts', () => {
  const add = (p: string): Part => ({ adds: [file('x', p)] });
  const other = { id: 'x', format: { provider: 'parquet', options: {} }, partitionColumns: [], configuration: {} };
  const metadata = { ...other, schemaString: '{"type":"struct","fields":[]}' };
  const reads = (p: string, ...files: string[]): Part => ({
    reads: { partitions: [{ p }], ...(files.length === 0 ? {} : { files: files.map((path) => file(path, p)) }) },
  });
  const blind: Part = { isolation: 'WriteSerializable' };
  it.each<readonly [string, Part, Part, string | undefined]>([
    ['an append after any append', add('1'), { adds: [file('y', '1')] }, undefined],
    ['an overwrite after an append', add('1'), { reads: 'table' }, 'ConcurrentAppend'],
    ['partitions apart', add('1'), reads('2'), undefined],
    ['one partition twice', add('1'), reads('1'), 'ConcurrentAppend'],
    ['one partition, appended blindly, in the looser order', add('1'), { ...reads('1'), ...blind }, undefined],
    [
      'the looser order, and rows that were replaced',
      { ...add('1'), reads: 'table' },
      { ...reads('1'), ...blind },
      'ConcurrentAppend',
    ],
    ['the looser order, and new columns of ours', add('1'), { ...reads('1'), ...blind, metadata }, 'ConcurrentAppend'],
    ['an append while rows are moved', add('1'), { reads: 'table', dataChange: false }, undefined],
    ['a compaction before', { ...add('1'), dataChange: false }, { reads: 'table' }, undefined],
    ['a file removed twice', { removes: [file('z', '1')] }, { removes: [file('z', '1')] }, 'ConcurrentDeleteDelete'],
    [
      'a file moved twice',
      { removes: [file('z', '1')], dataChange: false },
      { removes: [file('z', '1')], dataChange: false },
      'ConcurrentDeleteDelete',
    ],
    [
      'a file told by another spelling',
      { removes: [file('%7A', '1')] },
      { removes: [file('z', '1')] },
      'ConcurrentDeleteDelete',
    ],
    ['a read file removed', { removes: [file('z', '1')] }, { reads: 'table' }, 'ConcurrentDeleteRead'],
    ['a file that was looked into', { removes: [file('z', '1')] }, reads('1', 'z'), 'ConcurrentDeleteRead'],
    ['a file of the partition that was not', { removes: [file('z', '1')] }, reads('1', 'y'), undefined],
    ['new columns before an append', { metadata }, add('1'), 'MetadataChanged'],
    ['an append before new columns', add('1'), { metadata }, undefined],
    ['a protocol that we keep', { protocol: { minReaderVersion: 1, minWriterVersion: 3 } }, add('1'), undefined],
    [
      'a protocol of two',
      { protocol: { minReaderVersion: 1, minWriterVersion: 3 } },
      { protocol: { minReaderVersion: 1, minWriterVersion: 4 } },
      'ProtocolChanged',
    ],
    [
      'a protocol with a rule that we do not know',
      {
        protocol: {
          minReaderVersion: 1,
          minWriterVersion: 7,
          writerFeatures: ['appendOnly', 'invariants', 'rowTracking'],
        },
      },
      add('1'),
      'ProtocolChanged',
    ],
    [
      'a protocol that gave up a rule',
      { protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['appendOnly'] } },
      add('1'),
      'ProtocolChanged',
    ],
    [
      'transactions of two applications',
      { txns: [{ appId: 'a', version: 1 }] },
      { txns: [{ appId: 'b', version: 1 }] },
      undefined,
    ],
    [
      'transactions of one application',
      { txns: [{ appId: 'a', version: 1 }] },
      { txns: [{ appId: 'a', version: 2 }] },
      'ConcurrentTransaction',
    ],
    [
      'a transaction that was looked at',
      { txns: [{ appId: 'a', version: 1 }] },
      { readApps: ['a'] },
      'ConcurrentTransaction',
    ],
    [
      'one domain twice',
      { domains: [{ domain: 'd', configuration: '', removed: false }] },
      { domains: [{ domain: 'd', configuration: '', removed: true }] },
      'ConcurrentTransaction',
    ],
    [
      'two domains',
      { domains: [{ domain: 'd', configuration: '', removed: false }] },
      { domains: [{ domain: 'e', configuration: '', removed: false }] },
      undefined,
    ],
  ])('%s', async (_, winner, loser, kind) => {
    const table = await fresh();
    expect(await commit(table, { ...base, ...winner, readVersion: 0, txnId: 'w' })).toEqual({
      version: 1,
      already: false,
    });
    const second = commit(table, { ...base, ...loser, readVersion: 0, txnId: 'l' });
    if (kind) await expect(second).rejects.toMatchObject({ code: 'delta-conflict', parameters: { version: 1, kind } });
    else expect(await second).toEqual({ version: 2, already: false });
  });
  it('follow the isolation that the table asks for', async () => {
    const table = await fresh({ configuration: { 'delta.isolationLevel': 'WriteSerializable' } });
    await commit(table, { ...base, ...add('1'), readVersion: 0, txnId: 'w' });
    expect(await commit(table, { ...base, reads: 'table', readVersion: 0, txnId: 'l' })).toEqual({
      version: 2,
      already: false,
    });
    expect((await linesOf(table, 2))[0]?.['commitInfo']).toMatchObject({
      isolationLevel: 'WriteSerializable',
      readVersion: 0,
    });
  });
  it('an id that was committed is not committed again', async () => {
    const table = await fresh();
    const change = { ...base, adds: [file('x', '1')], readVersion: 0, txnId: 'one' };
    const all = await Promise.all([commit(table, change), commit(table, change), commit(table, change)]);
    expect(all.map((c) => c.version)).toEqual([1, 1, 1]);
    expect(all.filter((c) => !c.already).length).toBe(1);
  });
  it('a log that was cleaned is not filled up again from behind', async () => {
    const table = await fresh();
    for (let v = 0; v < 4; v++) await commit(table, { ...base, readVersion: v, txnId: `${v}` });
    for (const v of [0, 1, 2]) await rm(logFile(table, v));
    await expect(commit(table, { ...base, readVersion: 0, txnId: 'late' })).rejects.toMatchObject({
      code: 'delta-corrupt',
    });
  });
  it('ends when it is told to', async () => {
    const table = await fresh();
    const signal = AbortSignal.abort();
    await expect(commit(table, { ...base, readVersion: 0, txnId: 'x', signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});

describe('the text of a commit', () => {
  it('begins with what happened, and says all of a file that goes', async () => {
    const table = await fresh();
    const big = {
      ...file('d/x', '1'),
      stats: '{"numRecords":1,"maxValues":{"a":9223372036854775807}}',
      tags: { t: 'u' },
    };
    await commit(table, { ...base, adds: [big], readVersion: 0, txnId: 'a', now: 5 });
    await commit(table, {
      ...base,
      adds: [file('d/y', '1')],
      removes: [big],
      reads: 'table',
      readVersion: 1,
      txnId: 'b',
      now: 7,
    });
    expect(await linesOf(table, 2)).toEqual([
      {
        commitInfo: {
          ...{
            timestamp: 7,
            operation: 'WRITE',
            operationParameters: {},
            readVersion: 1,
            isolationLevel: 'Serializable',
          },
          ...{ isBlindAppend: false, operationMetrics: {}, engineInfo: 'Assay/0.1 DuckDB/1.5.5', txnId: 'b' },
        },
      },
      {
        remove: {
          ...{ path: 'd/x', deletionTimestamp: 7, dataChange: true, extendedFileMetadata: true },
          ...{ partitionValues: { p: '1' }, size: 1, tags: { t: 'u' } },
        },
      },
      { add: file('d/y', '1') },
    ]);
    expect(await readFile(logFile(table, 1), 'utf8')).toContain('9223372036854775807');
  });
});

describe('commit times in the log', () => {
  const times = async (table: DeltaTable, versions: readonly number[]) =>
    Promise.all(versions.map(async (v) => (await linesOf(table, v))[0]?.['commitInfo']?.['inCommitTimestamp']));
  it('always go up, whatever the clocks of writers say, also where a writer was overtaken', async () => {
    const table = await fresh({ commitTimes: true });
    expect((await openTable(table.path, noEngine))?.protocol).toEqual({
      ...{
        minReaderVersion: 1,
        minWriterVersion: 7,
        writerFeatures: ['appendOnly', 'invariants', 'inCommitTimestamp'],
      },
    });
    const [made] = (await times(table, [0])) as [number];
    await commit(table, { ...base, readVersion: 0, txnId: 'a', now: made + 1000 });
    await commit(table, { ...base, readVersion: 1, txnId: 'b', now: 7 });
    await commit(table, { ...base, readVersion: 0, txnId: 'c', now: made + 5 });
    expect(await times(table, [1, 2, 3])).toEqual([made + 1000, made + 1001, made + 1002]);
    expect(Object.keys((await linesOf(table, 3))[0] ?? {})).toEqual(['commitInfo']);
  });
  it('begin where a table says so, later than every file of the log', async () => {
    const table = await fresh();
    await commit(table, { ...base, readVersion: 0, txnId: 'a' });
    const later = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
    await utimes(logFile(table, 1), later, later);
    const snapshot = await keepCommitTimes(table, { txnId: 'on', now: 9 });
    expect(await times(table, [1, 2])).toEqual([undefined, later.getTime() + 1]);
    expect(snapshot.metadata.configuration).toEqual({
      'delta.enableInCommitTimestamps': 'true',
      'delta.inCommitTimestampEnablementVersion': '2',
      'delta.inCommitTimestampEnablementTimestamp': String(later.getTime() + 1),
    });
    expect((await keepCommitTimes(table, { txnId: 'again' })).version).toBe(2);
  });
});

describe('what a table is', () => {
  it('changes by commits of its own, once, also by two at a time', async () => {
    const table = await fresh();
    const both = await Promise.all(
      ['x', 'y'].map((value) => setProperties(table, { [`app.${value}`]: value }, { txnId: value })),
    );
    expect(both.map(({ version }) => version).sort()).toEqual([1, 2]);
    expect((await openTable(table.path, noEngine))?.metadata.configuration).toEqual({ 'app.x': 'x', 'app.y': 'y' });
    const again = await setProperties(table, { 'app.x': 'x', 'app.z': undefined }, { txnId: 'again' });
    expect(again.version).toBe(2);
    expect((await setProperties(table, { 'app.x': undefined }, { txnId: 'off' })).metadata.configuration).toEqual({
      'app.y': 'y',
    });
    await expect(
      Promise.resolve().then(() => setProperties(table, { 'delta.enableChangeDataFeed': 'true' }, { txnId: 'c' })),
    ).rejects.toMatchObject({
      code: 'delta-unsupported',
      parameters: { feature: 'setting delta.enableChangeDataFeed' },
    });
  });
  it('keeps domains of applications, and leaves those of the protocol alone', async () => {
    const table = await fresh();
    const one = await setDomain(table, 'app.state', '{"x":1}', { txnId: 'a' });
    expect(one.domains.get('app.state')?.configuration).toBe('{"x":1}');
    expect(one.protocol.writerFeatures).toEqual(['appendOnly', 'invariants', 'domainMetadata']);
    expect((await setDomain(table, 'app.state', undefined, { txnId: 'b' })).domains.size).toBe(0);
    await expect(Promise.resolve().then(() => setDomain(table, 'delta.x', '', { txnId: 'c' }))).rejects.toMatchObject({
      code: 'delta-unsupported',
    });
  });
  it.each([
    ['rowTracking', { writerFeatures: ['appendOnly', 'invariants', 'rowTracking', 'domainMetadata'] }, {}],
    ['clustering', { writerFeatures: ['appendOnly', 'invariants', 'clustering', 'domainMetadata'] }, {}],
    ['catalogManaged', { writerFeatures: ['appendOnly', 'invariants', 'catalogManaged'] }, {}],
    ['something-preview', { writerFeatures: ['appendOnly', 'invariants', 'something-preview'] }, {}],
    ['columnMapping', {}, { 'delta.columnMapping.mode': 'name' }],
    ['symlinkFormatManifest', {}, { 'delta.compatibility.symlinkFormatManifest.enabled': 'true' }],
    ['v2Checkpoint', {}, { 'delta.checkpointPolicy': 'v2' }],
    ['writer version 8', { minWriterVersion: 8 }, {}],
  ])('refuses to write where %s is in use', async (feature, more, configuration) => {
    const table = await fresh();
    const lines = await linesOf(table, 0);
    const named = 'writerFeatures' in more ? { minWriterVersion: 7 } : {};
    const changed = lines.map((line) => ({
      ...line,
      ...(line['protocol'] ? { protocol: { ...line['protocol'], ...named, ...more } } : {}),
      ...(line['metaData'] ? { metaData: { ...line['metaData'], configuration } } : {}),
    }));
    await writeFile(logFile(table, 0), changed.map((line) => JSON.stringify(line)).join('\n'));
    await expect(setProperties(table, { a: 'b' }, { txnId: 'x' })).rejects.toMatchObject({
      ...{ code: 'delta-unsupported', parameters: { feature: expect.stringContaining(feature) } },
    });
  });
});
