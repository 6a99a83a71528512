import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { noEmit } from '../../src/query/index.js';
import { openWarehouse, startCluster, type Warehouse } from '../../src/store/engine/index.js';
import {
  beginRun,
  ensureVersions,
  type Leased,
  leaseIntervals,
  migrate,
  type NewVersion,
  type Outcome,
  putPhysical,
  type StagedInterval,
} from '../../src/store/state/index.js';

export const stateSchema = resolve(import.meta.dirname, '../../schema/state');

/** A warehouse with an empty ledger; `database` makes another one on the same server. */
export interface LedgerPlace {
  readonly home: string;
  readonly warehouse: Warehouse;
  database(name: string): Promise<Warehouse>;
  /** Rows of a statement, each value as text. */
  rows(sql: string): Promise<string[][]>;
  /** Resolves when this many sessions wait for a lock. */
  waiting(sessions: number): Promise<void>;
  close(): Promise<void>;
}

export const openLedger = async (): Promise<LedgerPlace> => {
  const home = mkdtempSync(join(tmpdir(), 'assay-ledger-'));
  chmodSync(home, 0o755);
  const cluster = await startCluster({ kind: 'durable', home, emit: noEmit });
  const opened: Warehouse[] = [];
  const open = async (url: string) => {
    const warehouse = await openWarehouse({ url, writers: 24, readers: 2, emit: noEmit });
    opened.push(warehouse);
    return warehouse;
  };
  const warehouse = await open(cluster.url);
  await migrate(warehouse, stateSchema);
  const rows = async (sql: string) =>
    (await warehouse.query<Record<string, unknown>>(sql)).rows.map((row) => Object.values(row).map(String));
  return {
    home,
    warehouse,
    rows,
    database: async (name) => {
      await warehouse.query(`CREATE DATABASE ${name}`);
      const url = new URL(cluster.url);
      url.pathname = `/${name}`;
      return open(url.href);
    },
    waiting: async (sessions) => {
      for (;;) {
        const [[count]] = (await rows(
          "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )) as [[string]];
        if (Number(count) >= sessions) return;
      }
    },
    close: async () => {
      for (const one of opened) await one.close();
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};

/** A promise that the test settles. */
export const gate = () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

export const version = (name: string, dataHash: string, number = 1): NewVersion => ({
  ...{ name, version: number, fingerprint: dataHash.slice(0, 8), dataHash, metaHash: `meta of ${dataHash}` },
  definition: { sql: `SELECT '${dataHash}'`, columns: ['a', 'b'] },
});

/** Versions with tables of their own, by the order of the names. */
export const tables = async (warehouse: Warehouse, names: readonly string[], dataHash = 'one'): Promise<number[]> => {
  const versions = await ensureVersions(
    warehouse,
    names.map((name) => version(name, dataHash)),
  );
  await putPhysical(
    warehouse,
    versions.map(({ id, name }) => ({
      versionId: id,
      postgres: `"phys"."${name}_${dataHash}"`,
      lakePath: `${name}/${dataHash}`,
    })),
  );
  return versions.map(({ id }) => id);
};

export const begin = async (warehouse: Warehouse, runId: string, environment = 'prod'): Promise<string> => {
  await beginRun(warehouse, {
    ...{ runId, kind: 'run', environment, planId: undefined, baseRevision: 0, owner: `owner of ${runId}` },
    startedAt: 1_291_190_400_123_457n,
  });
  return runId;
};

export const lease = async (
  warehouse: Warehouse,
  runId: string,
  versionId: number,
  partitions: readonly string[],
): Promise<readonly Leased[]> => {
  const { granted } = await leaseIntervals(warehouse, {
    ...{ runId, owner: `owner of ${runId}`, seconds: 600 },
    wanted: partitions.map((partition) => ({ versionId, partition })),
  });
  return granted;
};

export const staged = (stepId: string, rows = 3): StagedInterval => ({
  ...{ stepId, inVersions: { 'silver.orders': `digest of ${stepId}` }, rows, bytes: 9_007_199_254_740_991 },
  ...{ contentHash: `hash of ${stepId}`, scoreMillionths: 99_999_999n, coverageMillionths: 1_000_000n },
  ...{ engine: 'duckdb', milliseconds: 12, adds: [{ path: `d/${stepId}/a.parquet`, size: 10 }] },
});

export const audited = (leases: readonly Leased[], stepId: string): Outcome[] =>
  leases.map((leased) => ({ ...leased, status: 'audited', staged: staged(stepId) }));
