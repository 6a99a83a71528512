import type { DataType, Emit, Value } from '../../../query/index.js';
import type { RunOptions } from '../engine.js';

/** How far a statement is, as Spark tells it every second or so. */
export interface SparkProgress {
  readonly tasks: number;
  readonly completed: number;
  readonly running: number;
  /** Read from files so far. */
  readonly bytesRead: number;
}

/** `signal` and `milliseconds` end the statement in Spark as well, not only here. */
export interface SparkOptions extends RunOptions {
  readonly onProgress?: (progress: SparkProgress) => void;
  /** `gateway.cancel(tag)` ends every statement of the session that has it. No comma in it. */
  readonly tag?: string;
  /** About the bytes that the statement reads: the number of shuffle partitions follows from it. Default: the session's. */
  readonly inputBytes?: number;
}

/** A column of a statement. */
export interface SparkColumn {
  readonly name: string;
  /** The type as Spark's DDL writes it: `decimal(12,2)`, `array<struct<a:int>>`. */
  readonly ddl: string;
  readonly nullable: boolean;
  /** Undefined for what our types do not hold: binary, timestamp_ntz, nested types, intervals. */
  readonly type: DataType | undefined;
}

/**
 * A value in the form of `Value`, by its Spark type: byte, short and int -> number; bigint -> bigint; decimal -> bigint, unscaled;
 * float and double -> number; date -> 'YYYY-MM-DD'; timestamp, timestamp_ntz and day-time intervals -> bigint micros; year-month
 * intervals -> number of months; binary -> bytes; array -> array; map -> Map; struct -> Map of field name to value.
 */
export type SparkValue = Value | Uint8Array | readonly SparkValue[] | ReadonlyMap<SparkValue, SparkValue>;

/** Some rows, kept as columns: `values[column][row]`. */
export interface SparkBatch {
  readonly length: number;
  readonly columns: readonly SparkColumn[];
  readonly values: readonly (readonly SparkValue[])[];
}

/** Parquet files as a relation. */
export interface SparkView {
  /** Columns in their order, with DDL types. What a file lacks is null. */
  readonly columns: readonly { readonly name: string; readonly ddl: string }[];
  /** Absolute paths or URIs that the server can read, with the columns that are constant in these files (text; null is null). */
  readonly groups: readonly {
    readonly files: readonly string[];
    readonly constants?: Readonly<Record<string, string | null>>;
  }[];
}

export interface SparkWrite {
  /** One SELECT. */
  readonly sql: string;
  /** A folder, absolute or a URI: it is made, and what it holds is replaced. */
  readonly path: string;
  readonly partitionBy: readonly string[];
  /** Rows of a file are sorted by these; an unpartitioned result is sorted as a whole. */
  readonly sortBy?: readonly string[];
}

/**
 * One session of a Spark Connect server, with temporary views and settings of its own: UTC, ANSI, Parquet times in microseconds,
 * names without regard to case. Statements may run side by side.
 * Errors of all: `engine-failed` (with Spark's error condition and SQLSTATE), `disk-full`, `cancelled`, `time-limit`,
 * `spark-unavailable`, `spark-refused` (token), `spark-session-lost` (the server forgot the session with its views: open another
 * one and repeat the step from its start).
 */
export interface SparkGateway {
  /** Of the server, such as `4.0.1`. */
  readonly version: string;
  /** Columns of one SELECT without running it. Statements that are no SELECT are refused, never run. Errors: also `spark-sql-invalid`. */
  dryRun(sql: string, options?: SparkOptions): Promise<readonly SparkColumn[]>;
  /** Runs one statement of DDL, DML or SET to its end. */
  execute(sql: string, options?: SparkOptions): Promise<void>;
  /**
   * Streams the rows of one SELECT (or SHOW, DESCRIBE) in batches of at most some thousand rows, with back-pressure. Breaking off
   * stops Spark's work. There is at least one batch, which may be empty, so that the columns are known.
   */
  query(sql: string, options?: SparkOptions): AsyncIterable<SparkBatch>;
  /** Makes or replaces a temporary view over Parquet files. */
  tempView(name: string, of: SparkView, options?: SparkOptions): Promise<void>;
  dropView(name: string, options?: SparkOptions): Promise<void>;
  /** Writes the rows of one SELECT as Parquet (zstd). The files are found by `addsOfFolder` of the lake. */
  writeParquet(write: SparkWrite, options?: SparkOptions): Promise<void>;
  /** Ends the statements that have a tag; they reject with `cancelled`. */
  cancel(tag: string): Promise<void>;
  /** Ends the session and everything that runs in it. */
  close(): Promise<void>;
}

export interface OpenSpark {
  /** `sc://host:port/;token=…;use_ssl=true;user_id=…`; what Spark's own clients take. Never printed. */
  readonly url: string;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Further settings of the session, or others than ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How long a server that does not answer is asked again, in milliseconds. Default 20,000. */
  readonly patience?: number;
  /** After how long a statement that tells nothing makes us ask whether the server is there, in milliseconds. Default 30,000. */
  readonly silence?: number;
  /** Certificates (PEM) that a TLS server is trusted by, instead of the system's. */
  readonly certificates?: Buffer;
}
