import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AssayError, error } from '../../../errors/index.js';
import type { ParquetEngine } from '../parquet-engine.js';
import { openTable } from '../table.js';

const noEngine: ParquetEngine = {
  execute: async () => Promise.reject(error('engine-failed', { engine: 'none' })),
  query: async () => Promise.reject(error('engine-failed', { engine: 'none' })),
};
let root: string;
let tables = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-log-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const protocol = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
const fields = [{ name: 'a', type: 'long', nullable: true, metadata: {} }];
const metaData = {
  metaData: {
    id: 'x',
    format: { provider: 'parquet', options: {} },
    schemaString: JSON.stringify({ type: 'struct', fields }),
    partitionColumns: [],
    configuration: {},
  },
};
const add = (path: string, more: object = {}) => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true, ...more },
});
const remove = (path: string) => ({ remove: { path, dataChange: true, deletionTimestamp: 1 } });
const name = (version: number) => `${String(version).padStart(20, '0')}.json`;
const given = async (commits: readonly (string | readonly object[])[]) => {
  const path = join(root, `t${++tables}`);
  await mkdir(join(path, '_delta_log'), { recursive: true });
  for (const [version, actions] of commits.entries())
    await writeFile(
      join(path, '_delta_log', name(version)),
      typeof actions === 'string' ? actions : actions.map((a) => JSON.stringify(a)).join('\n'),
    );
  return path;
};
const live = async (path: string, version?: number) =>
  (await openTable(path, noEngine, version))?.adds.map((a) => a.path);

describe('replay', () => {
  it('gives the live files of every version', async () => {
    const path = await given([
      [protocol, metaData, add('a')],
      [add('b'), { somethingNew: { x: 1 } }],
      [remove('a'), add('c', { unknown: 1 })],
      [remove('b'), remove('c')],
      [add('a')],
    ]);
    expect(await Promise.all([0, 1, 2, 3, 4, 5].map((v) => live(path, v)))).toEqual([
      ['a'],
      ['a', 'b'],
      ['b', 'c'],
      [],
      ['a'],
      undefined,
    ]);
    expect(await live(path)).toEqual(['a']);
    expect(await live(join(root, 'nothing'))).toBeUndefined();
  });

  it('says which file is damaged, and where', async () => {
    const cases: readonly (readonly [string | readonly object[], RegExp])[] = [
      ['', /0{19}1\.json is damaged: it holds no action/],
      ['{"add":', /0{19}1\.json is damaged: line 1 is no JSON/],
      [[add('a'), { add: { path: 7 } }], /line 2: add: path is no text/],
      [[add('a', { size: '1' })], /line 1: add: size is no integer/],
      [[add('a', { size: 1e300 })], /size is no integer/],
      [[add('../../x')], /leaves the table/],
      [[{ protocol: { minReaderVersion: '1' } }], /minReaderVersion is no integer/],
    ];
    for (const [second, message] of cases) {
      const path = await given([[protocol, metaData], second]);
      const thrown: unknown = await openTable(path, noEngine).catch((e: unknown) => e);
      expect(thrown).toMatchObject({ code: 'delta-corrupt', message: expect.stringMatching(message) });
    }
    const hole = await given([[protocol, metaData], [add('a')], [add('b')]]);
    await rm(join(hole, '_delta_log', name(1)));
    await expect(openTable(hole, noEngine)).rejects.toMatchObject({
      code: 'delta-corrupt',
      message: expect.stringContaining(`${name(1)} is damaged: it is missing`),
    });
    await expect(openTable(await given([[protocol]]), noEngine)).rejects.toMatchObject({ code: 'delta-corrupt' });
  });

  it('refuses features that it would read wrongly, by name, and not those that are listed and unused', async () => {
    const features = (...names: string[]) => ({
      protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: names, writerFeatures: names },
    });
    const dv = { deletionVector: { storageType: 'x', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 } };
    const mapped = (mode: string) => ({
      metaData: { ...metaData.metaData, configuration: { 'delta.columnMapping.mode': mode } },
    });
    for (const [first, feature] of [
      [[features('typeWidening'), metaData], 'typeWidening'],
      [[features('somethingNew-preview'), metaData], 'somethingNew-preview'],
      [[features('deletionVectors'), metaData, add('a', dv)], 'deletion vectors stored as x'],
      [[features('columnMapping'), mapped('name')], 'columnMapping without the name of the column a'],
      [[features('columnMapping'), mapped('other')], 'columnMapping in the mode other'],
      [[{ protocol: { minReaderVersion: 4, minWriterVersion: 8 } }, metaData], 'reader version 4'],
    ] as const)
      await expect(openTable(await given([first]), noEngine)).rejects.toMatchObject({
        code: 'delta-unsupported',
        parameters: { feature },
      });
    expect(await live(await given([[features('deletionVectors', 'columnMapping'), metaData, add('a')]]))).toEqual([
      'a',
    ]);
  });

  it('answers any bytes with a table or an error that names the file', async () => {
    const good = [protocol, metaData, add('a'), remove('b')].map((a) => JSON.stringify(a)).join('\n');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.nat(good.length),
        async (flips, length) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of flips) bytes[at] = value;
          const path = join(root, 'fuzz');
          await mkdir(join(path, '_delta_log'), { recursive: true });
          await writeFile(join(path, '_delta_log', name(0)), bytes.subarray(0, length));
          try {
            await openTable(path, noEngine);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(AssayError);
            expect((thrown as AssayError).code).toMatch(/^delta-(corrupt|unsupported)$/);
            expect((thrown as AssayError).message).toContain(path);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
