/* @transform
name: gold.data_quality_metrics
version: 1
description: >
  The history of every check of every build, those that were refused included; append-only. metric_value is the share of rows (or of
  tables) that passed, threshold_value the least share that is accepted. weight is 8, 4, 2 or 1 by severity.
kind: history
role: fact
keys: {natural: [metric_id]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [check_timestamp, metric_id]}, postgres: {indexes: [[check_timestamp], [table_name]]}}
columns:
  - {name: metric_id, type: string, nullable: false}
  - {name: table_name, type: string, nullable: false}
  - {name: column_name, type: string, nullable: true}
  - {name: metric_type, type: string, nullable: false, description: "completeness, uniqueness, validity, consistency, timeliness or volume"}
  - {name: metric_value, type: "decimal(18,6)", nullable: false}
  - {name: threshold_value, type: "decimal(18,6)", nullable: true}
  - {name: status, type: string, nullable: false, description: "PASS, FAIL or WARNING"}
  - {name: check_timestamp, type: timestamp, nullable: false}
  - {name: check_details, type: string, nullable: false}
  - {name: severity, type: string, nullable: false}
  - {name: weight, type: integer, nullable: false}
owner: data-quality
*/
SELECT
  metric_id,
  table_name,
  column_name,
  metric_type,
  metric_value::decimal(18, 6) AS metric_value,
  threshold_value::decimal(18, 6) AS threshold_value,
  status,
  check_timestamp::timestamptz AS check_timestamp,
  check_details,
  severity,
  weight::integer AS weight
FROM {{checks}}
