-- The state store: everything that must commit together with the tables that it describes.

CREATE TABLE assay.ingest_batch (
  batch_id uuid PRIMARY KEY,
  source text NOT NULL,
  file text NOT NULL,
  content_hash text NOT NULL,
  bytes bigint NOT NULL,
  encoding text NOT NULL,
  lines_read bigint NOT NULL,
  lines_kept bigint NOT NULL,
  lines_rejected bigint NOT NULL,
  ingested_at timestamptz NOT NULL,
  rows_version bigint,
  rejects_version bigint,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (source, content_hash),
  CHECK (lines_read = lines_kept + lines_rejected)
);

-- One row per run of the builder. A row that still says running while nobody holds the builder's lock is of a stopped process.
CREATE TABLE assay.build (
  build_id text PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('running', 'published', 'refused', 'failed', 'abandoned')),
  base_revision bigint NOT NULL,
  revision bigint,
  error_code text,
  error_message text,
  started_at timestamptz NOT NULL,
  finished_at timestamptz
);
CREATE INDEX build_started ON assay.build (started_at);

CREATE TABLE assay.publication (
  revision bigint PRIMARY KEY,
  build_id text NOT NULL REFERENCES assay.build,
  published_at timestamptz NOT NULL DEFAULT now()
);

-- The pointers: what each table was at each revision. Lake paths are relative to the lake's folder.
CREATE TABLE assay.publication_table (
  revision bigint NOT NULL REFERENCES assay.publication,
  name text NOT NULL,
  postgres text,
  lake_path text,
  lake_version bigint,
  data_version text NOT NULL,
  input_hash text NOT NULL,
  content_hash text NOT NULL,
  row_count bigint NOT NULL,
  since bigint NOT NULL,
  PRIMARY KEY (revision, name),
  CHECK ((lake_path IS NULL) = (lake_version IS NULL))
);

-- The revision that readers see, and the folder that lake paths are relative to. Moving it is compare-and-swap under this row's lock.
CREATE TABLE assay.environment (
  name text PRIMARY KEY,
  revision bigint NOT NULL,
  lake text
);
INSERT INTO assay.environment (name, revision) VALUES ('prod', 0);

-- Every check of every build, those that stopped a build included; append-only.
CREATE TABLE assay.check_result (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  build_id text NOT NULL REFERENCES assay.build,
  metric_id text NOT NULL UNIQUE,
  table_name text NOT NULL,
  column_name text,
  metric_type text NOT NULL CHECK (metric_type IN ('completeness', 'uniqueness', 'validity', 'consistency', 'timeliness', 'volume')),
  metric_value numeric(18, 6) NOT NULL,
  threshold_value numeric(18, 6),
  status text NOT NULL CHECK (status IN ('PASS', 'FAIL', 'WARNING')),
  check_timestamp timestamptz NOT NULL,
  check_details text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('critical', 'error', 'warn', 'info')),
  weight integer NOT NULL
);

-- Who asked what. hash covers the previous row's hash and this row, so a changed or missing row shows.
CREATE TABLE assay.audit (
  id bigint PRIMARY KEY,
  at_micros bigint NOT NULL,
  subject text NOT NULL,
  tenant text NOT NULL,
  roles json NOT NULL,
  surface text NOT NULL,
  request_id text NOT NULL,
  outcome text NOT NULL,
  details json NOT NULL,
  hash text NOT NULL
);
