import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { ingestFile } from '../../src/build/ingest/index.js';
import {
  apply,
  lakeRelationOf,
  type Parts,
  type Plan,
  type PlanRequest,
  type Publication,
  parquetSession,
  plan,
  type RunResult,
  run,
} from '../../src/build/transform/index.js';
import { readPublication } from '../../src/build/transform/publications.js';
import { noEmit } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { type DuckDb, openDuckDb, openWarehouse, startCluster, type Warehouse } from '../../src/store/engine/index.js';
import { ingestLedger, migrate } from '../../src/store/state/index.js';
import { root, sample } from './warehouse-and-lake.js';

export const PSEUDONYM_KEY = 'a key for pseudonyms of tests only, 32 bytes';
export const HEAD = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const HISTORY = 'gold.data_quality_metrics';

/** A warehouse and a lake that can be copied as they are. */
export interface Clone {
  readonly name: string;
  readonly url: string;
  readonly lake: string;
  readonly warehouse: Warehouse;
  /** Folder of the transforms that commands here read. */
  transforms: string;
  /** What the clock says; undefined: the machine's. */
  now: (() => bigint) | undefined;
  parts(options?: Partial<Parts>): Parts;
  /** Writes lines below the header of the source into a file and takes it in. */
  ingest(file: string, lines?: readonly string[]): Promise<unknown>;
  run(environment?: string): Promise<RunResult>;
  plan(request?: Partial<PlanRequest>): Promise<Plan>;
  /** Plans, and applies what was planned. */
  forward(request?: Partial<PlanRequest>): Promise<RunResult>;
  /** `model partitions` of each step since this was asked last. */
  steps(): string[];
  /** Rows of a statement in the warehouse, each value as text. */
  rows(sql: string): Promise<string[][]>;
  /** Rows over the lake as an environment's readers have it; `{gold.x}` stands for a table. */
  lakeRows(sql: string, environment?: string): Promise<string[][]>;
  publication(environment?: string): Promise<Publication>;
  /** Number of rows and a hash of all of them by table, equal in both copies; without the history of checks. */
  contents(options?: { readonly without?: readonly string[]; readonly environment?: string }): Promise<Contents>;
  /** By `table partition`: what the ledger says of it. */
  intervals(): Promise<ReadonlyMap<string, IntervalLine>>;
  /** Another folder with the shipped transforms, some files of which are edited or added. */
  edited(edits: Readonly<Record<string, (text: string) => string>>): string;
  close(): Promise<void>;
}

export type Contents = Readonly<Record<string, readonly [rows: string, hash: string]>>;

export interface IntervalLine {
  readonly status: string;
  readonly fence: string;
  readonly revision: string;
  readonly hash: string;
  readonly lease: string;
}

export interface Clones {
  readonly duckdb: DuckDb;
  /** A new one with nothing but the ledger's tables. */
  empty(name: string): Promise<Clone>;
  /** A copy of one that is closed. */
  copy(from: string, name: string): Promise<Clone>;
  close(): Promise<void>;
}

/** Every row of a table as one text, in an order that both engines share. */
const hashSql = (columns: readonly string[], table: string, collate: string): string => {
  const row = columns.map((c) => `coalesce("${c}"::varchar, '∅')`).join(` || '|' || `);
  return `SELECT count(*)::varchar AS n, coalesce(md5(string_agg(r, '~' ORDER BY r${collate})), '') AS h FROM (SELECT ${row} AS r FROM ${table}) x`;
};

const text = (rows: readonly object[]): string[][] =>
  rows.map((row) => Object.values(row).map((value) => (value === null ? '∅' : String(value))));

