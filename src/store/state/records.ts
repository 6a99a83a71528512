import { sql } from 'kysely';
import type { FailingKeysRecord, LineageEdge, PartitionStats } from './ledger-types.js';
import { type On, stateOf } from './queries.js';
import { microsOf } from './times.js';

/** File of a source to the partitions that it has rows of, by one expression. */
export const sourceMap = async (
  on: On,
  source: string,
  expressionHash: string,
): Promise<Map<string, readonly string[]>> => {
  const rows = await stateOf(on)
    .selectFrom('assay.source_map')
    .select(['file', 'partitions'])
    .where('source', '=', source)
    .where('expression_hash', '=', expressionHash)
    .execute();
  return new Map(rows.map((row) => [row.file, row.partitions]));
};

/** Adds files to the map; a file that is there gets the new partitions. */
export const putSourceMap = async (
  on: On,
  source: string,
  expressionHash: string,
  files: ReadonlyMap<string, readonly string[]>,
): Promise<void> => {
  if (files.size === 0) return;
  const list = [...files].map(([file, partitions]) => ({ file, partitions }));
  await sql`
    INSERT INTO assay.source_map (source, expression_hash, file, partitions)
    SELECT ${source}, ${expressionHash}, f.file, ARRAY(SELECT json_array_elements_text(f.partitions))
    FROM json_to_recordset(${JSON.stringify(list)}::json) AS f(file text, partitions json)
    ORDER BY f.file
    ON CONFLICT (source, expression_hash, file) DO UPDATE SET partitions = excluded.partitions`.execute(stateOf(on));
};

/** Replaces the lineage of a version; call it in a transaction. */
export const putLineage = async (on: On, versionId: number, edges: readonly LineageEdge[]): Promise<void> => {
  await stateOf(on).deleteFrom('assay.lineage_edge').where('version_id', '=', String(versionId)).execute();
  if (edges.length === 0) return;
  await sql`
    INSERT INTO assay.lineage_edge (version_id, column_name, input_table, input_column, type, subtype)
    SELECT ${String(versionId)}::bigint, "column", "inputTable", "inputColumn", type, subtype
    FROM json_to_recordset(${JSON.stringify(edges)}::json)
      AS e("column" text, "inputTable" text, "inputColumn" text, type text, subtype text)
    ON CONFLICT DO NOTHING`.execute(stateOf(on));
};

/** Lineage of versions, in a fixed order; versions without any have an empty list. */
export const lineageOf = async (on: On, versionIds: readonly number[]): Promise<Map<number, LineageEdge[]>> => {
  const found = new Map<number, LineageEdge[]>(versionIds.map((id) => [id, []]));
  if (found.size === 0) return found;
  const rows = await stateOf(on)
    .selectFrom('assay.lineage_edge')
    .selectAll()
    .where('version_id', 'in', versionIds.map(String))
    .orderBy('version_id')
    .orderBy(sql`column_name COLLATE "C", input_table COLLATE "C", input_column COLLATE "C", type, subtype`)
    .execute();
  for (const row of rows)
    found.get(Number(row.version_id))?.push({
      column: row.column_name,
      inputTable: row.input_table,
      inputColumn: row.input_column,
      type: row.type,
      subtype: row.subtype,
    });
  return found;
};

/** Keeps keys of rows that failed checks of a run; capping and masking them is the caller's. */
export const putFailingKeys = async (
  on: On,
  runId: string,
  records: readonly Pick<FailingKeysRecord, 'table' | 'partition' | 'check' | 'keys'>[],
): Promise<void> => {
  if (records.length === 0) return;
  await sql`
    INSERT INTO assay.failing_key (build_id, table_name, partition, check_name, keys)
    SELECT ${runId}, f."table", f.partition, f."check", ARRAY(SELECT json_array_elements_text(f.keys))
    FROM json_to_recordset(${JSON.stringify(records)}::json)
      AS f("table" text, partition text, "check" text, keys json)`.execute(stateOf(on));
};

/** Failing keys of a table, the newest first. */
export const failingKeysOf = async (
  on: On,
  of: { readonly table: string; readonly partition?: string; readonly check?: string; readonly limit: number },
): Promise<FailingKeysRecord[]> => {
  const rows = await stateOf(on)
    .selectFrom('assay.failing_key')
    .select(['build_id', 'table_name', 'partition', 'check_name', 'keys', microsOf('recorded_at').as('recorded')])
    .where('table_name', '=', of.table)
    .$if(of.partition !== undefined, (query) => query.where('partition', '=', of.partition ?? ''))
    .$if(of.check !== undefined, (query) => query.where('check_name', '=', of.check ?? ''))
    .orderBy('id', 'desc')
    .limit(of.limit)
    .execute();
  return rows.map((row) => ({
    runId: row.build_id,
    table: row.table_name,
    partition: row.partition,
    check: row.check_name,
    keys: row.keys,
    recordedAt: BigInt(row.recorded),
  }));
};

/** Removes keys that are older, by the server's clock; gives the number of records. */
export const expireFailingKeys = async (on: On, keepMicros: bigint): Promise<number> => {
  const { numDeletedRows } = await stateOf(on)
    .deleteFrom('assay.failing_key')
    .where(
      'recorded_at',
      '<',
      sql<string>`clock_timestamp() - ${String(keepMicros)}::bigint * interval '1 microsecond'`,
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
};

/** Keeps figures of partitions that a run has made; they count for `driftHistory` once that run has published them. */
export const putPartitionStats = async (on: On, runId: string, list: readonly PartitionStats[]): Promise<void> => {
  if (list.length === 0) return;
  await sql`
    INSERT INTO assay.partition_stat (version_id, partition, build_id, stats)
    SELECT s."versionId", s.partition, ${runId}, s.stats
    FROM json_to_recordset(${JSON.stringify(list)}::json) AS s("versionId" bigint, partition text, stats json)
    ON CONFLICT (version_id, partition, build_id) DO UPDATE SET stats = excluded.stats`.execute(stateOf(on));
};

/**
 * Figures of the last published partitions before `before`, newest first; for the whole table (`*`) those of its last published runs.
 * `versionIds` are the versions whose history counts as one; of a partition that several have, the highest id is taken.
 */
export const driftHistory = async (
  on: On,
  of: { readonly versionIds: readonly number[]; readonly before: string; readonly limit: number },
): Promise<PartitionStats[]> => {
  const ids = of.versionIds.map(String);
  const published =
    of.before === '*'
      ? sql`
        SELECT s.version_id, s.partition, s.stats, s.recorded_at FROM assay.partition_stat s
        JOIN assay.build b ON b.build_id = s.build_id AND b.revision IS NOT NULL
        WHERE s.version_id = ANY(${ids}::bigint[]) AND s.partition = '*'
        ORDER BY s.recorded_at DESC`
      : sql`
        SELECT DISTINCT ON (s.partition COLLATE "C") s.version_id, s.partition, s.stats FROM assay.partition_stat s
        JOIN assay.interval i ON i.version_id = s.version_id AND i.partition = s.partition
          AND i.published_run = s.build_id
        WHERE s.version_id = ANY(${ids}::bigint[]) AND s.partition <> '*' AND s.partition COLLATE "C" < ${of.before}
        ORDER BY s.partition COLLATE "C" DESC, s.version_id DESC`;
  const { rows } = await sql<{ version_id: string; partition: string; stats: Record<string, string> }>`
    ${published} LIMIT ${of.limit}`.execute(stateOf(on));
  return rows.map((row) => ({ versionId: Number(row.version_id), partition: row.partition, stats: row.stats }));
};
