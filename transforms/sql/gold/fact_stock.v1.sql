/* @transform
name: gold.fact_stock
version: 1
synthetic: true
description: >
  SYNTHETIC: stock on hand by product and day, generated (see silver.stock_levels), because the source has none. A semi-additive
  snapshot: add it up over products, never over days.
kind: full
role: fact
keys: {natural: [product_key, snapshot_date], surrogate: stock_key}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [snapshot_date, product_key]}, postgres: {indexes: [[product_key], [date_key]]}}
columns:
  - {name: stock_key, type: bigint, nullable: false}
  - {name: product_key, type: bigint, nullable: false}
  - {name: date_key, type: integer, nullable: false}
  - {name: snapshot_date, type: date, nullable: false}
  - {name: on_hand, type: integer, nullable: false, unit: items, description: "synthetic"}
checks:
  - {type: unique, columns: [stock_key], severity: critical}
  - {type: relationship, columns: [product_key], to: gold.dim_products, field: product_key, severity: critical}
  - {type: relationship, columns: [date_key], to: gold.dim_date, field: date_key, severity: critical}
  - {type: expression, name: not_negative, columns: [on_hand], expression: "on_hand >= 0", severity: critical}
quality: {min_score: 99}
owner: stock-data
*/
SELECT
  {{key(product_code, snapshot_date)}} AS stock_key,
  {{key(product_code)}} AS product_key,
  CAST(extract(year FROM snapshot_date) * 10000 + extract(month FROM snapshot_date) * 100 + extract(day FROM snapshot_date) AS integer) AS date_key,
  snapshot_date,
  on_hand
FROM {{ref('silver.stock_levels')}}