/** One server, one DuckDB, and any number of places on them that are made by copying. */
export const openClones = async (): Promise<Clones> => {
  const home = mkdtempSync(join(tmpdir(), 'assay-clones-'));
  chmodSync(home, 0o755);
  const cluster = await startCluster({ kind: 'durable', home, emit: noEmit });
  const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(home, 'spill'), emit: noEmit });
  const opened = new Set<Clone>();
  const urlOf = (name: string): string => {
    const url = new URL(cluster.url);
    url.pathname = `/${name}`;
    return url.href;
  };
  const admin = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: cluster.url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  const open = async (name: string): Promise<Clone> => {
    const url = urlOf(name);
    const lake = join(home, name, 'lake');
    mkdirSync(lake, { recursive: true });
    chmodSync(join(home, name), 0o755);
    const warehouse = await openWarehouse({ url, emit: noEmit });
    let told: string[] = [];
    let edits = 0;
    const relationAt = async (path: string, version: number): Promise<string> => {
      const snapshot = await openTable(path, parquetSession(duckdb), version);
      if (!snapshot) throw new Error(`${path} has no version ${version}`);
      return relation(snapshot);
    };
    const clone: Clone = {
      ...{ name, url, lake, warehouse, transforms: join(root, 'transforms'), now: undefined },
      parts: (options = {}) => ({
        ...{ transformsDir: clone.transforms, lake, duckdb, warehouse, pseudonymKey: PSEUDONYM_KEY },
        emit: (event, record) => {
          if (event === 'transform.step' && 'partitions' in record && 'model' in record)
            told.push(`${record.model} ${record.partitions}`);
        },
        ...(clone.now ? { now: clone.now } : {}),
        ...options,
      }),
      ingest: (file, lines) => {
        const path = lines ? join(home, name, file) : file;
        if (lines) writeFileSync(path, `${[HEAD, ...lines].join('\n')}\n`);
        return duckdb.session((session) =>
          ingestFile({
            ...{ file: path, source: 'online_retail', lake, ledger: ingestLedger(warehouse), emit: noEmit },
            parquet: parquetSession(session),
          }),
        );
      },
      run: (environment = 'prod') => run(clone.parts(), environment),
      plan: (request = {}) => plan(clone.parts(), { environment: 'prod', ...request }),
      forward: async (request = {}) => apply(clone.parts(), (await clone.plan(request)).id),
      steps: () => {
        const steps = told;
        told = [];
        return steps;
      },
      rows: async (sql) => text((await warehouse.query<Record<string, unknown>>(sql)).rows),
      lakeRows: async (sql, environment = 'prod') => {
        const publication = await clone.publication(environment);
        let statement = sql;
        for (const id of new Set([...sql.matchAll(/\{([a-z_0-9.]+)\}/g)].map((m) => m[1] ?? ''))) {
          const table = publication.tables.get(id);
          const found = table && lakeRelationOf(table, relationAt);
          if (!found) throw new Error(`${id} is not in the lake`);
          statement = statement.replaceAll(`{${id}}`, await found);
        }
        return text(await duckdb.query(statement));
      },
      publication: (environment = 'prod') => readPublication(warehouse, environment),
      contents: async ({ without = [], environment = 'prod' } = {}) => {
        const found: Record<string, readonly [string, string]> = {};
        for (const id of [...(await clone.publication(environment)).tables.keys()].sort()) {
          const [layer = '', table = ''] = id.split('.');
          const schema = environment === 'prod' ? layer : `${layer}__${environment}`;
          const columns = await clone.rows(
            `SELECT column_name FROM information_schema.columns WHERE table_schema = '${schema}' AND table_name = '${table}' ORDER BY ordinal_position`,
          );
          const compared = columns.flatMap(([column]) => (column && !without.includes(column) ? [column] : []));
          const inPostgres = await clone.rows(hashSql(compared, `"${schema}"."${table}"`, ' COLLATE "C"'));
          const inLake = await clone.lakeRows(hashSql(compared, `{${id}}`, ''), environment);
          expect([id, ...inLake]).toEqual([id, ...inPostgres]);
          const [[rows = '', hash = ''] = []] = inPostgres;
          if (id !== HISTORY) found[id] = [rows, hash];
        }
        return found;
      },
      intervals: async () => {
        const lines = await clone.rows(
          `SELECT v.name || CASE WHEN v.version > 1 THEN '_v' || v.version ELSE '' END || ' ' || i.partition || ' ' || v.fingerprint,
             i.status, i.fence, coalesce(i.published_revision, 0) AS revision, coalesce(i.content_hash, '') AS hash,
             coalesce(i.lease_until::text, '') AS lease
           FROM assay.interval i JOIN assay.model_version v ON v.id = i.version_id WHERE v.name <> '${HISTORY}' ORDER BY 1`,
        );
        return new Map(
          lines.map(([key = '', status = '', fence = '', revision = '', hash = '', lease = '']) => [
            key,
            { status, fence, revision, hash, lease },
          ]),
        );
      },
      edited: (changes) => {
        const dir = join(home, name, `transforms-${++edits}`);
        cpSync(clone.transforms, dir, { recursive: true });
        for (const [file, edit] of Object.entries(changes)) {
          const path = join(dir, 'sql', file);
          // A new version begins as a copy of the one before it.
          const from = path.replace(/\.v2\.sql$/, '.v1.sql');
          const before = readFileSync(from, 'utf8');
          const after = edit(before);
          expect([file, after === before]).toEqual([file, false]);
          writeFileSync(path, after);
        }
        return dir;
      },
      close: async () => {
        opened.delete(clone);
        await warehouse.close();
      },
    };
    opened.add(clone);
    return clone;
  };
  return {
    duckdb,
    empty: async (name) => {
      await admin(`CREATE DATABASE ${name}`);
      const clone = await open(name);
      await migrate(clone.warehouse, join(root, 'schema/state'));
      return clone;
    },
    copy: async (from, name) => {
      await admin(`CREATE DATABASE ${name} TEMPLATE ${from}`);
      cpSync(join(home, from), join(home, name), { recursive: true, preserveTimestamps: true });
      const clone = await open(name);
      await warehouseMoved(clone);
      return clone;
    },
    close: async () => {
      for (const clone of opened) await clone.close();
      await duckdb.close();
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
};

const warehouseMoved = ({ warehouse, lake }: Clone) =>
  warehouse.query('UPDATE assay.environment SET lake = $1 WHERE lake IS NOT NULL', [lake]);

/** Clones with two to copy from: `bronze` holds the sample and no table, `built` all tables of it. */
export const openBuilt = async (): Promise<Clones & { readonly first: RunResult }> => {
  const clones = await openClones();
  const bronze = await clones.empty('bronze');
  await bronze.ingest(sample);
  await bronze.close();
  const built = await clones.copy('bronze', 'built');
  const first = await built.run();
  await built.close();
  return { ...clones, first };
};
