import type { Generated } from 'kysely';

/** The schema `assay` as kysely sees it. bigint, numeric and timestamptz are the text that PostgreSQL prints in UTC. */
export interface StateTables {
  'assay.migration': { version: number; name: string; checksum: string; applied_at: Generated<string> };
  'assay.ingest_batch': {
    batch_id: string;
    source: string;
    file: string;
    content_hash: string;
    bytes: string;
    encoding: string;
    lines_read: string;
    lines_kept: string;
    lines_rejected: string;
    ingested_at: string;
    rows_version: string | null;
    rejects_version: string | null;
    recorded_at: Generated<string>;
  };
  'assay.build': {
    build_id: string;
    status: BuildStatus;
    base_revision: string;
    revision: string | null;
    error_code: string | null;
    error_message: string | null;
    started_at: string;
    finished_at: string | null;
  };
  'assay.publication': { revision: string; build_id: string; published_at: Generated<string> };
  'assay.publication_table': {
    revision: string;
    name: string;
    postgres: string | null;
    lake_path: string | null;
    lake_version: string | null;
    data_version: string;
    input_hash: string;
    content_hash: string;
    row_count: string;
    since: string;
  };
  'assay.environment': { name: string; revision: string; lake: string | null };
  'assay.check_result': {
    id: Generated<string>;
    build_id: string;
    metric_id: string;
    table_name: string;
    column_name: string | null;
    metric_type: string;
    metric_value: string;
    threshold_value: string | null;
    status: string;
    check_timestamp: string;
    check_details: string;
    severity: string;
    weight: number;
  };
  'assay.audit': {
    id: string;
    at_micros: string;
    subject: string;
    tenant: string;
    roles: string;
    surface: string;
    request_id: string;
    outcome: string;
    details: string;
    hash: string;
  };
}

/** `refused`: a check or contract failed; `abandoned`: its process ended before it did. */
export type BuildStatus = 'running' | 'published' | 'refused' | 'failed' | 'abandoned';
