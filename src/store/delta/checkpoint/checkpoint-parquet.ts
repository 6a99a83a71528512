import { AssayError, error } from '../../../errors/index.js';
import { type Action, readAction } from '../format/actions.js';
import { literal } from '../format/schema.js';
import type { EngineOptions, EngineValue } from '../parquet-engine.js';
import { parquetFiles } from '../scan/parquet-files.js';
import type { AddFile, DeltaTable, PartitionValues } from '../types.js';
import { PLAIN_FILE, PLAIN_SEPARATOR, plainFiles } from './plain-files.js';

const MAP = 'MAP(VARCHAR, VARCHAR)';
const VECTOR =
  'STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" BIGINT, sizeInBytes BIGINT, cardinality BIGINT)';
const BOTH = `partitionValues ${MAP}, size BIGINT, stats VARCHAR, tags ${MAP}, deletionVector ${VECTOR}, baseRowId BIGINT, defaultRowCommitVersion BIGINT`;

/** A checkpoint's columns and their fields, as far as we read them; what a file lacks comes as null, what it has beside is not read. */
const COLUMNS: Readonly<Record<string, string>> = {
  add: `STRUCT(path VARCHAR, modificationTime BIGINT, dataChange BOOLEAN, clusteringProvider VARCHAR, ${BOTH})`,
  remove: `STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, ${BOTH})`,
  metaData: `STRUCT(id VARCHAR, "name" VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${MAP}), schemaString VARCHAR, partitionColumns VARCHAR[], configuration ${MAP}, createdTime BIGINT)`,
  protocol:
    'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])',
  txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
  domainMetadata: 'STRUCT(domain VARCHAR, configuration VARCHAR, removed BOOLEAN)',
  checkpointMetadata: 'STRUCT(version BIGINT)',
  sidecar: 'STRUCT(path VARCHAR, sizeInBytes BIGINT, modificationTime BIGINT)',
};

const schemaMap = (): string =>
  `MAP {${Object.entries(COLUMNS)
    .map(([name, type]) => `'${name}': {'name': '${name}', 'type': ${literal(type)}, 'default_value': NULL}`)
    .join(', ')}}`;

/** Rows that come as one text, in no order: many small values cost more to hand over than to parse. */
const BATCH = 5000;

/** Statistics that a file keeps as columns only; where it has none of them this reads nothing. */
const statistics = async (table: DeltaTable, files: string, options: EngineOptions): Promise<string | undefined> => {
  const rows = await table.engine.query(
    `SELECT count(*)::INTEGER AS n FROM parquet_schema(${files}) WHERE "name" = 'stats_parsed'`,
    options,
  );
  if (rows[0]?.['n'] === 0) return undefined;
  return `(SELECT file_index AS i, file_row_number AS r, to_json("add".stats_parsed)::VARCHAR AS s
     FROM read_parquet(${files}, union_by_name = true, hive_partitioning = false) WHERE "add" IS NOT NULL)`;
};

/** Rows as texts: `files` of the plain ones (`count` of them), `batch` in JSON of all others; with `plain` false of all. */
const batchesSql = (files: string, parsed: string | undefined, plain: boolean): string => {
  const read = `read_parquet(${files}, schema = ${schemaMap()})`;
  const rows = parsed
    ? `(SELECT * REPLACE (CASE WHEN "add" IS NULL THEN NULL ELSE struct_update("add", stats := coalesce("add".stats, p.s)) END AS "add"),
        file_index AS fi, file_row_number AS fr FROM ${read} c LEFT JOIN ${parsed} p ON p.i = c.file_index AND p.r = c.file_row_number)`
    : `(SELECT *, file_index AS fi, file_row_number AS fr FROM ${read})`;
  const columns = Object.keys(COLUMNS).map((name) => `"${name}"`);
  // A row is nearly always of one kind: its other columns need not travel.
  const row = `CASE WHEN "add" IS NOT NULL AND "remove" IS NULL THEN to_json({'add': "add"})
     WHEN "remove" IS NOT NULL AND "add" IS NULL THEN to_json({'remove': "remove"})
     ELSE to_json(struct_pack(${columns.join(', ')})) END`;
  return `SELECT string_agg(plain, ${PLAIN_SEPARATOR}) AS files, count(plain)::INTEGER AS count,
      string_agg(CASE WHEN plain IS NULL THEN (${row})::VARCHAR END, ',') AS batch
    FROM (SELECT *, ${plain ? PLAIN_FILE : 'NULL::VARCHAR'} AS plain FROM ${rows}) GROUP BY fi, fr // ${BATCH} ORDER BY fi, fr // ${BATCH}`;
};

const rowsOf = (batch: EngineValue | undefined): readonly unknown[] => {
  const value: unknown = typeof batch === 'string' ? JSON.parse(`[${batch}]`) : [];
  return Array.isArray(value) ? value : [];
};

/** What a checkpoint holds: its live files, but for those with deletion vectors and the like, and the actions of all other kinds. */
export interface CheckpointContent {
  readonly files: readonly AddFile[];
  readonly actions: readonly Action[];
}

const contentOf = async (
  table: DeltaTable,
  files: string,
  name: string,
  plain: boolean,
  options: EngineOptions,
): Promise<CheckpointContent | undefined> => {
  const sql = batchesSql(files, await statistics(table, files, options), plain);
  const found: AddFile[][] = [];
  const actions: Action[] = [];
  const maps = new Map<string, PartitionValues>();
  let line = 0;
  for (const { files: text, count, batch } of await table.engine.query(sql, options)) {
    if (typeof text === 'string') {
      const some = plainFiles(text, Number(count), maps, name);
      if (!some) return undefined;
      found.push([...some]);
    }
    for (const value of rowsOf(batch)) actions.push(readAction(value, { file: name, line: ++line, table: table.path }));
  }
  return { files: found.flat(), actions };
};

/**
 * What the Parquet files of one checkpoint hold; `paths` below the table. Errors: `delta-corrupt` with the file's name where it is
 * no checkpoint.
 */
export const readCheckpointParquet = async (
  table: DeltaTable,
  paths: readonly string[],
  options: EngineOptions = {},
): Promise<CheckpointContent> => {
  const name = paths.length === 1 ? table.files.name(paths[0] ?? '') : paths.map((p) => table.files.name(p)).join(', ');
  const held = await table.files.hold(paths.map((path) => ({ path })));
  try {
    const files = parquetFiles(paths.map((path) => table.files.location(path)));
    // Field by field, with an error that says which, where the quick way met something that nobody writes.
    const content =
      (await contentOf(table, files, name, true, options)) ?? (await contentOf(table, files, name, false, options));
    return content ?? { files: [], actions: [] };
  } catch (thrown) {
    if (thrown instanceof AssayError && thrown.code === 'engine-failed')
      throw error('delta-corrupt', { file: name, why: 'it cannot be read as a checkpoint' }, thrown);
    if (thrown instanceof SyntaxError)
      throw error('delta-corrupt', { file: name, why: 'it holds text that is no JSON' }, thrown);
    throw thrown;
  } finally {
    held.release();
  }
};
