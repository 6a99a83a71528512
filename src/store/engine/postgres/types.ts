import type { Readable } from 'node:stream';
import type { Dialect } from 'kysely';
import type pg from 'pg';
import type { Emit, RowStream } from '../../../query/index.js';
import type { Engine, Parameter, RunOptions, Statement } from '../engine.js';

/** What a cluster is for: `durable` keeps data through crashes; `scratch` is made anew at each start and never syncs. */
export type ClusterKind = 'durable' | 'scratch';

export interface ClusterOptions {
  readonly kind: ClusterKind;
  /** The home: clusters live in `HOME/postgres`, or below /var/lib/assay where the server's user cannot reach it. */
  readonly home: string;
  /** ASSAY_PG_DIR: clusters live in a folder of their own below it. */
  readonly pgDir?: string | undefined;
  /** Unset: the port of the last start if it is free, else any free one. */
  readonly port?: number | undefined;
  /** Default 60 (durable) or 160 (scratch). */
  readonly maxConnections?: number;
  readonly emit: Emit;
}

/** A running server of ours. It listens on 127.0.0.1 only and asks for its password (SCRAM). */
export interface Cluster {
  readonly kind: ClusterKind;
  /** With user and password: a secret. Database `assay` (durable) or `postgres` (scratch). */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  /** True when the server of an earlier process was still alive and is used on. */
  readonly adopted: boolean;
  /** Folder with data/, password and server.log. */
  readonly dir: string;
  /** Fast shutdown; resolves when the server has gone. */
  stop(): Promise<void>;
}

/**
 * A row of a small query. integer and smallint are numbers, booleans booleans, json parsed, bytea a Buffer; every exact or timed
 * type (bigint, numeric, date, timestamp, timestamptz) is the text that PostgreSQL prints in UTC, so nothing is lost.
 */
export type Row = Record<string, unknown>;

export interface QueryResult<R = Row> {
  readonly rows: readonly R[];
  /** Rows that the statement returned or changed. */
  readonly rowCount: number;
}

/** Parameters of admin statements; arrays become PostgreSQL arrays. */
export type SqlParameter = Parameter | bigint | Buffer | readonly SqlParameter[];

/** One open transaction on one connection. It ends when the function given to `transaction` ends; do not keep it. */
export interface Tx {
  /** Errors: `engine-failed` (with `sqlstate` in its parameters), `postgres-unavailable`, `disk-full`. */
  query<R = Row>(sql: string, parameters?: readonly SqlParameter[]): Promise<QueryResult<R>>;
  /** For kysely: `new Kysely<Tables>({ dialect: tx.dialect })` runs on this transaction's connection. */
  readonly dialect: Dialect;
  readonly client: pg.PoolClient;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  /** Aborting cancels the statement that runs and rolls back; the promise rejects with `cancelled`. */
  readonly signal?: AbortSignal;
}

export interface CopyOptions {
  /** Default csv: comma, double quotes, an empty unquoted field is null, no header. */
  readonly format?: 'csv' | 'binary';
  readonly signal?: AbortSignal;
}

/** A PostgreSQL database: writers' transactions, and the engine that answers read from. */
export interface Warehouse {
  /** Read-only sessions in UTC. */
  readonly engine: Engine;
  /** The server's version number: 180004. */
  readonly version: number;
  query<R = Row>(sql: string, parameters?: readonly SqlParameter[]): Promise<QueryResult<R>>;
  /** Commits when `fn` resolves, rolls back when it rejects. A lost connection is `postgres-unavailable`. */
  transaction<T>(fn: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Streams a SELECT inside an open transaction (one snapshot with isolation `repeatable read`); read it to its end or cancel it. */
  runIn(tx: Tx, statement: Statement, options?: RunOptions): Promise<RowStream>;
  /** COPY table (columns) FROM STDIN; `table` is quoted by the caller, columns are quoted here. Resolves to the rows copied. */
  copyIn(
    tx: Tx,
    table: string,
    columns: readonly string[],
    source: Readable | AsyncIterable<Buffer | string>,
    options?: CopyOptions,
  ): Promise<number>;
  /** LISTEN on a connection of its own that is opened again when it breaks; messages in between are lost, so listeners poll as well. */
  listen(channel: string, on: (message: string) => void): Promise<() => Promise<void>>;
  /** For kysely outside a transaction: takes connections of the writers' pool. */
  readonly dialect: Dialect;
  close(): Promise<void>;
}

export interface WarehouseOptions {
  readonly url: string;
  /** Connections for answers (default 8) and for writers (default 6). */
  readonly readers?: number;
  readonly writers?: number;
  readonly emit: Emit;
}
