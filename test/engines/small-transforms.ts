import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetSession } from '../../src/build/transform/index.js';
import type { DataType } from '../../src/query/index.js';
import { appendFiles, createTable, openTable, writeParquet } from '../../src/store/delta/index.js';
import type { Place } from './warehouse-and-lake.js';

/** A folder of transforms: file below `sql/` to its text. */
export const transformsOf = (place: Place, name: string, files: Readonly<Record<string, string>>): string => {
  const dir = join(place.home, name);
  for (const layer of ['silver', 'gold']) mkdirSync(join(dir, 'sql', layer), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, 'sql', file), text);
  return dir;
};

/** Puts the rows of a SELECT of DuckDB into a table of bronze, which is made when it is not there. */
export const putBronze = (
  place: Place,
  table: string,
  columns: readonly { readonly name: string; readonly type: DataType }[],
  select: string,
): Promise<void> =>
  place.duckdb.session(async (session) => {
    const engine = parquetSession(session);
    const path = `${place.lake}/bronze/${table}`;
    const snapshot =
      (await openTable(path, engine)) ??
      (await createTable(path, engine, {
        columns: columns.map((column) => ({ ...column, nullable: true })),
        partitionColumns: [],
      }));
    const stepId = `put-${snapshot.version}`;
    const staged = await writeParquet({ engine, snapshot, stepId, select, sortBy: [] });
    await appendFiles({ snapshot, staged, txnId: stepId });
  });

/** Which engine made each partition that is published, and why. */
export const routesIn = async (place: Place, model: string): Promise<string[][]> =>
  place.postgres(`
    SELECT i.partition, i.engine, i.route, i.status, i.row_count::text FROM assay.interval i
    JOIN assay.model_version v ON v.id = i.version_id WHERE v.name = '${model}' ORDER BY i.partition COLLATE "C"`);
