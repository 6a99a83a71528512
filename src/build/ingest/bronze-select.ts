import { literal, quoted } from '../../store/delta/index.js';
import type { Source } from './sources.js';
import type { StagedRecords } from './stage.js';

/** What all rows of a batch have in common. */
export interface Audit {
  readonly file: string;
  readonly batchId: string;
  /** Microseconds since 1970 UTC. */
  readonly ingestedAt: bigint;
  readonly sourceSystem: string;
}

const auditColumns = ({ batchId, ingestedAt, sourceSystem }: Audit) => [
  `make_timestamptz(${ingestedAt}::BIGINT) AS "_ingested_at"`,
  `${literal(batchId)} AS "_batch_id"`,
  `CAST(make_timestamp(${ingestedAt}::BIGINT) AS DATE) AS "ingestion_date"`,
  `${literal(sourceSystem)} AS "source_system"`,
];

/** The engine's reading of staged lines, with types given: nothing is guessed. */
const lines = (path: string, longest: number, columns: string) =>
  `read_json(${literal(path)}, format='newline_delimited', compression='uncompressed', auto_detect=false, columns=${columns},
    maximum_object_size=${Math.max(16 << 20, longest + 1)})`;

/** Rows of the source's bronze table. */
export const rowsSelect = (source: Source, staged: StagedRecords, audit: Audit): string =>
  `SELECT ${[
    ...source.columns.map((name, i) => `f[${i + 1}] AS ${quoted(name)}`),
    `${literal(audit.file)} AS "_source_file"`,
    'n AS "_row_number"',
    ...auditColumns(audit),
  ].join(', ')} FROM ${lines(staged.rowsFile, staged.longest, "{n: 'BIGINT', f: 'VARCHAR[]'}")}`;

/** Rows of `bronze.rejected_lines`. */
export const rejectsSelect = (source: Source, staged: StagedRecords, audit: Audit): string =>
  `SELECT ${[
    `${literal(source.name)} AS "source"`,
    `${literal(audit.file)} AS "_source_file"`,
    'n AS "_row_number"',
    'line AS "line_number"',
    '"offset" AS "byte_offset"',
    '"length" AS "byte_length"',
    'sha AS "sha256"',
    'raw AS "raw_text"',
    'reason',
    'detail',
    ...auditColumns(audit),
  ].join(', ')} FROM ${lines(
    staged.rejectsFile,
    staged.longest,
    "{n: 'BIGINT', line: 'BIGINT', \"offset\": 'BIGINT', \"length\": 'BIGINT', sha: 'VARCHAR', raw: 'VARCHAR', reason: 'VARCHAR', detail: 'VARCHAR'}",
  )}`;
