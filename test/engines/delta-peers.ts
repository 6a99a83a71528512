import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { noEmit } from '../../src/query/index.js';
import { openTable, type ParquetEngine, relation, type Snapshot } from '../../src/store/delta/index.js';
import { openSpark, type SparkGateway, type SparkValue } from '../../src/store/engine/index.js';
import { python } from './delta-rs.js';
import { hasSpark, NO_SPARK, sparkServer } from './spark-server.js';

export const NO_PEERS = python ? NO_SPARK : 'no Python with the packages deltalake and pyarrow';
/** True where delta-rs and Spark are there. */
export const hasPeers = python !== undefined && hasSpark;

/** Rows in one order, values as text; doubles as JavaScript writes them. */
export type TextRows = readonly (readonly (string | null)[])[];

/** A column of a table that is compared. */
export interface PeerColumn {
  readonly name: string;
  readonly kind: 'plain' | 'double' | 'timestamp';
}

const sorted = (rows: (string | null)[][]): TextRows =>
  rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
const asText = (kind: PeerColumn['kind'], value: unknown): string | null =>
  value === null || value === undefined ? null : kind === 'double' ? String(Number(value)) : String(value);

/** delta-rs in a process of its own, which answers one request after the other. */
export class DeltaRs {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterableIterator<string>;
  private last: Promise<unknown> = Promise.resolve();
  constructor() {
    this.child = spawn(python ?? '', [resolve(import.meta.dirname, 'delta_rs_server.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = createInterface({ input: this.child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }
  ask(request: object): Promise<Record<string, unknown>> {
    const answer = this.last.then(async () => {
      this.child.stdin?.write(`${JSON.stringify(request)}\n`);
      const { value } = (await this.lines.next()) as { value?: string };
      const found = JSON.parse(value ?? '{"error":"delta-rs is gone"}') as Record<string, unknown>;
      if (found['error'] !== undefined) throw new Error(String(found['error']));
      return found;
    });
    this.last = answer.catch(() => undefined);
    return answer;
  }
  async read(path: string, columns: readonly PeerColumn[], version?: number): Promise<TextRows> {
    const found = (await this.ask({ op: 'read', path, version })) as { columns: string[]; rows: unknown[][] };
    const at = columns.map(({ name }) => found.columns.indexOf(name));
    return sorted(found.rows.map((row) => columns.map(({ kind }, i) => asText(kind, row[at[i] ?? -1] ?? null))));
  }
  async close(): Promise<void> {
    this.child.stdin?.end();
    if (this.child.exitCode === null) await once(this.child, 'close');
  }
}

const sparkText = ({ name, kind }: PeerColumn): string =>
  kind === 'timestamp' ? `date_format(\`${name}\`, 'yyyy-MM-dd HH:mm:ss.SSSSSS')` : `CAST(\`${name}\` AS STRING)`;

/** Spark, by one session. */
export class Spark {
  private constructor(readonly gateway: SparkGateway) {}
  static async open(): Promise<Spark> {
    return new Spark(await openSpark({ url: process.env['ASSAY_TEST_SPARK'] ?? (await sparkServer()), emit: noEmit }));
  }
  execute(sql: string): Promise<void> {
    return this.gateway.execute(sql);
  }
  async rows(sql: string): Promise<SparkValue[][]> {
    const rows: SparkValue[][] = [];
    for await (const { length, values } of this.gateway.query(sql))
      for (let i = 0; i < length; i++) rows.push(values.map((column) => column[i] ?? null));
    return rows;
  }
  /** Several versions by one statement, each with the columns that are wanted of it. */
  async readVersions(
    path: string,
    versions: readonly (readonly [version: number, columns: readonly PeerColumn[]])[],
  ): Promise<ReadonlyMap<number, TextRows>> {
    const width = Math.max(0, ...versions.map(([, columns]) => columns.length));
    const parts = versions.map(([version, columns]) => {
      const missing = Array.from({ length: width - columns.length }, () => 'CAST(NULL AS STRING)');
      const list = [`CAST(${version} AS INT)`, ...columns.map(sparkText), ...missing];
      return `SELECT ${list.join(', ')} FROM delta.\`${path}\` VERSION AS OF ${version}`;
    });
    const found = new Map(versions.map(([version]) => [version, [] as (string | null)[][]]));
    const columnsAt = new Map(versions);
    for (const [version, ...values] of await this.rows(parts.join(' UNION ALL '))) {
      const columns = columnsAt.get(Number(version)) ?? [];
      found.get(Number(version))?.push(columns.map(({ kind }, i) => asText(kind, values[i] ?? null)));
    }
    return new Map([...found].map(([version, rows]) => [version, sorted(rows)]));
  }
  async read(path: string, columns: readonly PeerColumn[], version: number): Promise<TextRows> {
    return (await this.readVersions(path, [[version, columns]])).get(version) ?? [];
  }
  close(): Promise<void> {
    return this.gateway.close();
  }
}

const ourText = ({ name, kind }: PeerColumn): string =>
  kind === 'timestamp' ? `strftime("${name}" AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')` : `"${name}"::VARCHAR`;

/** Our own reading. */
export const readOurs = async (
  engine: ParquetEngine,
  snapshot: Snapshot,
  columns: readonly PeerColumn[],
): Promise<TextRows> => {
  const list = columns.map((column, i) => `${ourText(column)} AS c${i}`).join(', ');
  const rows = await engine.query(`SELECT ${list} FROM ${relation(snapshot)}`);
  return sorted(rows.map((row) => columns.map(({ kind }, i) => asText(kind, row[`c${i}`] ?? null))));
};

/** A table's newest snapshot, or one of a version. */
export const openIt = async (engine: ParquetEngine, path: string, version?: number): Promise<Snapshot> => {
  const found = await openTable(path, engine, version);
  if (!found) throw new Error(`no table at ${path}`);
  return found;
};
