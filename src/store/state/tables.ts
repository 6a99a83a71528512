import type { Generated } from 'kysely';
import type { IntervalStatus } from './ledger-types.js';

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
    status: RunStatus;
    base_revision: string;
    revision: string | null;
    error_code: string | null;
    error_message: string | null;
    started_at: string;
    finished_at: string | null;
    kind: Generated<RunKind>;
    environment: Generated<string>;
    plan_id: Generated<string | null>;
    owner: Generated<string | null>;
    heartbeat: Generated<string | null>;
  };
  'assay.publication': {
    revision: string;
    build_id: string;
    published_at: Generated<string>;
    environment: Generated<string>;
  };
  'assay.publication_table': {
    revision: string;
    name: string;
    postgres: string | null;
    lake_path: string | null;
    lake_version: string | null;
    data_version: string;
    input_hash: string | null;
    content_hash: string | null;
    row_count: string;
    since: string | null;
    version_id: Generated<string | null>;
    changed_at: Generated<string | null>;
  };
  'assay.environment': {
    name: string;
    revision: string;
    lake: string | null;
    held_from: Generated<string | null>;
    created_at: Generated<string>;
  };
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
    version_id: Generated<string | null>;
    partition: Generated<string | null>;
  };
  'assay.model_version': {
    id: Generated<string>;
    name: string;
    version: number;
    fingerprint: string;
    data_hash: string;
    meta_hash: string;
    definition: Record<string, unknown>;
    created_at: Generated<string>;
  };
  'assay.physical_table': {
    version_id: string;
    postgres: string | null;
    lake_path: string | null;
    lake_version: Generated<string>;
    data_version: Generated<string>;
    row_count: Generated<string>;
    bytes: Generated<string>;
    changed_at: Generated<string>;
    created_at: Generated<string>;
  };
  'assay.interval': {
    version_id: string;
    partition: string;
    status: Generated<IntervalStatus>;
    attempt: Generated<number>;
    fence: Generated<string>;
    lease_run: string | null;
    lease_owner: string | null;
    lease_until: string | null;
    reopened: Generated<boolean>;
    in_versions: Record<string, string> | null;
    row_count: Generated<string>;
    bytes: Generated<string>;
    content_hash: string | null;
    score_millionths: string | null;
    coverage_millionths: string | null;
    engine: string | null;
    route: string | null;
    milliseconds: string | null;
    published_run: string | null;
    published_revision: string | null;
    published_at: string | null;
    error_code: string | null;
    error_message: string | null;
    staged: StagedColumn | null;
    staged_adds: readonly Readonly<Record<string, unknown>>[] | null;
  };
  'assay.plan': {
    id: string;
    environment: string;
    base_revision: string;
    body: string;
    status: Generated<'open' | 'applied' | 'superseded'>;
    created_at: Generated<string>;
  };
  'assay.lineage_edge': {
    version_id: string;
    column_name: string;
    input_table: string;
    input_column: string;
    type: 'DIRECT' | 'INDIRECT';
    subtype: string;
  };
  'assay.source_map': { source: string; expression_hash: string; file: string; partitions: readonly string[] };
  'assay.failing_key': {
    id: Generated<string>;
    build_id: string;
    table_name: string;
    partition: string;
    check_name: string;
    keys: readonly string[];
    recorded_at: Generated<string>;
  };
  'assay.partition_stat': {
    version_id: string;
    partition: string;
    build_id: string;
    stats: string;
    recorded_at: Generated<string>;
  };
  'assay.query_shape': { day: string; hash: string; shape: string; asked: string; served: string };
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

/** A staged interval as JSON: 64-bit integers are text. */
export interface StagedColumn {
  readonly stepId: string;
  readonly inVersions: Readonly<Record<string, string>>;
  readonly rows: string;
  readonly bytes: string;
  readonly contentHash: string;
  readonly scoreMillionths: string | null;
  readonly coverageMillionths: string;
  readonly engine: string;
  readonly route?: string | undefined;
  readonly milliseconds: string;
  readonly restatement?: string;
}

export type RunKind = 'build' | 'plan' | 'run' | 'restate' | 'promote' | 'rollback' | 'audit';

/** `partial`: some partitions were published and others were not; `unchanged`: nothing had to be done. */
export type RunStatus = BuildStatus | 'partial' | 'unchanged' | 'cancelled';

/** `refused`: a check or contract failed; `abandoned`: its process ended before it did. */
export type BuildStatus = 'running' | 'published' | 'refused' | 'failed' | 'abandoned';
