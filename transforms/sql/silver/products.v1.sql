/* @transform
name: silver.products
version: 1
description: >
  One row per product code of the order lines, codes told apart byte for byte. The name is the last non-empty description by
  (sold_at, source file, row); null when there is none.
kind: full
role: dimension
keys: {natural: [product_code]}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [product_code]}}
columns:
  - {name: product_code, type: string, nullable: false}
  - {name: product_name, type: string, nullable: true}
  - {name: line_type, type: string, nullable: false}
  - {name: first_sold_at, type: timestamp, nullable: false}
  - {name: last_sold_at, type: timestamp, nullable: false}
checks:
  - {type: unique, columns: [product_code], severity: critical}
  - {type: accepted_values, columns: [line_type], values: [product, service], severity: critical}
  - {type: not_null, columns: [product_name], severity: warn, tolerance: 0.02}
quality: {min_score: 95}
owner: catalogue-data
*/
SELECT
  product_code,
  arg_max(product_name, (sold_at, source_file, source_row)) FILTER (WHERE trim(product_name) <> '') AS product_name,
  min(line_type) AS line_type,
  min(sold_at) AS first_sold_at,
  max(sold_at) AS last_sold_at
FROM {{ref('silver.order_lines')}}
GROUP BY product_code
