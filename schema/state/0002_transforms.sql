-- The ledger of transforms: what each table means, where its rows are, which partitions were made from what, and who sees them.

-- One meaning of one table, never deleted. meta_hash and definition tell what the last plan said about it: checks, owner, texts.
CREATE TABLE assay.model_version (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  version integer NOT NULL,
  fingerprint text NOT NULL,
  data_hash text NOT NULL,
  meta_hash text NOT NULL,
  definition json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (name, version, data_hash)
);

-- Where a version's rows are and the state they are in. changed_at is the revision that changed them last: readers are held to it.
CREATE TABLE assay.physical_table (
  version_id bigint PRIMARY KEY REFERENCES assay.model_version,
  postgres text,
  lake_path text,
  lake_version bigint NOT NULL DEFAULT -1,
  data_version text NOT NULL DEFAULT '',
  row_count bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  changed_at bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- One partition of a version, for all its targets: they are published in one transaction. Whoever holds an older fence can write nothing.
CREATE TABLE assay.interval (
  version_id bigint NOT NULL REFERENCES assay.model_version,
  partition text NOT NULL,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'leased', 'audited', 'published', 'quarantined', 'failed')),
  attempt integer NOT NULL DEFAULT 0,
  fence bigint NOT NULL DEFAULT 0,
  lease_run text,
  lease_owner text,
  lease_until timestamptz,
  -- Must be made again although its inputs have not changed.
  reopened boolean NOT NULL DEFAULT false,
  in_versions json,
  row_count bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  content_hash text,
  score_millionths bigint,
  coverage_millionths bigint,
  engine text,
  milliseconds bigint,
  published_run text,
  published_revision bigint,
  published_at timestamptz,
  error_code text,
  error_message text,
  staged json,
  staged_adds json,
  PRIMARY KEY (version_id, partition),
  CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
  CHECK ((staged IS NULL) = (staged_adds IS NULL))
);
CREATE INDEX interval_leased ON assay.interval (version_id) WHERE lease_until IS NOT NULL;

-- Revisions are numbered over all environments; held_from is set by a rollback until a plan is applied.
ALTER TABLE assay.environment
  ADD COLUMN held_from bigint,
  ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
UPDATE assay.environment SET created_at = coalesce((SELECT min(published_at) FROM assay.publication), created_at);

ALTER TABLE assay.publication ADD COLUMN environment text NOT NULL DEFAULT 'prod';
CREATE INDEX publication_environment ON assay.publication (environment, revision);

-- Rows without a version are of the time before versions: such tables are never changed in place.
ALTER TABLE assay.publication_table
  ADD COLUMN version_id bigint REFERENCES assay.model_version,
  ADD COLUMN changed_at bigint,
  ALTER COLUMN input_hash DROP NOT NULL,
  ALTER COLUMN content_hash DROP NOT NULL,
  ALTER COLUMN since DROP NOT NULL;
CREATE INDEX publication_table_version ON assay.publication_table (version_id) WHERE version_id IS NOT NULL;

-- A plan as it was printed, bound to the revision that it saw.
CREATE TABLE assay.plan (
  id text PRIMARY KEY,
  environment text NOT NULL,
  base_revision bigint NOT NULL,
  body json NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'applied', 'superseded')),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The ledger of runs. A running one with a heartbeat tells that it lives; one without is of the builder that holds a lock.
ALTER TABLE assay.build
  ADD COLUMN kind text NOT NULL DEFAULT 'build'
    CHECK (kind IN ('build', 'plan', 'run', 'restate', 'promote', 'rollback', 'audit')),
  ADD COLUMN environment text NOT NULL DEFAULT 'prod',
  ADD COLUMN plan_id text REFERENCES assay.plan,
  ADD COLUMN owner text,
  ADD COLUMN heartbeat timestamptz,
  DROP CONSTRAINT build_status_check,
  ADD CONSTRAINT build_status_check CHECK
    (status IN ('running', 'published', 'refused', 'failed', 'abandoned', 'partial', 'unchanged', 'cancelled'));
CREATE INDEX build_alive ON assay.build (heartbeat) WHERE status = 'running';

-- column_name '*' stands for the set of rows, input_column '*' for every column of the input.
CREATE TABLE assay.lineage_edge (
  version_id bigint NOT NULL REFERENCES assay.model_version,
  column_name text NOT NULL,
  input_table text NOT NULL,
  input_column text NOT NULL,
  type text NOT NULL CHECK (type IN ('DIRECT', 'INDIRECT')),
  subtype text NOT NULL,
  PRIMARY KEY (version_id, column_name, input_table, input_column, type, subtype)
);
CREATE INDEX lineage_input ON assay.lineage_edge (input_table, input_column);

-- Which partitions each file of a source has rows of, by the expression (its hash) that gives a row's partition.
CREATE TABLE assay.source_map (
  source text NOT NULL,
  expression_hash text NOT NULL,
  file text NOT NULL,
  partitions text[] NOT NULL,
  PRIMARY KEY (source, expression_hash, file)
);

-- Keys of rows that failed a check, capped and masked by who writes them; append-only until they expire.
CREATE TABLE assay.failing_key (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  build_id text NOT NULL REFERENCES assay.build,
  table_name text NOT NULL,
  partition text NOT NULL,
  check_name text NOT NULL,
  keys text[] NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX failing_key_table ON assay.failing_key (table_name, partition, id);
CREATE INDEX failing_key_recorded ON assay.failing_key (recorded_at);

ALTER TABLE assay.check_result
  ADD COLUMN version_id bigint REFERENCES assay.model_version,
  ADD COLUMN partition text;
CREATE INDEX check_result_partition ON assay.check_result (version_id, partition, id) WHERE version_id IS NOT NULL;

-- Figures of a partition as one run made it: what drift is measured against, once that run has published it.
CREATE TABLE assay.partition_stat (
  version_id bigint NOT NULL REFERENCES assay.model_version,
  partition text NOT NULL,
  build_id text NOT NULL REFERENCES assay.build,
  stats json NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (version_id, partition, build_id)
);

-- True while the table is as the reader's plan saw it. Runs in the reader's own snapshot, so the answer and the rows belong together.
CREATE FUNCTION assay.pinned(id bigint, at bigint) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF (SELECT p.changed_at FROM assay.physical_table p WHERE p.version_id = $1) IS DISTINCT FROM $2 THEN
    RAISE EXCEPTION 'data has moved' USING ERRCODE = 'AS001';
  END IF;
  RETURN true;
END $$;
