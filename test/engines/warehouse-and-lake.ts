import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ingestFile } from '../../src/build/ingest/index.js';
import {
  type BuildOptions,
  type BuildResult,
  build,
  openPublications,
  type Parts,
  type Publication,
  parquetSession,
} from '../../src/build/transform/index.js';
import { noEmit } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { type DuckDb, openDuckDb, openWarehouse, startCluster, type Warehouse } from '../../src/store/engine/index.js';
import { ingestLedger, migrate } from '../../src/store/state/index.js';

export const root = resolve(import.meta.dirname, '../..');
export const sample = join(root, 'data/online-retail-sample.csv');
const KEY = 'a key for pseudonyms of tests only, 32 bytes';

/** A warehouse, a lake and DuckDB of their own, as the service has them; `close` ends and removes everything. */
export interface Place {
  readonly home: string;
  readonly lake: string;
  readonly url: string;
  readonly duckdb: DuckDb;
  readonly warehouse: Warehouse;
  ingest(file: string): Promise<unknown>;
  /** What every command on tables works with here. */
  parts(options?: Partial<Parts>): Parts;
  build(options?: Partial<BuildOptions>): Promise<BuildResult>;
  /** Rows of a statement over the views of the warehouse, each value as text. */
  postgres(sql: string): Promise<string[][]>;
  /** The same over Delta snapshots of a publication: `{gold.x}` stands for a table. */
  delta(publication: Publication, sql: string): Promise<string[][]>;
  publication(): Promise<Publication>;
  close(): Promise<void>;
}

export const openPlace = async (): Promise<Place> => {
  const home = mkdtempSync(join(tmpdir(), 'assay-transform-'));
  chmodSync(home, 0o755);
  const cluster = await startCluster({ kind: 'durable', home, emit: noEmit });
  const warehouse = await openWarehouse({ url: cluster.url, emit: noEmit });
  const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(home, 'spill'), emit: noEmit });
  await migrate(warehouse, join(root, 'schema/state'));
  const lake = join(home, 'lake');
  const ledger = ingestLedger(warehouse);
  const text = (rows: readonly object[]) =>
    rows.map((row) => Object.values(row).map((value) => (value === null ? '∅' : String(value))));
  const parts = (options: Partial<Parts> = {}): Parts => ({
    ...{ transformsDir: join(root, 'transforms'), lake, duckdb, warehouse, pseudonymKey: KEY, emit: noEmit },
    ...options,
  });
  return {
    home,
    lake,
    url: cluster.url,
    duckdb,
    warehouse,
    ingest: (file) =>
      duckdb.session((session) =>
        ingestFile({ file, source: 'online_retail', lake, ledger, emit: noEmit, parquet: parquetSession(session) }),
      ),
    parts,
    build: (options = {}) => build({ ...parts(), ...options }),
    postgres: async (sql) => text((await warehouse.query<Record<string, unknown>>(sql)).rows),
    delta: async (publication, sql) => {
      let statement = sql;
      for (const name of new Set([...sql.matchAll(/\{([a-z_.]+)\}/g)].map((m) => m[1] ?? ''))) {
        const table = publication.tables.get(name);
        if (!table?.lake) throw new Error(`${name} is not in the lake`);
        const snapshot = await openTable(table.lake.path, parquetSession(duckdb), table.lake.version);
        if (!snapshot) throw new Error(`${name} has no version ${table.lake.version}`);
        statement = statement.replaceAll(`{${name}}`, relation(snapshot));
      }
      return text(await duckdb.query(statement));
    },
    publication: async () => {
      const publications = await openPublications(warehouse, noEmit);
      await publications.close();
      return publications.current();
    },
    close: async () => {
      await duckdb.close();
      await warehouse.close();
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};
