-- Queries without their values, counted by day: what rollups are suggested from.
CREATE TABLE assay.query_shape (
  day date NOT NULL,
  hash text NOT NULL,
  shape jsonb NOT NULL,
  asked bigint NOT NULL,
  served bigint NOT NULL,
  PRIMARY KEY (day, hash)
);
