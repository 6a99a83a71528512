// A Delta log of many files and commits, without the data: what a snapshot costs does not depend on it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const field = (name, type) => ({ name, type, nullable: true, metadata: {} });
const schema = {
  type: 'struct',
  fields: [
    field('id', 'long'),
    field('day', 'date'),
    field('customer', 'string'),
    field('amount', 'decimal(18,2)'),
    field('at', 'timestamp'),
    field('country', 'string'),
  ],
};
const name = (version) => String(version).padStart(20, '0');
const day = (at) => new Date(Date.UTC(2020, 0, 1) + at * 86_400_000).toISOString().slice(0, 10);

/** The `add` of the n-th file, with statistics of five columns. */
export const addOf = (n, perDay = 100) => {
  const date = day(Math.floor(n / perDay));
  const uuid = `${n.toString(16).padStart(8, '0')}-5a1e-4c0f-9b7d-3f2e1d0c9b8a`;
  const least = {
    id: n * 1000,
    customer: `c${String(n).padStart(9, '0')}`,
    amount: 0.01,
    at: `${date}T00:00:00.000Z`,
    country: 'Austria',
  };
  const most = {
    ...least,
    id: n * 1000 + 999,
    amount: 9999.99,
    at: `${date}T23:59:59.999Z`,
    country: 'United Kingdom',
  };
  const nulls = { id: 0, customer: 3, amount: 0, at: 0, country: 0 };
  return {
    path: `day=${date}/part-${uuid}-c000.zstd.parquet`,
    partitionValues: { day: date },
    size: 1_000_000 + n,
    modificationTime: 1_700_000_000_000 + n,
    dataChange: true,
    stats: JSON.stringify({ numRecords: 1000, minValues: least, maxValues: most, nullCount: nulls }),
  };
};

/** Commit `version`, which adds these files. */
export const commitText = (version, adds) => {
  const first =
    version > 0
      ? []
      : [
          { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
          {
            metaData: {
              id: 'bench',
              format: { provider: 'parquet', options: {} },
              schemaString: JSON.stringify(schema),
              partitionColumns: ['day'],
              configuration: {},
              createdTime: 0,
            },
          },
        ];
  const info = {
    timestamp: 1_700_000_000_000 + version,
    operation: 'WRITE',
    operationParameters: { mode: 'Append' },
    engineInfo: 'bench',
  };
  return `${[{ commitInfo: info }, ...first, ...adds.map((add) => ({ add }))].map((a) => JSON.stringify(a)).join('\n')}\n`;
};

/** Writes the log of `commits` versions and `files` files; with a checkpoint at that version when it is given. */
export const makeLog = async (folder, files, commits, checkpoint) => {
  const log = join(folder, '_delta_log');
  mkdirSync(log, { recursive: true });
  const each = files / commits;
  for (let version = 0; version < commits; version++) {
    const adds = Array.from({ length: each }, (_, i) => addOf(version * each + i));
    writeFileSync(join(log, `${name(version)}.json`), commitText(version, adds));
  }
  if (checkpoint === undefined) return;
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const MAP = 'MAP(VARCHAR, VARCHAR)';
  const columns = `{
    add: 'STRUCT(path VARCHAR, partitionValues ${MAP}, size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags ${MAP})',
    remove: 'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, partitionValues ${MAP}, size BIGINT)',
    metaData: 'STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${MAP}), schemaString VARCHAR, partitionColumns VARCHAR[], configuration ${MAP}, createdTime BIGINT)',
    protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])',
    txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)' }`;
  await connection.run(`COPY (SELECT * FROM read_json('${log}/*.json', format = 'newline_delimited', columns = ${columns})
    WHERE (add IS NOT NULL OR metaData IS NOT NULL OR protocol IS NOT NULL) AND filename <= '${log}/${name(checkpoint)}.json')
    TO '${log}/${name(checkpoint)}.checkpoint.parquet' (FORMAT parquet, COMPRESSION zstd)`);
  writeFileSync(
    join(log, '_last_checkpoint'),
    JSON.stringify({ version: checkpoint, size: (checkpoint + 1) * each + 2 }),
  );
  connection.closeSync();
  instance.closeSync();
};
