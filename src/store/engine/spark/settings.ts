/** Bytes of input for one task behind a shuffle. */
const TASK_BYTES = 64 << 20;
const MOST = 2_000;

/** How many partitions a shuffle has for an input of this size. Spark joins small ones by itself, but starts none for nothing. */
export const partitionsFor = (bytes: number): number => Math.min(MOST, Math.max(1, Math.ceil(bytes / TASK_BYTES)));

/**
 * What decides values, so that a server's own settings cannot change results: UTC, ANSI arithmetic and casts, the proleptic calendar
 * without rebasing, Parquet in the form that Delta asks for, names without regard to case. No legacy behaviour.
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  'spark.sql.session.timeZone': 'UTC',
  'spark.sql.ansi.enabled': 'true',
  'spark.sql.storeAssignmentPolicy': 'ANSI',
  'spark.sql.timestampType': 'TIMESTAMP_LTZ',
  'spark.sql.caseSensitive': 'false',
  'spark.sql.legacy.timeParserPolicy': 'CORRECTED',
  'spark.sql.parser.escapedStringLiterals': 'false',
  'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
  'spark.sql.parquet.writeLegacyFormat': 'false',
  'spark.sql.parquet.datetimeRebaseModeInWrite': 'CORRECTED',
  'spark.sql.parquet.datetimeRebaseModeInRead': 'CORRECTED',
  'spark.sql.parquet.int96RebaseModeInRead': 'CORRECTED',
  'spark.sql.sources.partitionColumnTypeInference.enabled': 'false',
  'spark.sql.sources.partitionOverwriteMode': 'STATIC',
  'spark.sql.adaptive.enabled': 'true',
  'spark.sql.adaptive.coalescePartitions.enabled': 'true',
  'spark.sql.mapKeyDedupPolicy': 'EXCEPTION',
  // What one message holds: small enough that little is lost with a connection, and kept in memory here.
  'spark.sql.execution.arrow.maxRecordsPerBatch': '8192',
  'spark.sql.connect.serverStacktrace.enabled': 'false',
  // Milliseconds between two words of a statement that runs; an interrupt waits for one (see `operation.ts`).
  'spark.connect.progress.reportInterval': '200ms',
};
