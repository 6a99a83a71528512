import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parquetSession } from '../../src/build/transform/index.js';
import { exportRows } from '../../src/cli/lake/export-rows.js';
import { noEmit } from '../../src/query/index.js';
import { openTable } from '../../src/store/delta/index.js';
import { type DuckDb, openDuckDb } from '../../src/store/engine/index.js';

let dir: string;
let db: DuckDb;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-rows-'));
  db = await openDuckDb({ memory: '500MB', threads: 2, tempDir: join(dir, 'spill'), emit: noEmit });
});
afterAll(async () => {
  await db?.close();
  await rm(dir, { recursive: true, force: true });
});

const COLUMNS: readonly (readonly [string, unknown])[] = [
  ['l', 'long'],
  ['d', 'decimal(38,10)'],
  ['i', 'integer'],
  ['f', 'double'],
  ['b', 'boolean'],
  ['s', 'string'],
  ['x', 'binary'],
  ['day', 'date'],
  ['at', 'timestamp'],
  ['n', { type: 'struct', fields: [{ name: 'a b', type: 'long', nullable: true, metadata: {} }] }],
  ['a', { type: 'array', elementType: 'decimal(5,2)', containsNull: true }],
  ['m', { type: 'map', keyType: 'string', valueType: 'long', valueContainsNull: true }],
];
const ROW = `9007199254740993::BIGINT l, 1234567890123456789012345678.0000000001::DECIMAL(38,10) d, 7::INTEGER i, 'nan'::DOUBLE f,
  true b, 'a "b", c' s, '\\x00\\xFF'::BLOB x, DATE '0001-02-03' AS day, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00' AS "at",
  {'a b': 9223372036854775807::BIGINT} n, [1.10::DECIMAL(5,2), NULL] a, MAP {'k': 9007199254740993::BIGINT} m`;

/** A table as another writer would leave it. */
const foreignTable = async (): Promise<string> => {
  const path = join(dir, 'typed');
  await mkdir(join(path, '_delta_log'), { recursive: true });
  const nulls = COLUMNS.map(([name]) => `NULL AS "${name}"`).join(', ');
  await db.execute(
    `COPY (SELECT ${ROW} UNION ALL BY NAME SELECT ${nulls}) TO '${join(path, 'p.parquet')}' (FORMAT parquet)`,
  );
  const fields = COLUMNS.map(([name, type]) => ({ name, type, nullable: true, metadata: {} }));
  const actions = [
    { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    {
      metaData: {
        ...{ id: '7c9f0c53-0f3a-4b0b-9b4a-0c3c1b8f8a11', format: { provider: 'parquet', options: {} } },
        ...{ schemaString: JSON.stringify({ type: 'struct', fields }), partitionColumns: [], configuration: {} },
      },
    },
    {
      add: {
        ...{ path: 'p.parquet', partitionValues: {}, size: (await stat(join(path, 'p.parquet'))).size },
        ...{ modificationTime: 0, dataChange: true },
      },
    },
  ];
  const text = actions.map((action) => JSON.stringify(action)).join('\n');
  await writeFile(join(path, '_delta_log', `${'0'.repeat(20)}.json`), text);
  return path;
};

it('gives every value exactly, nested ones too, and whole files only', async () => {
  const snapshot = await openTable(await foreignTable(), parquetSession(db));
  if (!snapshot) throw new TypeError('no table');
  const write = async (format: 'jsonl' | 'csv' | 'parquet') => {
    const out = join(dir, `rows.${format}`);
    const count = await exportRows(db, snapshot, { format, out, tempDir: dir }, new AbortController().signal);
    expect(count).toBe(2);
    return format === 'parquet' ? out : readFile(out, 'utf8');
  };
  expect(await write('jsonl')).toBe(
    `${[
      '{"l":"9007199254740993","d":"1234567890123456789012345678.0000000001","i":7,"f":"nan","b":true,"s":"a \\"b\\", c",',
      '"x":"AP8=","day":"0001-02-03","at":"1969-12-31T23:59:59.999999Z","n":{"a b":"9223372036854775807"},',
      '"a":["1.10",null],"m":{"k":"9007199254740993"}}\n',
      '{"l":null,"d":null,"i":null,"f":null,"b":null,"s":null,"x":null,"day":null,"at":null,"n":null,"a":null,"m":null}\n',
    ].join('')}`,
  );
  expect(await write('csv')).toBe(
    [
      'l,d,i,f,b,s,x,day,at,n,a,m\r\n',
      '9007199254740993,1234567890123456789012345678.0000000001,7,nan,true,"a ""b"", c",AP8=,0001-02-03,',
      '1969-12-31T23:59:59.999999Z,"{""a b"":""9223372036854775807""}","[""1.10"",null]","{""k"":""9007199254740993""}"\r\n',
      ',,,,,,,,,,,\r\n',
    ].join(''),
  );
  const parquet = await write('parquet');
  const [same] = await db.query<{ n: number }>(
    `SELECT count(*)::INTEGER AS n FROM (SELECT l, d, s, "at" FROM read_parquet('${parquet}') INTERSECT SELECT l, d, s, "at" FROM (SELECT ${ROW}))`,
  );
  expect(same?.n).toBe(1);
});

it('leaves what was there when it is stopped', async () => {
  const snapshot = await openTable(join(dir, 'typed'), parquetSession(db));
  if (!snapshot) throw new TypeError('no table');
  const out = join(dir, 'kept.jsonl');
  await writeFile(out, 'before');
  const stop = new AbortController();
  stop.abort();
  await expect(exportRows(db, snapshot, { format: 'jsonl', out, tempDir: dir }, stop.signal)).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(await readFile(out, 'utf8')).toBe('before');
});
