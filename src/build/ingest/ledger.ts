/** One file's contents, taken into bronze whole. */
export interface IngestBatch {
  /** UUID, made from source and contents: the same contents have the same id. */
  readonly batchId: string;
  readonly source: string;
  /** The file's name without its folders, as `_source_file` has it. */
  readonly file: string;
  /** SHA-256 of the file's bytes, hex. */
  readonly contentHash: string;
  readonly bytes: number;
  readonly encoding: string;
  /** CSV records without the header: always `rows + rejected`. */
  readonly read: number;
  readonly rows: number;
  readonly rejected: number;
  /** Microseconds since 1970 UTC, `_ingested_at` of its rows. */
  readonly ingestedAt: bigint;
  /** Versions of the Delta tables that hold it; `rejectsVersion` is null when nothing was rejected. */
  readonly rowsVersion: number | null;
  readonly rejectsVersion: number | null;
}

/** What ingest needs of the state store. A batch that is recorded is done; all its rows are in the lake. */
export interface IngestLedger {
  /** Runs the work while no other process of this state store does (a session lock that dies with its holder). */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  find(batchId: string): Promise<IngestBatch | undefined>;
  findByHash(source: string, contentHash: string): Promise<IngestBatch | undefined>;
  /** Recording a batch again changes nothing. */
  record(batch: IngestBatch): Promise<void>;
}
