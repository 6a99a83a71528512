import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eachOf, sha256 } from './blobs.js';
import { createTable, literal, quoted, type RollupDuckDb } from './duckdb.js';
import type { StoredLayout } from './layout.js';
import type { RawReader } from './raw.js';
import { wholeLeg } from './raw.js';
import type { Scope } from './scope.js';
import { type Span, spanOf } from './span.js';
import type { Workshop } from './workshop.js';

/** One partition as a file, before its proof. `span` is null for rows without a time and for rollups that are not partitioned. */
export interface StagedPartition {
  readonly key: string;
  readonly span: Span | null;
  readonly file: string;
  readonly bytes: number;
  readonly rows: number;
  readonly sha256: string;
}

/** Key of the partition that holds rows whose time is null. */
export const NULL_KEY = 'null';
/** Key of the only partition of a rollup that is not partitioned. */
export const ALL_KEY = 'all';

/** Reads a rollup's rows from the source in one statement, which is one snapshot, into a table. Gives the table's name. */
export const stageRows = async (
  layout: StoredLayout,
  scope: Scope | undefined,
  raw: RawReader,
  workshop: Workshop,
  signal: AbortSignal,
): Promise<string> => {
  const table = `${workshop.prefix}rows`;
  await raw.fill(table, wholeLeg(layout, scope), layout.columns, { signal });
  return table;
};

/**
 * Cuts the staged rows into partitions and writes each as Parquet, a few at a time. Rows are sorted, so the same content gives the
 * same bytes.
 */
export const writePartitions = async (
  layout: StoredLayout,
  table: string,
  duckdb: RollupDuckDb,
  workshop: Workshop,
  signal: AbortSignal,
  onWritten: (done: number, of: number) => void,
): Promise<StagedPartition[]> => {
  const granularity = layout.definition.partitionGranularity;
  const time = layout.time && granularity !== undefined ? quoted(layout.time.name) : undefined;
  const bucket = time === undefined ? 'NULL::TIMESTAMP' : `date_trunc('${granularity}', ${time})`;
  const found = await duckdb.query<{ b: bigint | null; n: bigint }>(
    `SELECT ${bucket} AS b, count(*) AS n FROM ${quoted(table)} GROUP BY 1 ORDER BY 1 NULLS LAST`,
    [],
    { signal },
  );
  const columns = layout.columns.map((c) => quoted(c.name)).join(', ');
  const sorted = layout.columns.filter((c) => c.role !== 'measure').map((c) => quoted(c.name));
  const order = sorted.length === 0 ? '' : ` ORDER BY ${sorted.join(', ')}`;
  const partitions: StagedPartition[] = [];
  let done = 0;
  const write = async (i: number): Promise<void> => {
    const { b, n } = found[i] ?? { b: null, n: 0n };
    const span = b !== null && granularity !== undefined ? spanOf(b, granularity) : null;
    const where =
      time === undefined
        ? ''
        : span === null
          ? ` WHERE ${time} IS NULL`
          : ` WHERE ${time} >= make_timestamp(${span.from}) AND ${time} < make_timestamp(${span.to})`;
    const file = join(workshop.dir, `${i}.parquet`);
    await duckdb.execute(
      `COPY (SELECT ${columns} FROM ${quoted(table)}${where}${order}) TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`,
      [],
      { signal },
    );
    const blob = await readFile(file);
    partitions[i] = {
      key: span?.key ?? (time === undefined ? ALL_KEY : NULL_KEY),
      span,
      file,
      bytes: blob.length,
      rows: Number(n),
      sha256: sha256(blob),
    };
    done += 1;
    onWritten(done, found.length);
  };
  await eachOf(found.length, write);
  return partitions;
};

/** Reads the written files back into one table, as a node will; column `p` tells the partition. The proof reads this table. */
export const readBack = async (
  layout: StoredLayout,
  partitions: readonly StagedPartition[],
  duckdb: RollupDuckDb,
  workshop: Workshop,
  signal: AbortSignal,
): Promise<string> => {
  const table = `${workshop.prefix}back`;
  if (partitions.length === 0) {
    const p = { name: 'p', type: { kind: 'timestamp' }, role: 'time' } as const;
    await createTable(duckdb, table, [p, ...layout.columns]);
    return table;
  }
  const columns = layout.columns.map((c) => quoted(c.name)).join(', ');
  const parts = partitions.map(
    (p) =>
      `SELECT ${p.span === null ? 'NULL::TIMESTAMP' : `make_timestamp(${p.span.from})`} AS p, ${columns} FROM read_parquet(${literal(p.file)})`,
  );
  await duckdb.execute(`CREATE TABLE ${quoted(table)} AS ${parts.join(' UNION ALL ')}`, [], { signal });
  return table;
};
