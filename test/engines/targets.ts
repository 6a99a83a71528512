import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transform } from '../../src/build/transform/files/definition.js';
import { parquetSession } from '../../src/build/transform/index.js';
import { applyChange } from '../../src/build/transform/target/apply-change.js';
import type { PostgresChange, PostgresMoved } from '../../src/build/transform/target/target.js';
import { noEmit } from '../../src/query/index.js';
import {
  type DuckDb,
  openDuckDb,
  openWarehouse,
  startCluster,
  type Tx,
  type Warehouse,
} from '../../src/store/engine/index.js';
import { migrate } from '../../src/store/state/index.js';
import { root } from './warehouse-and-lake.js';

/** A transform with this and nothing special about the rest. */
export const transformOf = (given: Partial<Transform> & Pick<Transform, 'table' | 'columns'>): Transform => {
  const layer = given.layer ?? 'gold';
  const name = `${layer}.${given.table}`;
  return {
    ...{ name, id: name, layer, version: 1, file: `${given.table}.v1.sql`, kind: 'full', role: 'fact' },
    ...{
      description: `all of ${given.table}`,
      synthetic: false,
      owner: 'tests',
      targets: new Set(['postgres'] as const),
    },
    ...{ natural: [], surrogate: undefined, partition: undefined, lookups: [] },
    engine: { allow: ['duckdb'], prefer: 'auto', dialect: 'duckdb' },
    ...{
      overrides: new Map(),
      deprecates: undefined,
      sunset: undefined,
      forwardOnly: false,
      freshnessHours: undefined,
    },
    ...{ clusterBy: [], indexes: [], targetFileMb: 128, scd2: undefined, pseudonyms: undefined, checks: [] },
    ...{ minScoreMillionths: undefined, body: '', bodyLine: 1 },
    contract: { mode: 'enforce', onAdditive: 'allow', onBreaking: 'require_new_version' },
    ...given,
  } as Transform;
};

/** A partition declaration of a column. */
export const partitionBy = (column: string, unit: 'hour' | 'day' | 'month' | 'year') => ({
  ...{ column, unit, start: undefined, lookback: 0, maxBatch: undefined },
  ...{ inputs: new Map<string, string>(), sources: new Map<string, string>() },
});

/** A server and DuckDB of their own. */
export interface Targets {
  readonly warehouse: Warehouse;
  readonly duckdb: DuckDb;
  readonly url: string;
  /** Applies in a transaction of its own; `inside` runs before it commits. */
  apply(change: PostgresChange, inside?: (tx: Tx) => Promise<void>): Promise<PostgresMoved>;
  /** Rows of a statement, each value as text. */
  rows(sql: string): Promise<string[][]>;
  close(): Promise<void>;
}

export const openTargets = async (): Promise<Targets> => {
  const home = mkdtempSync(join(tmpdir(), 'assay-targets-'));
  chmodSync(home, 0o755);
  const cluster = await startCluster({ kind: 'durable', home, emit: noEmit });
  const warehouse = await openWarehouse({ url: cluster.url, emit: noEmit });
  const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(home, 'spill'), emit: noEmit });
  await migrate(warehouse, join(root, 'schema/state'));
  return {
    ...{ warehouse, duckdb, url: cluster.url },
    apply: (change, inside = async () => {}) =>
      warehouse.transaction((tx) =>
        duckdb.session(async (session) => {
          const engine = parquetSession(session);
          const moved = await applyChange({ tx, warehouse, engine, tmp: join(home, 'tmp'), signal: undefined }, change);
          await inside(tx);
          return moved;
        }),
      ),
    rows: async (sql) =>
      (await warehouse.query<Record<string, unknown>>(sql)).rows.map((row) =>
        Object.values(row).map((value) => (value === null ? '∅' : String(value))),
      ),
    close: async () => {
      await duckdb.close();
      await warehouse.close();
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};
